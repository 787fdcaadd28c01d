/** Tokens that are bound to a key (DPoP), and pushed authorization requests (PAR). */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { ATTACKER, attack } from '../support/attacker.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { back, follow } from '../support/popups.mjs';
import { theft } from '../support/proofs.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const HOMES = ['shared', 'dedicated', 'page'];

/** A provider that demands pushed requests, proofs, and nonces of its own. */
const strict = (options) => startProvider({ ...options, bound: true });

/** An app that takes its tokens into the page has to ask for it by name. */
const BOUND = { ...OPEN, provider: strict, config: { dpop: 'required' }, everyEngine: true };

const CALL = "api + 'me'";

/** The proofs that the API has got since the last call of this function. */
const shown = ({ api }) => api.proofs.splice(0);

story(
  'DPOP-60 P0: a sign-in, calls, renewals and a reload at a provider and an API that demand proofs with nonces',
  { ...BOUND, homes: HOMES, differs: ['lasting', 'keeper'] },
  async (stage) => {
    const { page, provider, api } = stage;
    await stage.signIn();
    assert.equal(provider.count('pushed'), 1);
    assert.deepEqual(Object.keys(provider.issued.authorizations[0]).sort(), ['client_id', 'request_uri']);
    assert.equal(provider.count('token'), 2, 'the second with the nonce');
    assert.equal(await codeOf(stage, CALL), '200');
    assert.equal(shown(stage).length, 1, 'no nonce, no second request');

    api.renewNonce();
    assert.equal(await codeOf(stage, CALL), '200');
    const nonces = shown(stage).map(({ nonce }) => nonce);
    assert.deepEqual(nonces, [undefined, api.settings.nonce]);
    assert.equal(await codeOf(stage, `${CALL}, { method: 'POST', body: 'x' }`), '404');
    assert.deepEqual(
      shown(stage).map(({ htm, nonce }) => [htm, nonce]),
      [['POST', api.settings.nonce]],
    );

    await page.run('async () => void (await client.refresh())');
    assert.equal(await codeOf(stage, CALL), '200');
    assert.equal((await page.run('async () => (await client.userinfo()).name')) !== undefined, true);
    assert.equal(provider.count('token'), 3, 'the nonce is known');

    await page.reload();
    await stage.restored();
    assert.equal(await codeOf(stage, CALL), '200');

    await page.run('async () => client.signOut({ everywhere: false })');
    assert.equal(await codeOf(stage, CALL), 'login_required');
  },
);

