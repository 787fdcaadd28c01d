/** Request and response bodies: large ones in bounded memory, streams with back-pressure, and cancellation. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEcho } from '../support/echo.mjs';
import { growthDuring, isTold } from '../support/footprint.mjs';
import { heldInHeaps } from '../support/heap.mjs';
import { OPEN, list } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** Signed in, with an echo server on the list of APIs. */
function echoStory(name, options, play) {
  story(name, { ...OPEN, needs: 'largeBodies' }, async (stage) => {
    const echo = await startEcho(options);
    try {
      list(stage, echo.url);
      await stage.signIn();
      await stage.page.driver.manage().setTimeouts({ script: 90_000 });
      await play(stage, echo);
    } finally {
      await echo.close();
    }
  });
}

/** Waits until a number no longer changes. */
async function settled(stage, what, number) {
  let before;
  await stage.page.until(
    what,
    async () => {
      before = number();
      await sleep(400);
      return number() === before;
    },
    30_000,
  );
  return before;
}

echoStory('FETCH-38 P1: cancelling a long response stops the server', {}, async (stage, echo) => {
  const read = await stage.page.run(
    `async (url) => {
    const reader = (await client.fetch(url)).body.getReader();
    let octets = 0;
    while (octets < 1_000_000) octets += (await reader.read()).value.length;
    await reader.cancel();
    return octets;
  }`,
    `${echo.url}bytes/200000000`,
  );
  assert.ok(read < 3_000_000, `${read} bytes read`);
  await stage.page.until('the API to stop', () => echo.sent.stopped);
  assert.ok(echo.sent.octets < 30_000_000, `${echo.sent.octets} bytes sent`);
});

echoStory('FETCH-38 P1: a response of 200 MB passes through without being kept in memory', {}, async (stage, echo) => {
  const { browser, page } = stage;
  const length = 200_000_000;
  // The spy would keep all the data.
  stage.site.settings.before = '';
  await stage.visit();
  const before = await heldInHeaps(browser);
  const read = await page.run(
    `async (url, length) => {
    const reader = (globalThis.reader = (await client.fetch(url)).body.getReader());
    let octets = 0;
    let wrong = 0;
    while (octets < length) {
      const { value } = await reader.read();
      if (value[0] !== (octets % 65536) % 251) wrong += 1;
      octets += value.length;
    }
    return { octets, wrong };
  }`,
    `${echo.url}held/${length}`,
    length,
  );
  assert.deepEqual(read, { octets: length, wrong: 0 });
  // The response has not ended, so its parts would still be in memory if anything kept them.
  const passed = (await heldInHeaps(browser)) - before;
  assert.equal(echo.sent.stopped, false);
  await page.run('async () => reader.cancel()');
  await page.run(
    'async (url) => { globalThis.kept = await (await client.fetch(url)).arrayBuffer(); }',
    `${echo.url}bytes/${length}`,
  );
  const kept = (await heldInHeaps(browser)) - before;
  const figures = `${passed} MB are held after 200 MB passed, ${kept} MB where all of it is kept`;
  assert.ok(passed < 20, figures);
  assert.ok(kept > 190, `${figures}: the measurement detects kept data`);
});

echoStory('a page that does not read a response makes the API wait', {}, async (stage, echo) => {
  stage.site.settings.before = ''; // the spy would keep all the data
  await stage.visit();
  await stage.page.run(`async (url) => { globalThis.kept = await client.fetch(url); }`, `${echo.url}bytes/200000000`);
  const sent = await settled(stage, 'the API to wait', () => echo.sent.octets);
  assert.ok(sent > 0 && sent < 30_000_000, `${sent} bytes sent`);
  assert.equal(echo.sent.stopped, false);
  const octets = await stage.page.run(`async () => (await globalThis.kept.arrayBuffer()).byteLength`);
  assert.equal(octets, 200_000_000, 'the page gets the whole response when it reads on');
});

echoStory('closing a tab ends its calls', {}, async (stage, echo) => {
  const { driver } = stage.page;
  const first = await driver.getWindowHandle();
  const second = await stage.browser.newTab();
  await stage.visit();
  await stage.page.run(`async (url) => { globalThis.kept = await client.fetch(url); }`, `${echo.url}bytes/200000000`);
  await settled(stage, 'the API to wait', () => echo.sent.octets);
  assert.equal(echo.sent.stopped, false);
  await driver.switchTo().window(second);
  await driver.close();
  await driver.switchTo().window(first);
  await stage.page.until('the API to stop', () => echo.sent.stopped);
});

