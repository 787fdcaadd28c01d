/** Sockets and event streams with the access token, compared with the browser's own (`valet-key/streams`). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPEN } from '../support/open_app.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';
import { startStreamingApi } from '../support/streaming_api.mjs';

const HOMES = ['shared', 'dedicated', 'page'];

/** The app, with the two classes, and a record of the events of each stream. */
const APP = {
  '/www/app.js': OPEN.scripts['/www/app.js'].replace(
    'const client = make();',
    `import { streams } from '../pkg/streams/index.js';
    const client = make();
    Object.assign(globalThis, { ours: streams(client), at: config.api[1]?.url ?? '', told: [] });
    /** Remembers the events of a stream. */
    globalThis.watch = (stream) => {
      for (const type of ['open', 'message', 'error', 'close', 'note'])
        stream.addEventListener(type, (event) => told.push(
          [type, ...(type === 'message' || type === 'note' ? [event.data, event.lastEventId] : []),
           ...(type === 'error' ? [event.error?.code, event.response?.status] : []),
           ...(type === 'close' ? [event.code, event.reason, event.wasClean] : [])].filter((value) => value !== undefined)));
      return (globalThis.stream = stream);
    };`,
  ),
};

const STREAMS = {
  ...OPEN,
  policies: { page: `${OPEN.policies.page}; connect-src 'self' http://localhost:* ws://localhost:*` },
  scripts: APP,
  everyEngine: true,
};

/** Plays a story with an API that has streams. */
async function withApi(stage, socket, play) {
  const { site, provider, place } = stage;
  const api = await startStreamingApi({ provider, origin: site.origin });
  site.settings.connect.push(api.url, api.socketUrl);
  site.settings.config.api = [stage.api.url, { url: api.url, ...(socket && { socket }) }];
  if (place.home === 'page') site.settings.config.tokens = 'page';
  try {
    await play(api);
  } finally {
    await api.close();
  }
}

const BY_PROTOCOL = { protocol: 'bearer.{token}' };
const BY_MESSAGE = { message: '{"auth":"{token}"}' };

/** What the stream has told, once there is an event of this kind. */
const toldUntil = ({ page }, type, count = 1) =>
  page.until(`${count} × ${type}`, async () => {
    const told = await page.run('async () => told');
    const { length } = told.filter(([kind]) => kind === type);
    if (length < count && type === 'open') assert.ok(!told.some(([kind]) => kind === 'close'), JSON.stringify(told));
    return length >= count && told;
  });

const start = ({ page }, expression) => page.run(`async () => { told.length = 0; watch(${expression}); }`);

story(
  'SOCK-04 SOCK-07 P0: a socket carries the token as the options say, and shows it to no script',
  { ...STREAMS, homes: HOMES },
  async (stage) => {
    const { page } = stage;
    await withApi(stage, BY_PROTOCOL, async (api) => {
      await stage.signIn();
      for (const selects of [false, true]) {
        api.settings.selects = selects;
        await start(stage, "new ours.WebSocket(at.replace('http', 'ws') + 'by-protocol?x=1#y', ['chat', 'v2'])");
        await toldUntil(stage, 'open');
        await page.run("async () => stream.send('a')");
        await toldUntil(stage, 'message');
        const shown = await page.run(
          'async () => [stream.url, stream.protocol, stream.extensions, stream.readyState, stream.binaryType]',
        );
        assert.deepEqual(shown, [`${api.socketUrl}by-protocol?x=1`, selects ? '' : 'chat', shown[2], 1, 'blob']);
        assert.deepEqual(api.sockets.at(-1), {
          path: '/by-protocol',
          user: 'alice',
          protocols: ['chat', 'v2'],
          code: undefined,
        });
        await page.run("async () => stream.send('bye')");
        const told = await toldUntil(stage, 'close');
        assert.deepEqual(told, [['open'], ['message', 'a', ''], ['close', 4001, 'as you like', true]]);
      }
    });
  },
);

