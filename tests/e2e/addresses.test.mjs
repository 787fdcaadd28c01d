/**
 * The addresses that receive a token, as the browser's own parser reads them.
 *
 * Every host name resolves to this machine, where a server records each request and its host. A request reaches a
 * listed address, exactly as the parser writes it, or no request is sent.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startEcho } from '../support/echo.mjs';
import { OPEN } from '../support/open_app.mjs';
import { Stage } from '../support/stage.mjs';

/** A page that accepts any base URL and the given cases. */
const options = (cases, api, hostsAt) => ({
  hostsAt,
  config: { api },
  policies: {
    page: "default-src 'self'; script-src 'self'; img-src data:",
    worker: "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' https: http://localhost:*",
  },
  scripts: { ...OPEN.scripts, '/cases.js': `globalThis.cases = ${JSON.stringify(cases)};` },
});

/**
 * Calls each address, relative to its base if it has one.
 * @param {{ input: string, base?: string }[]} cases @param {string[]} api
 * @returns {Promise<{ href: string | null, outcome: string, asked: string[] }[]>} `href` as the browser's parser writes
 *   it
 */
async function ask(cases, api) {
  const echo = await startEcho({ scheme: 'https' });
  const stage = await Stage.open(options(cases, api, echo.port));
  try {
    stage.site.settings.before = '<script src="/cases.js"></script>';
    await stage.signIn();
    await stage.page.driver.manage().setTimeouts({ script: 90_000 });
    const answers = await stage.page.run(`async () => {
      const element = document.head.appendChild(document.createElement('base'));
      const answers = [];
      for (const [index, { input, base }] of cases.entries()) {
        if (base) element.setAttribute('href', base); else element.removeAttribute('href');
        let href = null;
        try { href = new URL(input, document.baseURI).href; } catch { /* no address at all */ }
        const outcome = await client.fetch(input, { headers: { 'x-case': String(index) } }).then(
          (response) => response.url === href.split('#')[0] ? 'sent' : 'sent to ' + response.url,
          (error) => error instanceof ValetKeyError ? error.code : String(error),
        );
        answers.push({ href, outcome });
      }
      return answers;
    }`);
    assert.deepEqual(await stage.tokensFound(), []);
    return answers.map((answer, index) => ({
      ...answer,
      asked: echo.seen
        .filter(({ headers }) => headers['x-case'] === String(index))
        .map(({ host, url }) => `https://${host}${url}`),
    }));
  } finally {
    await stage.close();
    await echo.close();
  }
}

const API = 'https://api.test/v1/';
const APP = 'https://app.test/';

