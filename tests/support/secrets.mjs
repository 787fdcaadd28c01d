/**
 * Searches for secrets in everything that a script of the page can reach: whole, in pieces of 16 characters,
 * URL-encoded and as base64.
 *
 * The page returns all its data and the search happens here, so that the search brings no secret into the page.
 */

/** Shorter pieces also occur by chance. */
const PIECE = 16;

/**
 * @param {Iterable<[label: string, secret: string]>} secrets
 * @param {Iterable<[place: string, text: string]>} places
 * @returns {string[]} such as `refresh token in sessionStorage`, sorted; empty if no secret was found
 */
export function search(secrets, places) {
  const pieces = new Map();
  for (const [label, secret] of secrets) {
    for (const form of forms(secret)) {
      for (let at = 0; at + PIECE <= form.length; at += 1) pieces.set(form.slice(at, at + PIECE), label);
    }
  }
  const found = new Set();
  const seen = new Set();
  for (const [place, text] of places) {
    if (seen.has(`${place} ${text}`)) continue;
    seen.add(`${place} ${text}`);
    for (let at = 0; at + PIECE <= text.length; at += 1) {
      const label = pieces.get(text.slice(at, at + PIECE));
      if (label) found.add(`${label} in ${place}`);
    }
  }
  return [...found].sort();
}

/** The encodings of a secret. In base64 its beginning and end depend on the neighbouring bytes, so they are cut off. */
function forms(secret) {
  const spelled = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.from(`${'x'.repeat(shift)}${secret}`)
      .toString('base64')
      .slice(4, -4);
    return [text, text.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return new Set([secret, encodeURIComponent(secret), ...spelled]);
}

/**
 * Everything that the page's scripts can reach now, and everything that the spy has seen since the browser was opened.
 *
 * @param {import('./browser.mjs').Browser} browser
 * @param {Awaited<ReturnType<import('./site.mjs').startSite>>} site
 * @returns {Promise<[place: string, text: string][]>}
 */
export async function reachOf(browser, site) {
  const { page } = browser;
  const inside = await page.run(REACH);
  await page.run('async () => globalThis.__spy && globalThis.__spy.flush()');
  return [
    ...inside,
    ['the address', await page.url()],
    ...(await browser.console()).map((line) => ['the console', line]),
    ...site.spied.flatMap((batch) => JSON.parse(batch)).map(([channel, text]) => [`the spy (${channel})`, text]),
  ];
}

/** Runs in the page. Avoids built-ins that the spy has wrapped, where possible. */
const REACH = `async () => {
  const texts = new Map();
  const put = (place, value) => {
    if (typeof value !== 'string' || value.length < ${PIECE}) return; // too short for a piece of a secret
    if (!texts.has(place)) texts.set(place, new Set());
    texts.get(place).add(value);
  };

  for (const [place, storage] of [['localStorage', localStorage], ['sessionStorage', sessionStorage]]) {
    for (const key of Object.keys(storage)) { put(place, key); put(place, storage[key]); }
  }
  put('cookies', document.cookie);
  put('the DOM', document.documentElement?.outerHTML); // there is none while a page makes way for the next
  for (const field of document.querySelectorAll('input, textarea')) put('the DOM', field.value);
  for (const entry of performance.getEntries()) put('performance', entry.name);
  put('the referrer', document.referrer);
  put('window.name', window.name);
  if (window.navigation) for (const { url } of navigation.entries()) put('the history', url);

  for (const { name } of await indexedDB.databases()) {
    put('IndexedDB', name);
    const base = await new Promise((done, fail) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => fail(opening.error);
    });
    for (const store of base.objectStoreNames) {
      const all = base.transaction(store).objectStore(store).getAll();
      await new Promise((done) => { all.onsuccess = all.onerror = done; });
      walk('IndexedDB', all.result);
    }
    base.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      put('the caches', request.url);
      put('the caches', await (await cache.match(request)).text());
    }
  }

  walk('history.state', history.state);
  walk('globals', window);
  walk('the package', await import('/pkg/index.js').catch(() => null));
  return [...texts].flatMap(([place, values]) => [...values].map((value) => [place, value]));

  // All own properties that can be reached, their getters included, within bounds.
  function walk(place, root) {
    const seen = new Set();
    const queue = [root];
    for (let steps = 0; queue.length && steps < 40000; steps += 1) {
      const value = queue.shift();
      if (typeof value === 'string') { put(place, value); continue; }
      if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) continue;
      seen.add(value);
      if (value !== root && value instanceof Node) continue;
      if (value instanceof Promise) value.catch(() => {}); // of a prototype's getter: the search shall not cause errors
      if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
        const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        let text = '';
        for (const byte of bytes.subarray(0, 4000000)) text += String.fromCharCode(byte);
        put(place, text);
        continue;
      }
      if (value instanceof Map) for (const pair of value) queue.push(...pair);
      if (value instanceof Set) queue.push(...value);
      for (const key of Reflect.ownKeys(value)) {
        if (value === window && key === '__spy') continue;
        if (typeof key === 'string') put(place, key);
        try {
          const described = Object.getOwnPropertyDescriptor(value, key);
          if ('value' in described) queue.push(described.value);
          else if (described.get) queue.push(value[key]);
        } catch { /* a property that refuses to be read holds nothing for anybody */ }
      }
      try { queue.push(Object.getPrototypeOf(value)); } catch { /* the same */ }
    }
  }
}`;