story(
  'SOCK-04 SOCK-10 P0: the first message has the token, and the socket is as the platform’s',
  { ...STREAMS, homes: HOMES },
  async (stage) => {
    const { page } = stage;
    await withApi(stage, BY_MESSAGE, async (api) => {
      await stage.signIn();
      const early = await page.run(`async () => {
        watch(new ours.WebSocket(new URL('by-message', at)));
        try {
          stream.send('x');
        } catch ({ name }) {
          return [name, stream.readyState];
        }
      }`);
      assert.deepEqual(early, ['InvalidStateError', 0]);
      await toldUntil(stage, 'open');
      const received = await page.run(`async () => {
        const read = async (data) => typeof data === 'string' ? data : [data.constructor.name, ...new Uint8Array(await new Response(data).arrayBuffer())];
        const results = [];
        const next = () => new Promise((done) => stream.addEventListener('message', ({ data, origin }) => done(read(data).then((text) => [text, origin])), { once: true }));
        for (const [type, data] of [
          ['blob', 'tëxt'], ['blob', new Uint8Array([1, 2]).buffer], ['arraybuffer', new Uint8Array([0, 3, 4, 0]).subarray(1, 3)],
          ['arraybuffer', new Blob([new Uint8Array([5])])], ['blob', 17],
        ]) {
          stream.binaryType = type;
          const coming = next();
          stream.send(data);
          results.push((await coming)[0]);
        }
        stream.binaryType = 'text';
        const { origin } = new URL(stream.url);
        const coming = next();
        stream.send('x');
        results.push(stream.binaryType, (await coming)[1] === origin);
        return results;
      }`);
      const binary = (type, ...bytes) => [type, ...bytes];
      assert.deepEqual(received, [
        'tëxt',
        binary('Blob', 1, 2),
        binary('ArrayBuffer', 3, 4),
        binary('ArrayBuffer', 5),
        '17',
        'blob',
        true,
      ]);
      await page.until('everything is sent', () => page.run('async () => stream.bufferedAmount === 0'));

      const refused = await page.run(`async () => {
        const name = (action) => { try { action(); return 'none'; } catch ({ name }) { return name; } };
        const of = (url, protocols) => name(() => new ours.WebSocket(url, protocols));
        return [
          name(() => stream.close(1001)), name(() => stream.close(2999)), name(() => stream.close(1000, 'ü'.repeat(62))),
          of('http://['), of('mailto:x'), of(at, ['a', 'a']), of(at, 'a b'), of(at, ''),
        ];
      }`);
      assert.deepEqual(refused, [
        'InvalidAccessError',
        'InvalidAccessError',
        'SyntaxError',
        ...Array(5).fill('SyntaxError'),
      ]);
      const handler = await page.run(`async () => {
        const order = [];
        stream.onmessage = () => order.push('replaced');
        stream.onmessage = function ({ data }) { order.push(this === stream, data); };
        const coming = new Promise((done) => stream.addEventListener('message', done, { once: true }));
        stream.send('handled');
        await coming;
        stream.onmessage = 'no function';
        return [order, stream.onmessage, stream instanceof ours.WebSocket, ours.WebSocket.OPEN, stream.CLOSED];
      }`);
      assert.deepEqual(handler, [[true, 'handled'], null, true, 1, 3]);
      await page.run("async () => stream.close(3001, 'enough')");
      const told = await toldUntil(stage, 'close');
      assert.deepEqual(told.at(-1), ['close', 3001, 'enough', true]);
      await page.until('the API knows', async () => api.sockets.at(-1).code === 3001);
    });
  },
);

story(
  'SOCK-01 SOCK-02 SOCK-11 P0: a socket that the client refuses reports the typed error, and sends nothing',
  STREAMS,
  async (stage) => {
    const { page } = stage;
    await withApi(stage, BY_PROTOCOL, async (api) => {
      await stage.visit();
      await start(stage, "new ours.WebSocket(at + 'by-protocol', 'chat')");
      assert.deepEqual(await toldUntil(stage, 'close'), [
        ['error', 'login_required'],
        ['close', 1006, '', false],
      ]);
      await stage.signIn();
      for (const url of ['api', 'location.href', "at.replace('localhost', '127.0.0.1')"]) {
        await start(stage, `new ours.WebSocket(${url})`);
        assert.deepEqual(
          await toldUntil(stage, 'close'),
          [
            ['error', 'request_blocked'],
            ['close', 1006, '', false],
          ],
          url,
        );
      }
      assert.equal(api.sockets.length, 0);
      // A socket that is closed before it is open.
      await page.run("async () => { told.length = 0; watch(new ours.WebSocket(at + 'by-protocol')).close(); }");
      assert.deepEqual(await toldUntil(stage, 'close'), [['error'], ['close', 1006, '', false]]);
      // The server refuses the token.
      const { accessToken } = stage.provider.issued;
      const { issuer } = stage.provider;
      await fetch(`${issuer}/token/revocation`, {
        method: 'POST',
        body: new URLSearchParams({ token: accessToken, client_id: 'demo' }),
      });
      await start(stage, "new ours.WebSocket(at + 'by-protocol', 'chat')");
      assert.deepEqual(await toldUntil(stage, 'close'), [['error'], ['close', 1006, '', false]]);
    });
  },
);

