/** API calls: which requests carry the access token, and which are refused. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startEcho } from '../support/echo.mjs';
import { OPEN, codeOf, list } from '../support/open_app.mjs';
import { search } from '../support/secrets.mjs';
import { Stage, story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

const EVERYWHERE = { ...OPEN, homes: ['shared', 'dedicated', 'page'] };

story('FETCH-17 P1: the token is sent to listed addresses only', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const api = new URL(stage.api.url);
  const rows = [
    ['on the list', `'${api}me'`, '200'],
    ['as a URL', `new URL('me', '${api}')`, '200'],
    ['as a Request', `new Request('${api}me')`, '200'],
    ['another port', `'http://localhost:1/me'`, 'request_blocked'],
    ['another host', `'http://127.0.0.1:${api.port}/me'`, 'request_blocked'],
    ['a similar host', `'http://localhost.example:${api.port}/me'`, 'request_blocked'],
    ['a user in the address', `'http://localhost@attacker.example:${api.port}/me'`, 'request_blocked'],
    ['the provider', `'${stage.provider.issuer}/me'`, 'request_blocked'],
    ['the page itself', `'/www/config.json'`, 'request_blocked'],
  ];
  for (const [label, expression, expected] of rows) {
    assert.equal(await codeOf(stage, expression), expected, label);
  }
});

story('requests and responses equal those of `fetch`', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const answer = await stage.page.run(`async () => {
    const response = await client.fetch(api + 'me');
    const copy = response.clone();
    return {
      real: response instanceof Response,
      status: response.status,
      ok: response.ok,
      type: response.headers.get('content-type'),
      body: await response.json(),
      again: (await copy.text()).length > 0,
    };
  }`);
  assert.equal(answer.real, true);
  assert.equal(answer.status, 200);
  assert.equal(answer.type, 'application/json');
  assert.equal(answer.body.user, 'alice');
  assert.equal(answer.again, true);
});

story('request bodies of every type are sent', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const rows = [
    ['text', `JSON.stringify({ text: 'as text' })`],
    ['bytes', `new TextEncoder().encode(JSON.stringify({ text: 'as bytes' }))`],
    ['a blob', `new Blob([JSON.stringify({ text: 'as a blob' })])`],
  ];
  for (const [label, body] of rows) {
    const answer = await stage.page.run(`async () => {
      const headers = { 'content-type': 'application/json' };
      const response = await client.fetch(new URL('notes', api), { method: 'POST', headers, body: ${body} });
      return { status: response.status, text: (await response.json()).note?.text };
    }`);
    assert.deepEqual(answer, { status: 201, text: `as ${label}` }, label);
  }
});

story('a long response arrives complete', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const lines = await stage.page.run(
    `async () => (await (await client.fetch(api + 'ticks?lines=10')).text()).trim().split('\\n')`,
  );
  assert.deepEqual(
    lines,
    Array.from({ length: 10 }, (_, index) => `line ${index + 1}`),
  );
});

story('a response arrives in parts, and stops when the page cancels or aborts it', EVERYWHERE, async (stage) => {
  await stage.signIn();
  // Each pause lets six lines through; on a busy machine they may take longer.
  const stopped = () =>
    stage.page.until('the API to stop', async () => {
      const before = stage.api.ticks();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return stage.api.ticks() === before;
    });
  const first = await stage.page.run(`async () => {
    const response = await client.fetch(api + 'ticks');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return value;
  }`);
  assert.match(first, /^line 1\n/);
  await stopped();

  const name = await stage.page.run(`async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1000);
    try {
      const response = await client.fetch(api + 'ticks', { signal: abort.signal });
      const reader = response.body.getReader();
      while (!(await reader.read()).done);
      return 'ended';
    } catch (error) {
      return error.name;
    }
  }`);
  assert.equal(name, 'AbortError');
  await stopped();
});

story('a response can have no body', OPEN, async (stage) => {
  await stage.signIn();
  const answer = await stage.page.run(`async () => {
    const response = await client.fetch(api + 'notes', { method: 'DELETE' });
    return { status: response.status, text: await response.text() };
  }`);
  assert.deepEqual(answer, { status: 204, text: '' });
});

story('an aborted call rejects as `fetch` does', OPEN, async (stage) => {
  await stage.signIn();
  const name = await stage.page.run(`async () => {
    const abort = new AbortController();
    const call = client.fetch(api + 'me', { signal: abort.signal });
    abort.abort();
    return call.then(() => 'answered', (error) => error.name + ' ' + error.code);
  }`);
  assert.match(name, /^(AbortError|ValetKeyError cancelled)/);
});

story('a session object is frozen and holds no token', OPEN, async (stage) => {
  await stage.signIn();
  const seen = await stage.page.run(`async () => {
    const { session } = client;
    return { names: Object.keys(session).sort(), frozen: Object.isFrozen(session) && Object.isFrozen(session.claims) };
  }`);
  assert.deepEqual(seen, { names: ['authTime', 'claims', 'expiresAt', 'issuer', 'scope', 'sub'], frozen: true });
});

story('a worker gives out no access token', { ...OPEN, homes: ['shared', 'dedicated'] }, async (stage) => {
  await stage.signIn();
  const code = await stage.page.run(`async () => client.accessToken().then(() => 'given', (error) => error.code)`);
  assert.equal(code, 'config_error');
});

story('all of many simultaneous calls get a response', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const answers = await stage.page.run(`async () => {
    const calls = Array.from({ length: 50 }, () => client.fetch(api + 'me').then((response) => response.json()));
    return (await Promise.all(calls)).filter(({ user }) => user === 'alice').length;
  }`);
  assert.equal(answers, 50);
  assert.equal(stage.provider.count('token'), 1);
});

/** A story with an echo server on the list of APIs. */
function echoStory(name, play) {
  story(name, OPEN, async (stage) => {
    const echo = await startEcho();
    try {
      list(stage, echo.url);
      await stage.signIn();
      await play(stage, echo);
    } finally {
      await echo.close();
    }
  });
}

