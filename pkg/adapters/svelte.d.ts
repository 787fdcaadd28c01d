import type { Client, Session } from '../index.js';
import type { GuardOptions, SessionState } from './session.js';

export { ready } from './session.js';
export type { GuardOptions, SessionState };

/**
 * A client's session as a readable store (Svelte 4 and 5), for `$session` in components. The first subscription starts the client if
 * nothing else has started it. On a server the value is always `starting`.
 *
 * ```svelte
 * <script>
 *   const session = sessionStore(client);
 * </script>
 * {#if $session.status === 'signed-in'}Signed in as {$session.session.sub}{/if}
 * ```
 */
export function sessionStore(client: Client): {
  subscribe(run: (state: SessionState) => void): () => void;
};

/**
 * A universal `load` for SvelteKit (`+page.js`, `+layout.js`). It gives `session`, or lets the user sign in by redirect, and the user
 * returns to the page with query and fragment. After a failed sign-in it throws the `ValetKeyError`, which `handleError` and
 * `+error.svelte` show. On a server `session` is `null`.
 */
export function requireSession(
  client: Client,
  options?: GuardOptions,
): (event: { url: URL }) => Promise<{ session: Session | null }>;
