/**
 * The entry `valet-key/testing`: what the tests of an app need, a provider and a client without one. Never part of an app that users get.
 * `index.d.ts` documents it.
 */

export { insufficientScope } from './api.js';
export { signedIn, signedOut } from './client.js';
export { createTestProvider } from './provider.js';
