/** Invalid ID Tokens: the most severe rows of `tests/cases/idt.md`, with signatures checked by the browser. */
import assert from 'node:assert/strict';
import { constants, createHash, createHmac, randomBytes, sign } from 'node:crypto';
import { certificate } from '../support/certificate.mjs';
import { HOSTILE, ON_HOST, call, outcome, play, signIn, signedIn } from '../support/cases.mjs';
import { answers, signingKey } from '../support/hostile.mjs';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

/** Valid claims with some members replaced; `undefined` removes a member. */
const claims = (members) => ({ claims: (honest) => ({ ...honest, ...members(honest) }) });
const header = (members) => ({ header: (honest) => ({ ...honest, ...members }) });

/** The provider publishes its RSA key with some members replaced. */
const r1 = (members) => ({ keys: ([rsa, ...more]) => [{ ...rsa, ...members }, ...more] });

story('IDT P0: an ID Token with wrong claims signs no user in', ON_HOST, async (stage) => {
  const { provider } = stage;
  const { issuer } = provider;
  const foreign = [`${issuer}/`, `${issuer}.evil.test`, issuer.slice(0, -1), issuer.replace('http://', ''), [issuer]];
  const rows = [
    ['IDT-10', claims(() => ({ iss: 'https://evil.test' }))],
    ['IDT-11', claims(() => ({ iss: undefined }))],
    ...foreign.map((iss) => ['IDT-12', claims(() => ({ iss }))]),
    ['IDT-13', claims(() => ({ aud: 'other' }))],
    ['IDT-16', claims(({ aud }) => ({ aud: [aud, 'other'] }))],
    ['IDT-18', claims(({ aud }) => ({ aud: [aud, 'other'], azp: 'other' }))],
    ['IDT-21', claims(({ iat }) => ({ exp: iat - 301 }))],
    ...[String, () => true, () => null, (exp) => [exp], () => ({})].map((as) => [
      'IDT-24',
      claims(({ exp }) => ({ exp: as(exp) })),
    ]),
    ['IDT-27', claims(({ iat }) => ({ nbf: iat + 360 }))], // not 301, because the token takes some time to arrive
    ['IDT-27', claims(() => ({ nbf: 'x' }))],
    ['IDT-28', claims(() => ({ iat: undefined }))],
    ['IDT-28', claims(({ iat }) => ({ iat: String(iat) }))],
    ['IDT-32', claims(() => ({ nonce: 'x' }))],
    ['IDT-33', claims(() => ({ nonce: undefined }))],
    ['IDT-36', claims(() => ({ sub: undefined }))],
    ['IDT-38', claims(() => ({ at_hash: randomBytes(16).toString('base64url') }))],
  ];
  for (const [id, change] of rows) await play(stage, id, change);

  // A token that this client received earlier, for Alice or for Bob, is replayed.
  for (const [id, user] of [
    ['IDT-34', 'alice'],
    ['IDT-77', 'bob'],
  ]) {
    let earlier;
    const before = async () => {
      provider.user = user;
      provider.change = { token: (honest) => (earlier = honest) };
      assert.equal(await signIn(stage), 'ok', id);
      assert.equal(await outcome(stage, 'async () => client.signOut()'), 'ok', id);
      provider.user = 'alice';
    };
    await play(stage, id, { token: () => earlier }, { before });
  }
});

