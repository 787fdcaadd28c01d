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
 * @property {number} of its number, for the response
 * @property {string} name of the key
 * @property {string} data to be signed; empty if only the public key is needed
 * @property {boolean} creates whether to make a key if there is none
 */

/**
 * Responds to a request of the vault.
 * @param {Request} request @param {import('./port.js').Call} call
 */
export async function answer({ of, name, data, creates }, call) {
  const signed = await respond(name, data, creates).catch(() => ({ lacks: 'storage' }));
  await call('signed', { of, text: JSON.stringify(signed) });
}

/** @param {string} name @param {string} data @param {boolean} creates */
async function respond(name, data, creates) {
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
 * Returns the stored keys of this name. If there are none, stores the new ones and returns them. Two pages that do so at the same
 * time get the same keys, since the transactions of a database run one after the other.
 * @param {string} name @param {CryptoKeyPair} [made] @returns {Promise<CryptoKeyPair | undefined>}
 */
async function inStore(name, made) {
  const database = await opened();
  try {
    const store = database.transaction(STORE, made ? 'readwrite' : 'readonly').objectStore(STORE);
    const stored = await result(store.get(name));
    if (stored || !made) return stored;
    await result(store.add(made, name));
    return made;
  } finally {
    database.close();
  }
}

function opened() {
  const request = indexedDB.open(DATABASE);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return result(request);
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
