import type { EnvironmentProviders, Signal } from '@angular/core';
import type { Client } from '../index.js';
import type { GuardOptions, SessionState } from './session.js';

export { ready } from './session.js';
export type { GuardOptions, SessionState };

/**
 * The providers of an application with this client (Angular 19 and later). The application is shown when the client has started, so its
 * router reads the address at which a sign-in ends.
 *
 * ```ts
 * bootstrapApplication(App, { providers: [provideValetKey(client), provideRouter(routes)] });
 * ```
 */
export function provideValetKey(client: Client): EnvironmentProviders;

/** The client, in an injection context. */
export function injectClient(): Client;

/** The session as a signal, in an injection context. */
export function injectSession(): Signal<SessionState>;

/**
 * A guard for `canActivate` and `canActivateChild`. Without a session it lets the user sign in by redirect, and the user returns to the
 * route with query and fragment. After a failed sign-in it throws the `ValetKeyError`, which goes to `withNavigationErrorHandler`. On a
 * server it lets every navigation pass.
 */
export function requireSession(options?: GuardOptions): (route: unknown, state: { url: string }) => Promise<boolean>;