test('FETCH-01 to FETCH-18 P0: calls resolve addresses as the browser does', { timeout: 120_000 }, async () => {
  const rows = [
    ['FETCH-01', 'https://api.test/v1/x', 'sent'],
    ...[
      'https://api.test.evil.com/v1/x',
      'https://api.testevil.com/v1/',
      'https://evil-api.test/v1/',
      'https://xapi.test/v1/',
    ].map((url) => ['FETCH-02', url]),
    ...[
      'https://evil.com/https://api.test/v1/',
      'https://evil.com/?u=https://api.test/v1/',
      'https://evil.com/#https://api.test/v1/',
    ].map((url) => ['FETCH-03', url]),
    ...['https://api.test@evil.com/v1/', 'https://api.test%40evil.com/v1/', 'https://user:pw@api.test/v1/x'].map(
      (url) => ['FETCH-04', url],
    ),
    ['FETCH-05', 'https://api.test:8443/v1/x'],
    ['FETCH-05', 'https://api.test:443/v1/x', 'sent'],
    ['FETCH-08', 'https://evil.com/x', 'request_blocked', API],
    ['FETCH-08', 'x', 'sent', API],
    ...[
      'HTTPS://API.TEST/v1/x',
      'https:\\\\api.test\\v1\\x',
      'https:///api.test/v1/x',
      '  https://api.test/v1/x\n',
      'https://api.test/v1/a\tb',
    ].map((url) => ['FETCH-09', url, 'sent']),
    ...['https:/api.test/v1/x', 'https:api.test/v1/x', 'https:evil.com'].map((url) => ['FETCH-10', url]),
    ['FETCH-12', 'https://аpi.test/v1/'],
    ...['https://ａｐｉ.test/v1/x', 'https://a\u00adpi.test/v1/x', 'https://ⓐpi.test/v1/x'].map((url) => [
      'FETCH-12',
      url,
      'sent',
    ]),
    ['FETCH-12', 'https://a\u200dpi.test/v1/x', 'either'],
    ...['https://xn--api-.test/v1/', 'https://api.test.xn--/v1/'].map((url) => ['FETCH-13', url]),
    ...[
      'https://api.test/v1/../admin',
      'https://api.test/v1/%2e%2e/admin',
      'https://api.test/v1/.%2E/admin',
      'https://api.test/v1/%2e%2e%2fadmin',
      'https://api.test/v1/..%5cadmin',
      'https://api.test/v1/..;/admin',
    ].map((url) => ['FETCH-14', url]),
    ['FETCH-15', 'https://api.test/v1', 'sent'],
    ...['https://api.test/v10/x', 'https://api.test/v1x', 'https://api.test/V1/x'].map((url) => ['FETCH-15', url]),
    ...['https://api.test\\@evil.com/v1/', 'https://evil.com\\@api.test/v1/', 'https://api.test\\.evil.com/v1/'].map(
      (url) => ['FETCH-16', url],
    ),
    ['FETCH-17', '/v1/x'],
    ...['data:,x', 'blob:https://api.test/v1/', 'file:///v1/', 'javascript:1', 'about:blank', '', 'https://'].map(
      (url) => ['FETCH-18', url],
    ),
  ];
  const answers = await ask(
    rows.map(([, input, , base = APP]) => ({ input, base })),
    [API],
  );
  for (const [index, [id, input, expected = 'request_blocked']] of rows.entries()) {
    const { href, outcome, asked } = answers[index];
    const label = `${id} ${JSON.stringify(input)}, which is ${href}`;
    if (expected !== 'either') assert.equal(outcome, expected, label);
    assert.deepEqual(asked, outcome === 'sent' ? [href.split('#')[0]] : [], label);
    assert.ok(outcome !== 'sent' || href === API.slice(0, -1) || href.startsWith(API), label);
  }
});

const text = await readFile(new URL('../../../shared/data/urltestdata.json', import.meta.url), 'utf8').catch(
  () => null,
);

test('calls follow the WHATWG URL test data: each request goes to a listed address as the browser’s parser writes it, or is not sent', {
  timeout: 300_000,
  skip: text === null && 'urltestdata.json is not here',
}, async () => {
  // Most of the data is about http, whose rules equal those of https except for the default port.
  const secure = (url) => url?.replace(/^http:/i, 'https:');
  const cases = JSON.parse(text)
    .filter((one) => typeof one === 'object')
    .map(({ input, base }) => ({ input: secure(input), base: secure(base ?? undefined) }));
  const origins = new Set();
  for (const { input, base } of cases) {
    if (!URL.canParse(input, base ?? APP)) continue;
    const { origin } = new URL(input, base ?? APP);
    if (/^https:\/\/([\w.-]+|\[[\da-f:]+\])(:[1-9]\d*)?$/.test(origin)) origins.add(origin);
  }
  const answers = await ask(cases, [...origins]);
  const count = {};
  for (const [index, { href, outcome, asked }] of answers.entries()) {
    const label = `${JSON.stringify(cases[index])}, which is ${href}`;
    count[outcome] = (count[outcome] ?? 0) + 1;
    assert.deepEqual(asked, outcome === 'sent' ? [href.split('#')[0]] : [], label);
    assert.match(outcome, /^(sent|request_blocked|network_error)$/, label);
    // Each request that is sent, or would be sent if the network allowed it, goes to a listed address.
    if (outcome !== 'request_blocked') assert.ok(origins.has(new URL(href).origin), label);
  }
  assert.ok(count.sent > 100 && count.request_blocked > 100, JSON.stringify(count));
});
