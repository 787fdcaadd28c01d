/** Sign-in by redirect, and what can go wrong. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

story(
  'a sign-in by redirect ends at a clean address, and the API responds',
  { demo: true, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn('alice', { shown: true });

    assert.equal(await page.url(), site.url, 'the address bar is clean');
    assert.deepEqual(await stage.keys('sessionStorage'), [], 'the pending sign-in is consumed');
    assert.equal(
      (await stage.keys('localStorage')).length,
      1,
      'a flag stays, so that a reload tries to restore the session',
    );
    assert.equal(provider.count('token'), 1);

    assert.equal(await stage.call('Me'), 200);
    await page.see('"user": "alice"');
    assert.equal(await stage.call('Photos'), 200);
    await page.find('region', 'Answer');
    await page.see('Morning, by alice');
  },
);

story('a second user signs in under another name', {}, async (stage) => {
  await stage.signIn('bob');
  assert.equal(await stage.call('Me'), 200);
  await stage.page.see('"user": "bob"');
});

story('the API refuses what the user did not grant, and the page shows why', { demo: true }, async (stage) => {
  const { page } = stage;
  await stage.signIn('alice', { refuse: [/photos/] });
  await page.see(/photos\s+\(not granted\)/);

  assert.equal(await stage.call('Photos'), 403);
  await page.see('Refused: your key does not allow this (photos).');
  await page.click('button', 'Show the raw answer');
  await page.see('"message": "This needs the scope photos."');

  await page.click('button', 'Ask for photos');
  await stage.consent();
  await page.see('Signed in as alice');
  assert.equal(await stage.call('Photos'), 200);
});

story('a note is written after the user has granted the scope', { demo: true }, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  assert.equal(await stage.call('Add a note'), 403);
  await page.see('Refused: your key does not allow this (notes:write).');
  await page.click('button', 'Ask for notes:write');
  await stage.consent();
  await page.see('Signed in as alice');
  await page.fill('New note', 'Oil the lock.');
  assert.equal(await stage.call('Add a note'), 201);
  await page.see('"text": "Oil the lock."');
});

story('a refused sign-in is explained and can be repeated', {}, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.deny();

  await page.find('heading', 'authorization_error');
  await page.see('access_denied');
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
  assert.equal(provider.count('token'), 0);

  await page.click('button', 'Sign in');
  await stage.consent();
  await page.see('Signed in as alice');
});

story('CB-41 P0: a response without a pending sign-in, such as a bookmark, is ignored', {}, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  const response = (state) => `${site.url}?${new URLSearchParams({ code: 'injected', state, iss: provider.issuer })}`;
  await page.goto(response('vk.made-up'));
  await page.see('Signed out');
  assert.equal(await page.url(), site.url, 'a `state` of this library: the address bar is clean');

  await page.goto(response('made-up'));
  await page.see('Signed out');
  assert.equal(
    await page.url(),
    response('made-up'),
    'a `state` of another flow of the app: the address is left alone',
  );
  assert.equal(provider.count('token'), 0);

  await stage.signIn();
});

story('CB-02 P0: a response with another `state` does not complete the pending sign-in', {}, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  const callback = new URLSearchParams({ code: 'injected', state: `vk.${'x'.repeat(43)}`, iss: provider.issuer });
  await page.goto(`${site.url}?${callback}`);

  await page.find('heading', 'state_mismatch');
  assert.equal(provider.count('token'), 0);
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
});

story('CB-08 P0: an authorization response of another issuer is refused', {}, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  const [state] = provider.issued.states;
  await page.goto(`${site.url}?${new URLSearchParams({ code: 'mixed-up', state, iss: 'https://attacker.example' })}`);

  await page.find('heading', 'iss_mismatch');
  assert.equal(provider.count('token'), 0);
  await page.see('Signed out');
});

story('CB-41 P0: a forged response in another tab leaves the session alone', {}, async (stage) => {
  const { browser, page, provider, site } = stage;
  await stage.signIn();
  const first = await page.driver.getWindowHandle();
  const forged = new URLSearchParams({ code: 'forged', state: 'vk.forged', iss: provider.issuer });

  await browser.newTab();
  await page.goto(`${site.url}?${forged}`);
  await page.see('Signed in as alice');
  assert.equal(await page.url(), site.url, 'the address bar is clean');
  const refused = provider.requests.filter(({ path, status }) => path === '/token' && status !== 200);
  assert.deepEqual(refused, [], 'the forged code was not sent');

  await page.driver.switchTo().window(first);
  await page.see('Signed in as alice');
  assert.equal(await stage.call('Me'), 200);
});

story(
  'CB-38 P1: calling `start()` twice gives one session and one token request',
  {
    // Some frameworks run each effect twice during development.
    scripts: {
      '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const client = createClient({ ...config, scope: 'openid profile' });
      const sessions = await Promise.all([client.start(), client.start()]);
      const again = await client.start();
      const [first, second] = sessions.map((session) => session && session.sub);
      document.getElementById('state').textContent = first
        ? \`Signed in as \${first} and \${second} and \${again.sub}\` : 'Signed out';
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
    },
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice and alice and alice');
    assert.equal(provider.count('token'), 1);
  },
);

story(
  'REQ-08 P1: the user returns to the page where the sign-in began',
  {
    scripts: {
      '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const client = createClient({ ...config, scope: 'openid' });
      const session = await client.start();
      document.getElementById('state').textContent = session ? 'Signed in' : 'Signed out';
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
    },
  },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(`${site.url}?tab=2#there`);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in');
    assert.equal(await page.url(), `${site.url}?tab=2#there`);
  },
);
