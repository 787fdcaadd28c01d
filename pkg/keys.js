/**
 * The key with which a client authenticates (`private_key_jwt`), which only apps with such a client load. The page holds it and not
 * the vault, since a shared worker of WebKit can neither store nor receive a `CryptoKey`. No script can copy the private key; every
 * script of the origin can use it while a page is open. The vault decides what is signed. This file imports nothing: bundlers would
 * move anything that two files import into a further file.
 */

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const DATABASE = 'valet-key';
const STORE = 'keys';

/**
 * @typedef {object} Request
 * @property {string} of its name, for the response
 * @property {string} name of the key
 * @property {string} data to be signed; empty if only the public key is needed
 * @property {boolean} creates whether to make a key if there is none
 */

/** Responds to a request of the vault. @param {Request} request @returns {Promise<object>} as `src/browser/signer.rs` reads it */
export const respond = ({ name, data, creates }) => sign(name, data, creates).catch(() => ({ lacks: 'storage' }));

/** @param {string} name @param {string} data @param {boolean} creates */
async function sign(name, data, creates) {
  const keys = (await inStore(name)) ?? (creates && (await inStore(name, await makeKeys())));
  if (!keys) return { lacks: 'key' };
  const jwk = JSON.stringify(await crypto.subtle.exportKey('jwk', keys.publicKey));
  if (!data) return { jwk };
  const signature = await crypto.subtle.sign(ALGORITHM, keys.privateKey, new TextEncoder().encode(data));
  return { jwk, signature: base64url(new Uint8Array(signature)) };
}

/** @returns {Promise<CryptoKeyPair>} */
const makeKeys = () => crypto.subtle.generateKey(ALGORITHM, false, ['sign']);

/**
 * Returns the stored keys of this name. Keys that a script could copy are not used: a script has stored them. If there are none, stores
 * the new ones and returns them. Two pages that do so at the same time get the same keys, since the transactions of a database run one
 * after the other.
 * @param {string} name @param {CryptoKeyPair} [made] @returns {Promise<CryptoKeyPair | undefined>}
 */
async function inStore(name, made) {
  const database = await opened();
  try {
    const store = database.transaction(STORE, made ? 'readwrite' : 'readonly').objectStore(STORE);
    const stored = await result(store.get(name));
    const isOurs = stored?.privateKey.extractable === false;
    if (isOurs || !made) return isOurs ? stored : undefined;
    await result(store.put(made, name));
    return made;
  } finally {
    database.close();
  }
}

/** @param {number} [version] @returns {Promise<IDBDatabase>} */
async function opened(version) {
  const request = indexedDB.open(DATABASE, version);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await result(request);
  if (database.objectStoreNames.contains(STORE)) return database;
  database.close(); // a script has made an empty one
  return opened(database.version + 1);
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
