/** The guard: no script of a page meets a code, a verifier, a state or a token. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { between } from '../support/distance.mjs';
import { PERMISSIVE } from '../support/open_app.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';

/** The files of an earlier release: the module has a section more, which does nothing. */
async function earlierRelease() {
  const read = (name) => readFile(new URL(`../../pkg/guard/${name}`, import.meta.url));
  const module = Buffer.concat([await read('valet_key.wasm'), Buffer.from([0, 2, 1, 0x78])]);
  const hash = createHash('sha384').update(module).digest('base64');
  const worker = (await read('worker.js')).toString().replace(/sha384-[\w+/=]+/, `sha384-${hash}`);
  return {
    '/pkg/guard/worker.js': worker,
    '/pkg/guard/valet_key.wasm': { text: module, type: 'application/wasm' },
  };
}

const EARLIER = await earlierRelease();

const APP = app({
  exposed: true,
  buttons: {
    Popup: "client.signIn({ mode: 'popup' })",
    Silent: "client.signIn({ mode: 'silent' })",
    Again: "client.signIn({ prompt: 'login' })",
    Wrong: "client.signIn({ maxAge: 'soon' })",
    Leave: 'client.signOut()',
    Me: "client.fetch(config.api[0] + 'me')",
    Elsewhere: "client.signIn({ returnTo: '/www/alone.html' })",
  },
});

const ALONE = {
  '/www/alone.html': { text: '<!doctype html><title>Alone</title><p>A page without the library', type: 'text/html' },
};

const GUARDED = { scripts: APP, guard: { scope: 'openid profile' }, everyEngine: true };

/** The address of the guard's redirect page. */
const callback = ({ site }) => `${site.origin}/pkg/guard/callback.html`;

/** The responses that the site received instead of the guard. The guard itself asks for the page without a response. */
const received = ({ site }) =>
  site.requests.filter(({ path, hasQuery }) => hasQuery && path.endsWith('/callback.html'));

/** The number of authorization requests, and that of token requests. */
const asked = ({ provider }) => [provider.count('authorization'), provider.count('token')];

async function callApi({ page }) {
  await page.click('button', 'Me');
  await page.see('Told: 200');
}

story('GUARD-01 P0: the guard signs the user in, and the page returns to its path', GUARDED, async (stage) => {
  const { page, site } = stage;
  await stage.signIn('alice', { at: `${site.url}?tab=2` });
  assert.equal(await page.url(), `${site.url}?tab=2`);
  await callApi(stage);
  assert.equal(stage.provider.count('token'), 1);
  assert.deepEqual(received(stage), []);
  assert.deepEqual(await stage.keys('sessionStorage'), []);
  assert.deepEqual(await page.run('async () => events.filter(([what]) => what === "callback")'), [
    ['callback', 'completed'],
  ]);
});

/** Other browsers have no extended lifetime, and Chromium had none before version 148. */
const SHORT_LIVED = `
  const Native = SharedWorker;
  globalThis.SharedWorker = class extends Native {
    constructor(url, { name }) { super(url, { name }); }
  };`;

const ENDING = { ...GUARDED, policies: { page: PERMISSIVE }, attack: SHORT_LIVED };

story('GUARD-15 P0: a session outlives a vault that ends with its last page', ENDING, async (stage) => {
  const { page, site } = stage;
  await stage.signIn();
  const before = asked(stage);
  for (let visits = 0; visits < 5; visits += 1) {
    await page.goto(`${site.origin}/www/style.css`);
    await page.goto(site.url);
    await page.see('Signed in as alice');
    await callApi(stage);
  }
  assert.deepEqual(asked(stage), before, 'no request to the provider');
  await page.run('async () => client.signOut({ everywhere: false })');
  await page.goto(`${site.origin}/www/style.css`);
  await page.goto(site.url);
  await page.see('Signed out');
});

