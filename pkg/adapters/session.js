/**
 * What the adapters share: a client's session as a state that changes, and the guard of a route. They use the public API of a client
 * alone, so no adapter ships the client a second time.
 */

/** @typedef {import('../index.d.ts').Client} Client */

/** The state until `start()` is done, and on a server. @type {import('./session.d.ts').SessionState} */
export const STARTING = { status: 'starting', session: null };

/** On a server nothing starts: only browsers know the session. */
export const isServer = typeof document === 'undefined';

/** @type {WeakMap<Client, import('./session.d.ts').ObservedSession>} */
const known = new WeakMap();

/** @type {typeof import('./session.d.ts').stateOf} */
export function stateOf(client) {
  const state = known.get(client) ?? observed(client);
  known.set(client, state);
  return state;
}

/** @type {typeof import('./session.d.ts').ready} */
export const ready = (client) => stateOf(client).ready();

/** @param {Client} client @returns {import('./session.d.ts').ObservedSession} */
function observed(client) {
  let state = STARTING;
  /** @type {import('../index.d.ts').ValetKeyError | undefined} */
  let error;
  /** @type {Promise<void> | undefined} */
  let starting;
  /** @type {Promise<never> | undefined} */
  let leaving;
  /** @type {Set<() => void>} */
  const listeners = new Set();

  const update = () => {
    const { session } = client;
    const status = session ? 'signed-in' : error ? 'failed' : 'signed-out';
    state = /** @type {any} */ ({ status, session, error });
    for (const listener of listeners) listener();
  };

  async function start() {
    if (isServer) return;
    await client.start().catch((reason) => (error = reason));
    // An earlier event would come before the page has the address to which the user returns.
    client.addEventListener('change', ({ reason }) => {
      if (reason !== 'renewed') error = undefined;
      update();
    });
    update();
  }

  const started = () => (starting ??= start());

  return {
    read: () => state,
    started,
    ready: () => started().then(() => state),
    subscribe(listener) {
      listeners.add(listener);
      started();
      return () => listeners.delete(listener);
    },
    leave(options) {
      // After a step back from the provider, the browser may show this page as it was, and its guards would wait without an end.
      addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
      return (leaving ??= client.signIn(options).finally(() => (leaving = undefined)));
    },
  };
}

/** @type {typeof import('./session.d.ts').admit} */
export async function admit(client, to, options) {
  const { leave, ready } = stateOf(client);
  const { status, session, error } = await ready();
  if (status === 'starting' || session) return session;
  if (error) throw error;
  const { href, origin, hash } = location;
  const address = new URL(to, href).href;
  // Some routers do not tell their guards the fragment. If the page has this address already, it has the fragment.
  const full = `${address}${hash}` === href ? href : address;
  // The prefix keeps a path that begins with two slashes on this origin.
  return leave({ ...options, returnTo: `/.${full.slice(origin.length)}` });
}
