/** The search for tokens finds a planted token in every place, plain or encoded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from '../support/browser.mjs';
import { reachOf, search } from '../support/secrets.mjs';
import { startSite } from '../support/site.mjs';
import { everywhere, Stage } from '../support/stage.mjs';

const SECRET = 'pl4nted-0123456789_ABCDEFGHIJKLMNOPQRSTUVWX';

everywhere('a planted token is found in every place', { everyEngine: true }, async ({ engine }) => {
  const site = await startSite({
    before: '<script src="/spy.js"></script>',
    scripts: { '/www/app.js': 'globalThis.ready = true;' },
  });
  const browser = await openBrowser({ engine });
  try {
    const rows = [
      ['localStorage', 'localStorage.setItem("k", s)', 'localStorage'],
      ['sessionStorage, as a key', 'sessionStorage.setItem(s, "1")', 'sessionStorage'],
      ['cookie', 'document.cookie = "k=" + s', 'cookies'],
      ['a global', 'globalThis.deep = { a: [new Map([["k", { s }]])] }', 'globals'],
      ['bytes', 'globalThis.octets = new TextEncoder().encode("   " + s)', 'globals'],
      ['behind a getter', 'Object.defineProperty(globalThis, "hidden", { get: () => ({ s }) })', 'globals'],
      ['history.state', 'history.replaceState({ s }, "")', 'history.state'],
      ['the address', 'history.pushState(null, "", "?t=" + s)', 'the address'],
      ['the DOM', 'document.body.append(s)', 'the DOM'],
      ['a field', 'document.getElementById("note-text").value = s', 'the DOM'],
      ['performance', 'performance.mark(s)', 'performance'],
      ['the console', 'console.log(s)', browser.tellsConsole ? 'the console' : 'the spy (console)'],
      ['window.name', 'window.name = s', 'window.name'],
      [
        'IndexedDB',
        `await new Promise((done, fail) => {
          const opening = indexedDB.open('k', 1);
          opening.onupgradeneeded = () => opening.result.createObjectStore('k').put({ s }, 'k');
          opening.onsuccess = () => { opening.result.close(); done(); };
          opening.onerror = fail;
        })`,
        'IndexedDB',
      ],
      ['the caches', 'await (await caches.open("k")).put("/k", new Response(s))', 'the caches'],
      ['a part of it', 'globalThis.half = s.slice(9, 30)', 'globals'],
      ['base64', 'globalThis.coded = btoa("ab" + s)', 'globals'],
      ['a message', 'new MessageChannel().port1.postMessage({ s })', 'the spy (message)'],
      [
        'a message that arrives',
        `await new Promise((done) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = done;
          Object.getPrototypeOf(Object.getPrototypeOf(port2)) && port2.postMessage([s]);
        })`,
        'the spy (message)',
      ],
      ['a broadcast', 'new BroadcastChannel("k").postMessage(s)', 'the spy (message)'],
      ['storage, removed again', 'sessionStorage.setItem("k", s); sessionStorage.removeItem("k")', 'the spy (storage)'],
      ['a request', 'await fetch("/www/", { headers: { "x-k": s } })', 'the spy (request)'],
      ['a body', 'await new Response(s).text()', 'the spy (body)'],
      ['a stream', 'await new Response(s).body.getReader().read()', 'the spy (body)'],
      ['parsed', 'JSON.parse(JSON.stringify({ s }))', 'the spy (json)'],
      ['decoded', 'new TextDecoder().decode(new TextEncoder().encode(s))', 'the spy (text)'],
      ['an error', 'dispatchEvent(new ErrorEvent("error", { message: "x", error: new Error(s) }))', 'the spy (error)'],
    ];
    for (const [label, code, place] of rows) {
      site.spied.length = 0;
      await browser.page.goto(`${site.url}?${label.length}`);
      await browser.page.until('the page', () => browser.page.run('async () => globalThis.ready'));
      assert.deepEqual(search([['secret', SECRET]], await reachOf(browser, site)), [], `${label}: not there before`);

      await browser.page.run(
        `async (left, right) => { const s = left + right; ${code}; }`,
        SECRET.slice(0, 12),
        SECRET.slice(12),
      );
      const found = search([['secret', SECRET]], await reachOf(browser, site));
      assert.ok(found.includes(`secret in ${place}`), `${label}: ${JSON.stringify(found)}`);

      await browser.page.run(`async () => {
        localStorage.clear(); sessionStorage.clear(); document.cookie = 'k=; max-age=0'; window.name = '';
        for (const name of await caches.keys()) await caches.delete(name);
        await new Promise((done) => { indexedDB.deleteDatabase('k').onsuccess = done; });
      }`);
      await browser.console();
      // A new tab, which has no history.
      const old = await browser.page.driver.getWindowHandle();
      const fresh = await browser.newTab();
      await browser.page.driver.switchTo().window(old);
      await browser.page.driver.close();
      await browser.page.driver.switchTo().window(fresh);
    }
  } finally {
    await browser.close();
    await site.close();
  }
});

everywhere(
  'what the spy records while the page is being left still arrives',
  { everyEngine: true },
  async ({ engine }) => {
    const site = await startSite({ before: '<script src="/spy.js"></script>', scripts: { '/www/app.js': '' } });
    const browser = await openBrowser({ engine });
    try {
      await browser.page.goto(site.url);
      await browser.page.run(
        `async (left, right) => {
      addEventListener('pagehide', () => sessionStorage.getItem(left + right), { once: true });
    }`,
        SECRET.slice(0, 12),
        SECRET.slice(12),
      );
      await browser.page.goto(`${site.url}?next`);
      await browser.page.until('the beacon', async () =>
        search([['secret', SECRET]], await reachOf(browser, site)).includes('secret in the spy (storage)'),
      );
    } finally {
      await browser.close();
      await site.close();
    }
  },
);

everywhere('a token that an app deliberately takes into the page is found there', {}, async ({ engine }) => {
  const stage = await Stage.open({
    engine,
    policies: { page: "default-src 'self' http://localhost:*; script-src 'self' 'wasm-unsafe-eval'; img-src data:" },
    scripts: {
      '/www/app.js': `
        import { createClient } from '../pkg/index.js';
        const config = await (await fetch('config.json')).json();
        const client = createClient({ ...config, scope: 'openid', tokens: 'page' });
        const session = await client.start();
        if (session) globalThis.taken = await client.accessToken();
        document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
        document.getElementById('sign-in').hidden = false;
        document.getElementById('sign-in').onclick = () => client.signIn();
      `,
    },
  });
  try {
    await stage.signIn();
    const found = await stage.tokensFound();
    assert.ok(found.includes('access token in globals'), JSON.stringify(found));
    assert.ok(found.includes('refresh token in the spy (body)'), JSON.stringify(found));
  } finally {
    await stage.close();
  }
});

test('a page without secrets yields no finding', () => {
  assert.deepEqual(search([['secret', SECRET]], [['the DOM', 'pl4nted-01234567 is 16 characters']]), [
    'secret in the DOM',
  ]);
  assert.deepEqual(
    search([['secret', SECRET]], [['the DOM', 'pl4nted-0123456']]),
    [],
    '15 characters are not significant',
  );
  assert.deepEqual(search([['secret', SECRET]], []), []);
});