story(
  'GUARD-02 P0: a reload keeps the session, by the vault, the keeper or a silent sign-in',
  GUARDED,
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    for (let round = 0; round < 3; round += 1) {
      await page.reload();
      await stage.restored();
      await callApi(stage);
    }
    assert.deepEqual(received(stage), []);
  },
);

story('GUARD-03 P0: a popup and a hidden frame end on a closing page', GUARDED, async (stage) => {
  const { page, provider } = stage;
  await page.goto(stage.site.url);
  await page.see('Signed out');
  const home = await follow(stage);
  await stage.login();
  await stage.consent();
  await back(stage, home);
  await page.see('Told: alice');
  await callApi(stage);
  await page.click('button', 'Silent');
  await page.see('Told: alice');
  assert.deepEqual(asked(stage), [2, 2]);
  await stage.forgetAtProvider();
  await page.click('button', 'Silent');
  await page.see('Told: login_required');
  await page.see('Signed in as alice');
  assert.equal(provider.count('token'), 2);
  assert.deepEqual(received(stage), []);
  assert.equal(await page.run('async () => document.querySelectorAll("iframe").length'), 0);
});

story('GUARD-04 P0: a refusal reaches the app through the vault, and not in an address', GUARDED, async (stage) => {
  const { page, site } = stage;
  await page.goto(site.url);
  await page.see('Signed out');
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.deny();
  await page.see('Told: authorization_error');
  assert.equal(await page.run('async () => failure.oauth.error'), 'access_denied');
  assert.equal(await page.run('async () => failure.returnTo'), '/./www/');
  assert.deepEqual(asked(stage), [1, 0], 'no second request');
  assert.equal(await page.url(), site.url);
  await page.reload();
  await page.see('Signed out');
});

/** A response to a sign-in that the guard does not know, for which the page waits. Anyone can make such an address. */
async function forge(stage, { parameters = 'code=forged', second = false, to = '/www/?tab=2', params = '' } = {}) {
  const { page } = stage;
  await page.goto(stage.site.url);
  await page.see('Signed out');
  await page.run(`async (record) => sessionStorage.setItem('valet-key:tx:/pkg/guard/ :vk.lost', record)`, [
    JSON.stringify({ started: Date.now() }),
  ]);
  const carried = { flow: 'vk.lost', to, scope: '', restores: false, second, started: Date.now(), params };
  const state = `vk.random.${Buffer.from(JSON.stringify(carried)).toString('base64url')}`;
  await page.goto(`${callback(stage)}?${parameters}&state=${state}`);
}

story(
  'GUARD-05 P0: a guard without memory asks the provider once more, and the user is signed in',
  GUARDED,
  async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    await forge(stage);
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    assert.deepEqual(asked(stage), [1, 1], 'the forged code is dropped');
    assert.equal(await page.url(), `${site.url}?tab=2`);
  },
);

/** The provider forgets the user with each response: it has no session of its own. */
function forgetful({ provider, site }) {
  between(provider.server, (_, response) => {
    const { writeHead } = response;
    response.writeHead = function (...args) {
      if (`${this.getHeader('location')}`.startsWith(callback({ site }))) {
        const names = ['_session', '_session.sig', '_session.legacy', '_session.legacy.sig'];
        this.setHeader(
          'set-cookie',
          names.map((name) => `${name}=; Path=/; Max-Age=0`),
        );
      }
      return writeHead.apply(this, args);
    };
  });
}

/** Lets the browser end the guard, as it does after a while: in Firefox when it has been idle for 30 seconds, in WebKit at times. */
async function endGuard({ page, place }) {
  if (place.engine === 'firefox') await sleep(40_000);
  if (place.engine !== 'chromium') return;
  await page.driver.sendDevToolsCommand('ServiceWorker.enable');
  await page.driver.sendDevToolsCommand('ServiceWorker.stopAllWorkers');
}

