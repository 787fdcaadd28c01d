/** The command that checks a provider and APIs from outside of a page. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startApi } from '../support/api.mjs';
import { command } from '../support/command.mjs';
import { answers, startHostile } from '../support/hostile.mjs';
import { startProvider } from '../support/provider.mjs';

const ORIGIN = 'http://localhost:5173';
let provider;
let bound;
let hostile;
let api;

before(async () => {
  provider = await startProvider({ origins: [ORIGIN] });
  bound = await startProvider({ origins: [ORIGIN], bound: true });
  hostile = await startHostile({ origins: [ORIGIN] });
  api = await startApi({ provider, origins: [ORIGIN] });
});
after(() => Promise.all([provider, bound, hostile, api].map((server) => server.close())));

const ask = (issuer, ...more) => command('doctor', issuer, '--client-id', 'demo', '--origin', ORIGIN, ...more);

test('a healthy provider gives the exit code 0, and gets no request that it could act on', async () => {
  const page = `${ORIGIN}/callback`;
  const { code, out, error } = await ask(provider.issuer, '--redirect-uri', page, '--api', api.url);
  assert.equal(code, 0, out + error);
  assert.match(out, /^✓ .*metadata are at/m);
  assert.match(out, /^✓ .*redirect URI is http:\/\/localhost:5173\/callback/m);
  assert.match(out, /^! warning: .*offline_access[\s\S]*?fix: .*`offline_access`/m);
  assert.match(out, /^0 errors, \d+ warnings/m);
  const { out: json } = await ask(provider.issuer, '--json');
  const findings = JSON.parse(json);
  for (const { check, level, about, source } of findings) assert.ok(check && level && about && source);
  assert.equal(provider.count('authorization'), 0);
  assert.deepEqual(provider.issued.secrets(), []);
  const strict = await ask(bound.issuer, '--json');
  assert.equal(strict.code, 0, strict.out);
  const checks = JSON.parse(strict.out).map(({ check, level }) => `${check} ${level}`);
  assert.ok(checks.includes('cors.par ok') && checks.includes('headers.dpop_nonce ok'), strict.out);
});

test('a provider that does not know the origin or the client is named with the header that is missing', async () => {
  const other = await command('doctor', provider.issuer, '--client-id', 'demo', '--origin', 'https://app.test');
  assert.equal(other.code, 1);
  assert.match(
    other.out,
    /✗ error: The token endpoint .*`Access-Control-Allow-Origin: https:\/\/app\.test` is missing/,
  );
  assert.match(other.out, /breaks: Every sign-in fails/);
  const unknown = await command('doctor', provider.issuer, '--client-id', 'unknown', '--origin', ORIGIN);
  assert.equal(unknown.code, 1);
  assert.match(unknown.out, /does not accept the client unknown/);
});

test('the report has the findings in groups, the worst first', async () => {
  hostile.change = {
    metadata: (honest) => ({ ...honest, code_challenge_methods_supported: ['plain'] }),
    instead: { '/revoke': answers.closed },
  };
  const { out } = await ask(hostile.issuer);
  const groups = out.trimEnd().split('\n\n');
  const signs = groups.map((group) => group.match(/^\S/gm).join(''));
  assert.match(signs.join(' '), /^✗+ !+ (\?+ )?✓+ 1$/, out);
  assert.match(groups.at(-1), /^1 errors, /);
  const { out: json } = await ask(hostile.issuer, '--json');
  const levels = JSON.parse(json).map(({ level }) => level);
  for (const [sign, level] of Object.entries({ '✗': 'error', '!': 'warning', '?': 'unknown', '✓': 'ok' })) {
    const shown = signs.join('').split(sign).length - 1;
    assert.equal(shown, levels.filter((one) => one === level).length, level);
  }
  hostile.change = {};
});

test('the header that a preflight or a response lacks is named', async () => {
  const metadata = (members) => ({ metadata: (honest) => ({ ...honest, ...members }) });
  const rows = [
    [
      metadata({ dpop_signing_alg_values_supported: ['ES256'] }),
      1,
      /preflight\): `Access-Control-Allow-Headers: dpop` is missing/,
    ],
    [metadata({ issuer: 'https://evil.test' }), 1, /the metadata say https:\/\/evil\.test/],
    [metadata({ code_challenge_methods_supported: ['plain'] }), 1, /without `S256`/],
    [
      { instead: { '/jwks': answers.redirect(302, 'https://cdn.test/keys') } },
      1,
      /is a redirect to https:\/\/cdn\.test\/keys/,
    ],
    [{ instead: { '/jwks': answers.drop } }, 1, /address of the keys .* does not answer: /],
    [{ instead: { '/revoke': answers.closed } }, 0, /! warning: The revocation endpoint/],
    [metadata({ jwks_uri: 'http://localhost:1/\u001b[31mred' }), 1, /does not answer/],
  ];
  for (const [change, expected, pattern] of rows) {
    hostile.change = change;
    const { code, out } = await ask(hostile.issuer);
    assert.match(out, pattern);
    assert.equal(code, expected, out);
    assert.ok(!out.includes('\u001b'), 'no control character of a server');
  }
  hostile.change = {};
  const api = await ask(hostile.issuer, '--api', `${hostile.issuer}/api/1/me`, '--api', 'http://localhost:1/');
  assert.match(api.out, /The API \(http:\/\/localhost:\d+\/api\/1\/me\) lets the page read/);
  assert.match(api.out, /The API \(http:\/\/localhost:1\/\) does not answer/);
  assert.equal(api.code, 1);
});

test('a mistake at the command line is named', async () => {
  const rows = [
    [['doctor'], /usage/],
    [['doctor', 'https://id.test'], /--client-id is missing/],
    [['doctor', 'https://id.test', '--client-id', 'a'], /--origin is missing/],
    [['doctor', 'https://id.test', '--client-id', 'a', '--origin', 'https://app.test/page'], /no origin/],
    [['doctor', 'https://id.test', '--client-id', 'a', '--origin', 'https://app.test', '--dpop', 'maybe'], /--dpop/],
  ];
  for (const [parameters, expected] of rows) {
    const { code, error } = await command(...parameters);
    assert.equal(code, 1);
    assert.match(error, expected);
    assert.doesNotMatch(error, /\bat .*:\d+:\d+/, 'no stack');
  }
  const page = await ask(provider.issuer, '--redirect-uri', 'https://elsewhere.test/');
  assert.match(page.out, /not on the page’s origin/);
});