story('IDT P0: a malformed or altered ID Token signs no user in', ON_HOST, async (stage) => {
  const rows = [
    ['IDT-49', { claims: (honest) => JSON.stringify(honest).replace(/}$/, ',"sub":"bob"}') }],
    ['IDT-49', { claims: (honest) => JSON.stringify(honest).replace(/}$/, ',"s\\u0075b":"bob"}') }],
    ['IDT-49', { header: (honest) => JSON.stringify(honest).replace(/}$/, ',"alg":"RS256"}') }],
    ...[{ crit: ['exp'] }, { crit: ['b64'], b64: false }, { crit: [] }, { crit: 'x' }, { crit: ['x', 'x'] }].map(
      (members) => ['IDT-51', header(members)],
    ),
    ...['at+jwt', 'logout+jwt', 'dpop+jwt', 'secevent+jwt'].map((typ) => ['IDT-74', header({ typ })]),
  ];
  for (const [id, change] of rows) await play(stage, id, change);

  // The host tests play ten thousand changes at random places; here one of each kind in each part is enough.
  const changes = [
    (part) => part.replace(/^(.{9})(.)/, (_, start, letter) => start + (letter === 'A' ? 'B' : 'A')),
    (part) => part.replace(/^.{9}/, '$&A'),
    (part) => part.replace(/^(.{9})./, '$1'),
  ];
  for (const change of changes) {
    for (const which of [0, 1, 2]) {
      const changed = (jwt) =>
        jwt
          .split('.')
          .map((part, place) => (place === which ? change(part) : part))
          .join('.');
      await play(stage, 'IDT-79', { token: (honest) => ({ ...honest, id_token: changed(honest.id_token) }) });
    }
  }
});

story('IDT P0: an ID Token with an unsafe algorithm or a wrong signature signs no user in', HOSTILE, async (stage) => {
  const { provider } = stage;
  const { RS256, ES256 } = provider.keys;
  const signature = (change) => ({ key: { ...ES256, sign: (signed) => change(ES256.sign(signed), signed) } });
  const hmac = (secret, kid = 'r1') => ({
    alg: 'HS256',
    kid,
    sign: (signed) => createHmac('sha256', secret()).update(signed).digest(),
  });
  const pem = (type) => RS256.publicKey.export({ type, format: 'pem' });
  const known = [
    () => '',
    () => provider.last('/token').form.client_id,
    () => pem('pkcs1'),
    () => pem('spki'),
    () => `\n${pem('spki')}`,
    () => RS256.publicKey.export({ type: 'spki', format: 'der' }),
    () => JSON.stringify(RS256.jwk),
  ];
  const unlisted = signingKey('ES384', 'e2');
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const [zero, one] = [Buffer.alloc(32), Buffer.alloc(32, 1)];
  const rows = [
    ['IDT-02', signature((honest) => ((honest[40] ^= 1), honest))],
    ...known.map((secret) => ['IDT-03', { key: hmac(secret) }]),
    ...['none', 'None', 'NONE', 'nOnE'].flatMap((alg) =>
      [0, 256].map((octets) => ['IDT-04', { key: { alg, kid: 'r1', sign: () => randomBytes(octets) } }]),
    ),
    ['IDT-05', { key: unlisted, keys: (honest) => [...honest, unlisted.jwk] }],
    [
      'IDT-68',
      {
        key: hmac(() => 'secret', 'o1'),
        keys: (honest) => [...honest, { kty: 'oct', kid: 'o1', k: Buffer.from('secret').toString('base64url') }],
      },
    ],
    ...[
      [zero, zero],
      [zero, one],
      [one, zero],
      [order, one],
      [one, order],
    ].map((halves) => ['IDT-72', signature(() => Buffer.concat(halves))]),
    [
      'IDT-72',
      signature((_, signed) => sign('sha256', Buffer.from(signed), { key: ES256.privateKey, dsaEncoding: 'der' })),
    ],
    ['IDT-72', signature((honest) => honest.subarray(0, 63))],
    ['IDT-72', signature((honest) => Buffer.concat([honest, Buffer.of(0)]))],
  ];
  for (const [id, change] of rows) await play(stage, id, change);
});

