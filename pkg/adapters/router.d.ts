import type { Client, Session } from '../index.js';
import type { GuardOptions, SessionState } from './session.js';

export { ready } from './session.js';
export type { GuardOptions, SessionState };

/** The part of a React Router (`createBrowserRouter`, `createHashRouter`) that {@link reactRouterGuard} needs. */
export interface ReactRouterLike {
  readonly state: { readonly location: object; readonly navigation: { readonly location?: object | undefined } };
  createHref(location: any): string;
}

/**
 * A `loader` for React Router 6.4 and later. It gives the session, or lets the user sign in. After a failed sign-in it throws the
 * `ValetKeyError`, which the `errorElement` shows (`useRouteError`). On a server it gives `null`.
 *
 * ```js
 * let router; // before the routes, whose loaders may run at once
 * router = createBrowserRouter([{ path: '/private', loader: reactRouterGuard(client, { router: () => router }), … }]);
 * ```
 *
 * @param options those of the sign-in, and `router`, which knows what loaders are not told: the fragment of a link, and the form of the
 * addresses of a hash router. Without it, a link within the app loses its fragment at the sign-in.
 */
export function reactRouterGuard(
  client: Client,
  options?: GuardOptions & { router?: () => ReactRouterLike },
): (args: { request: Request }) => Promise<Session | null>;

/**
 * A `beforeLoad` for TanStack Router. It adds `session` to the context of the route, or lets the user sign in. After a failed sign-in it
 * throws the `ValetKeyError`, which the `errorComponent` shows. While the router preloads a route, it begins no sign-in, and `session` may
 * be `null`, as on a server.
 */
export function tanstackRouterGuard(
  client: Client,
  options?: GuardOptions,
): (args: {
  location: { readonly href: string; readonly publicHref?: string };
  preload?: boolean;
}) => Promise<{ session: Session | null }>;
