/** Conditions of real pages, providers and clocks, and how the client handles them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startHostile } from '../support/hostile.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { startSite } from '../support/site.mjs';
import { Stage, story } from '../support/stage.mjs';

const WORKER = readFileSync(new URL('../../pkg/wasm/worker.js', import.meta.url), 'utf8');
const { version } = JSON.parse(readFileSync(new URL('../../pkg/package.json', import.meta.url), 'utf8'));

/** The outcome of a promise in the page: its value, or the details of its error. */
const outcome = ({ page }, expression) =>
  page.run(
    `async () => (${expression}).then((value) => ({ value }), ({ code, fault, message, hint, retryable, returnTo }) => ({ code, fault, message, hint, retryable, returnTo }))`,
  );

/** An app that shows each change, and keeps its events and the error of `start()`. */
const CHANGES = {
  ...OPEN,
  everyEngine: true,
  scripts: {
    '/www/app.js': OPEN.scripts['/www/app.js'].replace(
      'const session = await client.start();',
      `globalThis.events = [];
      for (const type of ['change', 'trace']) client.addEventListener(type, ({ reason, step, outcome }) => events.push([step ?? type, outcome ?? reason].join(' ')));
      client.addEventListener('change', ({ session }) => (document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out'));
      const session = await client.start().catch((error) => { globalThis.failed = error; return client.session; });`,
    ),
  },
};

const events = ({ page }) => page.run('async () => globalThis.events ?? null');

/** A client that is not the app's. */
const ELSEWHERE =
  "import('/pkg/index.js').then(({ createClient }) => createClient({ issuer: 'https://id.test', clientId: 'spa' }).start())";

story(
  'CORE-10 P1: a worker file of another version causes an error with both versions',
  { ...OPEN, scripts: { ...OPEN.scripts, '/pkg/wasm/worker.js': WORKER.replace(version, '0.0.9') } },
  async (stage) => {
    await stage.page.goto(stage.site.url);
    const { code, message } = await outcome(stage, ELSEWHERE);
    assert.equal(code, 'config_error');
    assert.match(message, new RegExp(`0\\.0\\.9.*${version.replaceAll('.', '\\.')}`));
  },
);

story('CORE-11 P1: without a random generator, every call rejects', { ...OPEN, homes: ['page'] }, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.run(
    'async () => { const { getRandomValues } = Crypto.prototype; globalThis.repair = () => (Crypto.prototype.getRandomValues = getRandomValues); }',
  );
  // One stub fails, the other leaves the bytes unchanged.
  for (const [round, stub] of ["() => { throw new Error('no'); }", '(bytes) => bytes'].entries()) {
    await page.run(`async () => void (Crypto.prototype.getRandomValues = ${stub})`);
    const { code, message } = await outcome(stage, 'client.signIn()');
    assert.deepEqual([round, code], [round, 'config_error']);
    assert.match(message, /getRandomValues/);
  }
  await page.run('async () => void repair()');
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
});

story(
  'CORE-11 P1: a browser without workers causes an error with the reason',
  { ...OPEN, attack: 'delete globalThis.SharedWorker; delete globalThis.Worker;' },
  async (stage) => {
    await stage.page.goto(stage.site.url);
    const { code, hint } = await outcome(stage, ELSEWHERE);
    assert.equal(code, 'config_error');
    assert.match(hint, /workerUrl/);
  },
);

test('CORE-11 P1: a page without a secure context causes an error with the reason', async () => {
  const insecure = await startSite();
  const stage = await Stage.open({ ...OPEN, hostsAt: Number(new URL(insecure.url).port) });
  try {
    await stage.page.goto('http://app.test/www/style.css');
    const { code, message } = await outcome(stage, ELSEWHERE);
    assert.equal(code, 'config_error');
    assert.match(message, /secure context/);
  } finally {
    await stage.close();
    await insecure.close();
  }
});

/** Pages, providers, and whether both are on one site, so that frames in the page send the provider's cookies. */
const SITES = [
  ['http://alice.github.io/', 'http://bob.github.io', false],
  ['http://shop.onrender.com/', 'http://login.onrender.com', false],
  ['http://one.co.uk/', 'http://two.co.uk', false],
  ['http://app.firm.test/', 'http://id.other.test', false],
  ['http://app.firm.example/', 'https://id.firm.example', false],
  ['http://app.firm.example/', 'http://id.firm.example', true],
  ['http://firm.example/', 'http://id.firm.example:8443', true],
  ['http://a.b.firm.co.uk/', 'http://id.firm.co.uk', true],
  ['http://alice.github.io/', 'http://alice.github.io:9000', true],
  ['http://app.localhost/', 'http://id.localhost', false],
];

test('STORE-23 P1: a session is restored in a frame only if the browser considers provider and page to be on the same site', async () => {
  const everywhere = await startSite();
  const stage = await Stage.open({ ...OPEN, hostsAt: Number(new URL(everywhere.url).port) });
  const { page } = stage;
  try {
    for (const [address, provider, isOneSite] of SITES) {
      await page.goto(`${address}www/style.css`);
      const way = await page.run(
        "async (provider) => (await import('/pkg/trips.js')).restore(provider, undefined, {}, { frame: async () => 'in a frame', redirect: async () => 'by redirect' })",
        provider,
      );
      assert.equal(way, isOneSite ? 'in a frame' : 'by redirect', `${address} ${provider}`);
      assert.equal(await page.run('async () => document.cookie'), '', 'no cookie is left');
    }
  } finally {
    await stage.close();
    await everywhere.close();
  }
});

