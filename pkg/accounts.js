/**
 * The entry `valet-key/accounts`: several accounts of a user at one provider. It makes a client for each account, and keeps a list
 * of them in local storage, which all tabs share. It uses the public API of the clients only, so it meets no token. `accounts.d.ts`
 * documents it.
 */

import { configError, failure } from './errors.js';
import { createClient } from './index.js';

/** @typedef {import('./index.d.ts').Client} Client */
/** @typedef {import('./index.d.ts').Session} Session */
/** @typedef {import('./accounts.d.ts').Account} Account */

/**
 * An account, as it is kept. The label distinguishes its client from the others; it is random.
 * @typedef {{ label: string, sub: string, name: string, hint?: string }} Kept
 */

/** @type {typeof import('./accounts.d.ts').createAccounts} */
export function createAccounts(options) {
  return /** @type {any} */ (new Accounts(options));
}

/** The accounts that `accounts.d.ts` promises. The overloads there say more than the types here. */
class Accounts extends EventTarget {
  #options;
  #listKey;
  /** In session storage: the label of the account for whose sign-in this tab has left. */
  #awaitedKey;
  /** The accounts, as they were read last. @type {Kept[]} */
  #kept = [];
  /** The label of the chosen account. @type {string | undefined} */
  #chosen;
  /** By label. @type {Map<string, Client>} */
  #clients = new Map();
  /** @type {readonly Account[]} */
  #list = Object.freeze([]);
  /** What the app was told last. */
  #seen = '[[],null]';
  /** @type {Promise<void> | undefined} */
  #opening;
  /** The failure of a sign-in, until `start()` has reported it. @type {unknown} */
  #failure;

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
      throw configError('option `restore`: `silent` cannot know which account', "Use `'vault'` or `'none'`.");
    if (!openid)
      throw configError(
        'option `openid`: needed to tell accounts apart',
        'Set `issuer`, or use a client for each account.',
      );
    this.#options = { ...options, restore };
    const name = `${issuer ?? server?.issuer} ${clientId ?? redirectUri ?? ''}`;
    this.#listKey = `valet-key:accounts:${name}`;
    this.#awaitedKey = `valet-key:awaited:${name}`;
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

  async start() {
    await this.#open();
    const error = this.#failure;
    this.#failure = undefined;
    if (error) throw error;
    return this.current;
  }

  /** @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async add(options) {
    await this.#open();
    const prompt = this.#kept.length > 0 ? 'select_account' : undefined;
    // Never an earlier label: its client may still have a session in the vault.
    return this.#signIn(crypto.randomUUID(), { prompt, ...options });
  }

  /** @param {string} sub @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async signIn(sub, options) {
    await this.#open();
    const { label, hint } = this.#find(sub);
    return this.#signIn(label, { loginHint: hint, ...options });
  }

  /** @param {string} sub */
  choose(sub) {
    const { label } = this.#find(sub);
    this.#change(() => (this.#chosen = label));
    return /** @type {Account} */ (this.current);
  }

  /** @param {string} sub @param {{ everywhere?: boolean }} [options] */
  async remove(sub, { everywhere = false } = {}) {
    await this.#open();
    const kept = this.#find(sub);
    const client = this.#client(kept.label);
    // Before the page leaves, if it does.
    this.#change(() => (this.#kept = this.#kept.filter(({ label }) => label !== kept.label)));
    try {
      // The sign-out of a client that knows no user would end the sessions of all.
      if (client.session) await client.signOut({ everywhere });
      this.#clients.delete(kept.label);
    } catch (error) {
      this.#change(() => this.#kept.push(kept));
      throw error;
    }
  }

  /**
   * A function that does not use `this`, so that other libraries can take it as their `fetch`.
   * @param {RequestInfo | URL} input @param {RequestInit} [init]
   */
  fetch = async (input, init) => {
    await this.#open();
    const { current } = this;
    if (!current) throw failure('login_required', 'user', 'there is no account', 'Call `add()`.');
    return current.client.fetch(input, init);
  };

  /** Reads the list and starts its clients, once. */
  #open() {
    return (this.#opening ??= this.#start());
  }