echoStory('FETCH-39 P1: a form with a file of 50 MB arrives unchanged', {}, async (stage, echo) => {
  const length = 50_000_000;
  await stage.page.run(
    `async (length) => {
    const part = Uint8Array.from({ length: 1 << 20 }, (_, at) => at % 249);
    const parts = Array.from({ length: Math.ceil(length / part.length) }, () => part);
    const file = new Blob(parts).slice(0, length);
    globalThis.form = new FormData();
    form.append('text', 'ü');
    form.append('file', new File([file], 'large.bin'));
  }`,
    length,
  );
  const send = async (call) =>
    assert.equal(
      await stage.page.run(
        `async (url) => (await ${call}(url, { method: 'POST', body: form })).status`,
        `${echo.url}x`,
      ),
      200,
    );
  const grown = (happening) => (isTold ? growthDuring(stage.browser, happening) : happening().then(() => 0));
  const native = await grown(() => send('fetch'));
  echo.seen.length = 0;
  const ours = await grown(() => send('client.fetch'));
  const part = Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, at) => at % 249));
  const whole = Buffer.concat(Array.from({ length: Math.ceil(length / part.length) }, () => part)).subarray(0, length);
  const sha256 = (octets) => createHash('sha256').update(octets).digest('hex');
  const [{ files, headers }] = echo.seen;
  assert.deepEqual(files, [
    { name: 'text', length: 2, sha256: sha256('ü') },
    { name: 'file', length, sha256: sha256(whole) },
  ]);
  assert.equal(headers['content-type'], 'multipart/form-data; boundary=BOUNDARY');
  assert.ok(ours < native + 90, `${ours} MB more while 50 MB passed, ${native} MB with fetch`);
});

/** A stream of this many 64 KB chunks, and a record of how it was read. */
const SOURCE = `
  globalThis.source = (pieces) => {
    const told = (globalThis.told = { pulled: 0, cancelled: null });
    return new ReadableStream({
      pull(controller) {
        if (told.pulled === pieces) return controller.close();
        told.pulled += 1;
        controller.enqueue(new Uint8Array(65536).fill(told.pulled));
      },
      cancel(reason) { told.cancelled = String(reason); },
    });
  };
`;

echoStory('a request stream is sent while it is produced', { scheme: 'https' }, async (stage, echo) => {
  const { seen } = await stage.page.run(
    `async (url) => {
    ${SOURCE}
    const seen = await (await client.fetch(url, { method: 'POST', body: source(100), duplex: 'half' })).json();
    return { seen };
  }`,
    `${echo.url}x`,
  );
  const whole = Buffer.concat(Array.from({ length: 100 }, (_, at) => Buffer.alloc(65536, at + 1)));
  assert.equal(seen.length, whole.length);
  assert.equal(seen.sha256, createHash('sha256').update(whole).digest('hex'));
  assert.equal(seen.headers['content-type'], undefined);
});

echoStory(
  'FETCH-31 P1: a request stream is sent once, even if the response is a 401',
  { scheme: 'https' },
  async (stage, echo) => {
    echo.distrust(stage.provider.issued.accessToken);
    const status = await stage.page.run(
      `async (url) => {
    ${SOURCE}
    return (await client.fetch(url, { method: 'POST', body: source(2), duplex: 'half' })).status;
  }`,
      `${echo.url}x`,
    );
    assert.equal(status, 401);
    assert.equal(echo.seen.length, 1);
    assert.equal(
      await stage.page.run('async (url) => (await client.fetch(url)).status', `${echo.url}x`),
      200,
      'with a new token',
    );
    assert.equal(echo.seen.length, 2);
  },
);

echoStory(
  'a server that does not read a request stream makes the page wait, and an abort ends the stream',
  { scheme: 'https' },
  async (stage, echo) => {
    await stage.page.run(
      `async (url) => {
    ${SOURCE}
    globalThis.abort = new AbortController();
    globalThis.outcome = client.fetch(url, { method: 'POST', body: source(5000), duplex: 'half', signal: abort.signal })
      .then(() => 'answered', (error) => error.name);
  }`,
      `${echo.url}unread`,
    );
    let pulled = 0;
    await stage.page.until('the page to wait', async () => {
      const before = pulled;
      await sleep(400);
      pulled = await stage.page.run('async () => told.pulled');
      return pulled > 0 && pulled === before;
    });
    assert.ok(pulled < 500, `${pulled} chunks of 64 KB are buffered`);
    const name = await stage.page.run('async () => { abort.abort(); return outcome; }');
    assert.equal(name, 'AbortError');
    assert.match(
      await stage.page.until('the stream to end', () => stage.page.run('async () => told.cancelled')),
      /abort/i,
    );
  },
);

