/**
 * Sign-ins that wait for the provider's redirect, in session storage, and the mark that this browser had a session, in
 * local storage. `docs/storage.md` lists the keys.
 */

import { configError, failure } from './errors.js';

/** How long a user has to sign in, in milliseconds; the core holds the same. */
const LIFE = 10 * 60 * 1000;

/** No user signs in this many times in so many milliseconds. */
const LOOP = { times: 5, within: 30_000 };

/** @param {string} client names issuer and client id */
export function pendingOf(client) {
  const prefix = `valet-key:tx:${client}:`;
  const marks = Object.fromEntries(['had', 'tried', 'left', 'out'].map((name) => [name, `valet-key:${name}:${client}`]));
  /** @template T @param {() => T} use @returns {T | null} storage can be switched off */
  const softly = (use) => {
    try {
      return use();
    } catch {
      return null;
    }
  };
  return {
    /** @param {string} state @param {string} record */
    keep(state, record) {
      try {
        sessionStorage.setItem(prefix + state, record);
      } catch (cause) {
        throw configError('session storage is not to be had', 'A sign-in by redirect needs it: allow site data for this page.', cause);
      }
    },
    /**
     * Takes a record out; it can be used once. `pending`: other sign-ins of this client are under way. `others`: the
     * state is another client's.
     * @param {string} state
     * @returns {{ record?: string, pending: boolean, others: boolean }}
     */
    take(state) {
      const record = softly(() => sessionStorage.getItem(prefix + state)) ?? undefined;
      softly(() => sessionStorage.removeItem(prefix + state));
      const keys = softly(() => Object.keys(sessionStorage)) ?? [];
      for (const key of keys) if (key.startsWith(prefix) && isStale(key)) softly(() => sessionStorage.removeItem(key));
      const left = softly(() => Object.keys(sessionStorage)) ?? [];
      return {
        record,
        pending: left.some((key) => key.startsWith(prefix)),
        others: !record && left.some((key) => key.startsWith('valet-key:tx:') && key.endsWith(`:${state}`)),
      };
    },
    /** Notes that the page leaves to sign out at the provider. @param {string} state comes back with the user */
    signingOut: (state) => softly(() => sessionStorage.setItem(marks.out, state)),
    /** The `state` with which this page left, once; `null` if it did not. */
    signedOut() {
      const state = softly(() => sessionStorage.getItem(marks.out));
      if (state !== null) softly(() => sessionStorage.removeItem(marks.out));
      return state;
    },
    /** @param {boolean} signedIn */
    mark(signedIn) {
      softly(() => (signedIn ? localStorage.setItem(marks.had, '1') : localStorage.removeItem(marks.had)));
      softly(() => sessionStorage.removeItem(marks.tried));
    },
    /**
     * Counts the times that the app leaves for the provider without a click of the user.
     * @param {unknown} cause why it came to this, if anybody knows
     */
    leave(cause) {
      if (navigator.userActivation?.isActive) return softly(() => sessionStorage.removeItem(marks.left));
      const recent = softly(() => JSON.parse(sessionStorage.getItem(marks.left) ?? '[]')) ?? [];
      const times = [...recent, Date.now()].filter((time) => Date.now() - time < LOOP.within);
      if (times.length > LOOP.times) {
        throw failure('redirect_loop', 'app', 'the page and the provider send the user round in circles', '`cause` says why the last sign-in failed, if it did.', false, cause);
      }
      softly(() => sessionStorage.setItem(marks.left, JSON.stringify(times)));
    },
    /** Whether this browser had a session. */
    had: () => Boolean(softly(() => localStorage.getItem(marks.had))),
    /** Whether to ask the provider silently: there was a session, and this was not tried in vain just now. */
    worthTrying() {
      return softly(() => localStorage.getItem(marks.had) && !sessionStorage.getItem(marks.tried) && (sessionStorage.setItem(marks.tried, '1'), true));
    },
  };
}

/** @param {string} key */
function isStale(key) {
  try {
    const age = Date.now() - JSON.parse(sessionStorage.getItem(key) ?? '{}').started;
    return !(age >= 0 && age <= LIFE);
  } catch {
    return true;
  }
}
