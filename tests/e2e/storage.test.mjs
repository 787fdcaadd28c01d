/** What the package stores, and what reaches the console, addresses, messages and memory. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { textsInHeap } from '../support/heap.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { reachOf, search } from '../support/secrets.mjs';
import { Stage, story } from '../support/stage.mjs';

/** Signs in, renews twice, calls ten times, and fails in several ways. */
async function life(stage) {
  await stage.signIn();
  await stage.page.run(`async () => {
    await client.refresh();
    for (let call = 0; call < 10; call += 1) await (await client.fetch(api + 'me')).text();
    await client.refresh();
    await client.fetch('/elsewhere').catch((error) => console.error(error));
    await client.fetch(api + 'me', { headers: { authorization: 'x' } }).catch((error) => console.error(error));
    await client.signIn({ params: { state: 'x' } }).catch((error) => console.error(error, JSON.stringify(error)));
  }`);
}

/** Everything that a script can see or find, by place. */
async function placesOf(stage) {
  const places = new Map();
  for (const [place, text] of await reachOf(stage.browser, stage.site))
    places.set(place, [...(places.get(place) ?? []), text]);
  return places;
}

story(
  'STORE-01 STORE-02 STORE-05 STORE-06 P0: a session from sign-in to sign-out leaves no secret in storage, console, addresses or messages',
  OPEN,
  async (stage) => {
    await life(stage);
    const { issued } = stage.provider;
    assert.equal(issued.accessTokens.size, 3);
    assert.equal(issued.refreshTokens.size, 3);
    const places = await placesOf(stage);
    const look = (secrets, pattern) => {
      const chosen = [...places].filter(([place]) => pattern.test(place));
      assert.ok(chosen.flat(2).length > 1, `the search finds something at ${pattern}`);
      return search(
        secrets,
        chosen.flatMap(([place, texts]) => texts.map((text) => [place, text])),
      );
    };
    const tokens = issued.secrets().filter(([label]) => label !== 'code verifier');
    const verifiers = [...issued.verifiers].map((value) => ['code verifier', value]);
    const codes = [...issued.codes].map((value) => ['authorization code', value]);
    const all = [...tokens, ...verifiers, ...codes];
    assert.deepEqual(
      look(
        all,
        /^(localStorage|sessionStorage|cookies|the DOM|globals|history\.state|window\.name|IndexedDB|the caches)$/,
      ),
      [],
      'STORE-01',
    );
    assert.deepEqual(look(all, /console/), [], 'STORE-02');
    assert.deepEqual(look([...tokens, ...verifiers], /address|performance|history|request/), [], 'STORE-05');
    assert.deepEqual(look(tokens, /message/), [], 'STORE-06');
    const claims = [...places]
      .filter(([place]) => /console/.test(place))
      .flatMap(([, texts]) => texts)
      .filter((text) => text.includes('Alice Liddell'));
    assert.deepEqual(claims, [], 'STORE-02: no claim either');
  },
);

story(
  'STORE-07 P0: the memory of the page contains no part of a token',
  { ...OPEN, needs: 'devTools' },
  async (stage) => {
    stage.site.settings.before = ''; // the spy would keep all the data
    await life(stage);
    const texts = await textsInHeap(stage.browser);
    assert.ok(texts.length > 1000 && texts.some((text) => text.includes('alice')), 'this is the memory of that page');
    const tokens = stage.provider.issued.secrets().filter(([label]) => label !== 'code verifier');
    assert.deepEqual(
      search(
        tokens,
        texts.map((text) => ['the heap', text]),
      ),
      [],
    );
  },
);

test("STORE-07 P0, a limit: with `tokens: 'page'` the memory of the page contains tokens", {
  timeout: 120_000,
}, async () => {
  const stage = await Stage.open({
    ...OPEN,
    policies: { page: "default-src 'self' http://localhost:*; script-src 'self' 'wasm-unsafe-eval'; img-src data:" },
    scripts: { '/www/app.js': OPEN.scripts['/www/app.js'].replace('...config,', "...config, tokens: 'page',") },
  });
  try {
    stage.site.settings.before = '';
    await stage.signIn();
    await stage.page.run('async () => { globalThis.taken = await client.accessToken(); }');
    const found = search(
      stage.provider.issued.secrets(),
      (await textsInHeap(stage.browser)).map((text) => ['the heap', text]),
    );
    assert.ok(found.includes('access token in the heap'), String(found));
  } finally {
    await stage.close();
  }
});