/** The same, with a foreign server that the worker could reach, and that must receive nothing. */
function robbery(name, play) {
  story(name, OPEN, async (stage) => {
    const [stranger, echo] = [await startStranger(), await startEcho()];
    try {
      list(stage, echo.url);
      stage.site.settings.connect.push(stranger.url);
      await stage.signIn();
      await play(stage, stranger, echo);
      assert.deepEqual(stranger.taken, []);
    } finally {
      await Promise.all([stranger.close(), echo.close()]);
    }
  });
}

robbery(
  'FETCH-21 FETCH-22 P0: an address that changes between two reads does not bypass the API list',
  async (stage, stranger) => {
    const here = `${stage.api.url}me`;
    const there = `${stranger.url}me`;
    const rows = [
      [
        'another string at each read',
        `{ toString() { return this.asked ? '${there}' : (this.asked = '${here}'); } }`,
        '200',
      ],
      [
        'the same the other way round',
        `{ toString() { return this.asked ? '${here}' : (this.asked = '${there}'); } }`,
        'request_blocked',
      ],
      [
        'a Request with an overridden url',
        `new (class extends Request { get url() { return '${here}'; } })('${there}')`,
        'request_blocked',
      ],
      [
        'the same the other way round',
        `new (class extends Request { get url() { return '${there}'; } })('${here}')`,
        '200',
      ],
      [
        'a URL with an overridden href',
        `new (class extends URL { get href() { return '${here}'; } })('${there}')`,
        'request_blocked',
      ],
      [
        'a URL with an overridden toString()',
        `new (class extends URL { toString() { return '${there}'; } })('${here}')`,
        'request_blocked',
      ],
      [
        'a Proxy around a Request',
        `new Proxy(new Request('${there}'), { get: (target, name) => name === 'url' ? '${here}' : Reflect.get(target, name, target) })`,
        'request_blocked',
      ],
    ];
    for (const [label, expression, expected] of rows) assert.equal(await codeOf(stage, expression), expected, label);
  },
);

story('FETCH-23 P0: a call that brings its own credentials is refused', OPEN, async (stage) => {
  await stage.signIn();
  const rows = [
    "{ authorization: 'Bearer x' }",
    "{ AuthoriZation: '' }",
    "[['DPOP', 'x']]",
    "new Headers({ dpop: 'x' })",
    "[['a', 'b'], ['AUTHORIZATION', 'Basic x']]",
  ];
  for (const headers of rows) {
    assert.equal(await codeOf(stage, `api + 'me', { headers: ${headers} }`), 'request_blocked', headers);
    assert.equal(await codeOf(stage, `new Request(api + 'me', { headers: ${headers} })`), 'request_blocked', headers);
  }
  assert.deepEqual(stage.api.requests, []);
});

