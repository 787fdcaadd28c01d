/** `client.fetch` compared with the browser's own `fetch`: what the server receives, and what the page gets. */
import assert from 'node:assert/strict';
import { startEcho } from '../support/echo.mjs';
import { OPEN, list } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** Label, input and init, as the page writes them: `at` is the API's address, `octets(n)` are n bytes. */
const ROWS = [
  ['GET, a string', `at + 'x'`],
  ['GET, a URL', `new URL('x?y=1#z', at)`],
  ['GET, a Request', `new Request(at + 'x')`],
  ['GET, an object with toString()', `{ toString: () => at + 'x' }`],
  ['GET, an address that the parser rewrites', `at.toUpperCase().replace('/V1/', '/v1/') + 'a b/%7e/ü?q="\\''`],
  ['GET with headers of an object', `at + 'x'`, `{ headers: { 'X-One': '1', accept: 'text/plain' } }`],
  ['GET with headers of an array', `at + 'x'`, `{ headers: [['x-one', '1'], ['x-one', '2']] }`],
  ['GET with Headers', `at + 'x'`, `{ headers: new Headers({ 'accept-language': 'tlh' }) }`],
  ['GET with forbidden headers', `at + 'x'`, `{ headers: { host: 'evil.test', 'x-one': '1' } }`],
  ['GET that bypasses the cache', `at + 'x'`, `{ cache: 'no-store' }`],
  ['GET that revalidates', `at + 'x'`, `{ cache: 'no-cache' }`],
  ['GET with credentials', `at + 'x'`, `{ credentials: 'include' }`],
  ['GET without credentials', `at + 'x'`, `{ credentials: 'omit' }`],
  ['GET without a referrer', `at + 'x'`, `{ referrer: '' }`],
  ['GET with another referrer policy', `at + 'x'`, `{ referrerPolicy: 'origin' }`],
  ['GET that outlives the page', `at + 'x'`, `{ keepalive: true }`],
  ['GET with a priority', `at + 'x'`, `{ priority: 'high' }`],
  ['GET with a signal', `at + 'x'`, `{ signal: new AbortController().signal }`],
  ['GET of a compressed text', `at + 'gzip'`],
  ['GET of a long response', `at + 'bytes/300000'`],
  ['GET of an empty response', `at + 'bytes/0'`],
  ['HEAD', `at + 'x'`, `{ method: 'HEAD' }`],
  ['OPTIONS', `at + 'x'`, `{ method: 'options' }`],
  ['POST without a body', `at + 'x'`, `{ method: 'POST' }`],
  ['POST of an empty text', `at + 'x'`, `{ method: 'POST', body: '' }`],
  ['POST of a text', `at + 'x'`, `{ method: 'POST', body: 'Grüße' }`],
  ['POST of JSON', `at + 'x'`, `{ method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } }`],
  ['POST of a form', `at + 'x'`, `{ method: 'POST', body: new URLSearchParams({ a: '1 2', b: 'ü' }) }`],
  ['POST of an ArrayBuffer', `at + 'x'`, `{ method: 'POST', body: octets(1000).buffer }`],
  ['POST of a view of an ArrayBuffer', `at + 'x'`, `{ method: 'POST', body: octets(1000).subarray(10, 500) }`],
  ['POST of a DataView', `at + 'x'`, `{ method: 'POST', body: new DataView(octets(9).buffer, 1) }`],
  ['POST of a Blob', `at + 'x'`, `{ method: 'POST', body: new Blob([octets(1000)]) }`],
  ['POST of a Blob with a type', `at + 'x'`, `{ method: 'POST', body: new Blob(['a'], { type: 'Image/PNG; x=Y' }) }`],
  ['POST of a File', `at + 'x'`, `{ method: 'POST', body: new File(['a'], 'a.txt', { type: 'text/plain' }) }`],
  ['POST of FormData', `at + 'x'`, `{ method: 'POST', body: form({ a: '1', b: 'ü' }) }`],
  [
    'POST of FormData with a File',
    `at + 'x'`,
    `{ method: 'POST', body: form({ f: new File([octets(70000)], 'f.bin') }) }`,
  ],
  ['POST of an object', `at + 'x'`, `{ method: 'POST', body: { a: 1 } }`],
  ['PUT', `at + 'x'`, `{ method: 'put', body: 'a' }`],
  ['PATCH', `at + 'x'`, `{ method: 'PATCH', body: 'a' }`],
  ['DELETE', `at + 'x'`, `{ method: 'DELETE' }`],
  ['DELETE with a body', `at + 'x'`, `{ method: 'DELETE', body: 'a' }`],
  ['a custom method', `at + 'x'`, `{ method: 'REPORT', body: 'a' }`],
  ['a Request with a body', `new Request(at + 'x', { method: 'POST', body: 'a', headers: { 'x-one': '1' } })`],
  ['a Request with FormData', `new Request(at + 'x', { method: 'POST', body: form({ a: '1' }) })`],
  ['a Request, and another method', `new Request(at + 'x', { method: 'POST', body: 'a' })`, `{ method: 'PUT' }`],
  [
    'a Request, and other headers',
    `new Request(at + 'x', { headers: { 'x-one': '1' } })`,
    `{ headers: { 'x-two': '2' } }`,
  ],
  ['a Request, and another body', `new Request(at + 'x', { method: 'POST', body: 'a' })`, `{ body: new Blob(['b']) }`],
  [
    'a Request, and no credentials',
    `new Request(at + 'x', { method: 'POST', body: 'a' })`,
    `{ credentials: 'omit', body: null }`,
  ],
  ['an init with inherited members', `at + 'x'`, `Object.create({ method: 'POST', body: 'inherited' })`],
  ...[200, 201, 202, 206, 400, 403, 404, 409, 410, 418, 422, 429, 500, 503, 599].map((status) => [
    `status ${status}`,
    `at + 'status/${status}'`,
  ]),
];