  async #start() {
    this.#read();
    addEventListener('storage', async ({ key, isTrusted }) => {
      if (!isTrusted || (key !== this.#listKey && key !== null)) return;
      this.#read();
      for (const { label } of this.#kept)
        await this.#client(label)
          .start()
          .catch(() => {});
      this.#update();
    });
    const awaited = this.#takeAwaited();
    const labels = new Set(this.#kept.map(({ label }) => label));
    if (awaited) labels.add(awaited);
    // A client is needed in a popup as well, and reads the provider's metadata for the first sign-in.
    if (labels.size === 0) labels.add('');
    for (const label of labels) {
      await this.#client(label)
        .start()
        .catch((error) => (this.#failure = error));
    }
    for (const label of labels) {
      const { session } = this.#client(label);
      if (session) this.#recognize(label, session, label === awaited);
    }
    this.#update();
  }

  /** @param {string} label @param {import('./index.d.ts').SignInOptions} options */
  async #signIn(label, options) {
    const client = this.#client(label);
    const leaves = !options.mode || options.mode === 'redirect';
    try {
      if (leaves) sessionStorage.setItem(this.#awaitedKey, label);
    } catch {} // disabled: the client says so
    try {
      this.#recognize(label, await client.signIn(/** @type {any} */ (options)), true);
    } catch (error) {
      if (leaves) this.#takeAwaited();
      throw error;
    }
    return this.current;
  }

  #takeAwaited() {
    try {
      const label = sessionStorage.getItem(this.#awaitedKey);
      sessionStorage.removeItem(this.#awaitedKey);
      return label ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** @param {string} label @returns {Client} */
  #client(label) {
    const known = this.#clients.get(label);
    if (known) return known;
    const client = createClient({ ...this.#options, account: label });
    this.#clients.set(label, client);
    client.addEventListener('change', ({ session }) => {
      const kept = this.#kept.find((one) => one.label === label);
      if (kept && session && session.sub !== kept.sub) this.#recognize(label, session, false);
      else this.#update();
    });
    return client;
  }

  /**
   * Records whose session a client has. Each user has one account: if there is another one, that is kept which has a session.
   * @param {string} label @param {Session} session @param {boolean} isChosen whether the app has asked for this sign-in
   */
  #recognize(label, { sub, claims }, isChosen) {
    const text = (/** @type {string} */ name) => (typeof claims[name] === 'string' ? claims[name] : undefined);
    const hint = text('login_hint') ?? text('preferred_username') ?? text('email');
    const found = { label, sub, name: text('name') ?? hint ?? sub, hint };
    this.#change(() => {
      const own = this.#kept.findIndex((one) => one.label === label);
      const same = this.#kept.findIndex((one) => one.label !== label && one.sub === sub);
      if (same >= 0 && this.#client(this.#kept[same].label).session) {
        if (isChosen) this.#chosen = this.#kept[same].label;
        return;
      }
      // The user has signed in as another one: the earlier account stays, signed out.
      if (own >= 0 && this.#kept[own].sub !== sub) this.#kept[own] = { ...this.#kept[own], label: crypto.randomUUID() };
      if (same >= 0) this.#kept[same] = found;
      else if (own >= 0 && this.#kept[own].label === label) this.#kept[own] = found;
      else this.#kept.push(found);
      if (isChosen) this.#chosen = label;
    });
  }

  /** @param {string} sub */
  #find(sub) {
    const kept = this.#kept.find((one) => one.sub === sub);
    if (!kept) throw configError('no account with this `sub`', 'Take it from `list`.');
    return kept;
  }

  /** Changes the list that the tabs share. @param {() => unknown} then */
  #change(then) {
    this.#read();
    then();
    const text = JSON.stringify({ chosen: this.#chosen, list: this.#kept });
    try {
      if (localStorage.getItem(this.#listKey) !== text) localStorage.setItem(this.#listKey, text);
    } catch {} // disabled: the list ends with the page
    this.#update();
  }

  #read() {
    let text;
    try {
      text = localStorage.getItem(this.#listKey) ?? '{}';
    } catch {
      return; // disabled
    }
    const isText = (/** @type {unknown} */ value) => typeof value === 'string';
    const isKept = (/** @type {any} */ one) => isText(one?.label) && isText(one.sub) && isText(one.name);
    try {
      const { chosen, list } = JSON.parse(text);
      this.#chosen = chosen;
      this.#kept = Array.isArray(list) ? list.filter(isKept) : [];
    } catch {
      this.#kept = []; // written by another script
    }
  }

  /** Makes the list of the app anew, and tells the app if it has changed. */
  #update() {
    this.#list = Object.freeze(
      this.#kept.map(({ label, sub, name }) => {
        const client = this.#client(label);
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
