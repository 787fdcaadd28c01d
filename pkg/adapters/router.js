/** Guards for React Router and TanStack Router. `router.d.ts` documents the public API. */

import { admit, ready } from './session.js';

export { ready };

/** @type {typeof import('./router.d.ts').reactRouterGuard} */
export const reactRouterGuard =
  (client, { router, ...options } = {}) =>
  ({ request }) => {
    const { state, createHref } = router?.() ?? {};
    const to = state && createHref?.(state.navigation.location ?? state.location);
    return admit(client, to ?? request.url, options);
  };

/** @type {typeof import('./router.d.ts').tanstackRouterGuard} */
export const tanstackRouterGuard =
  (client, options) =>
  async ({ location, preload }) => ({
    // A router preloads when the pointer is over a link. The user does not ask for a sign-in with that.
    session: preload
      ? (await ready(client)).session
      : await admit(client, location.publicHref ?? location.href, options),
  });