robbery('FETCH-24 P0: a redirect is not followed, whatever its status', async (stage, stranger, echo) => {
  echo.redirectTo = `${stranger.url}redirected`;
  for (const status of [301, 302, 303, 307, 308]) {
    for (const input of [
      `'${echo.url}to/${status}'`,
      `new Request('${echo.url}to/${status}', { method: 'POST', body: 'a' })`,
    ]) {
      assert.equal(await codeOf(stage, input), 'network_error', input);
    }
  }
  assert.equal(echo.seen.length, 10);
});

story('FETCH-26 FETCH-36 P0: options that would drop or forward the token are refused', OPEN, async (stage) => {
  await stage.signIn();
  const rows = [
    `api + 'me', { redirect: 'manual' }`,
    `new Request(api + 'me'), { redirect: 'manual' }`,
    `api + 'me', { mode: 'no-cors' }`,
    `new Request(api + 'me', { mode: 'no-cors' })`,
  ];
  for (const row of rows) assert.equal(await codeOf(stage, row), 'config_error', row);
  assert.equal(await codeOf(stage, `api + 'me', { mode: 'navigate' }`), 'request_blocked', 'as the browser refuses it');
  assert.equal(await codeOf(stage, `api + 'me', { mode: 'same-origin' }`), 'network_error', 'as with fetch');
  assert.deepEqual(stage.api.requests, []);
  assert.equal(
    await codeOf(stage, `new Request(api + 'me', { redirect: 'follow' })`),
    '200',
    'the default of a Request',
  );
  for (const redirect of ['follow', 'error'])
    assert.equal(await codeOf(stage, `api + 'me', { redirect: '${redirect}' }`), '200', redirect);
});

story('FETCH-53 P1: `client.fetch` works without `this`, as other libraries call it', OPEN, async (stage) => {
  await stage.signIn();
  const said = await stage.page.run(`async () => {
    const { fetch } = client;
    const settings = { fetch: client.fetch };
    const calls = [fetch(api + 'me'), fetch.call(undefined, api + 'me'), fetch.call(globalThis, api + 'me'), settings.fetch(new Request(api + 'me'), { redirect: 'follow' })];
    return (await Promise.all(calls)).map(({ status }) => status);
  }`);
  assert.deepEqual(said, [200, 200, 200, 200]);
});

echoStory('FETCH-29 P1: a 401 without a reason renews the token once', async (stage, echo) => {
  echo.distrust(stage.provider.issued.accessToken);
  assert.equal(await codeOf(stage, `'${echo.url}x', { method: 'POST', body: 'said once' }`), '200');
  assert.equal(echo.seen.length, 2);
  assert.equal(echo.seen[0].sha256, echo.seen[1].sha256);
  assert.equal(stage.provider.count('token'), 2);
  assert.equal(await codeOf(stage, `'${echo.url}status/401'`), '401');
  assert.equal(echo.seen.length, 4, 'and only once');
  assert.equal(stage.provider.count('token'), 3);
});

echoStory('FETCH-32 P0: a request without a response is not sent again', async (stage, echo) => {
  assert.equal(await codeOf(stage, `'${echo.url}lost', { method: 'POST', body: 'a' }`), 'network_error');
  assert.equal(echo.seen.length, 1);
});

story('FETCH-35 P1: aborting one of ten calls that wait for a renewal ends only that call', OPEN, async (stage) => {
  await stage.signInBriefly();
  const outcomes = await stage.page.run(`async () => {
    const abort = new AbortController();
    const calls = Array.from({ length: 10 }, (_, at) => client.fetch(api + 'me', at === 4 ? { signal: abort.signal } : {}));
    await new Promise((next) => setTimeout(next));
    abort.abort();
    return Promise.all(calls.map((call) => call.then(({ status }) => status, (error) => error.name)));
  }`);
  assert.deepEqual(outcomes, [200, 200, 200, 200, 'AbortError', 200, 200, 200, 200, 200]);
  assert.equal(stage.provider.count('token'), 2);
});

