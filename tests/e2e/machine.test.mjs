/** Clients with a key: sign-ins without a user, and client authentication by `private_key_jwt`. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { OPEN } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** In the page: a client with a key, and a function that says how a call of it ends. */
const MAKE = `async (more) => {
  globalThis.machine = make({ clientId: 'keyed', tokenEndpointAuthMethod: 'private_key_jwt', ...more });
  globalThis.outcome = (promise) => promise.then((value) => value?.status ?? value?.scope ?? 'done', (error) => [error.code, error.message, error.hint].join(' '));
  globalThis.reasons = [];
  machine.addEventListener('change', ({ reason }) => reasons.push(reason));
  return outcome(machine.start());
}`;
const SIGN_IN = 'async (options) => outcome(machine.signIn({ mode: "machine", ...options }))';
/** That of the app, without `openid`. */
const SCOPE = 'profile photos notes:write';
const CALL = 'async () => outcome(machine.fetch(api + "me"))';

/** Opens the page, and registers the key of its client at the provider. */
async function registered(stage) {
  await stage.visit();
  await stage.page.run(MAKE);
  const jwk = await stage.page.run('async () => machine.publicKey()');
  await stage.provider.registerKey('keyed', jwk);
  return jwk;
}

const tokenRequests = ({ provider }) => provider.requests.filter(({ path }) => path === '/token').length;

