/** Svelte 4 and 5: the session as a store, and a guard for SvelteKit. `svelte.d.ts` documents the public API. */

import { admit, ready, stateOf } from './session.js';

export { ready };

/** @type {typeof import('./svelte.d.ts').sessionStore} */
export const sessionStore = (client) => {
  const { read, subscribe } = stateOf(client);
  return {
    subscribe(run) {
      run(read());
      return subscribe(() => run(read()));
    },
  };
};

/** @type {typeof import('./svelte.d.ts').requireSession} */
export const requireSession =
  (client, options) =>
  // SvelteKit lets a `load` read `href`, with the fragment, but not `hash`.
  async ({ url }) => ({ session: await admit(client, url.href, options) });
