import type { ReactElement, ReactNode } from 'react';
import type { ApiResponse, Client, Session, ValetKeyError } from '../index.js';
import type { GuardOptions, SessionState } from './session.js';

export { ready } from './session.js';
export type { GuardOptions, SessionState };

/**
 * Gives the components below it a client that the app made outside of them, and starts the client if nothing else has started it.
 *
 * ```jsx
 * const client = createClient({ issuer: 'https://id.example.com', clientId: 'my-spa', api: ['https://api.example.com/'] });
 * createRoot(root).render(<ValetKeyProvider client={client}><App /></ValetKeyProvider>);
 * ```
 */
export function ValetKeyProvider(props: { client: Client; children?: ReactNode }): ReactElement;

/** The client of the nearest `<ValetKeyProvider>`. Throws `config_error` without one. */
export function useClient(): Client;

/**
 * The session. The component renders again after each change. With `suspense`, it suspends until the client has started, so that the
 * nearest `<Suspense>` shows its fallback; on a server, where the session is not known, the status is `starting` nevertheless.
 */
export function useSession(options: { suspense: true }): Exclude<SessionState, { status: 'starting' }>;
export function useSession(options?: { suspense?: boolean }): SessionState;

/** What {@link useFetch} knows of a URL. */
export interface Fetched<Data> {
  /** The body, read as JSON, if the status is from 200 to 299. The type is the app's claim: nothing checks it. */
  readonly data: Data | undefined;
  /** The response with its status. If `data` is there, its body is used up. */
  readonly response: ApiResponse | undefined;
  /** Why there is no response (`ValetKeyError`), or no data: the body is not JSON (`SyntaxError`). */
  readonly error: ValetKeyError | SyntaxError | undefined;
  /** Whether a request is under way, or will be when the client has started. With `reload`, earlier data stay meanwhile. */
  readonly loading: boolean;
  /** Sends the request again. The same function in each render. */
  readonly reload: () => void;
}

/**
 * Reads JSON from a URL on the `api` list, with `client.fetch`. The hook sends the request when a user is signed in, and again for another
 * URL or another user; it aborts the request when the component goes. A session that ends takes the data with it. A change of `init` alone
 * begins no request. Use `client.fetch` for requests that write.
 *
 * @param url without a URL, the hook sends nothing
 */
export function useFetch<Data = any>(
  url: string | URL | null | undefined,
  init?: Omit<RequestInit, 'signal'>,
): Fetched<Data>;

/**
 * Shows its children to a signed-in user. Otherwise it lets the user sign in by redirect, and the user returns to the address of the page
 * with query and fragment.
 *
 * - If a sign-in failed, it throws the `ValetKeyError` to the nearest error boundary and does not try again.
 * - If the session ends while the children are shown, it shows the `fallback` and does not sign in by itself: the user may have signed out.
 */
export function RequireSession(props: {
  children?: ReactNode;
  /** What is shown without a session. A function gets the state. Default: nothing. */
  fallback?: ReactNode | ((state: SessionState) => ReactNode);
  signIn?: GuardOptions;
}): ReactNode;
