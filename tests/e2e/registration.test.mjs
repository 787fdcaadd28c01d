/** An app without a client ID, which its provider registers. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { OPEN } from '../support/open_app.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';

const APP = {
  scripts: app({
    client: "registration: { client_name: 'Notes of the test' },",
    buttons: {
      Popup: "client.signIn({ mode: 'popup' })",
      Forget: "Promise.all([client.forget(), client.forget()]).then(() => ({ sub: 'forgotten' }))",
      'Sign out': 'client.signOut({ everywhere: false })',
    },
    exposed: true,
  }),
};

/** Opens the app, which has no client ID. */
async function open(stage) {
  const { settings } = stage.site;
  const { clientId: _, ...config } = settings.config;
  settings.config = config;
  await stage.visit();
}

const CALL = 'async () => (await client.fetch(api + "me")).status';

/** The client ID that the browser remembers; nothing without one. */
const idOf = ({ page }) =>
  page.run(
    "async () => JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('valet-key:client:'))?.[1] ?? '{}').client_id",
  );

/** Makes the registration look a day old: the client does not doubt one of the last minute. */
const age = ({ page }) =>
  page.run(`async () => {
    const [key, text] = Object.entries(localStorage).find(([key]) => key.startsWith('valet-key:client:'));
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(text), at: Date.now() - 86_400_000 }));
  }`);

const registrations = ({ provider }) =>
  provider.requests.filter(({ method, path }) => method === 'POST' && path === '/reg').length;

story(
  'REG-20 P0: an app without a client ID is registered at its first sign-in, and keeps the ID',
  { ...APP, homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await open(stage);
    assert.equal(registrations(stage), 0, 'a visit registers nothing');
    await page.click('button', 'Sign in');
    await stage.login();
    await page.see('Notes of the test');
    await stage.consent();
    await page.see('Signed in as alice');
    assert.equal(await page.run(CALL), 200);
    const id = await idOf(stage);
    const client = await provider.client(id);
    assert.deepEqual(client.redirect_uris, [stage.site.url]);
    assert.equal(client.token_endpoint_auth_method, 'none');
    // As after a sign-in that the user has given up: an attempt to restore the session registers nothing.
    await age(stage);
    const away = `valet-key:away:${provider.issuer} `;
    await page.run('async (key) => sessionStorage.setItem(key, "")', away);
    await page.reload();
    await page.see('Signed in as alice');
    assert.equal(await page.run(CALL), 200);
    await page.run('async (key) => sessionStorage.removeItem(key)', away);
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    await page.reload();
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.consent(); // the revocation has ended the grant
    await page.see('Signed in as alice');
    assert.equal(await idOf(stage), id);
    assert.equal(registrations(stage), 1);
    assert.deepEqual(await stage.tokensFound(), []);
  },
);

story(
  'REG-21 P0: after the provider has lost its clients, the app is registered anew',
  { ...APP, everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await open(stage);
    const ids = [];
    const signedIn = async () => {
      await stage.consent();
      await page.see('Signed in as alice');
      ids.push(await idOf(stage));
      assert.equal(registrations(stage), ids.length);
      assert.equal(await page.run(CALL), 200);
    };
    // Until the app has heard of it, its text moves the buttons.
    const signOut = async () => {
      await page.click('button', 'Sign out');
      await page.see('Told: undefined');
      await page.see('Signed out');
    };
    await page.click('button', 'Sign in');
    await stage.login();
    await signedIn();

    // The provider shows its own page, and the user goes back.
    await signOut();
    await age(stage);
    await provider.loseClient(ids.at(-1));
    await page.click('button', 'Sign in');
    await page.see('invalid_client');
    await page.driver.navigate().back();
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await signedIn();

    // It does so in a popup, and the user closes the popup.
    await signOut();
    await age(stage);
    await provider.loseClient(ids.at(-1));
    const home = await follow(stage);
    await page.see('invalid_client');
    await page.driver.close();
    await page.driver.switchTo().window(home);
    await page.see('Told: popup_closed');
    await page.click('button', 'Sign in');
    await signedIn();

    // The token endpoint says so.
    await age(stage);
    await provider.loseClient(ids.at(-1));
    const code = await page.run("async () => client.refresh().then(() => '', ({ oauth }) => oauth?.error)");
    assert.equal(code, 'invalid_client');
    await page.click('button', 'Sign in');
    await signedIn();

    await page.click('button', 'Forget');
    await page.see('Told: forgotten');
    await page.see('Signed out');
    assert.equal((await idOf(stage)) ?? '', '');
    await page.click('button', 'Sign in');
    await signedIn();
    assert.equal(new Set(ids).size, 5);
    assert.deepEqual(await stage.tokensFound(), []);
  },
);

story(
  'REG-05 P1: clients that register at once get the same ID',
  { ...OPEN, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page } = stage;
    await open(stage);
    const outcomes = await page.run(`async () => {
      const begin = async (account) => {
        const client = make({ account });
        await client.start();
        const { session } = await client.signIn({ mode: 'device' });
        session.catch(() => {});
        return 'begun';
      };
      return Promise.all(['a', 'b', 'c'].map(begin));
    }`);
    assert.deepEqual(outcomes, ['begun', 'begun', 'begun']);
    assert.equal(registrations(stage), 1);
  },
);

story(
  'REG-23 P0: the first sign-in may take long in a popup, and is told once',
  { ...APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page } = stage;
    await open(stage);
    const home = await follow(stage);
    await stage.login();
    await page.find('heading', 'Allow access?');
    await sleep(12_000); // longer than a page waits before it asks whether its vault is alive
    await stage.consent();
    await back(stage, home);
    await page.see('Signed in as alice');
    assert.equal(await page.run(CALL), 200);
    const told = await page.run('async () => events.map(([what]) => what)');
    assert.deepEqual(
      told.filter((what) => !['vault', 'callback'].includes(what)),
      ['signed_in'],
    );
  },
);

story('REG-24 P1: metadata that are no object are named, and nothing is asked', OPEN, async (stage) => {
  const { page } = stage;
  await open(stage);
  const errors = await page.run(`async () => {
      const tried = async (registration) => make({ registration }).signIn().catch(({ code, message }) => code + ' ' + message);
      const circle = {};
      circle.self = circle;
      return Promise.all(['x', 7, () => {}, circle, ['x']].map(tried));
    }`);
  for (const error of errors) assert.match(error, /^config_error option `registration`: not an object/);
  assert.equal(registrations(stage), 0);
});

story('REG-22 P1: a provider without registration is named, with what to enter there', OPEN, async (stage) => {
  const { page } = stage;
  await open(stage);
  const error = await page.run(`async () => {
      const { registration_endpoint: _, ...server } = await (await fetch(config.issuer + '/.well-known/openid-configuration')).json();
      const client = make({ server });
      return client.signIn().catch(({ code, fault, message, hint }) => ({ code, fault, message, hint }));
    }`);
  assert.equal(error.code, 'config_error');
  assert.equal(error.fault, 'app');
  assert.match(error.message, /clientId/);
  assert.ok(error.message.includes(stage.site.url), error.message);
  assert.match(error.hint, /public client.*S256.*redirect URI/);
  assert.equal(registrations(stage), 0);
});
