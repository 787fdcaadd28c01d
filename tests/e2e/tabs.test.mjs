/** One session for all tabs, in a shared worker. */
import assert from 'node:assert/strict';
import { caller } from '../support/caller.mjs';
import { crowd } from '../support/crowd.mjs';
import { replaceApi } from '../support/quick_api.mjs';
import { story } from '../support/stage.mjs';

/** An app whose client every script of the page can reach, and which counts its events. */
const OPEN = {
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const client = createClient({ ...config, scope: 'openid profile photos' });
      const told = [];
      Object.assign(globalThis, { client, told, api: config.api[0] });
      const show = (session) => {
        document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
        document.getElementById('sign-in').hidden = false;
      };
      client.addEventListener('change', ({ session, reason }) => { told.push(reason); show(session); });
      show(await client.start());
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
  },
};

const told = (page) => page.run('async () => told');

story('a reload of the only tab needs no request to the provider', { ...OPEN, differs: ['lasting'] }, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  const made = () => provider.requests.filter(({ path }) => !path.includes('introspection')).length;
  const questions = () => provider.requests.filter(({ path }) => path.startsWith('/interaction/')).length;
  const before = { made: made(), asked: questions() };
  for (let round = 1; round <= 3; round += 1) {
    await page.reload();
    await stage.restored();
  }
  assert.equal(await page.run(`async () => (await client.fetch(api + 'me')).status`), 200);
  if (stage.lacks('lasting')) {
    assert.ok(provider.count('authorization') <= 4, 'at most one round trip for each');
    assert.equal(questions(), before.asked, 'without asking the user');
  } else {
    assert.equal(made(), before.made, 'the vault survived');
  }
});

story(
  'OUT-19 P0: a second tab is signed in at once, and a sign-out reaches both tabs with one event each',
  OPEN,
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    const before = provider.requests.length;
    const [first, second] = await stage.openBeside();
    assert.equal(provider.requests.length, before, 'no request');

    await page.driver.switchTo().window(first);
    await page.run('async () => void client.signOut()');
    await page.driver.switchTo().window(second);
    await page.see('Signed out');
    assert.deepEqual(await told(page), ['signed_out']);
    const code = await page.run(`async () => client.fetch(api + 'me').catch((error) => error.code)`);
    assert.equal(code, 'login_required');
  },
);

story('an event of a renewal that a busy tab handles after the sign-out leads to no restore', OPEN, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  const [first, second] = await stage.openBeside();
  await page.run(`async () => void setTimeout(() => {
    const end = Date.now() + 3000;
    while (Date.now() < end);
  }, 50)`);
  await page.driver.switchTo().window(first);
  await page.run('async () => { await client.refresh(); await client.signOut({ everywhere: false }); }');
  await page.driver.switchTo().window(second);
  await page.see('Signed out');
  assert.deepEqual(await told(page), ['renewed', 'signed_out']);
  assert.deepEqual(await stage.keys('localStorage'), [], 'a page that is loaded now restores nothing');
});

story('calls of many tabs share one renewal', OPEN, async (stage) => {
  const { page, provider } = stage;
  await stage.signInBriefly();
  const handles = [...(await stage.openBeside()), (await stage.openBeside())[1]];
  const before = provider.count('token');
  // Each tab waits for the same message, so that the calls of all tabs use the same expired token.
  for (const handle of handles) {
    await page.driver.switchTo().window(handle);
    await page.run(`async () => {
      const word = new BroadcastChannel('now');
      const call = () => client.fetch(api + 'me').then(({ status }) => status);
      globalThis.calls = new Promise((done) => (word.onmessage = () => done(Promise.all(Array.from({ length: 20 }, call)))));
    }`);
  }
  await page.run("async () => new BroadcastChannel('now').postMessage('go')");
  for (const handle of handles) {
    await page.driver.switchTo().window(handle);
    assert.deepEqual(await page.run('async () => [...new Set(await calls)]'), [200]);
  }
  assert.equal(provider.count('token') - before, 1, 'one refresh for sixty calls');
});

story(
  'four tabs with a hundred calls each and an expired token: one refresh, 400 responses, and all tabs work at the next expiry',
  { ...caller(), accessTokenSeconds: 5 },
  async (stage) => {
    const { issued } = stage.provider;
    await replaceApi(stage, (token) => token === issued.accessToken);
    await stage.signIn();
    assert.deepEqual(await crowd(stage, { tabs: 4, calls: 100, next: 20 }), { refreshes: 1, answers: 400, alive: 4 });
    assert.equal(issued.refreshTokens.size, 3, 'each refresh token was used once');
  },
);

story('a sign-in of another user in another tab fires an event in every tab', OPEN, async (stage) => {
  const { page } = stage;
  await stage.signIn('alice');
  const [first] = await stage.openBeside();
  await stage.forgetAtProvider();
  await page.click('button', 'Sign in');
  await stage.login('bob');
  await stage.consent();
  await page.see('Signed in as bob');
  await page.driver.switchTo().window(first);
  await page.see('Signed in as bob');
  assert.deepEqual(await told(page), ['signed_in', 'user_changed']);
});

story(
  'a release that adds an API works beside a tab of the older release, whose API list does not change',
  OPEN,
  async (stage) => {
    const { browser, page, provider, site } = stage;
    await stage.signIn();
    const [first] = await page.driver.getAllWindowHandles();
    const { config } = site.settings;
    const called = (path) =>
      `async () => client.fetch(new URL('${path}', location.origin).href).then(({ status }) => status, ({ code }) => code)`;
    site.settings.config = { ...config, api: [...config.api, `${site.origin}/www/`] };
    await browser.newTab();
    await page.goto(site.url);
    await page.see('Signed in as alice'); // as a separate client, whose session a silent sign-in restores
    await page.until('the end of the trip', async () => (await page.url()) === site.url);
    assert.equal(await page.run(called('/www/')), 200, 'the newer list');
    assert.equal(provider.count('authorization'), 2);
    await page.driver.switchTo().window(first);
    await page.see('Signed in as alice');
    assert.equal(await page.run(called('/www/')), 'request_blocked', 'the older list');
    assert.equal(await page.run("async () => (await client.fetch(api + 'me')).status"), 200);
  },
);

story('options that belong to one page only do not make a separate client', OPEN, async (stage) => {
  const { browser, page, provider, site } = stage;
  await stage.signIn();
  const { config } = site.settings;
  const api = config.api.map((url) => ({ url: url.replace(/\/$/, ''), warm: true }));
  site.settings.config = {
    openid: true,
    userinfo: 'json',
    account: '',
    ...config,
    api,
    timeout: 9000,
    idTokenHint: true,
  };
  await browser.newTab();
  await page.goto(site.url);
  await page.see('Signed in as alice');
  assert.equal(provider.count('authorization'), 1, 'the same session');
});

story('a sign-out takes effect at once, even if the revocation is slow', OPEN, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  const [first, second] = await stage.openBeside();
  provider.fail('silent', 'revocation'); // no response before the timeout of ten seconds
  await page.driver.switchTo().window(first);
  await page.run('async () => void client.signOut()');
  await page.driver.switchTo().window(second);
  await page.see('Signed out', 4000);
  assert.deepEqual(await told(page), ['signed_out']);
  provider.recover();
});