story(
  'GUARD-16 P1: at a provider without a session, a guard that was ended costs a second sign-in, and no third',
  GUARDED,
  async (stage) => {
    const { page, site } = stage;
    forgetful(stage);
    await page.goto(site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login();
    await page.find('heading', 'Allow access?');
    await endGuard(stage);
    await stage.consent();
    const isAskedAgain = () => page.has('heading', 'Sign in');
    const isSignedIn = async () => (await page.text()).includes('Signed in as alice');
    await page.until('an end, or the second request', async () => (await isAskedAgain()) || isSignedIn());
    const again = await isAskedAgain();
    if (again) {
      await stage.login();
      await stage.consent();
      await page.see('Signed in as alice');
    } else assert.notEqual(stage.place.engine, 'chromium', 'the guard was ended there');
    await callApi(stage);
    assert.deepEqual(asked(stage), [again ? 2 : 1, 1], 'the first code is dropped');
  },
);

story(
  'GUARD-17 P1: a guard that is ended before the vault has taken the response is an error that the app can show',
  { ...GUARDED, scripts: { ...APP, ...ALONE } },
  async (stage) => {
    const { page, provider, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    await page.click('button', 'Elsewhere');
    await stage.login();
    await stage.consent();
    await page.see('A page without the library');
    await page.until('the token request', () => provider.count('token') === 1);
    if (stage.place.engine === 'chromium') await endGuard(stage);
    // As the guard would have sent the browser back to a page that loads for a while.
    await page.goto(`${site.url}#-`);
    // Other engines cannot be told to end the guard.
    if (stage.place.engine !== 'chromium') return page.see('Signed in as alice');
    await page.see('Told: network_error');
    await page.see('Signed out');
    assert.equal(await page.url(), site.url);
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
  },
);

story(
  'GUARD-18 P1: a sign-in on another device needs no guard, and the options of its file',
  GUARDED,
  async (stage) => {
    const { page, provider, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    const url = await page.run(`async () => {
    const { session, verificationUriComplete } = await client.signIn({ mode: 'device' });
    globalThis.ended = session.then(({ sub }) => sub, ({ code }) => code);
    return verificationUriComplete;
  }`);
    const first = await page.driver.getWindowHandle();
    await stage.browser.newTab();
    await page.goto(url);
    await page.click('button', 'Continue');
    await stage.login();
    await stage.consent();
    await page.find('heading', 'Your device is signed in');
    await page.driver.switchTo().window(first);
    assert.equal(await page.run('async () => ended'), 'alice');
    await callApi(stage);
    assert.equal(provider.count('authorization'), 0);
  },
);

story('GUARD-06 P0: there is no third request, and a forged code is never redeemed', GUARDED, async (stage) => {
  const { page } = stage;
  await forge(stage, { second: true });
  await page.see('Told: state_mismatch');
  await page.see('Signed out');
  assert.deepEqual(asked(stage), [0, 0]);
});

story(
  'GUARD-07 P0: a response that names no sign-in ends on the sealed page, without the response',
  GUARDED,
  async (stage) => {
    const { page } = stage;
    const responses = ['code=c&state=other', 'code=c&state=vk.random', 'code=c', 'error=server_error', 'code=c#x'];
    for (const response of [...responses.map((query) => `?${query}`), '#code=c&state=other', '#x']) {
      // In WebKit, a navigation that leaves the sealed page, or comes soon after it, may reach the site instead. It stays sealed.
      await page.goto(stage.site.url);
      await page.see('Signed out');
      await page.goto(callback(stage) + response);
      await page.until(`the sealed page after ${response}`, async () => (await page.url()) === `${callback(stage)}#-`);
      await page.see('Sign in again');
    }
    await forge(stage, { to: '//evil.test/' });
    await page.see('Sign in again');
    await forge(stage, { second: true, to: '/pkg/guard/worker.js' });
    await page.until('the home page', async () => (await page.url()).startsWith(stage.site.url));
  },
);

story('GUARD-08 P0: the options of the file cannot be changed by a page', GUARDED, async (stage) => {
  const { page } = stage;
  await page.goto(stage.site.url);
  await page.see('Signed out');
  const errors = await page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const tried = [];
    for (const options of [
      { issuer: 'https://evil.test' },
      { clientId: 'other' },
      { api: ['https://evil.test/'] },
      { scope: 'openid profile notes:write' },
      { redirectUri: '/www/' },
      { workerUrl: '/pkg/wasm/worker.js' },
      { tokens: 'page' },
      { guard: '/pkg/wasm/' },
      { guard: '/pkg/guard' },
      { guard: 'https://evil.test/' },
    ]) {
      const client = createClient({ guard: '/pkg/guard/', ...options });
      tried.push(await client.start().then(() => 'started', ({ code, message }) => code + ': ' + message));
    }
    return tried;
  }`);
  assert.deepEqual(
    errors.map(
      (error) =>
        /^config_error: .*?(?:`|')?(issuer|clientId|api|scope|redirectUri|workerUrl|tokens|guard)\b/.exec(error)?.[1] ??
        error,
    ),
    ['issuer', 'clientId', 'api', 'scope', 'redirectUri', 'workerUrl', 'tokens', 'guard', 'guard', 'guard'],
  );
  await page.click('button', 'Wrong');
  await page.see('Told: config_error');
  await page.see('Signed out');
});

