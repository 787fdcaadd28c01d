/** The keys with which the test provider signs: ES256 (RFC 7518 §3.4), made by Web Cryptography. */

import { encode, encodeJson, random } from './base64url.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

export class Keys {
  /** The newest key is the first one, and signs. @type {Promise<{ kid: string, privateKey: CryptoKey, jwk: object }>[]} */
  #keys = [];

  /** Makes the next key. @param {boolean} keepsOld whether the key set still has the earlier keys */
  async rotate(keepsOld) {
    this.#keys = [made(), ...(keepsOld ? this.#keys : [])];
    await this.#keys[0];
  }

  /** The key set (RFC 7517 §5). */
  async set() {
    const keys = await Promise.all(await this.#ready());
    return { keys: keys.map(({ jwk }) => jwk) };
  }

  /** A signed token (RFC 7515 §7.1). @param {string} type @param {object} claims */
  async sign(type, claims) {
    const { kid, privateKey } = await (await this.#ready())[0];
    const content = `${encodeJson({ alg: 'ES256', typ: type, kid })}.${encodeJson(claims)}`;
    const signature = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' },
      privateKey,
      new TextEncoder().encode(content),
    );
    return `${content}.${encode(new Uint8Array(signature))}`;
  }

  /** The first key is made when it is needed, so that a provider can be created without waiting. */
  async #ready() {
    if (!this.#keys.length) await this.rotate(false);
    return this.#keys;
  }
}

async function made() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const kid = random(6);
  return { kid, privateKey, jwk: { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' } };
}
