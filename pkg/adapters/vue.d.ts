import type { App, ComputedRef } from 'vue';
import type { Client, Session, ValetKeyError } from '../index.js';
import type { GuardOptions, SessionState } from './session.js';

export { ready } from './session.js';
export type { GuardOptions, SessionState };

/**
 * The plugin. It starts the client if nothing else has started it.
 *
 * ```js
 * createApp(Page).use(valetKey, { client }).mount('#app');
 * ```
 */
export declare const valetKey: { install(app: App, options: { client: Client }): void };

/** The app's client. Throws `config_error` if the app does not use the plugin. Call it in `setup`, as every composable. */
export function useClient(): Client;

/** The members of {@link SessionState} as refs, which change with the session. */
export function useSession(): {
  readonly status: ComputedRef<SessionState['status']>;
  readonly session: ComputedRef<Session | null>;
  readonly error: ComputedRef<ValetKeyError | undefined>;
};

/**
 * A guard for Vue Router, for `beforeEnter` of a route or for `beforeEach`. Without a session it lets the user sign in by redirect, and the
 * user returns to the route with query and fragment. After a failed sign-in it throws the `ValetKeyError`, which goes to `router.onError`.
 * On a server it lets every navigation pass.
 */
export function requireSession(client: Client, options?: GuardOptions): (to: { fullPath: string }) => Promise<void>;
