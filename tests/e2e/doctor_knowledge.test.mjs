/** What the doctor says of each outcome, and how it reads a Content-Security-Policy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CHECKS, ENDPOINTS, finding } from '../../pkg/doctor/knowledge.js';
import { allows, allowsTrustedType, allowsWasm, policiesOf } from '../../pkg/doctor/policy.js';
import { clock, redirectUri, wellKnown } from '../../pkg/doctor/provider.js';

const FACTS = Object.fromEntries(
  [
    ...[
      'url',
      'origin',
      'issuer',
      'bare',
      'expected',
      'received',
      'member',
      'value',
      'to',
      'detail',
      'status',
      'type',
      'of',
    ],
    ...[
      'method',
      'clientId',
      'code',
      'message',
      'hint',
      'directive',
      'headers',
      'version',
      'origins',
      'folder',
      'flaw',
      'seconds',
    ],
  ].map((name) => [name, `https://${name.toLowerCase()}.test/`]),
);

test('each outcome that is not good says what to change, and the types name each check', async () => {
  for (const [check, { outcomes }] of Object.entries(CHECKS)) {
    const endpoint = check === 'cors' || check.startsWith('headers.') ? Object.keys(ENDPOINTS) : [undefined];
    for (const outcome of Object.keys(outcomes)) {
      for (const name of endpoint) {
        const one = finding(check, outcome, { ...FACTS, values: ['a'], endpoint: name });
        assert.ok(one.about && one.source, `${check} ${outcome}`);
        assert.doesNotMatch(`${one.about} ${one.breaks} ${one.fix}`, /undefined|null|\[object/, `${check} ${outcome}`);
        if (one.level !== 'ok') assert.ok(one.fix, `${check} ${outcome}: a fix`);
        if (one.level === 'error' || one.level === 'warning') assert.ok(one.breaks, `${check} ${outcome}: what breaks`);
        if (one.level === 'ok') assert.equal(one.breaks + one.fix, '');
      }
    }
  }
  const types = await readFile(new URL('../../pkg/doctor/index.d.ts', import.meta.url), 'utf8');
  const named = [...types.split('export type Check')[1].matchAll(/\| '([\w.]+)'/g)].map(([, name]) => name);
  const known = Object.keys(CHECKS).flatMap((check) =>
    check === 'cors' ? Object.keys(ENDPOINTS).map((name) => `cors.${name}`) : [check],
  );
  assert.deepEqual(named.sort(), known.sort());
});

test('outside of a page, a diagnosis is a config_error that names the command', async () => {
  const { diagnose } = await import('../../pkg/doctor/index.js');
  await assert.rejects(diagnose({}), { name: 'ValetKeyError', code: 'config_error', hint: /npx valet-key doctor/ });
});

test('a policy allows and forbids what a browser would', () => {
  const origin = 'https://app.test';
  const rows = [
    ["default-src 'none'", 'connect-src', 'https://id.test/', false],
    ["script-src 'self'", 'connect-src', 'https://id.test/', true],
    ["connect-src 'self' https://id.test", 'connect-src', 'https://id.test/token', true],
    ['connect-src https://id.test/token', 'connect-src', 'https://id.test/jwks', false],
    ['connect-src https://id.test/o/', 'connect-src', 'https://id.test/o/token', true],
    ['connect-src *.test', 'connect-src', 'https://id.test/', true],
    ['connect-src *.test', 'connect-src', 'http://id.test/', false],
    ['connect-src https:', 'connect-src', 'https://id.test/', true],
    ['connect-src http://localhost:*', 'connect-src', 'http://localhost:8080/', true],
    ['connect-src http://localhost', 'connect-src', 'http://localhost:8080/', false],
    ["connect-src 'self', default-src https:", 'connect-src', 'https://id.test/', false],
    ["child-src 'none'; script-src 'self'", 'worker-src', 'https://app.test/w.js', false],
    ["script-src 'self'", 'worker-src', 'https://app.test/w.js', true],
    ["default-src 'none'; frame-src *", 'frame-src', 'https://id.test/', true],
  ];
  for (const [text, directive, url, expected] of rows)
    assert.equal(allows(policiesOf(text), directive, url, origin), expected, `${text} ${url}`);
  assert.equal(allowsWasm(policiesOf("script-src 'self' 'wasm-unsafe-eval'")), true);
  assert.equal(allowsWasm(policiesOf("default-src 'self'")), false);
  assert.equal(allowsWasm(policiesOf(null)), true);
  assert.equal(allowsTrustedType(policiesOf("require-trusted-types-for 'script'"), 'valet-key'), true);
  assert.equal(allowsTrustedType(policiesOf("trusted-types 'none'"), 'valet-key'), false);
});

test('addresses of metadata, redirect URIs and clocks', () => {
  assert.deepEqual(wellKnown('https://id.test/realm/', true), [
    'https://id.test/realm/.well-known/openid-configuration',
    'https://id.test/.well-known/oauth-authorization-server/realm',
    'https://id.test/.well-known/openid-configuration/realm',
  ]);
  assert.equal(wellKnown('https://id.test', true).length, 2);
  const level = (text) => redirectUri(text, 'https://app.test', false).level;
  assert.deepEqual(['https://app.test/cb', 'https://app.test/cb?a=1', 'https://app.test/#', 'app.test'].map(level), [
    'ok',
    'warning',
    'error',
    'error',
  ]);
  const at = (seconds, age) => clock(new Date(Date.now() - seconds * 1000).toUTCString(), 'id.test', age).level;
  assert.deepEqual([at(0), at(120), at(-600), at(600, '600')], ['ok', 'warning', 'error', 'ok']);
  assert.equal(clock(null, 'id.test').level, 'unknown');
});
