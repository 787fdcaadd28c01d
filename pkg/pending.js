/**
 * Sign-ins that wait for the provider's redirect, in session storage, and the mark that this browser had a session, in
 * local storage. `docs/storage.md` lists the keys. Every script of the origin can read and write there, so the vault takes
 * none of it on trust.
 */

import { configError } from './errors.js';

/** How long a user has to sign in, in milliseconds; the core holds the same. */
const LIFE = 60 * 60 * 1000;

/** The records of all clients begin like this. After it come the provider, a space, and what else names the client. */
const TX = 'valet-key:tx:';
const POPUP = 'valet-key:popup:';

/** @param {string} provider @param {string} client tells the client from others of this provider */
export function pendingOf(provider, client) {
  const name = `${provider} ${client}`;
  const prefix = `${TX}${name}:`;
  const had = `valet-key:had:${name}`;
  const left = `valet-key:left:${name}`;
  const out = `valet-key:out:${name}`;
  return {
    /** @param {string} state @param {string} record */
    keep(state, record) {
      try {
        sessionStorage.setItem(prefix + state, record);
      } catch (cause) {
        throw configError('no session storage', 'Allow site data.', cause);
      }
    },
    /**
     * Takes a record out, which can be used once, and removes those of all clients whose time is over. `pending`: other
     * sign-ins of this client are under way. `others`: the record is another client's.
     * @param {string} state empty for none
     * @returns {{ record?: string, pending: boolean, others: boolean }}
     */
    take(state) {
      const record = taken(prefix + state) ?? undefined;
      for (const key of waiting()) {
        const age = Date.now() - recordAt(key).started;
        if (!(age >= 0 && age <= LIFE)) taken(key);
      }
      const keys = waiting();
      return {
        record,
        pending: keys.some((key) => key.startsWith(prefix)),
        others: keys.some((key) => key.endsWith(`:${state}`)),
      };
    },
    /** Whether a sign-in waits to come back to a page: one of this client, or one at another provider. @param {string} redirectUri @param {boolean} here */
    awaits: (redirectUri, here) => waiting().some((key) => key.startsWith(here ? prefix : `${TX}${provider} `) === here && recordAt(key).redirect_uri === redirectUri),
    /**
     * The state of the sign-in that this window is a popup for, if it is one and shows the redirect page; with a window and a
     * state, notes that there: it is still empty, and of this origin.
     * @param {string} redirectUri @param {Window} [popup] @param {string} [state]
     */
    popup: (redirectUri, popup, state = '') => softly(() => (popup ? popup.sessionStorage.setItem(POPUP + redirectUri, state) : sessionStorage.getItem(POPUP + redirectUri))),
    /** Notes that the page leaves to sign out at the provider. @param {string} state comes back with the user */
    signingOut: (state) => softly(() => sessionStorage.setItem(out, state)),
    /** The `state` with which this page left, once; `null` if it did not. */
    signedOut: () => taken(out),
    /** @param {boolean} signedIn */
    mark: (signedIn) => softly(() => (signedIn ? localStorage.setItem(had, '1') : localStorage.removeItem(had))),
    /** Where it is counted how often the app leaves for the provider without a click of the user. */
    left,
    clicked: () => taken(left),
    /** Whether this browser had a session, which was not sought in vain since. */
    had: () => Boolean(softly(() => localStorage.getItem(had))),
  };
}

/** The keys of all records. */
const waiting = () => (softly(() => Object.keys(sessionStorage)) ?? []).filter((key) => key.startsWith(TX));

/** What a record says; nothing, if it is none. @param {string} key @returns {any} */
const recordAt = (key) => softly(() => JSON.parse(sessionStorage.getItem(key) ?? '')) ?? {};

/** What was kept in session storage, where it is no longer. @param {string} key */
const taken = (key) =>
  softly(() => {
    const value = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    return value;
  });

/** @template T @param {() => T} use @returns {T | null} storage can be switched off */
function softly(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