story(
  'MACH-20 P0: a client with a key signs in without a user, and calls an API',
  { ...OPEN, homes: ['shared', 'dedicated', 'page'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    const jwk = await registered(stage);
    assert.deepEqual(Object.keys(jwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    assert.equal(await page.run(SIGN_IN), SCOPE);
    assert.deepEqual(await page.run('async () => [machine.session.sub, machine.session.scope, reasons]'), [
      '',
      SCOPE,
      ['signed_in'],
    ]);
    assert.equal(await page.run(CALL), 200);
    assert.equal(tokenRequests(stage), 1);
    await page.run('async () => machine.refresh()');
    assert.equal(tokenRequests(stage), 2, 'the session is renewed without a refresh token');
    assert.equal(await page.run(CALL), 200);
    assert.equal(provider.issued.refreshTokens.size, 0);
    await page.reload();
    await page.see('Signed out');
    await page.run(MAKE);
    assert.deepEqual(await page.run('async () => machine.publicKey()'), jwk, 'the key stays in the browser');
    assert.equal(await page.run(SIGN_IN), SCOPE);
    assert.deepEqual(await stage.tokensFound(), []);
  },
);

story(
  'MACH-21 P0: a client with a key signs a user in, and its tokens are renewed and revoked',
  { ...OPEN, everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await registered(stage);
    stage.site.settings.config = {
      ...stage.site.settings.config,
      clientId: 'keyed',
      tokenEndpointAuthMethod: 'private_key_jwt',
    };
    await page.reload();
    await stage.signIn();
    await page.run('async () => client.refresh()');
    assert.equal(await page.run('async () => (await client.fetch(api + "me")).status'), 200);
    await page.run('async () => client.signOut({ everywhere: false })');
    await page.until('a revocation', () => provider.count('revocation') > 0);
    const statuses = provider.requests
      .filter(({ path, method }) => method === 'POST' && /token/.test(path))
      .map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.deepEqual(await stage.tokensFound(), []);
  },
);

story('MACH-22 P0: no script of the page can copy the private key', { ...OPEN, everyEngine: true }, async (stage) => {
  await registered(stage);
  const found = await stage.page.run(`async () => {
      const open = indexedDB.open('valet-key');
      await new Promise((done) => (open.onsuccess = done));
      const all = open.result.transaction('keys').objectStore('keys').getAll();
      await new Promise((done) => (all.onsuccess = done));
      const [{ privateKey }] = all.result;
      const copies = ['jwk', 'pkcs8', 'raw'].map((format) =>
        crypto.subtle.exportKey(format, privateKey).then(() => 'copied', (error) => error.name));
      return [privateKey.extractable, ...(await Promise.all(copies))];
    }`);
  assert.equal(found[0], false);
  assert.ok(
    found.slice(1).every((outcome) => /Error$/.test(outcome)),
    found.join(),
  );
});

story('MACH-23 P1: tabs that make the key at the same time make one key', OPEN, async (stage) => {
  const { page, browser } = stage;
  await stage.visit();
  await page.run(MAKE);
  const first = await page.driver.getWindowHandle();
  await browser.newTab();
  await stage.visit();
  await page.run(MAKE);
  const second = await page.driver.getWindowHandle();
  // One tab makes the key three times at once, while the other one makes it, too.
  const begin = 'async () => void (globalThis.made = Promise.all([1, 2, 3].map(() => machine.publicKey())))';
  await page.run(begin);
  await page.driver.switchTo().window(first);
  await page.run(begin);
  const keys = await page.run('async () => made');
  await page.driver.switchTo().window(second);
  keys.push(...(await page.run('async () => made')));
  assert.equal(keys.length, 6);
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, 1);
});

story('MACH-24 P0: a browser without the key, and a provider without it, say what to do', OPEN, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.run(MAKE);
  assert.match(await page.run(SIGN_IN), /^config_error .*no key of this client.* Call `publicKey\(\)`, and register/);
  await page.run('async () => machine.publicKey()');
  assert.match(await page.run(SIGN_IN), /^token_error .* or has the key of `publicKey\(\)`/);
  await page.run('async () => (globalThis.machine = client)');
  assert.match(await page.run(SIGN_IN), /^config_error option `mode`: `machine` needs a client with a key/);
});

story('MACH-25 P0: forged keys and signatures of a script get no token and are not registered', OPEN, async (stage) => {
  const { page, provider } = stage;
  const { kid } = await registered(stage);
  const outcomes = await page.run(`async () => {
    // A port of the script's own, as every script of the page can have one, for the same client.
    const { port1, port2 } = new MessageChannel();
    const worker = new SharedWorker('/pkg/wasm/worker.js', { type: 'module', name: 'valet-key 0.1.0 true', extendedLifetime: true });
    worker.port.postMessage({ port: port2, wasmUrl: '/pkg/wasm/valet_key.wasm' }, [port2]);
    const forged = JSON.stringify({
      jwk: JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }),
      signature: 'A'.repeat(86),
    });
    let id = 1;
    let asked = 0;
    let forges = true;
    const configured = new Promise((resolve) => {
      port1.onmessage = ({ data }) => {
        if (data.id === 1) resolve(data.error);
        if (data.event === 'sign') asked += 1;
        if (data.event === 'sign' && forges) port1.postMessage({ op: 'signed', id: ++id, of: data.of, text: forged });
      };
    });
    const { issuer, api, allowLoopbackHttp } = config;
    const options = { issuer, api: api.map((url) => ({ url })), allowLoopbackHttp, clientId: 'keyed', tokenEndpointAuthMethod: 'private_key_jwt', account: '' };
    port1.postMessage({ op: 'configure', id: 1, options });
    const error = await configured;
    const keys = [];
    for (let round = 0; round < 5; round += 1) keys.push((await machine.publicKey()).kid);
    const askedForKeys = asked;
    const attacked = await outcome(machine.signIn({ mode: 'machine' }));
    forges = false;
    return { error: error ?? null, keys, askedForKeys, asked, attacked, then: await outcome(machine.signIn({ mode: 'machine' })) };
  }`);
  assert.deepEqual([outcomes.error, new Set(outcomes.keys).size, outcomes.keys[0]], [null, 1, kid]);
  assert.equal(outcomes.askedForKeys, 0, 'only the page that calls is asked for the key');
  assert.ok(outcomes.asked > 0, 'the script was asked for a signature');
  assert.match(outcomes.attacked, /^(config_error|token_error|profile photos)/);
  assert.equal(outcomes.then, SCOPE, 'the next attempt succeeds');
  assert.ok(provider.issued.accessTokens.size <= 2);
});

story('MACH-22 P0: a key of a script, and a database that it made first, are not used', OPEN, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const kids = await page.run(`async () => {
    const open = () => new Promise((resolve, reject) => Object.assign(indexedDB.open('valet-key'), { onsuccess: ({ target }) => resolve(target.result), onerror: reject }));
    (await open()).close();
    const client = make({ clientId: 'keyed', tokenEndpointAuthMethod: 'private_key_jwt' });
    const { kid: first } = await client.publicKey();
    const planted = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
    const database = await open();
    const store = database.transaction('keys', 'readwrite').objectStore('keys');
    const names = await new Promise((resolve) => (store.getAllKeys().onsuccess = ({ target }) => resolve(target.result)));
    await new Promise((resolve) => (store.put(planted, names[0]).onsuccess = resolve));
    database.close();
    const { kid: second, x } = await client.publicKey();
    return [first, second, x === (await crypto.subtle.exportKey('jwk', planted.publicKey)).x];
  }`);
  assert.equal(kids[2], false, 'the key of the script is replaced');
  assert.notEqual(kids[0], kids[1]);
});

const KEYED = { clientId: 'keyed', tokenEndpointAuthMethod: 'private_key_jwt' };

story(
  'MACH-26 P0: with a guard, a client with a key signs a user in, and the vault sends the token request',
  {
    scripts: app({ exposed: true, buttons: { Me: "client.fetch(config.api[0] + 'me')", Renew: 'client.refresh()' } }),
    guard: KEYED,
    config: KEYED,
    everyEngine: true,
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.see('Signed out');
    await provider.registerKey('keyed', await page.run('async () => client.publicKey()'));
    await stage.signIn();
    await page.click('button', 'Me');
    await page.see('Told: 200');
    await page.click('button', 'Renew');
    await page.see('Told: alice');
    assert.equal(provider.count('token'), 2);
    assert.deepEqual(
      provider.requests
        .filter(({ path }) => path === '/token')
        .map(({ status }) => status)
        .filter((status) => status !== 204),
      [200, 200],
    );
    await page.reload();
    await page.see('Signed in as alice');
  },
);
