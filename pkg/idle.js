/**
 * Signs the user out after a time without the user, in all tabs of the site. The tabs share the time of the last activity in local
 * storage, so that a tab in the background does not end the session of a user who is active in another one.
 */

import { configError } from './errors.js';

/** In local storage: when the user was last active, in milliseconds since 1970. */
const KEY = 'valet-key:active';

/** The lock of the tab that is signing out. */
const LOCK = 'valet-key:idle';

/** What a user does. Moving the pointer counts, because reading often means no more than that. */
const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];

const SECOND = 1000;

/** The longest delay of a timer, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** @param {unknown} seconds @param {string} name @returns {asserts seconds is number} */
function expectSeconds(seconds, name) {
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds === Infinity)
    throw configError(
      `option \`${name}\` of \`signOutWhenIdle\`: not a positive number`,
      'Write the seconds, such as `900`.',
    );
}

class Idle extends EventTarget {
  #client;
  #after;
  #warning;
  #everywhere;
  /** When the user was last active here: by a clock that is never set, in case storage has no time. */
  #lastHere = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isCounting = false;
  #isEnding = false;
  #end = new AbortController();

  /** @param {import('./index.d.ts').Client<any>} client @param {import('./idle.d.ts').IdleOptions} options */
  constructor(client, { after, warning = Math.min(60, after / 2), everywhere = true }) {
    super();
    expectSeconds(after, 'after');
    expectSeconds(warning, 'warning');
    this.#client = client;
    this.#after = after * SECOND;
    this.#warning = Math.min(warning * SECOND, this.#after);
    this.#everywhere = everywhere;
    const { signal } = this.#end;
    const check = () => this.#check();
    for (const type of ACTIVITY)
      addEventListener(type, ({ isTrusted }) => isTrusted && this.#note(), { signal, capture: true, passive: true });
    addEventListener('storage', ({ key }) => key === KEY && check(), { signal });
    // Timers stand still while a page is frozen or the device sleeps.
    addEventListener('pageshow', check, { signal });
    document.addEventListener('visibilitychange', check, { signal });
    client.addEventListener(
      'change',
      ({ session, reason }) => {
        // A sign-in in which the user took part. A renewal and a restored session say nothing about the user.
        if (reason === 'signed_in' || reason === 'user_changed') this.active();
        else if (!session) this.#rest();
      },
      { signal },
    );
    // A sign-in by redirect ends with `start()`, without an event. Its page was left with a click.
    client.start().then(check, () => {});
  }

  get remaining() {
    return this.#client.session ? Math.max(0, this.#left()) / SECOND : Infinity;
  }

  active() {
    this.#lastHere = performance.now();
    try {
      localStorage.setItem(KEY, String(Date.now()));
    } catch {} // without storage, each tab counts for itself
    this.#check();
  }

  stop() {
    this.#end.abort();
    this.#rest();
  }

  /** Milliseconds that are left without activity. */
  #left() {
    const here = performance.now() - this.#lastHere;
    let elsewhere = NaN;
    try {
      elsewhere = Date.now() - Number(localStorage.getItem(KEY) ?? NaN);
    } catch {}
    // A time in the future comes from a clock that was set back.
    return this.#after - (elsewhere >= 0 && elsewhere < Infinity ? elsewhere : here);
  }

  /** Records activity, at most once a second. */
  #note() {
    if (performance.now() - this.#lastHere >= SECOND || this.#isCounting) this.active();
  }

  /** Decides what happens next. */
  #check() {
    if (!this.#client.session || this.#isEnding || this.#end.signal.aborted) return;
    clearTimeout(this.#timer);
    const left = this.#left();
    if (left <= 0) return void this.#signOut();
    if (left > this.#warning) {
      if (this.#isCounting) this.#tell('active');
      this.#isCounting = false;
      return this.#wait(left - this.#warning);
    }
    this.#isCounting = true;
    this.#tell('countdown');
    this.#wait(left % SECOND || SECOND);
  }

  /** @param {number} milliseconds */
  #wait(milliseconds) {
    this.#timer = setTimeout(() => this.#check(), Math.min(milliseconds, LONGEST));
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#isCounting = false;
  }

  async #signOut() {
    this.#isEnding = true;
    this.#rest();
    this.#tell('idle');
    const end = async () => this.#client.session && this.#client.signOut({ everywhere: this.#everywhere });
    try {
      // One tab after the other: the next ones hear of it from the client.
      await (navigator.locks ? navigator.locks.request(LOCK, end) : end());
    } catch {
      // The client has forgotten the session, whatever the provider does.
    } finally {
      this.#isEnding = false;
      if (this.#client.session) this.#wait(SECOND);
    }
  }

  /** @param {'countdown' | 'active' | 'idle'} type */
  #tell(type) {
    this.dispatchEvent(Object.assign(new Event(type), { remaining: Math.ceil(this.remaining) }));
  }
}

/** @param {import('./index.d.ts').Client<any>} client @param {import('./idle.d.ts').IdleOptions} options */
export const signOutWhenIdle = (client, options) => new Idle(client, options);
