/** The provider's own sessions: which user a browser has signed in with. */

import { random } from './base64url.js';

/** @typedef {{ sub: string, mark: number, sid: string }} Login `mark`: when the user signed in, by {@link import('./clock.js').Clock} */

/** Stands for the cookie where one browser alone uses the provider. */
const SHARED = 'shared';

export class Logins {
  #clock;
  #settings;
  #cookie;
  #path;
  /** By the value of the cookie. @type {Map<string, Login>} */
  #logins = new Map();

  /**
   * @param {import('./clock.js').Clock} clock @param {{ sessionSeconds: number }} settings how long a login lasts
   * @param {boolean} isShared whether all requests come from one browser, which may be unable to keep a cookie
   * @param {string} issuer cookies do not distinguish ports, so the port is part of the name
   */
  constructor(clock, settings, isShared, issuer) {
    const { port, pathname } = new URL(issuer);
    this.#clock = clock;
    this.#settings = settings;
    this.#cookie = isShared ? '' : `valet-key-test-${port}`;
    this.#path = pathname;
  }

  /** @param {Request} request @returns {Login | undefined} */
  of(request) {
    const login = this.#logins.get(this.#keyOf(request));
    return login && this.#clock.age(login.mark) < this.#settings.sessionSeconds ? login : undefined;
  }

  /** Signs a user in, and returns the header for the response. @param {Request} request @param {string} sub */
  begin(request, sub) {
    const login = { sub, mark: this.#clock.mark(), sid: random(9) };
    this.#logins.delete(this.#keyOf(request));
    const key = this.#cookie ? random() : SHARED;
    this.#logins.set(key, login);
    const header = /** @type {Record<string, string>} */ (this.#cookie ? { 'set-cookie': this.#setting(key) } : {});
    return { login, header };
  }

  /** @param {Request} request */
  end(request) {
    this.#logins.delete(this.#keyOf(request));
  }

  /** Ends all logins of a user. @param {string} sub */
  endOf(sub) {
    for (const [key, login] of this.#logins) if (login.sub === sub) this.#logins.delete(key);
  }

  /** @param {Request} request */
  #keyOf(request) {
    if (!this.#cookie) return SHARED;
    const cookies = (request.headers.get('cookie') ?? '').split(/; */);
    return cookies.find((cookie) => cookie.startsWith(`${this.#cookie}=`))?.slice(this.#cookie.length + 1) ?? '';
  }

  /** @param {string} key */
  #setting(key) {
    return `${this.#cookie}=${key}; Path=${this.#path}; HttpOnly; SameSite=Lax`;
  }
}