robbery(
  'FETCH-42 P0: changes to the page’s objects after the client was created have no effect',
  async (stage, stranger) => {
    const outcomes = await stage.page.run(
      `async (there) => {
    const here = api + 'me';
    const listed = [...config.api];
    const late = make({ api: listed });
    listed.push(there);
    config.api.push(there);
    const kept = [];
    const change = (owner, name, described) => {
      kept.push([owner, name, Object.getOwnPropertyDescriptor(owner, name)]);
      Object.defineProperty(owner, name, { configurable: true, ...described });
    };
    for (const name of ['some', 'includes', 'every']) change(Array.prototype, name, { value: () => true });
    for (const name of ['startsWith', 'includes']) change(String.prototype, name, { value: () => true });
    for (const name of ['origin', 'host', 'pathname', 'href']) change(URL.prototype, name, { get: () => here });
    change(Request.prototype, 'url', { get: () => here });
    const outcome = (call) => call.then(({ status }) => status, (error) => error.code);
    const outcomes = [
      await outcome(client.fetch(there)),
      await outcome(client.fetch(here)),
      await outcome(late.fetch(there)),
    ];
    for (const [owner, name, described] of kept) Object.defineProperty(owner, name, described);
    outcomes.push(await outcome(client.fetch(there)), await outcome(late.fetch(there)));
    return outcomes;
  }`,
      `${stranger.url}me`,
    );
    // While the page's `Request` returns a wrong URL, the vault sees the listed address only. The second client had
    // already copied its list.
    assert.deepEqual(outcomes, [200, 200, 200, 'request_blocked', 'request_blocked']);
  },
);

/** Records what the page's own request functions are given. */
const REPLACED = `(() => {
  const seen = (globalThis.seen = []);
  const noted = (name, target) => new Proxy(target, {
    apply: (target, self, args) => (note(name, args), Reflect.apply(target, self, args)),
    construct: (target, args, made) => (note(name, args), Reflect.construct(target, args, made)),
  });
  const note = (name, args) => seen.push(name + ' ' + args.map((one) => one instanceof Request ? [...one.headers].join() : JSON.stringify(one)).join());
  const { Request } = globalThis;
  for (const name of ['fetch', 'Request', 'Headers', 'XMLHttpRequest', 'Response']) globalThis[name] = noted(name, globalThis[name]);
  Headers.prototype.set = noted('set', Headers.prototype.set);
  Headers.prototype.append = noted('append', Headers.prototype.append);
})();`;

story(
  'FETCH-43 P0: request functions that were replaced before the library loaded see no token',
  { ...OPEN, scripts: { ...OPEN.scripts, '/replaced.js': REPLACED } },
  async (stage) => {
    stage.site.settings.before += '<script src="/replaced.js"></script>';
    await stage.signIn();
    assert.equal(
      await codeOf(stage, `api + 'me', { headers: { 'content-type': 'text/plain' }, method: 'GET' }`),
      '200',
    );
    const seen = await stage.page.run('async () => globalThis.seen');
    assert.ok(
      seen.some((line) => line.startsWith('Request ')) && seen.some((line) => line.startsWith('Response ')),
      String(seen),
    );
    assert.deepEqual(
      search(
        stage.provider.issued.secrets(),
        seen.map((line) => ['the replaced tools', line]),
      ),
      [],
    );
  },
);

test('FETCH-44 P1, a limit: an API that echoes request headers reveals the token to the page', {
  timeout: 120_000,
}, async () => {
  const echo = await startEcho();
  const stage = await Stage.open(OPEN);
  try {
    list(stage, echo.url);
    await stage.signIn();
    assert.equal(await codeOf(stage, `'${echo.url}x'`), '200');
    assert.deepEqual(await stage.tokensFound(), []);
    const authorization = await stage.page.run(
      `async (url) => (await (await client.fetch(url)).json()).headers.authorization`,
      `${echo.url}echo`,
    );
    assert.equal(authorization, `Bearer ${stage.provider.issued.accessToken}`);
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    assert.match(readme.replace(/\s+/g, ' '), /the APIs on your list do not send the `Authorization` header back/);
  } finally {
    await stage.close();
    await echo.close();
  }
});

story('FETCH-45 P1: a library that accepts a custom `fetch` works with the client’s', OPEN, async (stage) => {
  await stage.signIn();
  const outcomes = await stage.page.run(`async () => {
    const library = async (fetch, url) => fetch(url).then(({ status }) => status, (error) => error.code);
    const ours = client.fetch.bind(client);
    return [await library(ours, api + 'me'), await library(ours, '/www/config.json')];
  }`);
  assert.deepEqual(outcomes, [200, 'request_blocked']);
});

story('FETCH-46 P1: the package offers no way to put a token into a URL', OPEN, async (stage) => {
  await stage.signIn();
  const offered = await stage.page.run(`async () => [
    Object.keys(await import('/pkg/index.js')).sort(),
    Object.getOwnPropertyNames(Object.getPrototypeOf(client)).sort(),
  ]`);
  assert.deepEqual(offered[0], ['ValetKeyError', 'connect', 'createClient']);
  assert.deepEqual(
    offered[1].filter((name) => /socket|event(?!Listener)|beacon|image|url|src/i.test(name)),
    ['openSocket'], // whose token is in no URL: SOCK-04
  );
});