echoStory(
  'a request stream over HTTP/1.1 fails as with `fetch`, and is not sent in another form',
  {},
  async (stage, echo) => {
    const outcomes = await stage.page.run(
      `async (url) => {
    ${SOURCE}
    const outcome = (call) => call(url, { method: 'POST', body: source(2), duplex: 'half' }).then(() => 'answered', (error) => error.code ?? error.name);
    return [await outcome(fetch), await outcome((...args) => client.fetch(...args))];
  }`,
      `${echo.url}x`,
    );
    assert.deepEqual(outcomes, ['TypeError', 'network_error']);
    assert.deepEqual(echo.seen, []);
  },
);

echoStory(
  'FETCH-31 P1: where the engine cannot send streams, a stream is read first and sent once',
  {},
  async (stage, echo) => {
    echo.distrust(stage.provider.issued.accessToken);
    const { status, name, cancelled } = await stage.page.run(
      `async (url) => {
    ${SOURCE}
    const clone = structuredClone;
    globalThis.structuredClone = (value, options) => {
      if (options?.transfer?.some((one) => one instanceof ReadableStream)) throw new DOMException('', 'DataCloneError');
      return clone(value, options);
    };
    const { status } = await client.fetch(url, { method: 'POST', body: source(3), duplex: 'half' });
    const abort = new AbortController();
    const call = client.fetch(url, { method: 'POST', body: source(Infinity), duplex: 'half', signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    const name = await call.then(() => 'answered', (error) => error.name);
    return { status, name, cancelled: told.cancelled };
  }`,
      `${echo.url}x`,
    );
    assert.equal(status, 401);
    const whole = Buffer.concat([1, 2, 3].map((octet) => Buffer.alloc(65536, octet)));
    assert.deepEqual(
      echo.seen.map(({ sha256 }) => sha256),
      [createHash('sha256').update(whole).digest('hex')],
    );
    assert.equal(echo.seen[0].headers['content-type'], undefined);
    assert.notEqual(name, 'answered');
    assert.match(cancelled, /abort/i);
  },
);

echoStory('an aborted response rejects as with `fetch`, whichever method reads it', {}, async (stage, echo) => {
  const length = 4_000_000;
  // The abort comes while the page reads the response, before its end.
  const outcome = async (call, read, reason) => {
    await stage.page.run(
      `async (url) => {
      globalThis.abort = new AbortController();
      const response = await ${call}(url, { signal: abort.signal });
      const all = async (reader) => {
        for (;;) await reader.read();
      };
      globalThis.outcome = (${read}).then(() => 'read', (error) => error.name ?? error);
    }`,
      `${echo.url}held/${length}`,
    );
    await stage.page.until('the API to have sent what it sends', () => echo.sent.octets === length);
    const outcome = await stage.page.run(`async () => { abort.abort(${reason}); return globalThis.outcome; }`);
    await stage.page.until('the API to stop', () => echo.sent.stopped);
    return outcome;
  };
  for (const read of [
    'response.text()',
    'response.arrayBuffer()',
    'response.blob()',
    'all(response.body.getReader())',
    'response.clone().text()',
  ]) {
    for (const reason of ['', '"enough"']) {
      assert.equal(
        await outcome('client.fetch', read, reason),
        await outcome('fetch', read, reason),
        `${read} ${reason}`,
      );
    }
  }
});

echoStory('a truncated response rejects', {}, async (stage, echo) => {
  const [native, text, body] = await stage.page.run(
    `async (url) => [
    await (await fetch(url)).text().catch((error) => error.name),
    await (await client.fetch(url)).text().catch((error) => error.name),
    await (await client.fetch(url)).body.pipeTo(new WritableStream()).catch(({ code, fault, retryable }) => [code, fault, retryable]),
  ]`,
    `${echo.url}broken`,
  );
  assert.deepEqual([native, text, body], ['TypeError', 'TypeError', ['network_error', 'browser', true]]);
});
