/** Several accounts of one provider on one page, and more scope for a session. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';

/**
 * A page with accounts. Every script finds them. This provider has one session in a browser, so the tokens have to outlive it: hence
 * `offline_access`, for which it needs `prompt=consent`.
 */
const ACCOUNTS = {
  scripts: {
    '/www/app.js': `
      import { createAccounts } from '../pkg/accounts.js';
      const { tokens: _, ...config } = await (await fetch('/www/config.json')).json();
      const accounts = createAccounts({ ...config, scope: 'openid profile offline_access' });
      Object.assign(globalThis, { accounts, createAccounts, config, api: config.api[0] });
      const at = (id) => document.getElementById(id);
      const told = document.createElement('p');
      document.body.prepend(told);
      const show = () => {
        const list = accounts.list.map(({ sub, session }) => sub + (session ? '' : ' (out)')).join(' and ');
        at('state').textContent = 'Accounts: ' + (list || 'none') + '; chosen: ' + (accounts.current?.sub ?? 'none');
      };
      const button = (name, action) => {
        const element = document.createElement('button');
        element.textContent = name;
        element.onclick = () => (told.textContent = '…', action()).then((result) => (told.textContent = 'Told: ' + (typeof result === 'string' ? result : result?.sub)), (error) => (told.textContent = 'Told: ' + error.code));
        document.body.prepend(element);
      };
      accounts.addEventListener('change', show);
      button('Add', () => accounts.add({ prompt: ['login', 'consent'] }));
      button('Add in popup', () => accounts.add({ mode: 'popup', prompt: ['login', 'consent'] }));
      button('Again', () => accounts.signIn('alice', { prompt: ['login', 'consent'] }));
      button('Choose alice', async () => accounts.choose('alice'));
      button('Choose bob', async () => accounts.choose('bob'));
      button('Remove alice', () => accounts.remove('alice'));
      button('Me', async () => (await (await accounts.fetch(api + 'me')).json()).user);
      at('sign-in').hidden = true;
      await accounts.start().catch((error) => (told.textContent = 'Told: ' + error.code));
      show();
      globalThis.isStarted = true;
    `,
  },
};

const open = async (stage) => {
  await stage.page.goto(stage.site.url);
  await stage.page.see('Accounts: ');
};

async function add(stage, user, button = 'Add') {
  await stage.page.click('button', button);
  await stage.login(user);
  await stage.consent();
}

async function isMe(stage, user) {
  await stage.page.click('button', 'Me');
  await stage.page.see(`Told: ${user}`);
}

/** Removes Alice. Her account goes at once, and the result comes when her tokens are revoked. */
async function remove({ page }) {
  await page.click('button', 'Remove alice');
  await page.see('Told: undefined');
  await page.see('Accounts: bob; chosen: bob');
}

story(
  'ACC-10 P0: accounts are added, chosen and removed, and each has its own session',
  { ...ACCOUNTS, homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await open(stage);
    await page.see('Accounts: none; chosen: none');
    await add(stage, 'alice');
    await page.see('Accounts: alice; chosen: alice');
    await add(stage, 'bob');
    await page.see(/Accounts: alice( \(out\))? and bob; chosen: bob/);
    await isMe(stage, 'bob');
    await page.click('button', 'Choose alice');
    await page.see('chosen: alice');
    // Not every vault lives through a redirect, and not every keeper has the session by then.
    if ((await page.text()).includes('alice (out)')) {
      await page.click('button', 'Again');
      await stage.login('alice');
      await stage.consent();
      await page.see(/Accounts: alice and bob( \(out\))?; chosen: alice/);
    }
    await isMe(stage, 'alice');
    const ended = provider.count('end_session');
    await page.click('button', 'Remove alice');
    await page.see(/Accounts: bob( \(out\))?; chosen: bob/);
    assert.equal(provider.count('end_session'), ended, 'the session of the provider stays');
  },
);

story(
  'ACC-11 P0: in a popup, a second account leaves the first one, and the same user is no second account',
  { ...ACCOUNTS, homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page } = stage;
    await open(stage);
    for (const [user, list] of [
      ['alice', 'Accounts: alice; chosen: alice'],
      ['bob', 'Accounts: alice and bob; chosen: bob'],
      ['alice', 'Accounts: alice and bob; chosen: alice'],
    ]) {
      const home = await follow(stage, 'Add in popup');
      await stage.login(user);
      await stage.consent();
      await back(stage, home);
      await page.see(list);
      await isMe(stage, user);
    }
    await page.click('button', 'Choose bob');
    await isMe(stage, 'bob');

    // The user closes the popup, or declines: nothing is added.
    const home = await follow(stage, 'Add in popup');
    await page.find('heading', 'Sign in');
    await page.click('button', 'Cancel');
    await back(stage, home);
    await page.see('Told: authorization_error');
    await page.see('Accounts: alice and bob; chosen: bob');

    // Each call carries the token of its account, and a removed account leaves the other.
    const users = await page.run(`async () => Promise.all(accounts.list.map(async ({ client }) =>
      (await (await client.fetch(api + 'me')).json()).user))`);
    assert.deepEqual(users, ['alice', 'bob']);
    await remove(stage);
    await isMe(stage, 'bob');
    const keys = await stage.keys('localStorage');
    const text = await page.run('async () => JSON.stringify(localStorage)');
    assert.ok(keys.some((key) => key.startsWith('valet-key:accounts:')));
    assert.ok(!text.includes('alice'), 'a removed account is forgotten');
  },
);

