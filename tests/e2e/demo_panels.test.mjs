/** The panels of the demo page: two services at once, the theft that finds nothing, and the user's own provider. */
import assert from 'node:assert/strict';
import { back, follow } from '../support/popups.mjs';
import { reachOf, search } from '../support/secrets.mjs';
import { startServices } from '../support/services.mjs';
import { story } from '../support/stage.mjs';

/** As the demo is served. */
const DEMO = {
  demo: true,
  guard: { scope: 'openid profile email photos notes:read notes:write offline_access' },
  config: { page: { clientId: 'page' }, unguarded: { clientId: 'unguarded' } },
  everyEngine: true,
};

/** Signs in at a service, in a window. */
async function connect(stage, name) {
  const home = await follow(stage, `Connect ${name}`);
  await stage.page.find('heading', 'Sign in');
  await stage.page.see(name);
  await stage.page.fill('User', 'alice');
  await stage.page.fill('Password', 'wonderland');
  await stage.page.click('button', 'Sign in');
  await stage.consent();
  await back(stage, home);
  await stage.page.find('button', `Disconnect ${name}`);
}

story('a page is connected to two services, and posts one note to both with a key of each', DEMO, async (stage) => {
  const { page, site, browser } = stage;
  site.settings.trustedTypes = true;
  const { services, config, close } = await startServices({ origins: [site.origin] });
  try {
    site.settings.config.services = config;
    site.settings.connect.push(...config.flatMap(({ issuer, api }) => [issuer, api]));
    await page.goto(site.url);
    await page.see('Connect Finch and Lantern first.');
    await connect(stage, 'Finch');
    await page.see('Connect Lantern first.');
    await connect(stage, 'Lantern');
    await page.see('Connected as alice');
    await page.fill('One note for both', 'To all who care.');
    await page.click('button', 'Post to both');
    for (const [one, other] of [
      ['Finch', 'Lantern'],
      ['Lantern', 'Finch'],
    ]) {
      await page.see(`201 ${one}: POST /notes`);
      await page.see(
        `The key of ${one} at ${other}: not sent. The client blocks the call before it leaves: request_blocked`,
      );
    }
    for (const { api, provider } of services) {
      assert.deepEqual(api.statuses(), [201], 'the key of the other service was never sent here');
      assert.deepEqual(search(provider.issued.secrets(), await reachOf(browser, site)), []);
    }
    await page.click('button', 'Disconnect Finch');
    await page.see('Connect Finch first.');
    await page.find('button', 'Disconnect Lantern');
  } finally {
    await close();
  }
});

/** What the panel says that the script has found, by the place of the tokens. */
const found = ({ page }) =>
  page.run(`async () => Object.fromEntries(['worker', 'page'].map((home) => [
    home, [...document.querySelectorAll('#theft [data-home=' + home + '] strong')].map(({ textContent }) => textContent),
  ]))`);

story('a script finds no token of the worker, and those of a page', DEMO, async (stage) => {
  const { page, site, provider } = stage;
  site.settings.trustedTypes = true;
  await stage.visit();
  assert.equal(await (await page.find('button', 'Run the script')).isEnabled(), false);
  await stage.signIn();
  await page.click('button', 'Run the script');
  await page.see('Nothing found in 9 attempts');
  await page.see('A token, found in 3 of 9 attempts');
  const { worker, page: inPage } = await found(stage);
  assert.deepEqual(worker, [...Array(9).fill('nothing'), 'works: 200']);
  assert.deepEqual(new Set(inPage), new Set(['nothing', 'a token', 'works: 200']));
  assert.ok(
    site.requests.every(({ path }) => !path.endsWith('/taken')),
    'the forged record has led no request anywhere',
  );
  await page.until('the end of the other client', () => provider.count('revocation') > 0);
});