story(
  'GUARD-09 P0: without a sealed redirect page there is no guard, and no sign-in',
  { ...GUARDED, policies: { callback: "default-src 'none'" } },
  async (stage) => {
    const { page } = stage;
    await page.goto(stage.site.url);
    await page.see('Told: config_error');
    assert.match(await page.run('async () => failure.hint'), /Content-Security-Policy: default-src 'none'; sandbox/);
    assert.equal(await page.run('async () => client.signIn().then(() => "left", ({ code }) => code)'), 'config_error');
    assert.deepEqual(asked(stage), [0, 0]);
  },
);

story('GUARD-10 P1: a folder without options tells what is missing', GUARDED, async (stage) => {
  const { page, site } = stage;
  site.settings.pinned = null;
  await page.goto(site.url);
  await page.see('Told: config_error');
  assert.match(await page.run('async () => failure.message'), /options\.json/);
});

story('GUARD-12 P0: a sign-out at the provider comes back to the page, and nothing is left', GUARDED, async (stage) => {
  const { page, site } = stage;
  await stage.signIn();
  await page.click('button', 'Leave');
  await page.click('button', /Yes|Sign out/);
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
  await page.reload();
  await page.see('Signed out');
  assert.equal(await page.run("async () => client.fetch(api + 'me').catch((error) => error.code)"), 'login_required');
});

story(
  'GUARD-13 P1: the strictest policy of a page is not violated, Trusted Types included',
  {
    ...GUARDED,
    policies: {
      page: [
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; worker-src 'self'",
        "frame-src 'self' http://localhost:*; require-trusted-types-for 'script'; trusted-types valet-key",
      ].join('; '),
    },
  },
  async (stage) => {
    await stage.signIn();
    await callApi(stage);
  },
);

story(
  'GUARD-14 P1: a vault that lives needs options.json no second time',
  { ...GUARDED, differs: ['lasting'] },
  async (stage) => {
    const { page, site } = stage;
    await stage.signIn('alice', { shown: true });
    const { pinned } = site.settings;
    site.settings.pinned = null;
    await page.reload();
    if (stage.lacks('lasting')) {
      await page.see('Told: config_error');
      site.settings.pinned = pinned;
      await page.reload();
    }
    await stage.restored();
    await callApi(stage);
    site.settings.pinned = pinned;
  },
);

story(
  'GUARD-11 P0: the first sign-in after a release succeeds, though the guard is of the earlier release',
  { ...GUARDED, scripts: { ...APP, ...EARLIER } },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    for (const path of Object.keys(EARLIER)) delete site.settings.scripts[path];
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    await callApi(stage);
  },
);