story(
  'OUT-37 P1: `signOut()` stays pending while the page leaves, and resolves if the page stays',
  { ...OPEN, everyEngine: true },
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    await page.run("async () => void client.signOut().then(() => sessionStorage.setItem('resolved', 'too early'))");
    await page.find('heading', 'Sign out?');
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    assert.equal(await page.run("async () => sessionStorage.getItem('resolved')"), null);
    await stage.signIn();
    assert.deepEqual(await outcome(stage, 'client.signOut({ everywhere: false }).then(() => String(client.session))'), {
      value: 'null',
    });
  },
);

story(
  'OUT-38 P0: a sign-out ends the local session even if the rest of the package cannot be loaded',
  { ...CHANGES, homes: ['dedicated'], scripts: { ...CHANGES.scripts, '/pkg/trips.js': null } },
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    await outcome(stage, 'client.signOut()');
    await page.see('Signed out');
    assert.equal(await codeOf(stage, "api + 'me'"), 'login_required');
    await page.reload();
    await page.see('Signed out');
  },
);

story(
  'CORE-13 P1: calls and sign-ins report a missing file of the package',
  { ...CHANGES, scripts: { ...CHANGES.scripts, '/pkg/call.js': null, '/pkg/trips.js': null } },
  async (stage) => {
    await stage.signIn();
    for (const action of ["client.fetch(api + 'me')", "client.signIn({ mode: 'silent' })", 'client.signOut()']) {
      const { code, fault, hint, retryable } = await outcome(stage, action);
      assert.deepEqual([code, fault, hint, retryable], ['network_error', 'browser', 'Reload the page.', true], action);
    }
  },
);

story(
  'RT-37 P1: without a refresh token, a session ends when an API refuses its access token',
  { ...CHANGES, refreshTokens: false },
  async (stage) => {
    await stage.signIn();
    stage.api.distrust(stage.provider.issued.accessToken);
    assert.equal(await codeOf(stage, "api + 'me'"), '401');
    await isExpired(stage);
  },
);

story(
  'RT-37 P1: without a refresh token, a session ends when its access token expires, without a call',
  { ...CHANGES, refreshTokens: false, accessTokenSeconds: 1 },
  async (stage) => {
    await stage.visit();
    await stage.page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await isExpired(stage);
  },
);

/** Waits for the one event that tells the page that the session has expired. */
async function isExpired(stage) {
  await stage.page.until('the end of the session', async () => (await events(stage))?.includes('change expired'));
  await stage.page.see('Signed out');
  assert.equal((await events(stage)).filter((event) => event === 'change expired').length, 1);
  assert.equal(await codeOf(stage, "api + 'me'"), 'login_required');
  assert.equal(await stage.page.run('async () => client.session'), null);
}

story(
  'STORE-21 P1: a silent sign-in that the provider refuses at page load is not repeated at the next load',
  { ...CHANGES, provider: startHostile, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
    provider.change.callback = (query) => query.replace(/code=[^&]*/, 'error=invalid_request');
    await page.reload();
    await page.see('Signed out');
    assert.ok(
      (await events(stage)).some((event) => event.endsWith('declined')),
      String(await events(stage)),
    );
    const asked = provider.count('/authorize');
    await page.reload();
    await page.see('Signed out');
    assert.equal(provider.count('/authorize'), asked, 'the next load does not try again');
  },
);

story(
  'STORE-22 P1: an unreachable provider causes an error at page load, but no redirect',
  { ...CHANGES, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    provider.fail('unreachable', 'discovery');
    provider.fail('unreachable', 'jwks');
    const asked = provider.count('authorization');
    await page.goto(`${site.origin}/www/style.css`);
    await page.goto(site.url);
    await page.until('the error', () => page.run('async () => Boolean(globalThis.failed)'));
    const { code, retryable } = await outcome(stage, 'Promise.reject(failed)');
    assert.deepEqual([code, retryable, provider.count('authorization')], ['network_error', true, asked]);
    assert.equal(await page.url(), site.url, 'the page is still loaded');
    provider.recover();
    await page.reload();
    await page.see('Signed in as alice');
  },
);

story(
  'CORE-12 P1: a prerendered page starts when it is shown',
  {
    ...CHANGES,
    needs: 'devTools',
    policies: { page: OPEN.policies.page.replace("script-src 'self'", "script-src 'self' 'inline-speculation-rules'") },
    scripts: {
      ...CHANGES.scripts,
      '/ahead.html': {
        type: 'text/html',
        text: '<!doctype html><title>Ahead</title><script type="speculationrules">{"prerender":[{"urls":["/www/"],"eagerness":"immediate"}]}</script><a href="/www/">Go</a>',
      },
    },
  },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(`${site.origin}/ahead.html`);
    await page.until('the page to be loaded ahead', () =>
      site.requests.some(({ path }) => path === '/www/config.json'),
    );
    await page.run('async () => new Promise((after) => setTimeout(after, 6000))'); // longer than the time limit for a worker to start
    await page.click('link', 'Go');
    await page.see('Signed out');
    assert.ok(
      await page.run("async () => performance.getEntriesByType('navigation')[0].activationStart > 0"),
      'the page was prerendered',
    );
    assert.equal(await page.run('async () => globalThis.failed?.code'), null);
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
  },
);