story('what is wrong with a provider is said in place, and a sign-in begins there', DEMO, async (stage) => {
  const { page, site, provider, api } = stage;
  site.settings.trustedTypes = true;
  site.settings.connect = ['http://localhost:*'];
  await stage.visit();
  await page.fill('Issuer', `${provider.issuer}/wrong`);
  await page.fill('Client id', 'unguarded');
  await page.click('button', 'Check');
  await page.find('heading', 'What does not work');
  await page.see(`No metadata of ${provider.issuer}/wrong can be read.`);
  await page.see(/Fix: Let the provider send Access-Control-Allow-Origin/);
  await page.click('button', 'Use it');
  await page.see(/network_error: no response from/);

  await page.fill('Issuer', `${provider.issuer}/`);
  await page.click('button', 'Check');
  await page.see('slash');

  await page.fill('Issuer', provider.issuer);
  await page.fill('Scope', 'openid profile notes:read');
  await page.fill('API addresses', api.url);
  await page.click('button', 'Check');
  await page.see('Nothing stands in the way of a sign-in');
  assert.equal(await page.has('heading', 'What does not work'), false);
  stage.guarded = false; // of the client that signs in now
  await page.click('button', 'Use it');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
  assert.equal(provider.issued.authorizations.at(-1).client_id, 'unguarded');
});

story(
  'a link brings the settings of a provider, which is asked for nothing before the user agrees',
  DEMO,
  async (stage) => {
    const { page, site } = stage;
    site.settings.trustedTypes = true;
    const { services, close } = await startServices({ origins: [site.origin] });
    try {
      const [{ provider, api }] = services;
      const { issuer } = provider;
      const link = `${site.url}#provider?issuer=${issuer}&client_id=unguarded&scope=openid+photos&api=${api.url}`;
      await page.goto(link);
      await page.see('Nothing has been sent there.');
      await page.see(provider.issuer);
      await page.click('button', 'Fill in the form');
      const value = async (label) => (await page.find('textbox', label)).getAttribute('value');
      assert.deepEqual(
        [await value('Issuer'), await value('Client id'), await value('Scope'), await value('API addresses')],
        [provider.issuer, 'unguarded', 'openid photos', api.url],
      );
      assert.ok((await page.text()).includes(link), 'the page shows the same link');
      assert.equal(await page.url(), site.url);
      assert.deepEqual([provider.requests, api.requests], [[], []]);

      for (const [label, parameters] of [
        ['a secret', { issuer: provider.issuer, client_id: 'x', client_secret: 'not-for-links' }],
        ['a script', { issuer: 'javascript:alert(1)', client_id: 'x' }],
        ['an address of another kind', { issuer: 'http://id.example.com', client_id: 'x' }],
        ['an API that is not a folder', { issuer: provider.issuer, client_id: 'x', api: `${api.url}me` }],
      ]) {
        await page.goto('about:blank');
        await page.goto(`${site.url}#provider?${new URLSearchParams(parameters)}`);
        await page.see('This link is not used');
        assert.equal(await page.has('button', 'Fill in the form'), false, label);
      }
      assert.deepEqual(provider.requests, []);
    } finally {
      await close();
    }
  },
);

story('without a server, a provider runs in the page, with two services beside it', DEMO, async (stage) => {
  const { page, site } = stage;
  site.settings.trustedTypes = true;
  const own = site.settings.config;
  site.settings.config = null;
  await page.goto(site.url);
  await page.see('No provider yet');
  await page.click('button', 'Start a provider in this page');
  await page.find('heading', 'Choose a user');
  await page.click('button', 'Alice Liddell');
  await page.see('Signed in as alice');
  for (const name of ['Finch', 'Lantern']) {
    const home = await follow(stage, `Connect ${name}`);
    await page.click('button', 'Bob Builder');
    await back(stage, home);
    await page.find('button', `Disconnect ${name}`);
  }
  await page.click('button', 'Post to both');
  for (const name of ['Finch', 'Lantern']) await page.see(`201 ${name}: POST /notes`);
  await page.click('button', 'Run the script');
  await page.see('Nothing found in 9 attempts');
  await page.see(/A token, found in \d of 9 attempts/);
  await page.click('button', 'Check');
  await page.see('Nothing stands in the way of a sign-in');
  await page.click('button', 'Back to the demo’s own');
  await page.see('No provider yet');
  await page.click('button', 'Start two practice services');
  await page.see(/Choose a user|Signed in as alice/); // a worker that has not ended yet still knows the user
  site.settings.config = own;
});
