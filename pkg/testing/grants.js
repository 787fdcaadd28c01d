/** What the test provider has issued: grants, and their codes, access tokens and refresh tokens. */

import { random } from './base64url.js';

/**
 * What a user has allowed an app. A grant that is over takes its tokens with it.
 * @typedef {object} Grant
 * @property {string} sub
 * @property {string} clientId
 * @property {string} scope
 * @property {number} loginMark when the user signed in
 * @property {string} sid
 * @property {Record<string, any>} asked the claims that the request asks for by name
 * @property {string} [acr]
 * @property {string} [nonce]
 * @property {boolean} [isOver]
 */

/** @typedef {{ grant: Grant, mark: number, isUsed?: boolean }} Issued */
/** @typedef {Issued & { redirectUri: string, challenge: string }} Code */
/** @typedef {Issued & { scope: string, aud: string, exp: number, iat: number }} AccessToken */

export class Grants {
  #clock;
  #settings;
  /** @type {Map<string, Code>} */
  #codes = new Map();
  /** @type {Map<string, AccessToken>} */
  #accessTokens = new Map();
  /** @type {Map<string, Issued>} */
  #refreshTokens = new Map();

  /**
   * @param {import('./clock.js').Clock} clock
   * @param {{ codeSeconds: number, refreshTokenSeconds: number }} settings how long each of them is valid; a test may change it
   */
  constructor(clock, settings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** @param {Grant} grant @param {string} redirectUri @param {string} challenge */
  addCode(grant, redirectUri, challenge) {
    const code = random();
    this.#codes.set(code, { grant, redirectUri, challenge, mark: this.#clock.mark() });
    return code;
  }

  /** Takes a code, once. A second attempt ends the grant (RFC 6749 §4.1.2). @param {string} value */
  useCode(value) {
    return this.#use(this.#codes, value, this.#settings.codeSeconds);
  }

  /** @param {string} value @param {Omit<AccessToken, 'mark'>} token */
  addAccessToken(value, token) {
    this.#accessTokens.set(value, { ...token, mark: this.#clock.mark() });
  }

  /** @param {Grant} grant */
  addRefreshToken(grant) {
    const value = random();
    this.#refreshTokens.set(value, { grant, mark: this.#clock.mark() });
    return value;
  }

  /** Takes a refresh token, once. A second attempt ends the grant (RFC 9700 §4.14.2). @param {string} value */
  useRefreshToken(value) {
    return this.#use(this.#refreshTokens, value, this.#settings.refreshTokenSeconds);
  }

  /** An access token that is still valid. @param {string} value */
  accessToken(value) {
    const token = this.#accessTokens.get(value);
    return token && this.#isValid(token, token.exp - token.iat) ? token : undefined;
  }

  /** Ends the grant of a token, or an access token alone (RFC 7009 §2.1). @param {string} value */
  revoke(value) {
    const refreshToken = this.#refreshTokens.get(value);
    if (refreshToken) refreshToken.grant.isOver = true;
    this.#accessTokens.delete(value);
  }

  /** @param {(grant: Grant) => boolean} isMeant which grants end */
  end(isMeant) {
    for (const tokens of [this.#codes, this.#accessTokens, this.#refreshTokens])
      for (const { grant } of tokens.values()) if (isMeant(grant)) grant.isOver = true;
  }

  /** @template {Issued} T @param {Map<string, T>} of @param {string} value @param {number} seconds @returns {T | undefined} */
  #use(of, value, seconds) {
    const found = of.get(value);
    if (found?.isUsed) found.grant.isOver = true;
    if (!found || !this.#isValid(found, seconds)) return undefined;
    found.isUsed = true;
    return found;
  }

  /** @param {Issued} issued @param {number} seconds */
  #isValid({ grant, mark }, seconds) {
    return !grant.isOver && this.#clock.age(mark) < seconds;
  }
}