story('IDT P0: an ID Token with an unsuitable or embedded key signs no user in', HOSTILE, async (stage) => {
  const { RS256, ES256 } = stage.provider.keys;
  const padded = { key: RS256.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const pss = { ...RS256, alg: 'PS256', sign: (signed) => sign('sha256', Buffer.from(signed), padded) };
  const listed = (algs) => ({ metadata: (honest) => ({ ...honest, id_token_signing_alg_values_supported: algs }) });
  const own = signingKey('ES256', 'mine');
  const chained = certificate('as.test');
  const chain = chained.cert.replace(/-----.+-----|\n/g, '');
  const byChain = {
    alg: 'ES256',
    kid: 'mine',
    sign: (signed) => sign('sha256', Buffer.from(signed), { key: chained.key, dsaEncoding: 'ieee-p1363' }),
  };
  const weak = signingKey('RS256', 'r1', { modulusLength: 1024 });
  // With the exponent one, the padded hash is its own signature (RFC 8017 §9.2).
  const hashed = (signed) =>
    Buffer.concat([
      Buffer.from('3031300d060960864801650304020105000420', 'hex'),
      createHash('sha256').update(signed).digest(),
    ]);
  const plain = {
    ...RS256,
    sign: (signed) => Buffer.concat([Buffer.of(0, 1), Buffer.alloc(202, 0xff), Buffer.of(0), hashed(signed)]),
  };
  const names = ['../../x', "' OR 1=1--", '__proto__', 'constructor', '', 1, 'k'.repeat(100_000)]; // `null` counts as absent
  const rows = [
    ['IDT-08', { key: pss, ...listed(['RS256', 'PS256']) }],
    ['IDT-08', { keys: () => [{ ...ES256.jwk, kid: 'r1' }] }],
    ['IDT-52', { key: own, ...header({ jwk: own.jwk }) }],
    ['IDT-52', { key: { ...own, kid: 'e1' }, ...header({ jwk: own.jwk }) }, 'signature'],
    ['IDT-54', { key: byChain, ...header({ x5c: [chain] }) }],
    ...names.map((kid) => ['IDT-55', header({ kid })]),
    ['IDT-65', r1({ use: 'enc' })],
    ['IDT-65', r1({ key_ops: ['sign'] })],
    ['IDT-66', { key: weak, ...r1(weak.jwk) }],
    ['IDT-66', { key: plain, ...r1({ e: 'AQ' }) }],
    ['IDT-66', r1({ e: 'Ag' })],
  ];
  for (const [id, change, reason] of rows) await play(stage, id, change, { reason });
});

story('IDT P0: keys are fetched again, but only from `jwks_uri` and not without limit', HOSTILE, async (stage) => {
  const { page, provider, site } = stage;
  const rotated = signingKey('ES256', 'e2');
  const asked = () => provider.count('/jwks');

  await signedIn(stage);
  let before = asked();
  provider.change = { key: rotated, keys: () => [rotated.jwk], refreshedClaims: (honest) => honest };
  assert.equal(await outcome(stage, 'async () => client.refresh()'), 'ok', 'IDT-58');
  assert.equal(asked() - before, 1, 'IDT-58: RQ1');

  let shown = 0;
  await play(
    stage,
    'IDT-59',
    { key: rotated, keys: (honest) => (shown++ === 0 ? honest : [rotated.jwk]) },
    {
      then: async (run) =>
        assert.equal(run.filter(({ place }) => place === '/jwks').length, 2, 'IDT-59: one more request'),
    },
  );

  const evil = await startStranger();
  site.settings.connect.push(evil.url);
  try {
    await play(stage, 'IDT-69', { instead: { '/jwks': answers.redirect(302, `${evil.url}jwks`) } });
    assert.deepEqual(evil.taken, [], 'IDT-69: evil sees no request');
  } finally {
    await evil.close();
  }

  // The page stays, so the vault remembers when it last fetched the keys.
  before = asked();
  const began = Date.now();
  await signedIn(stage);
  for (let token = 1; token <= 100; token += 1) {
    provider.change = header({ kid: `unknown-${token}` });
    const became = await page.run(
      `async () => client.signIn({ mode: 'silent' }).then(() => 'ok', ({ message }) => message)`,
    );
    assert.equal(became, 'the ID Token is not acceptable: key', 'IDT-60');
  }
  const minutes = Math.ceil((Date.now() - began) / 60_000);
  assert.ok(asked() - before <= 2 * minutes, `IDT-60: ${asked() - before} requests in ${minutes} min`);
  assert.equal(await call(stage), 'ok', 'IDT-60: NS');
  provider.change = {};
  assert.equal(await signIn(stage), 'ok', 'IDT-60: afterwards');
});
