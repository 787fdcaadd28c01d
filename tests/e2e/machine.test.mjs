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

const machineTokens = ({ provider }) => provider.requests.filter(({ path }) => path === '/token').length;

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
    assert.equal(machineTokens(stage), 1);
    await page.run('async () => machine.refresh()');
    assert.equal(machineTokens(stage), 2, 'the session is renewed without a refresh token');
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
  // Both tabs answer each of these requests.
  const keys = await page.run(
    'async () => Promise.all([machine.publicKey(), machine.publicKey(), machine.publicKey()])',
  );
  await page.driver.switchTo().window(first);
  keys.push(await page.run('async () => machine.publicKey()'));
  await page.driver.switchTo().window(second);
  assert.deepEqual(new Set(keys.map(({ kid }) => kid)).size, 1);
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

story('MACH-25 P0: forged signatures of a script get no token', OPEN, async (stage) => {
  const { page, provider } = stage;
  await registered(stage);
  const outcome = await page.run(`async () => {
    // A port of the script's own, as every script of the page can have one.
    const { port1, port2 } = new MessageChannel();
    const worker = new SharedWorker('/pkg/wasm/worker.js', { type: 'module', name: 'valet-key 0.1.0 true', extendedLifetime: true });
    worker.port.postMessage({ port: port2, wasmUrl: '/pkg/wasm/valet_key.wasm' }, [port2]);
    const jwk = JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) });
    const texts = ['', '{', '[]', JSON.stringify({ jwk, signature: 'A'.repeat(86) }), JSON.stringify({ lacks: 'key' })];
    let id = 0;
    const forge = setInterval(() => {
      for (let of = 1; of < 40; of += 1) for (const text of texts) port1.postMessage({ op: 'signed', id: ++id, of, text });
    }, 1);
    const ended = await outcome(machine.signIn({ mode: 'machine' }));
    clearInterval(forge);
    await new Promise((resolve) => {
      port1.onmessage = ({ data }) => data.id === id && resolve();
      port1.postMessage({ op: 'ping', id: ++id });
    });
    return [ended, await outcome(machine.signIn({ mode: 'machine' }))];
  }`);
  assert.match(outcome[0], /^(token_error|config_error|profile photos)/);
  assert.equal(outcome[1], SCOPE, 'the next attempt succeeds');
  assert.ok(provider.issued.accessTokens.size <= 2);
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
