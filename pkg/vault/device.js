/**
 * What the device keeps of sessions (`keep: 'device'`): for each account, a text with the refresh token, and the key that it is bound to,
 * in IndexedDB. The key cannot be exported. Every script of the origin can read what is here, and can use the key while a page is open.
 *
 * One vault at a time uses what is kept under a name, because two would use up one refresh token: it holds a Web Lock of that name for
 * its lifetime. `src/vault/kept.rs` decides what is kept.
 */

const DATABASE = 'valet-key:device';
const STORE = 'sessions';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

/** Milliseconds for which a vault waits for the end of an earlier one, and for the database, which a script can block. */
const WAIT = 2000;

/** @typedef {{ text: string, key: [string, CryptoKey], sub?: string }} Kept `key`: the public half as a JWK, and the private one */

/**
 * What this vault keeps under a name, from the first time on that it asks for it.
 * @typedef {object} Place
 * @property {boolean} isOurs whether this vault has the lock
 * @property {Promise<void>} ours resolves when it has
 * @property {Kept | null} [latest] what is to be kept; absent if nothing was said yet
 * @property {string} [stored] the text that this vault has stored last; empty if it has removed it
 */

/** By name. @type {Map<string, Place>} */
const places = new Map();

/** The uses of the database, one after the other. @type {Promise<unknown>} */
let last = Promise.resolve();

/**
 * Carries out an operation: `probe` tells whether the device can keep a key; `load` gives `[text, key]`, or nothing; `keep` replaces what is
 * kept, or removes it if there is no text; `forget` removes what is kept of a user, or of every user, under all names that begin so, and
 * `forgetOthers` what is kept of other users.
 * @param {'probe' | 'load' | 'keep' | 'forget' | 'forgetOthers'} op @param {string} name @param {string} [text]
 * @param {[string, CryptoKey]} [key] @param {string} [sub] @returns {Promise<unknown>}
 */
export function device(op, name, text, key, sub) {
  const run = {
    probe: () => inTime(probe()),
    load: () => inTime(load(name)),
    keep: () => keep(name, text, key, sub),
    forget: () => forget(name, (of) => !sub || !of || of === sub),
    forgetOthers: () => forget(name, (of) => of !== sub),
  }[op];
  // Without a place to keep it, a session ends with the browser.
  return run().catch(() => undefined);
}

/** @template T @param {Promise<T>} promise @returns {Promise<T | undefined>} */
const inTime = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 2 * WAIT))]);

async function probe() {
  if (!navigator.locks) return false;
  const { privateKey } = await crypto.subtle.generateKey(ALGORITHM, false, ['sign']);
  const name = crypto.randomUUID();
  await inStore('readwrite', (store) => store.put({ key: ['', privateKey] }, name));
  const found = await inStore('readwrite', (store) => {
    const request = store.get(name);
    store.delete(name);
    return request;
  });
  return isSafe(found?.key?.[1]);
}

/** A key that a script could copy is not used: a script has stored it. @param {unknown} key */
const isSafe = (key) => key instanceof CryptoKey && !key.extractable;

/** @param {string} name */
async function load(name) {
  const place = placeOf(name);
  await Promise.race([place.ours, new Promise((resolve) => setTimeout(resolve, WAIT))]);
  if (!place.isOurs) return;
  const { text, key } = (await inStore('readonly', (store) => store.get(name))) ?? {};
  return isSafe(key?.[1]) ? [text, key] : undefined;
}

/** @param {string} name @param {string} [text] @param {[string, CryptoKey]} [key] @param {string} [sub] */
async function keep(name, text, key, sub) {
  const place = placeOf(name);
  place.latest = text && key && isSafe(key[1]) ? { text, key, sub } : null;
  if (place.isOurs) await write(name, place);
}

/** @param {string} name @param {Place} place */
async function write(name, place) {
  const { latest } = place;
  const text = latest?.text ?? '';
  if (place.stored === text) return;
  await inStore('readwrite', (store) => (latest ? store.put(latest, name) : store.delete(name)));
  place.stored = text;
}

/** @param {string} name */
function placeOf(name) {
  const known = places.get(name);
  if (known) return known;
  /** @type {() => void} */
  let take = () => {};
  const ours = new Promise((/** @type {(value: void) => void} */ resolve) => (take = resolve));
  /** @type {Place} */
  const place = { isOurs: false, ours };
  const held = () => {
    place.isOurs = true;
    take();
    // What another vault has kept meanwhile may be newer than that there was nothing to keep.
    if (place.latest) write(name, place).catch(() => {});
    return new Promise(() => {});
  };
  // A script can take the lock away.
  navigator.locks?.request(`valet-key:device:${name}`, held).catch(() => (place.isOurs = false));
  places.set(name, place);
  return place;
}

/** @param {string} begin @param {(sub?: string) => boolean} isMeant */
async function forget(begin, isMeant) {
  // Most apps keep nothing, and get no database by asking.
  if (!places.size && !(await indexedDB.databases()).some(({ name }) => name === DATABASE)) return;
  await inStore('readwrite', (store) => {
    const request = store.openCursor();
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return;
      if (`${cursor.key}`.startsWith(begin) && isMeant(cursor.value?.sub)) {
        cursor.delete();
        const place = places.get(`${cursor.key}`);
        if (place) place.stored = undefined;
      }
      cursor.continue();
    };
  });
}

/**
 * Runs one transaction, and resolves with the result of the request that it returns when everything is stored.
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest | void} run @returns {Promise<any>}
 */
function inStore(mode, run) {
  const use = last.then(async () => {
    const database = await opened();
    try {
      const transaction = database.transaction(STORE, mode);
      const request = run(transaction.objectStore(STORE));
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
      return request?.result;
    } finally {
      database.close();
    }
  });
  last = use.catch(() => {});
  return use;
}

/** @returns {Promise<IDBDatabase>} */
function opened() {
  const request = indexedDB.open(DATABASE);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
