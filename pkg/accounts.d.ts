import type { Client, Options, Session, SignInOptions } from './index.js';

/**
 * Several accounts of a user at one provider, such as a private one and one at work.
 *
 * ```js
 * import { createAccounts } from 'valet-key/accounts';
 *
 * const accounts = createAccounts({ issuer: 'https://id.example.com', clientId: 'my-spa', api: ['https://api.example.com/'] });
 * await accounts.start();                                // after every page load
 * add.onclick = () => accounts.add();                    // the user signs in with a further account
 * const me = await accounts.fetch('https://api.example.com/me');   // with the chosen account
 * ```
 *
 * Each account has a client of its own, with its own session. Nothing passes between them. The function opens nothing, so it is safe to
 * call while rendering on a server.
 */
export function createAccounts(options: AccountsOptions): Accounts;

/**
 * The options of each client. OpenID Connect is needed, since `sub` tells accounts apart. `restore` is `vault` by default: at a reload
 * without a vault, a provider would restore the session of the last user.
 */
export type AccountsOptions = Omit<Options, 'account' | 'guard' | 'restore'> & { restore?: 'vault' | 'none' };

/** An account that this browser knows. */
export interface Account {
  /** The user's identifier, unique at the issuer. */
  readonly sub: string;
  /** A name to show: the claim `name`, or one that comes close to it. Kept in local storage. */
  readonly name: string;
  /** `null` if the session is over: `signIn(sub)` begins another one. */
  readonly session: Session | null;
  readonly client: Client;
}

export interface Accounts extends EventTarget {
  /** The accounts in the order in which they were added. Another list after each change. */
  readonly list: readonly Account[];
  /** The chosen account; otherwise the first one with a session, or the first one. `null` without accounts. */
  readonly current: Account | null;

  /**
   * Reads the list, and starts the client of each account: see `start()` of a client. Returns `current`. If a sign-in has failed, it
   * rejects with that error, and the other accounts are there nevertheless.
   */
  start(): Promise<Account | null>;

  /**
   * Lets the user sign in with a further account, and chooses it. For all but the first account, the default of `prompt` is
   * `select_account`; at a provider that does not support it, pass `login`. If the user signs in with an account that has a session,
   * nothing is added, and that account is chosen.
   */
  add(options?: SignInOptions & { mode?: 'redirect' }): Promise<never>;
  add(options: SignInOptions & { mode: 'popup' }): Promise<Account>;

  /** Begins another session of an account, whose user is named to the provider (`login_hint`). */
  signIn(sub: string, options?: SignInOptions & { mode?: 'redirect' }): Promise<never>;
  signIn(sub: string, options: SignInOptions & { mode: 'popup' | 'silent' }): Promise<Account>;

  /** Chooses an account, in all tabs. */
  choose(sub: string): Account;

  /**
   * Forgets an account and revokes its tokens. The other accounts stay, and so does the provider's own session unless `everywhere` is
   * `true`: others may be signed in by it.
   */
  remove(sub: string, options?: { everywhere?: boolean }): Promise<void>;

  /** `fetch` of the chosen account's client. Does not use `this`. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /** Dispatched when the list, a session or the choice has changed. */
  addEventListener(type: 'change', listener: (event: Event) => void, options?: AddEventListenerOptions): void;
  removeEventListener(type: 'change', listener: (event: Event) => void): void;
}