/** The documented keys, as patterns of what {@link KEYS} gives. */
async function documented({ issuer }) {
  const text = await readFile(new URL('../../docs/storage.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (session|local) storage \| `([^`]+)` \|/gm)];
  assert.ok(rows.length >= 3, 'docs/storage.md has its table');
  const escaped = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return rows.map(([, storage, key]) => {
    const spelled = key.replace('<provider>', issuer).replace('<client id>', 'demo');
    return new RegExp(`^${storage}Storage ${spelled.split('<state>').map(escaped).join('vk\\.[\\w-]{43}')}$`);
  });
}

const KEYS = `async () => [
  ...Object.keys(localStorage).map((key) => 'localStorage ' + key),
  ...Object.keys(sessionStorage).map((key) => 'sessionStorage ' + key),
  ...document.cookie.split(';').filter(Boolean).map((cookie) => 'cookie ' + cookie),
  ...(await indexedDB.databases()).map(({ name }) => 'database ' + name),
  ...(await caches.keys()).map((name) => 'cache ' + name),
]`;

story(
  'STORE-09 P0: storage contains what the documentation lists, and nothing else',
  { ...OPEN, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider, site } = stage;
    const seen = new Set();
    const look = async () => {
      const keys = await page.run(KEYS);
      for (const key of keys) seen.add(key);
      return keys;
    };
    await stage.visit();
    assert.deepEqual(await look(), []);
    await page.run(`async () => { client.signIn(); }`);
    await page.find('heading', 'Sign in');
    await page.goto(`${site.origin}/www/style.css`); // a page of this origin without the app
    await look();
    await page.driver.navigate().to(site.url);
    await stage.signIn();
    assert.deepEqual(await look(), [
      `localStorage valet-key:had:${provider.issuer} demo`,
      ...[...seen].filter((key) => key.includes(':tx:')),
    ]);
    await page.run(`async () => { client.signOut(); }`);
    await page.find('heading', 'Sign out?');
    await page.goto(`${site.origin}/www/style.css`);
    await look();
    await page.goto(site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.consent();
    await page.see('Signed in as alice');
    // A failed silent sign-in removes the flag, so that it is not repeated at each load.
    provider.fail('404', 'authorization');
    await page.reload();
    await page.see('Signed out');
    assert.deepEqual(
      (await look()).filter((key) => key.includes(':had:')),
      [],
    );
    const allowed = await documented(provider);
    assert.deepEqual(
      [...seen].filter((key) => !allowed.some((pattern) => pattern.test(key))),
      [],
      'each stored key is listed',
    );
    assert.deepEqual(
      allowed.filter((pattern) => ![...seen].some((key) => pattern.test(key))),
      [],
      'each listed key is stored at some time',
    );
  },
);

/** Storage that is blocked, as by the setting for site data, or full. */
const WITHOUT_STORAGE = {
  blocked: `for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(globalThis, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
  }
  Object.defineProperty(globalThis, 'indexedDB', { value: undefined });`,
  full: `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };`,
};

for (const [label, script] of Object.entries(WITHOUT_STORAGE)) {
  test(`STORE-10 P1: if storage is ${label}, a sign-in by redirect rejects, and everything else works`, {
    timeout: 120_000,
  }, async () => {
    const stage = await Stage.open({ ...OPEN, scripts: { ...OPEN.scripts, '/storage.js': script } });
    try {
      stage.site.settings.before = '<script src="/storage.js"></script>';
      await stage.visit();
      await stage.page.see('Signed out');
      const told = await stage.page.run(
        `async () => client.signIn().catch(({ code, hint, cause }) => ({ code, hint, cause: cause.name }))`,
      );
      assert.deepEqual(
        { ...told, hint: '' },
        { code: 'config_error', hint: '', cause: label === 'full' ? 'QuotaExceededError' : 'SecurityError' },
      );
      assert.match(told.hint, /site data/);
      assert.equal(await codeOf(stage, `api + 'me'`), 'login_required');
      assert.equal(stage.provider.count('authorization'), 0);

      // A session that another tab began is available, because it is in memory.
      stage.site.settings.before = '';
      await stage.signIn();
      stage.site.settings.before = '<script src="/storage.js"></script>';
      await stage.visit();
      await stage.page.see('Signed in as alice');
      assert.equal(await codeOf(stage, `api + 'me'`), '200');
    } finally {
      await stage.close();
    }
  });
}

story(
  'STORE-14 P2, a limit: the browser keeps the address of the authorization response until the page is left',
  OPEN,
  async (stage) => {
    await stage.signIn();
    const [entry, address] = await stage.page.run(
      `async () => [performance.getEntriesByType('navigation')[0].name, location.href]`,
    );
    assert.equal(new URL(entry).searchParams.get('code'), [...stage.provider.issued.codes].at(-1));
    assert.equal(address, stage.site.url);
    const text = await readFile(new URL('../../docs/storage.md', import.meta.url), 'utf8');
    assert.match(text, /getEntriesByType\('navigation'\)/);
    await stage.page.reload();
    await stage.page.see('Signed in as alice');
    assert.doesNotMatch(
      await stage.page.run(`async () => performance.getEntriesByType('navigation')[0].name`),
      /code=/,
    );
  },
);

const FORGETFUL = {
  ...OPEN,
  homes: ['dedicated'],
  scripts: { '/www/app.js': OPEN.scripts['/www/app.js'].replace('...config,', "...config, restore: 'none',") },
};

story('STORE-15 P1: after a reload, storage holds nothing about the user', FORGETFUL, async (stage) => {
  await stage.signIn();
  assert.equal(await stage.page.run('async () => client.session.claims.name'), 'Alice Liddell');
  await stage.page.reload();
  await stage.page.see('Signed out');
  assert.equal(await stage.page.run('async () => client.session'), null);
  const kept = await stage.page.run(
    `async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, window.name, document.cookie])`,
  );
  assert.doesNotMatch(kept, /alice|liddell/i);
});