/** Runs in the page: calls both functions, one after the other, and returns both results. */
const BOTH = (at, input, init = 'undefined') => `async () => {
  const at = '${at}';
  const octets = (length) => Uint8Array.from({ length }, (_, at) => at % 251);
  const form = (entries) => { const data = new FormData(); for (const name in entries) data.append(name, entries[name]); return data; };
  const native = (input, init) => {
    const request = new Request(input, init);
    request.headers.set('authorization', 'Bearer of-the-page');
    return fetch(request);
  };
  const told = async (call) => {
    try {
      const response = await call(${input}, ${init});
      const { status, statusText, ok, type, url, redirected, bodyUsed, body } = response;
      const copy = body && response.clone();
      const text = await response.text();
      return {
        status, statusText, ok, type, url, redirected, bodyUsed, headers: [...response.headers], body: body === null, used: response.bodyUsed, real: response instanceof Response, name: Object.prototype.toString.call(response),
        text: text.length > 1000 ? text.length : /^\\{/.test(text) ? 'seen' : text,
        copy: copy && [copy.url, copy.type, copy.status, (await copy.text()) === text],
      };
    } catch (error) {
      return { failed: true };
    }
  };
  return [await told(native), await told((...args) => client.fetch(...args))];
}`;

/** A request as a server sees it, without the token and without the headers that browsers send from pages only. */
function comparable({ headers, ...request }) {
  const { authorization, ...rest } = headers;
  // Firefox sends the length of an empty body in an OPTIONS request of a page, but not of a worker; and boundaries of
  // forms differ in length.
  const isForm = headers['content-type']?.startsWith('multipart/');
  const told = Object.entries(rest).filter(
    ([name, value]) => !name.startsWith('sec-ch-ua') && !(name === 'content-length' && (value === '0' || isForm)),
  );
  return {
    ...request,
    length: isForm || request.length,
    headers: { ...Object.fromEntries(told), authorization: authorization?.split(' ')[0] },
  };
}

story('FETCH-01 FETCH-20 P0: requests and responses equal those of the browser’s `fetch`', OPEN, async (stage) => {
  const echo = await startEcho();
  try {
    list(stage, echo.url);
    await stage.signIn();
    assert.ok(ROWS.length >= 30);
    for (const [label, input, init] of ROWS) {
      echo.seen.length = 0;
      const [native, ours] = await stage.page.run(BOTH(echo.url, input, init));
      assert.notDeepEqual(native, { failed: true }, label);
      assert.deepEqual(ours, native, `${label}: what the page gets`);
      const [first, second, ...more] = echo.seen.map(comparable);
      assert.deepEqual(second, first, `${label}: what the server sees`);
      assert.equal(first.headers.authorization, 'Bearer', label);
      assert.deepEqual(more, [], label);
    }
  } finally {
    await echo.close();
  }
});

story('a response that must have no body has a `null` body in every engine', OPEN, async (stage) => {
  const echo = await startEcho();
  try {
    list(stage, echo.url);
    await stage.signIn();
    for (const status of [204, 205]) {
      const answer = await stage.page.run(
        `async (url) => {
        const response = await client.fetch(url);
        return { status: response.status, body: response.body, text: await response.text() };
      }`,
        `${echo.url}status/${status}`,
      );
      assert.deepEqual(answer, { status, body: null, text: '' });
    }
  } finally {
    await echo.close();
  }
});

const IN_EVERY_ENGINE = { ...OPEN, everyEngine: true };

/** Counts the messages that the page sends through its ports. */
const COUNTS = `globalThis.posted = 0;
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (...args) { posted += 1; return postMessage.apply(this, args); };`;

story(
  'a short response of unknown length takes one message each way',
  { ...OPEN, scripts: { ...OPEN.scripts, '/counts.js': COUNTS } },
  async (stage) => {
    const echo = await startEcho();
    try {
      list(stage, echo.url);
      stage.site.settings.before += '<script src="/counts.js"></script>';
      await stage.signIn();
      const messages = await stage.page.run(
        `async (url) => {
        const counts = [];
        for (let call = 0; call < 20; call += 1) {
          const before = posted;
          await (await client.fetch(url)).json();
          counts.push(posted - before);
        }
        return counts;
      }`,
        `${echo.url}x`,
      );
      // A body that the network delays takes further messages.
      assert.ok(messages.includes(1), `messages for each call: ${messages}`);
      assert.equal(echo.seen.length, 20);
    } finally {
      await echo.close();
    }
  },
);

story(
  'a response is there before its body ends, and each piece when the API sends it',
  IN_EVERY_ENGINE,
  async (stage) => {
    const echo = await startEcho();
    try {
      list(stage, echo.url);
      await stage.signIn();
      const url = `${echo.url}paused`;
      const first = await stage.page.run(
        `async (url) => {
      const { status, body } = await client.fetch(url);
      globalThis.reader = body.pipeThrough(new TextDecoderStream()).getReader();
      return { status, ...(await reader.read()) };
    }`,
        url,
      );
      assert.deepEqual(first, { status: 200, done: false, value: 'first' });
      echo.resume();
      const rest = await stage.page.run(`async () => [await reader.read(), (await reader.read()).done]`);
      assert.deepEqual(rest, [{ done: false, value: 'second' }, true]);
    } finally {
      await echo.close();
    }
  },
);
