/**
 * An injected script: what it cannot do, and the limits that no client can prevent.
 *
 * docs/security.md names these limits; the stories check that it is correct.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { app } from '../support/app.mjs';
import { search } from '../support/secrets.mjs';
import { Stage, everywhere, story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

const ACTIONS = {
  Call: "client.fetch(config.api[0] + 'me')",
  Renew: 'client.refresh()',
  Popup: "client.signIn({ mode: 'popup' })",
};
const APP = app({ buttons: ACTIONS });

/** The app, with an injected script that runs before everything else. */
const behind = (attack) => ({ scripts: APP, attack });

async function use(stage) {
  const { page, provider } = stage;
  await stage.signIn();
  await page.click('button', 'Call');
  await page.see('Told: 200');
  await page.click('button', 'Renew');
  await page.see('Told: alice');
  assert.ok(provider.issued.accessTokens.size >= 2);
}

story(
  'XSS-01 P0: a script that wraps every built-in before the page loads sees no token',
  { scripts: APP },
  async (stage) => {
    await use(stage);
    const channels = new Set(stage.site.spied.flatMap((batch) => JSON.parse(batch)).map(([channel]) => channel));
    for (const channel of ['message', 'storage', 'request']) assert.ok(channels.has(channel), `the spy saw ${channel}`);
  },
);

story(
  'XSS-04 P0: the page never holds the module or its memory',
  behind(`
  globalThis.seen = [];
  for (const name of ['instantiate', 'instantiateStreaming', 'compile', 'compileStreaming']) {
    const native = WebAssembly[name];
    WebAssembly[name] = (...args) => { seen.push(name); return native.apply(WebAssembly, args); };
  }
  for (const name of ['Memory', 'Instance', 'Module']) {
    WebAssembly[name] = new Proxy(WebAssembly[name], { construct(target, args) { seen.push(name); return Reflect.construct(target, args); } });
  }
`),
  async (stage) => {
    await use(stage);
    assert.deepEqual(await stage.page.run('async () => seen'), []);
  },
);

story(
  'XSS-05 P0: changed prototypes do not add options to the app’s own',
  behind(`
  const evil = 'https://evil.example/';
  for (const [name, value] of Object.entries({
    allowedOrigins: [evil], api: [evil], redirect: 'follow', tokens: 'page', exposeTokens: true, token_endpoint: evil,
    openid: false, workerUrl: evil, wasmUrl: evil, redirectUri: evil, returnTo: evil, persist: true, warm: true,
    signal: null, params: { scope: 'all' }, restore: 'none', postLogoutRedirectUri: evil, guard: evil, mode: 'device',
    account: 'other', server: { issuer: evil },
  })) Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
`),
  async (stage) => {
    const { page, provider } = stage;
    await use(stage);
    assert.equal(await page.run("async () => events.find(([step]) => step === 'vault')[1]"), 'shared');
    assert.equal(
      provider.requests.some(({ path }) => path.includes('evil')),
      false,
    );
  },
);

story('XSS-06 P0: a million forged messages are dropped', { scripts: APP }, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.run(`async () => {
    const { port1, port2 } = new MessageChannel();
    const worker = new SharedWorker('/pkg/wasm/worker.js', { type: 'module', name: 'valet-key 0.1.0 true', extendedLifetime: true });
    worker.port.postMessage({ port: port2, wasmUrl: '/pkg/wasm/valet_key.wasm' }, [port2]);
    const forged = [{ op: 'getToken', id: 1 }, { op: 'init', id: 2, api: ['https://evil.example/'] }, { op: 'sign', id: 3 }, null, 7, 'x', { op: '__proto__', id: 4 }, { op: 'fetch', id: 'x' }, { op: 'session', id: 5, more: 1 }];
    const answers = [];
    port1.onmessage = ({ data }) => answers.push(data);
    for (let round = 0; round < 1e5; round += 1) port1.postMessage(forged[round % forged.length]);
    port1.postMessage({ op: 'fetch', id: 9, url: 'x'.repeat(1e7), init: {} });
    await new Promise((done) => setTimeout(done, 1500));
    if (answers.some(({ value }) => value)) throw new Error('an answer');
  }`);
  await page.click('button', 'Call');
  await page.see('Told: 200');
});

