/** Base64url without padding (RFC 7515 §2), random values, and the hash that PKCE and `at_hash` need. */

/** @param {Uint8Array} bytes */
export const encode = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** @param {unknown} value */
export const encodeJson = (value) => encode(new TextEncoder().encode(JSON.stringify(value)));

/** A value that cannot be guessed. */
export const random = (bytes = 24) => encode(crypto.getRandomValues(new Uint8Array(bytes)));

/** @param {string} text */
export const sha256 = async (text) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