story(
  'SOCK-08 P0: sockets and event streams end with the session, and with the page',
  { ...STREAMS, homes: HOMES, differs: ['lasting'] },
  async (stage) => {
    const { page } = stage;
    await withApi(stage, BY_PROTOCOL, async (api) => {
      await stage.signIn();
      // A browser closes a socket whose server selects none of the subprotocols.
      const open = async () => {
        await start(stage, "new ours.WebSocket(at + 'by-protocol', 'chat')");
        await toldUntil(stage, 'open');
      };
      await open();
      await page.goto(`${stage.site.origin}/www/style.css`);
      // WebKit suspends the worker of a tab together with its page, which closes the socket when it is shown again.
      await page.driver.navigate().back();
      await page.until('the socket is closed', async () => api.sockets.at(-1).code !== undefined);

      await page.goto(stage.site.url);
      await stage.restored();
      await open();
      await page.run('async () => void (globalThis.events = watch(new ours.EventSource(at)))');
      await toldUntil(stage, 'message');
      await page.run('async () => client.signOut({ everywhere: false })');
      const told = await toldUntil(stage, 'close');
      assert.deepEqual(
        told.filter(([type]) => type === 'close'),
        [['close', 1000, 'the session has ended', true]],
      );
      assert.equal(await page.run('async () => events.readyState'), 2);
      await page.until('the socket is closed', async () => api.sockets.at(-1).code === 1000);
    });
  },
);

story(
  'SOCK-20 SOCK-21 P1: an event stream is read as the platform reads it, and continued where it broke off',
  { ...STREAMS, homes: HOMES },
  async (stage) => {
    const { page } = stage;
    await withApi(stage, undefined, async (api) => {
      const text =
        '\ufeff: a comment\nretry: 20\n\ndata: one\n\nid: 7\r\nevent: note\r\ndata:two\r\ndata:  lines\r\n\r\ndata\rdata\r\rdata: ü\nid\n\nevent: note\n\nid: 8\ndata: {"a":1}\n\ndata: incomplete';
      const bytes = Buffer.from(text);
      const pieces = [...bytes].map((byte) => Buffer.of(byte));
      const answer = { chunks: [bytes], ends: true };
      api.settings.answers = [answer, { chunks: pieces, ends: true }, { chunks: [': waits\n\n'], ends: false }];
      await stage.signIn();
      await start(stage, "new ours.EventSource(at + 'news')");
      const told = await toldUntil(stage, 'open', 3);
      const once = [
        ['open'],
        ['message', 'one', ''],
        ['note', 'two\n lines', '7'],
        ['message', '\n', '7'],
        ['message', 'ü', ''],
        ['message', '{"a":1}', '8'],
        ['error'],
      ];
      const again = once.map((event) => (event[1] === 'one' ? ['message', 'one', '8'] : event));
      assert.deepEqual(told.slice(0, 14), [...once, ...again]);
      assert.deepEqual(
        api.requests.map(({ lastEventId }) => lastEventId),
        [undefined, '8', '8'],
      );
      await page.run('async () => stream.close()');
      assert.equal(await page.run('async () => stream.readyState'), 2);
    });
  },
);

story(
  'SOCK-22 SOCK-23 P0: an event stream that the API or the client refuses is not tried again',
  STREAMS,
  async (stage) => {
    await withApi(stage, undefined, async (api) => {
      await stage.signIn();
      for (const answer of [
        { status: 204 },
        { status: 500 },
        { type: 'text/plain', chunks: ['data: x\n\n'], ends: true },
      ]) {
        api.settings.answers = [answer];
        const before = api.requests.length;
        await start(stage, "new ours.EventSource(at + 'news')");
        const status = answer.status ?? 200;
        assert.deepEqual(await toldUntil(stage, 'error'), [['error', status]]);
        assert.equal(await stage.page.run('async () => stream.readyState'), 2);
        assert.equal(api.requests.length, before + 1);
      }
      await start(stage, "new ours.EventSource(at.replace('localhost', '127.0.0.1'))");
      assert.deepEqual(await toldUntil(stage, 'error'), [['error', 'request_blocked']]);
      assert.equal(await stage.page.run('async () => stream.readyState'), 2);
    });
  },
);