story('XSS-08 P0: stores, locks and channels that a page can list hold no token', { scripts: APP }, async (stage) => {
  const { page, provider } = stage;
  await use(stage);
  const found = await page.run(`async () => ({
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    locks: await navigator.locks.query(),
  })`);
  assert.deepEqual([found.databases, found.caches], [[], []]);
  assert.deepEqual(search(provider.issued.secrets(), [['a list', JSON.stringify(found)]]), []);
});

story(
  'XSS-17 P0: the strictest policy is not violated, Trusted Types included',
  {
    scripts: APP,
    policies: {
      page: "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types valet-key",
    },
    attack: `
    const broken = (globalThis.broken = JSON.parse(sessionStorage.getItem('broken') ?? '[]'));
    addEventListener('securitypolicyviolation', ({ violatedDirective }) => sessionStorage.setItem('broken', JSON.stringify([...broken, violatedDirective])));
  `,
  },
  async (stage) => {
    await use(stage);
    assert.deepEqual(await stage.page.run('async () => broken'), []);
  },
);

// without `body`, which the client does not use but these tests do
story(
  'XSS-09 P1: elements with the names of globals do not disturb the client',
  behind(`
  addEventListener('DOMContentLoaded', () => {
    for (const name of ['crypto', 'location', 'opener', 'origin', 'currentScript', 'navigator', 'history', 'fetch', 'close', 'open']) {
      const element = document.createElement('form');
      element.id = name;
      element.setAttribute('name', name);
      document.documentElement.append(element);
    }
  });
`),
  async (stage) => {
    await use(stage);
  },
);

// WebKitGTK may end a worker without freeing its lock, as if there were no Web Locks.
for (const [which, locks] of [
  ['by its lock', ''],
  ['by its silence', "Object.defineProperty(navigator, 'locks', { value: undefined });"],
])
  story(
    `XSS-10 P1: a terminated worker is detected ${which}, and a new sign-in works`,
    {
      ...behind(`
        const Native = Worker;
        globalThis.Worker = class extends Native { constructor(...args) { super(...args); globalThis.victim = this; } };
        ${locks}
      `),
      homes: ['dedicated'],
    },
    async (stage) => {
      const { page, provider } = stage;
      await stage.signIn();
      const before = provider.count('token');
      provider.fail('silent', 'token');
      await page.click('button', 'Renew');
      await page.until('the renewal', () => provider.count('token') > before);
      await page.run('async () => victim.terminate()');
      await page.see('Told: unexpected');
      await page.see('Signed out');
      provider.recover();
      await page.click('button', 'Sign in');
      await page.see('Signed in as alice');
    },
  );

/** Options of a page whose policy lets its scripts send requests to any server. */
const OPEN = { policies: { page: "default-src 'self' http://localhost:* data:; frame-ancestors 'self'" } };

/** A story that checks what the script captured. */
const limit = (name, options, play) =>
  everywhere(name, {}, async (place) => {
    const stage = await Stage.open({ ...options, ...place });
    try {
      await play(stage);
    } finally {
      await stage.close();
    }
    return stage;
  });

const looted = (stage, loot) => search(stage.provider.issued.secrets(), [['the loot', JSON.stringify(loot)]]);

limit(
  'XSS-12 P1, a limit: a script can run its own sign-in if the provider does not ask the user',
  { scripts: APP, ...OPEN },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    const loot = await page.run(
      `async (issuer, redirect_uri) => {
    const verifier = 'v'.repeat(43);
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    const code_challenge = btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/=/g, '').replace(/[+]/g, '-').replace(/[/]/g, '_');
    const query = { response_type: 'code', client_id: 'demo', redirect_uri, scope: 'openid', state: 'mine', nonce: 'mine', prompt: 'none', code_challenge, code_challenge_method: 'S256' };
    const frame = document.createElement('iframe');
    frame.src = issuer + '/auth?' + new URLSearchParams(query);
    document.body.append(frame);
    await new Promise((done) => (frame.onload = done));
    const [{ name }] = frame.contentWindow.performance.getEntriesByType('navigation');
    const code = new URL(name).searchParams.get('code');
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'demo', redirect_uri, code, code_verifier: verifier });
    return (await fetch(issuer + '/token', { method: 'POST', body })).json();
  }`,
      provider.issuer,
      site.url,
    );
    assert.notDeepEqual(looted(stage, loot), []);
  },
);