story('ACC-12 P0: the accounts of one tab are those of the others', ACCOUNTS, async (stage) => {
  const { page } = stage;
  await open(stage);
  const home = await follow(stage, 'Add in popup');
  await stage.login('alice');
  await stage.consent();
  await back(stage, home);
  await page.see('Accounts: alice; chosen: alice');
  const second = await stage.browser.newTab();
  await open(stage);
  await page.see('Accounts: alice; chosen: alice');
  await page.driver.switchTo().window(home);
  const again = await page.driver.getWindowHandle();
  await page.run('async () => { globalThis.stays = true; }');
  await page.click('button', 'Add in popup');
  const popup = await page.until('another window', async () =>
    (await page.driver.getAllWindowHandles()).find((handle) => handle !== second && handle !== again),
  );
  await page.driver.switchTo().window(popup);
  await stage.login('bob');
  await stage.consent();
  await page.until('the popup to close', async () => (await page.driver.getAllWindowHandles()).length === 2);
  await page.driver.switchTo().window(second);
  await page.see('Accounts: alice and bob; chosen: bob');
  await isMe(stage, 'bob');
  await page.click('button', 'Remove alice');
  await page.driver.switchTo().window(home);
  await page.see('Accounts: bob; chosen: bob');
});

story(
  'ACC-14 P0: an account whose session is over is removed without the others',
  { ...ACCOUNTS, everyEngine: true },
  async (stage) => {
    const { page } = stage;
    await open(stage);
    for (const user of ['alice', 'bob']) {
      const home = await follow(stage, 'Add in popup');
      await stage.login(user);
      await stage.consent();
      await back(stage, home);
      await page.see(`chosen: ${user}`);
    }
    await page.run('async () => accounts.list[0].client.revoke()');
    await page.see('Accounts: alice (out) and bob; chosen: bob');
    await remove(stage);
    await isMe(stage, 'bob');

    // A tab that is loaded while this one is at the provider leaves the sign-in that this one has begun.
    await page.click('button', 'Add');
    await page.find('heading', 'Sign in');
    const home = await page.driver.getWindowHandle();
    await stage.browser.newTab();
    await open(stage);
    await page.see(/Accounts: bob/);
    await page.driver.close();
    await page.driver.switchTo().window(home);
    await stage.login('alice');
    await stage.consent();
    await page.see(/Accounts: bob( \(out\))? and alice; chosen: alice/);
    await isMe(stage, 'alice');
  },
);

story('ACC-13 P1: options that make accounts impossible are named', ACCOUNTS, async (stage) => {
  await open(stage);
  const errors = await stage.page.run(`async () => [
    { account: 'a' }, { guard: '/g/' }, { restore: 'silent' }, { openid: false },
  ].map((more) => {
    try {
      return createAccounts({ ...config, ...more }) && 'made';
    } catch ({ code, message }) {
      return code + ' ' + message.split('\`')[1];
    }
  })`);
  assert.deepEqual(errors, [
    'config_error account',
    'config_error guard',
    'config_error restore',
    'config_error openid',
  ]);
});

const MORE = {
  scripts: app({
    client: "scope: 'openid profile',",
    buttons: {
      More: "client.signIn({ scope: 'photos' })",
      Photos: "client.fetch(config.api[0] + 'photos')",
      'Sign out': 'client.signOut({ everywhere: false })',
    },
    exposed: true,
  }),
};

story(
  'ACC-03 P0: a sign-in for more scope keeps what there is, also after a reload, until a sign-out',
  { ...MORE, homes: ['shared', 'dedicated'], differs: ['lasting'] },
  async (stage) => {
    const { page, provider } = stage;
    const asked = () => provider.issued.authorizations.at(-1).scope;
    await stage.signIn();
    await page.click('button', 'Photos');
    await page.see('Told: 403');

    // The user declines: nothing has changed.
    await page.click('button', 'More');
    await stage.deny();
    await page.see('Told: authorization_error');
    assert.equal(asked(), 'openid profile photos');
    // Where no vault lives through the redirect, the keeper has the session, or after a reload the provider restores it.
    if (stage.lacks('lasting')) await page.reload();
    await page.see('Signed in as alice');
    await page.click('button', 'Photos');
    await page.see('Told: 403');

    await page.click('button', 'More');
    await stage.consent();
    await page.see('Signed in as alice');
    await page.click('button', 'Photos');
    await page.see('Told: 200');
    assert.equal(await page.run('async () => client.session.scope'), 'openid profile photos');
    await page.reload();
    await stage.restored();
    await page.click('button', 'Photos');
    await page.see('Told: 200');

    await page.click('button', 'Sign out');
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.consent();
    await page.see('Signed in as alice');
    assert.equal(asked(), 'openid profile');
  },
);
