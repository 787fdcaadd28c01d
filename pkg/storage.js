/**
 * Web storage: the sign-ins that wait for the provider's redirect are in session storage, and the mark that this browser had a
 * session is in local storage. `docs/storage.md` lists the keys. Every script of the origin can read and write web storage, so
 * the vault does not trust its content.
 */

import { configError } from './errors.js';
import { listen, withoutPrototype } from './platform.js';

/** The time that a user has to sign in, in milliseconds. The core has the same limit. */
const LIFE = 60 * 60 * 1000;

/** The prefix of the keys of all records. After it come the provider, a space, the client id and the account label. */
const TX = 'valet-key:tx:';
const POPUP = 'valet-key:popup:';

/**
 * What a registration gave. `issuer` and `scope` are those that an API names.
 * @typedef {{ client_id?: string, issuer?: string, scope?: string }} Registered
 */

/** @param {string} provider @param {string} client distinguishes the client from others of this provider */
export function storageOf(provider, client) {
  const name = `${provider} ${client}`;
  const prefix = `${TX}${name}:`;
  const hadSessionKey = `valet-key:had:${name}`;
  const loopKey = `valet-key:left:${name}`;
  const signOutKey = `valet-key:out:${name}`;
  const awayKey = `valet-key:away:${name}`;
  const grantedKey = `valet-key:scope:${name}`;
  const clientKey = (/** @type {string} */ redirectUri) => `valet-key:client:${provider} ${redirectUri}`;
  return {
    /** @param {string} state @param {string} record */
    keep(state, record) {
      try {
        sessionStorage.setItem(prefix + state, record);
        let isLeaving = true;
        listen(window, 'pagehide', () => {
          if (isLeaving) softly(() => sessionStorage.setItem(awayKey, '1'));
          isLeaving = false; // this page may come back and be left for another reason
        });
      } catch (cause) {
        throw configError('no session storage', 'Allow or clear site data.', cause);
      }
    },
    /**
     * Takes out the record of a `state`, which can be used only once, and removes the expired records of all clients.
     * `pending`: other sign-ins of this client are pending. `others`: another client has a record for this `state`.
     * @param {string} state empty if there is no response
     * @returns {{ record?: string, pending: boolean, others: boolean }}
     */
    take(state) {
      const record = takeItem(prefix + state) ?? undefined;
      if (state) takeItem(awayKey);
      for (const key of recordKeys()) {
        const age = Date.now() - recordAt(key).started;
        if (!(age >= 0 && age <= LIFE)) takeItem(key);
      }
      const keys = recordKeys();
      return {
        record,
        pending: keys.some((key) => key.startsWith(prefix)),
        others: keys.some((key) => key.endsWith(`:${state}`)),
      };
    },
    /**
     * Whether a sign-in waits for a response at this page: one of this client if `isOwn` is true, otherwise one at another
     * provider.
     * @param {string} redirectUri @param {boolean} isOwn
     */
    awaits: (redirectUri, isOwn) =>
      recordKeys().some((key) => {
        const { redirect_uri: page = '' } = recordAt(key);
        return (
          key.startsWith(isOwn ? prefix : `${TX}${provider} `) === isOwn &&
          (isOwn ? page.replace(/[?&]valet-key=[\w-]+$/, '') : page) === redirectUri
        );
      }),
    /**
     * With one argument, returns the `state` of the sign-in for which this window was opened as a popup, if this window is a
     * popup and shows the redirect page. With a popup and a `state`, stores the `state` in that popup, which is still empty and
     * of this origin.
     * @param {string} redirectUri @param {Window} [popup] @param {string} [state]
     */
    popup: (redirectUri, popup, state = '') =>
      softly(() =>
        popup ? popup.sessionStorage.setItem(POPUP + redirectUri, state) : sessionStorage.getItem(POPUP + redirectUri),
      ),
    /** The key of what a registration at this redirect page gave. @param {string} redirectUri */
    clientKey,
    /** What it gave, as texts. @param {string} redirectUri @returns {Registered} */
    registered: (redirectUri) =>
      withoutPrototype(
        softly(() =>
          JSON.parse(localStorage.getItem(clientKey(redirectUri)) ?? '', (name, value) => (name ? `${value}` : value)),
        ) ?? {},
      ),
    /** The key of a mark: the page was left for a sign-in by redirect, and no response has come to this tab since. */
    awayKey,
    /** Stores that the page leaves to sign out at the provider. @param {string} state comes back with the user */
    signingOut: (state) => softly(() => sessionStorage.setItem(signOutKey, state)),
    /** Takes out the `state` with which this page left to sign out; `null` if it did not leave. */
    signedOut: () => takeItem(signOutKey),
    /**
     * @param {{ sub: string } | null | undefined} session @param {1 | 2} [how] 2: the provider has no session in this browser, because
     *   the user signed in on another device, or because there is no user
     */
    mark: (session, how = session?.sub ? 1 : 2) =>
      softly(() => (session ? localStorage.setItem(hadSessionKey, `${how}`) : localStorage.removeItem(hadSessionKey))),
    /** The key of the times at which the app left for the provider without a click of the user. */
    loopKey,
    clicked: () => takeItem(loopKey),
    /**
     * The scope that the user has granted in addition to the one that every sign-in asks for, so that the next sign-in asks for it, too.
     * With an argument, stores it. @param {string} [scope]
     */
    granted: (scope) =>
      softly(() => {
        if (scope) localStorage.setItem(grantedKey, scope);
        else if (scope === '') localStorage.removeItem(grantedKey);
        return localStorage.getItem(grantedKey);
      }) ?? undefined,
    /** Marks that the user signs out, until the vault has heard of it: the page may be left before. */
    markSigningOut: () =>
      softly(() => {
        localStorage.setItem(hadSessionKey, '0');
        localStorage.removeItem(grantedKey);
      }),
    /**
     * 1 or 2 (see `mark`) if this browser had a session, and no attempt to restore it has failed since; 0 if the user has signed
     * out, and the vault may not have heard of it; otherwise `NaN`.
     */
    had: () => {
      const mark = softly(() => localStorage.getItem(hadSessionKey));
      return mark === '1' ? 1 : mark === '2' ? 2 : mark === '0' ? 0 : NaN;
    },
  };
}

/** The keys of all records. */
const recordKeys = () => (softly(() => Object.keys(sessionStorage)) ?? []).filter((key) => key.startsWith(TX));

/** The members of a record; none if it cannot be read. @param {string} key @returns {any} */
const recordAt = (key) => softly(() => JSON.parse(sessionStorage.getItem(key) ?? '')) ?? {};

/** Removes an item from session storage and returns its value. @param {string} key */
const takeItem = (key) =>
  softly(() => {
    const value = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    return value;
  });

/** @template T @param {() => T} use @returns {T | null} `null` if storage is disabled */
function softly(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