limit(
  'XSS-13 P1, a limit: a script can read the pending transaction of a sign-in by redirect, but not of a popup sign-in',
  { scripts: APP, ...OPEN },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    const { driver } = page;
    const home = await driver.getWindowHandle();
    await page.click('button', 'Popup');
    const popup = await page.until('the popup', async () =>
      (await driver.getAllWindowHandles()).find((handle) => handle !== home),
    );
    await driver.switchTo().window(popup);
    await page.find('heading', 'Sign in');
    await driver.close();
    await driver.switchTo().window(home);
    const read = () =>
      page.run(
        "async () => Object.entries(sessionStorage).filter(([key]) => key.startsWith('valet-key:tx:')).map(([, record]) => JSON.parse(record))",
      );
    assert.deepEqual(await read(), [], 'a popup leaves nothing to read');

    await page.click('button', 'Sign in');
    await page.find('heading', 'Sign in');
    await page.goto(stage.site.url); // the user went back without a response; the transaction is still there
    await page.see('Signed out');
    const [record] = await read();
    assert.match(record.code_verifier, /^[\w-]{43}$/);
    assert.equal(provider.count('token'), 0);
  },
);

limit(
  'XSS-14 P1, a limit: a service worker of the attacker sees the requests of the vault',
  {
    ...OPEN,
    scripts: {
      ...APP,
      '/sw.js': `
      addEventListener('install', () => skipWaiting());
      addEventListener('activate', (event) => event.waitUntil(clients.claim()));
      addEventListener('fetch', ({ request }) => {
        const authorization = request.headers.get('authorization');
        if (authorization) new BroadcastChannel('loot').postMessage(authorization);
      });
    `,
    },
  },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(`${site.origin}/sw.js`);
    await page.goto(site.url);
    await page.run(
      "async () => { await navigator.serviceWorker.register('/sw.js'); await navigator.serviceWorker.ready; }",
    );
    await page.reload();
    await stage.signIn();
    const seen = page.run(`async () => new Promise((done) => {
    new BroadcastChannel('loot').onmessage = ({ data }) => done(data);
    setTimeout(done, 5000, '');
    [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Call').click();
  })`);
    assert.deepEqual(looted(stage, await seen), ['access token in the loot']);
  },
);

limit(
  'XSS-15 P1, a limit: a script that runs before the library can substitute its own worker for the vault',
  behind(`
  globalThis.SharedWorker = class { constructor(url) { globalThis.asked = String(url); this.port = new MessageChannel().port1; } addEventListener() {} removeEventListener() {} };
`),
  async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Told: config_error'); // no vault replies here; an attacker's worker would, with its own sign-in
    assert.match(await page.run('async () => asked'), /worker\.js$/);
  },
);

story(
  'XSS-19 P1: the worker’s own policy blocks requests to servers that it does not list',
  { scripts: APP },
  async (stage) => {
    const { page, site } = stage;
    const stranger = await startStranger();
    try {
      site.settings.config = { ...site.settings.config, api: [...site.settings.config.api, stranger.url] }; // listed by mistake
      await stage.signIn();
      const outcome = await page.run(
        `async (url) => {
      const { createClient } = await import('/pkg/index.js');
      const config = await (await fetch('config.json')).json();
      return createClient(config).fetch(url + 'v1').then(({ status }) => status, ({ code }) => code);
    }`,
        stranger.url,
      );
      assert.equal(outcome, 'network_error');
      assert.deepEqual(stranger.taken, []);
    } finally {
      await stranger.close();
    }
  },
);

story(
  'XSS-20 P1: a module with one changed byte is not run',
  { scripts: { ...APP, '/pkg/wasm/valet_key.wasm': await altered() } },
  async (stage) => {
    const { page, provider, site } = stage;
    await page.goto(site.url);
    await page.see('Told: config_error');
    assert.equal(provider.requests.length, 0);
  },
);

async function altered() {
  const module = await readFile(new URL('../../pkg/wasm/valet_key.wasm', import.meta.url));
  module[module.length - 1] ^= 1;
  return module;
}
