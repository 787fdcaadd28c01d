import type { Client, Session, SignInOptions, ValetKeyError } from '../index.js';

/**
 * A client's session, as the adapters show it.
 *
 * - `starting`: `client.start()` is not done yet. On a server, and while a page from a server is hydrated, the state is always this.
 * - `signed-in`: there is a session. `error` says why a further sign-in has failed that this page load was to complete.
 * - `signed-out`: no user is signed in.
 * - `failed`: no user is signed in, because `start()` failed: `error` says why, for example because the user declined.
 *
 * `error` goes with the next `change` event that is no renewal. Each change makes another object.
 */
export type SessionState =
  | { readonly status: 'starting'; readonly session: null; readonly error?: undefined }
  | { readonly status: 'signed-in'; readonly session: Session; readonly error: ValetKeyError | undefined }
  | { readonly status: 'signed-out'; readonly session: null; readonly error: undefined }
  | { readonly status: 'failed'; readonly session: null; readonly error: ValetKeyError };

/**
 * Starts the client if it has not been started, and resolves with the state. It never rejects. Await it before you make a router: a router
 * reads the page's address once, and `start()` changes the address at the end of a sign-in.
 */
export function ready(client: Client): Promise<SessionState>;

/** The options of the sign-in that a guard begins. It is by redirect, and `returnTo` is the address that the user wants to see. */
export type GuardOptions = Omit<SignInOptions, 'mode' | 'returnTo' | 'features'>;

/** For the adapters alone: the state of a client's session, which all of a page share. */
export interface ObservedSession {
  readonly read: () => SessionState;
  /** Starts the client, once. The same promise each time. */
  readonly started: () => Promise<void>;
  readonly ready: () => Promise<SessionState>;
  /** The first subscription starts the client. Returns a function that ends the subscription. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Lets the page leave for a sign-in, once, even if several guards ask for it. */
  readonly leave: (options?: GuardOptions & { returnTo?: string }) => Promise<never>;
}

export const STARTING: SessionState;
export const isServer: boolean;
export function stateOf(client: Client): ObservedSession;

/**
 * For the guards alone: waits until the client has started, and lets the user sign in if there is no session. The promise then stays
 * pending until the page is gone. A failed `start()` rejects it: if a guard began another sign-in then, the page and the provider would
 * redirect the user in a loop. On a server it resolves with `null`, because only browsers know the session.
 *
 * @param to the address that the user wants to see, absolute or relative to the page
 */
export function admit(client: Client, to: string, options?: GuardOptions): Promise<Session | null>;
