/**
 * The entry `valet-key/accounts`: several accounts of a user at one provider. It makes a client for each account, and keeps a list
 * of them in local storage. It uses the public API of the clients only, so it meets no token. `accounts.d.ts` documents it.
 */

import { configError, failure } from './errors.js';
import { createClient } from './index.js';

/** @typedef {import('./index.d.ts').Client} Client */
/** @typedef {import('./index.d.ts').Session} Session */
/** @typedef {import('./accounts.d.ts').Account} Account */

/**
 * An account, as it is kept. The label distinguishes its client from the others; it is random. An account without a `sub` waits for
 * its first sign-in. `isAwaited`: it will be chosen when its user has signed in.
 * @typedef {{ label: string, sub?: string, name?: string, hint?: string, isAwaited?: boolean }} Kept
 */

/** @type {import('./accounts.d.ts').createAccounts} */
export function createAccounts(options) {
  return new Accounts(options);
}

/** @implements {import('./accounts.d.ts').Accounts} */
class Accounts extends EventTarget {
  #options;
  #key;
  /** @type {Kept[]} */
  #kept = [];
  /** The label of the chosen account. @type {string | undefined} */
  #chosen;
  /** By label. @type {Map<string, Client>} */
  #clients = new Map();
  /** @type {readonly Account[]} */
  #list = Object.freeze([]);
  /** What the app was told last. */
  #seen = '[[],null]';
  /** @type {Promise<Account | null> | undefined} */
  #started;

  /** @param {import('./index.d.ts').Options} options */
  constructor(options) {
    super();
    for (const name of ['account', 'guard']) {
      if (name in options)
        throw configError(
          `option \`${name}\`: not possible with several accounts`,
          'Remove it, or use `createClient`.',
        );
    }
    const { restore = 'vault', issuer, server, openid = issuer, clientId, redirectUri } = options;
    if (restore === 'silent')
      throw configError('option `restore`: nobody says which account `silent` restores', "Use `'vault'` or `'none'`.");
    if (!openid)
      throw configError(
        'option `openid`: needed to tell accounts apart',
        'Set `issuer`, or use a client for each account.',
      );
    this.#options = { ...options, restore };
    this.#key = `valet-key:accounts:${issuer ?? server?.issuer} ${clientId ?? redirectUri ?? ''}`;
  }

  get list() {
    return this.#list;
  }

  get current() {
    const chosen = this.#kept.find(({ label }) => label === this.#chosen);
    return (
      this.#list.find(({ sub }) => sub === chosen?.sub) ??
      this.#list.find(({ session }) => session) ??
      this.#list[0] ??
      null
    );
  }

