'use client';
/** React 18 and 19: the session as a hook, calls that follow it, and guards. `react.d.ts` documents the public API. */

import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useReducer,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { configError } from '../errors.js';
import { STARTING, isServer, ready, stateOf } from './session.js';

export { ready };

/** @typedef {import('../index.d.ts').Client} Client */

const Context = createContext(/** @type {Client | undefined} */ (undefined));

/** @type {typeof import('./react.d.ts').ValetKeyProvider} */
export function ValetKeyProvider({ client, children }) {
  useEffect(() => {
    ready(client);
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

/** @type {typeof import('./react.d.ts').useClient} */
export function useClient() {
  const client = useContext(Context);
  if (!client) throw configError('no client', 'Put it in `<ValetKeyProvider>`.');
  return client;
}

/** @param {{ suspense?: boolean }} [options] @returns {any} */
export function useSession(options) {
  const { subscribe, read, started } = stateOf(useClient());
  const state = useSyncExternalStore(subscribe, read, () => STARTING);
  // React renders the component again when the promise is fulfilled. On a server that would not happen.
  if (options?.suspense && !isServer && state.status === 'starting') throw started();
  return state;
}

/** @type {typeof import('./react.d.ts').useFetch} */
export function useFetch(url, init) {
  const client = useClient();
  const { status, session } = useSession();
  const [turn, reload] = useReducer((/** @type {number} */ turn) => turn + 1, 0);
  const [last, setLast] = useState(/** @type {any} */ ({}));
  // Whose response it is, and from where: data of an earlier user are never shown to the next one.
  const key = session && url ? `${session.issuer}\n${session.sub}\n${url}` : undefined;

  // `init` is that of the render after which the effect runs: an object that differs in each render begins no request.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    if (!key) return;
    const abort = new AbortController();
    const { signal } = abort;
    const next = /** @type {any} */ ({ key, turn });
    const read = async () => {
      next.response = await client.fetch(/** @type {string} */ (url), { ...init, signal });
      if (next.response.ok) next.data = await next.response.json();
    };
    read()
      .catch((error) => (next.error = error))
      .then(() => signal.aborted || setLast(next));
    return () => abort.abort();
  }, [client, key, turn]);

  const { data, response, error, turn: lastTurn } = last.key === key ? last : {};
  return { data, response, error, loading: status === 'starting' || (!!key && lastTurn !== turn), reload };
}

/** @type {typeof import('./react.d.ts').RequireSession} */
export function RequireSession({ children, fallback, signIn }) {
  const { leave } = stateOf(useClient());
  const state = useSession();
  const { status, session, error } = state;
  const [failure, setFailure] = useState();
  const hadSession = useRef(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: other options begin no other sign-in
  useEffect(() => {
    if (session) hadSession.current = true;
    // Never after a sign-out, which another sign-in would undo.
    else if (status === 'signed-out' && !hadSession.current) leave(signIn).catch(setFailure);
  }, [leave, status]);

  if (session) return children;
  if (error ?? failure) throw error ?? failure;
  return typeof fallback === 'function' ? fallback(state) : fallback;
}