story(
  'DPOP-61 P0: a key goes with its session to the next vault, and no request to the provider is needed',
  { ...BOUND, differs: ['lasting', 'keeper'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    const elsewhere = `${site.origin}/www/style.css`;
    // The first sign-in of a browser registers the keeper, which takes a moment.
    const made = () => provider.count('pushed') + provider.count('token');
    for (let visits = 0; visits < 5 && !stage.lacking.get('keeper'); visits += 1) {
      const before = made();
      await page.goto(elsewhere);
      await page.goto(site.url);
      await stage.restored();
      if (made() === before) break;
    }
    const before = made();
    for (let visits = 0; visits < 3; visits += 1) {
      if (stage.lacks('keeper')) break;
      await page.goto(elsewhere);
      await page.goto(site.url);
      await stage.restored();
      assert.equal(await codeOf(stage, CALL), '200');
    }
    assert.equal(made(), before);
    if (!stage.lacks('keeper')) await page.run('async () => void (await client.refresh())');
    assert.equal(await codeOf(stage, CALL), '200');
  },
);

story(
  'DPOP-62 P0: in a popup, the code itself is bound to the key',
  {
    ...BOUND,
    homes: HOMES,
    scripts: app({
      exposed: true,
      client: "dpop: 'required',",
      buttons: { Popup: "client.signIn({ mode: 'popup' })" },
    }),
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    const home = await follow(stage);
    await stage.login();
    await stage.consent();
    await back(stage, home);
    await page.see('Told: alice');
    const { dpop_jkt: jkt } = provider.issued.pushed.at(-1);
    assert.match(jkt, /^[\w-]{43}$/);
    assert.equal(provider.count('pushed'), 2, 'the second with the nonce');
    assert.equal(provider.count('token'), 1, 'which the token request has, too');
  },
);

story('DPOP-63 P0: a token of the network log is of no use to another client', BOUND, async (stage) => {
  const { api, provider } = stage;
  await stage.signIn();
  assert.equal(await codeOf(stage, CALL), '200');
  const token = provider.issued.accessToken;
  const { proof } = api.proofs.at(-1);
  const url = `${api.url}me`;
  for (const [way, headers] of Object.entries(theft(url, token, proof))) {
    assert.equal((await fetch(url, { headers })).status, 401, way);
  }
  assert.equal(await codeOf(stage, CALL), '200', 'the client itself can use it');
});

story(
  'DPOP-64 P0: with a guard, the key is made before any page exists, and goes to the vault with the code',
  {
    provider: strict,
    scripts: app({
      exposed: true,
      buttons: {
        Popup: "client.signIn({ mode: 'popup' })",
        Me: "client.fetch(config.api[0] + 'me')",
        Renew: 'client.refresh()',
      },
    }),
    guard: { scope: 'openid profile', dpop: 'required' },
    everyEngine: true,
  },
  async (stage) => {
    const { page, provider, api } = stage;
    await page.goto(stage.site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    assert.match(provider.issued.pushed.at(-1).dpop_jkt, /^[\w-]{43}$/);
    api.renewNonce();
    await page.click('button', 'Me');
    await page.see('Told: 200');
    await page.click('button', 'Renew');
    await page.see('Told: alice');
    await page.reload();
    await stage.restored();
    await page.click('button', 'Me');
    await page.see('Told: 200');
    await page.click('button', 'Popup');
    await page.see('Told: alice');
  },
);

story('DPOP-04 DPOP-05 DPOP-06 P0: a proof names the method and the address as they are sent', BOUND, async (stage) => {
  const { api } = stage;
  await stage.visit();
  const port = new URL(api.url).port;
  await stage.signIn();
  const rows = [
    ["'http://LOCALHOST:' + PORT + '/v1/./a%7Eb?x=1#f'", 'GET', '/v1/a%7Eb'],
    ["api + 'a b/ü?ü'", 'GET', '/a%20b/%C3%BC'],
    ["api + 'x', { method: 'get' }", 'GET', '/x'],
    ["api + 'x', { method: 'post' }", 'POST', '/x'],
    ["api + 'x', { method: 'delete' }", 'DELETE', '/x'],
    ["api + 'x', { method: 'PATCH' }", 'PATCH', '/x'],
  ];
  for (const [call, htm, path] of rows) {
    const told = await codeOf(stage, call.replace('PORT', `'${port}'`));
    const [proof, ...others] = shown(stage);
    assert.equal(others.length, 0);
    assert.deepEqual([told, proof?.htm, proof?.htu], ['404', htm, `http://localhost:${port}${path}`], call);
    assert.equal(proof.method, htm, 'as it was sent');
  }
});

story('DPOP-29 DPOP-30 P0: a redirect gets neither the token nor a proof', BOUND, async (stage) => {
  const { api } = stage;
  await stage.signIn();
  api.redirect('/me', `${api.url}photos`);
  assert.equal(await codeOf(stage, CALL), 'network_error');
  assert.equal(shown(stage).length, 1);
  assert.equal(await codeOf(stage, "api + 'me', { headers: { DPoP: 'x' } }"), 'request_blocked');
});

story('DPOP-65 P1: a header that the API hides from pages is named', BOUND, async (stage) => {
  const { api, page } = stage;
  await stage.signIn();
  api.settings.exposes = false;
  api.renewNonce();
  assert.equal(await codeOf(stage, CALL), 'dpop_error');
  const hint = await page.run("async () => client.fetch(api + 'me').catch(({ hint }) => hint)");
  assert.match(hint, /`DPoP-Nonce` in `Access-Control-Expose-Headers`/);
  api.settings.exposes = true;
  assert.equal(await codeOf(stage, CALL), '200');
});

story(
  'DPOP-28 P0: a script with a port of its own gets nothing signed, and no key',
  { ...BOUND, scripts: { ...OPEN.scripts, ...ATTACKER } },
  async (stage) => {
    const { page, site } = stage;
    await stage.signIn();
    assert.deepEqual(await page.run('async () => (await indexedDB.databases?.() ?? []).map(({ name }) => name)'), []);
    const told = await attack(
      stage,
      `async ({ openAs, honest }, config, url) => {
        const port = await openAs({ ...honest(config), dpop: 'required' });
        const dropped = ['proof', 'sign', 'adopt', 'recall', 'makeKey', 'exportKey', 'key', 'deposit'];
        const all = dropped.map((op) => port.ask(op, { url, method: 'GET', data: 'x', keys: [], jwk: '{}' }));
        all.push(port.ask('signed', { of: 'x', text: '{}' }));
        const said = (await Promise.all(all)).map(({ value, error }) => error ?? value ?? null);
        return [await port.session(), port.refused ?? null, said];
      }`,
      site.settings.config,
      stage.api.url,
    );
    assert.deepEqual(told, ['alice', null, Array(9).fill(null)], 'the same client, and no answer');
    assert.equal(await codeOf(stage, CALL), '200');
  },
);

story(
  'DPOP-02 P0: even where the page holds its tokens, no format exports the private key',
  {
    ...BOUND,
    homes: ['page'],
    attack: `
      globalThis.pairs = [];
      const { generateKey } = SubtleCrypto.prototype;
      SubtleCrypto.prototype.generateKey = async function (...args) {
        const pair = await generateKey.apply(this, args);
        globalThis.pairs.push(pair);
        return pair;
      };`,
  },
  async (stage) => {
    await stage.signIn();
    const told = await stage.page.run(`async () => {
      const told = [];
      for (const { privateKey } of pairs)
        for (const format of ['jwk', 'pkcs8', 'raw', 'spki'])
          told.push(await crypto.subtle.exportKey(format, privateKey).then(() => 'exported', ({ name }) => name));
      return told;
    }`);
    assert.ok(told.length >= 4);
    assert.deepEqual([...new Set(told)], ['InvalidAccessError']);
    assert.equal(await codeOf(stage, CALL), '200');
  },
);

story(
  'DPOP-66 P0: an app that names no option gets bound tokens where the provider offers them',
  { ...OPEN, provider: (options) => startProvider({ ...options, bound: 'offered' }), homes: HOMES, everyEngine: true },
  async (stage) => {
    const { place, provider } = stage;
    await stage.signIn();
    assert.equal(await codeOf(stage, CALL), '200');
    // Such an app attaches tokens to its own requests.
    const isBound = place.home !== 'page';
    assert.equal(shown(stage).length, isBound ? 1 : 0);
    assert.equal(provider.count('pushed'), 1);
  },
);

story(
  'DPOP-78 P1: an app may ask for keys on Ed25519',
  { ...BOUND, config: { dpopAlgorithm: 'Ed25519', dpop: 'required' }, homes: HOMES, differs: ['ed25519'] },
  async (stage) => {
    const { page } = stage;
    const expected = stage.lacks('ed25519') ? 'ES256' : 'Ed25519';
    await stage.signIn();
    assert.equal(await codeOf(stage, CALL), '200');
    await page.run('async () => void (await client.refresh())');
    assert.equal(await codeOf(stage, CALL), '200');
    await page.reload();
    await stage.restored();
    assert.equal(await codeOf(stage, CALL), '200');
    assert.deepEqual([...new Set(shown(stage).map(({ alg }) => alg))], [expected]);
  },
);

story(
  'DPOP-78 P1: with a guard, a key on Ed25519 goes to the vault as well',
  {
    provider: strict,
    scripts: app({ exposed: true, buttons: { Me: "client.fetch(config.api[0] + 'me')", Renew: 'client.refresh()' } }),
    guard: { scope: 'openid profile', dpop: 'required', dpopAlgorithm: 'Ed25519' },
    differs: ['ed25519'],
    everyEngine: true,
  },
  async (stage) => {
    const { page } = stage;
    const expected = stage.lacks('ed25519') ? 'ES256' : 'Ed25519';
    await page.goto(stage.site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    await page.click('button', 'Me');
    await page.see('Told: 200');
    await page.click('button', 'Renew');
    await page.see('Told: alice');
    assert.deepEqual([...new Set(shown(stage).map(({ alg }) => alg))], [expected]);
  },
);
