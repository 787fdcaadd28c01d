/** Angular: the session as a signal, and a guard for its router. `angular.d.ts` documents the public API. */

import { Location } from '@angular/common';
import {
  DestroyRef,
  InjectionToken,
  inject,
  makeEnvironmentProviders,
  provideAppInitializer,
  signal,
} from '@angular/core';
import { admit, ready, stateOf } from './session.js';

export { ready };

/** @type {InjectionToken<import('../index.d.ts').Client>} */
const CLIENT = new InjectionToken('valet-key');

const SESSION = new InjectionToken('valet-key', {
  providedIn: 'root',
  factory() {
    const { read, subscribe } = stateOf(inject(CLIENT));
    const state = signal(read());
    inject(DestroyRef).onDestroy(subscribe(() => state.set(read())));
    return state.asReadonly();
  },
});

/** @type {typeof import('./angular.d.ts').provideValetKey} */
export const provideValetKey = (client) =>
  makeEnvironmentProviders([
    { provide: CLIENT, useValue: client },
    // Before the router reads the address.
    provideAppInitializer(() => ready(client)),
  ]);

/** @type {typeof import('./angular.d.ts').injectClient} */
export const injectClient = () => inject(CLIENT);

/** @type {typeof import('./angular.d.ts').injectSession} */
export const injectSession = () => inject(SESSION);

/** @type {typeof import('./angular.d.ts').requireSession} */
export const requireSession = (options) => async (_, state) => {
  await admit(inject(CLIENT), inject(Location).prepareExternalUrl(state.url), options);
  return true;
};
