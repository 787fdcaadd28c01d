/** Vue 3: the session as refs, and a guard for Vue Router. `vue.d.ts` documents the public API. */

import { computed, inject, shallowRef } from 'vue';
import { configError } from '../errors.js';
import { admit, ready, stateOf } from './session.js';

export { ready };

const KEY = Symbol('valet-key');

/** @type {typeof import('./vue.d.ts').valetKey} */
export const valetKey = {
  install(app, { client }) {
    const { read, subscribe } = stateOf(client);
    const state = shallowRef(read());
    const end = subscribe(() => (state.value = read()));
    app.onUnmount?.(end); // since Vue 3.5
    app.provide(KEY, {
      client,
      session: {
        status: computed(() => state.value.status),
        session: computed(() => state.value.session),
        error: computed(() => state.value.error),
      },
    });
  },
};

/** @returns {any} */
function provided() {
  const found = inject(KEY, undefined);
  if (!found) throw configError('no client', 'Call `app.use(valetKey, { client })`.');
  return found;
}

/** @type {typeof import('./vue.d.ts').useClient} */
export const useClient = () => provided().client;

/** @type {typeof import('./vue.d.ts').useSession} */
export const useSession = () => provided().session;

/** @type {typeof import('./vue.d.ts').requireSession} */
export const requireSession = (client, options) => async (to) => {
  // `href` has the base of the router, and Vue Router's own types do not promise it here.
  await admit(client, /** @type {any} */ (to).href ?? to.fullPath, options);
};