story(
  'SOCK-12 P0: a socket does not outlive the session if its page is left while it opens',
  STREAMS,
  async (stage) => {
    const { page, provider } = stage;
    await withApi(stage, BY_PROTOCOL, async (api) => {
      await stage.signInBriefly();
      const [first] = await stage.openBeside();
      provider.delay('token', 2000);
      const before = provider.count('token');
      await start(stage, "new ours.WebSocket(at + 'by-protocol', 'chat')");
      await page.until('the renewal', async () => provider.count('token') > before);
      await page.goto(`${stage.site.origin}/www/style.css`);
      await page.driver.switchTo().window(first);
      await page.run("async () => void (await client.fetch(api + 'me'))"); // waits for the same renewal
      await page.run('async () => client.signOut({ everywhere: false })');
      await page.until('no open socket', async () => api.sockets.every(({ code }) => code !== undefined));
    });
  },
);

story('SOCK-08 P0: without OpenID Connect, streams end at the next sign-in', STREAMS, async (stage) => {
  const { page, site } = stage;
  await withApi(stage, BY_PROTOCOL, async (api) => {
    site.settings.config.openid = false;
    site.settings.config.scope = 'profile';
    await page.goto(site.url);
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as');
    await page.run(`async () => {
      globalThis.events = watch(new ours.EventSource(at));
      watch(new ours.WebSocket(at + 'by-protocol', 'chat'));
    }`);
    await toldUntil(stage, 'open', 2);
    await page.run(`async () => {
      const button = document.createElement('button');
      button.textContent = 'Other';
      button.onclick = () => client.signIn({ mode: 'popup', prompt: 'login' });
      const quiet = document.createElement('button');
      quiet.textContent = 'Quiet';
      quiet.onclick = () => client.signIn({ mode: 'popup', prompt: 'none' });
      document.body.append(button, quiet);
    }`);
    const home = await follow(stage, 'Other');
    await stage.login('bob');
    await stage.consent();
    await back(stage, home);
    await toldUntil(stage, 'close');
    assert.equal(await page.run('async () => events.readyState'), 2);
    await page.until('the socket is closed', async () => api.sockets.at(-1).code === 1000);

    // Nor does anything say who it is that the provider signs in silently.
    await page.run('async () => void (globalThis.again = watch(new ours.EventSource(at)))');
    await page.until('the stream is open', () => page.run('async () => again.readyState === 1'));
    await page.click('button', 'Quiet');
    await page.until('the stream is closed', () => page.run('async () => again.readyState === 2'));
  });
});

story(
  'SOCK-21 SOCK-24 P1: a stream goes on whatever its ids and times are, and its server causes no loop',
  STREAMS,
  async (stage) => {
    const { page } = stage;
    await withApi(stage, undefined, async (api) => {
      await stage.signIn();
      const begin = { chunks: ['retry: 0\nid: 日本\ndata: one\n\n'], ends: true };
      api.settings.answers = [
        begin,
        { chunks: ['id: a\u0001b\ndata: two\n\n'], ends: true },
        { chunks: [': waits\n\n'] },
      ];
      await start(stage, "new ours.EventSource(at + 'news')");
      await toldUntil(stage, 'open', 3);
      // WebKit encodes the bytes of a header once more.
      const [first, id, same] = api.requests.map(({ lastEventId }) => lastEventId);
      assert.ok(first === undefined && id && id === same, `an id that no header can have is dropped: ${id} ${same}`);
      await page.run('async () => stream.close()');

      for (const retry of ['0', '9'.repeat(15)]) {
        const before = api.requests.length;
        api.settings.answers = [{ chunks: [`retry: ${retry}\n\n`], ends: true }];
        await start(stage, "new ours.EventSource(at + 'news')");
        await sleep(2500);
        await page.run('async () => stream.close()');
        assert.ok(api.requests.length - before <= 6, `${api.requests.length - before} calls with retry: ${retry}`);
      }
    });
  },
);