  start() {
    return (this.#started ??= this.#start());
  }

  /** @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async add(options) {
    await this.start();
    const isFirst = this.#kept.length === 0;
    // Never an earlier label: its client may still have a session in the vault.
    const kept = { label: crypto.randomUUID() };
    this.#kept.push(kept);
    try {
      return await this.#signIn(kept, { prompt: isFirst ? undefined : 'select_account', ...options });
    } catch (error) {
      this.#drop(kept);
      this.#save();
      throw error;
    }
  }

  /** @param {string} sub @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async signIn(sub, options) {
    await this.start();
    const kept = this.#find(sub);
    return this.#signIn(kept, { loginHint: kept.hint, ...options });
  }

  /** @param {string} sub */
  choose(sub) {
    this.#chosen = this.#find(sub).label;
    this.#save();
    return /** @type {Account} */ (this.current);
  }

  /** @param {string} sub @param {{ everywhere?: boolean }} [options] */
  async remove(sub, { everywhere = false } = {}) {
    await this.start();
    const kept = this.#find(sub);
    const client = this.#client(kept);
    this.#drop(kept);
    this.#save();
    await client.signOut({ everywhere });
  }

  /**
   * A function that does not use `this`, so that other libraries can take it as their `fetch`.
   * @param {RequestInfo | URL} input @param {RequestInit} [init]
   */
  fetch = async (input, init) => {
    const { current } = this;
    if (!current) throw failure('login_required', 'user', 'there is no account', 'Call `add()`.');
    return current.client.fetch(input, init);
  };

  async #start() {
    this.#read();
    // Another tab has added, chosen or removed an account.
    addEventListener('storage', async ({ key, isTrusted }) => {
      if (!isTrusted || key !== this.#key) return;
      this.#read();
      for (const kept of this.#kept)
        await this.#client(kept)
          .start()
          .catch(() => {});
      this.#update();
    });
    let error;
    // A client is needed in a popup as well, and reads the provider's metadata for the first sign-in.
    const none = { label: '' };
    for (const kept of this.#kept.length > 0 ? [...this.#kept] : [none]) {
      try {
        const session = await this.#client(kept).start();
        if (session) this.#recognize(kept, session);
      } catch (failed) {
        error = failed;
      }
    }
    for (const kept of this.#kept.filter(({ sub }) => sub === undefined)) this.#drop(kept); // it was given up
    this.#save();
    if (error) {
      this.#started = undefined;
      throw error;
    }
    return this.current;
  }

  /** @param {Kept} kept @param {import('./index.d.ts').SignInOptions} options */
  async #signIn(kept, options) {
    kept.isAwaited = true;
    if (!options.mode || options.mode === 'redirect') this.#write(); // the page that comes back finds it
    try {
      this.#recognize(kept, await this.#client(kept).signIn(/** @type {any} */ (options)));
    } finally {
      delete kept.isAwaited;
      this.#save();
    }
    return this.current;
  }

  /** @param {Kept} kept @returns {Client} */
  #client({ label }) {
    const known = this.#clients.get(label);
    if (known) return known;
    const client = createClient({ ...this.#options, account: label });
    this.#clients.set(label, client);
    client.addEventListener('change', ({ session }) => {
      const kept = this.#kept.find((one) => one.label === label);
      if (kept?.sub !== undefined && session) this.#recognize(kept, session);
      this.#save();
    });
    return client;
  }

  /**
   * Records whose session a client has. Each user has one account: if there is another one, that is kept which has a session.
   * @param {Kept} kept @param {Session} session
   */
  #recognize(kept, { sub, claims }) {
    const same = this.#kept.find((one) => one !== kept && one.sub === sub);
    const stays = same && this.#client(same).session;
    if (kept.isAwaited) this.#chosen = (stays ? same : kept).label;
    delete kept.isAwaited;
    if (stays) {
      if (kept.sub === undefined) this.#drop(kept);
      return;
    }
    if (same) this.#drop(same);
    // The user has signed in as another one: the earlier account stays, signed out.
    if (kept.sub !== undefined && kept.sub !== sub) this.#kept.push({ ...kept, label: crypto.randomUUID() });
    const text = (/** @type {string} */ name) => (typeof claims[name] === 'string' ? claims[name] : undefined);
    kept.sub = sub;
    kept.hint = text('login_hint') ?? text('preferred_username') ?? text('email');
    kept.name = text('name') ?? kept.hint ?? sub;
  }

  /** @param {string} sub */
  #find(sub) {
    const kept = this.#kept.find((one) => one.sub === sub);
    if (!kept) throw configError('no account with this `sub`', 'Take it from `list`.');
    return kept;
  }

  /** @param {Kept} kept */
  #drop(kept) {
    this.#kept = this.#kept.filter((one) => one !== kept);
    this.#clients.delete(kept.label);
  }

  #read() {
    try {
      const { chosen, list } = JSON.parse(localStorage.getItem(this.#key) ?? '{}');
      const isKept = (/** @type {any} */ one) => typeof one?.label === 'string';
      const kept = Array.isArray(list) ? list.filter(isKept) : [];
      // The objects stay the same, since a sign-in may hold one.
      this.#kept = kept.map((one) => {
        const known = this.#kept.find(({ label }) => label === one.label);
        return known ? Object.assign(known, one) : one;
      });
      this.#chosen = chosen;
    } catch {} // written by another script, or storage is disabled
  }

  #write() {
    const text = JSON.stringify({ chosen: this.#chosen, list: this.#kept });
    try {
      if (localStorage.getItem(this.#key) !== text) localStorage.setItem(this.#key, text);
    } catch {} // disabled: the list ends with the page
  }

  #save() {
    this.#write();
    this.#update();
  }

  /** Makes the list anew, and tells the app if it has changed. */
  #update() {
    this.#list = Object.freeze(
      this.#kept
        .filter(({ sub }) => sub !== undefined)
        .map((kept) => {
          const client = this.#client(kept);
          const { sub = '', name = sub } = kept;
          const session = client.session?.sub === sub ? client.session : null;
          return Object.freeze({ sub, name, session, client });
        }),
    );
    const seen = JSON.stringify([this.#list.map(({ sub, name, session }) => [sub, name, session]), this.current?.sub]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.dispatchEvent(new Event('change'));
  }
}
