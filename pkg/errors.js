/** The class of every error that this package throws. Errors of the core cross the port as plain objects and are made here. */

import { withoutPrototype } from './platform.js';

/** @typedef {import('./index.d.ts').ValetKeyError} Shape */
/** @typedef {Pick<Shape, 'code' | 'fault' | 'hint' | 'retryable'> & { message: string, retryAfter?: number, oauth?: Shape['oauth'] }} Plain */

/** @implements {Shape} */
export class ValetKeyError extends Error {
  // Declared as fields, so that setters on `Object.prototype` do not receive the values.
  name = /** @type {const} */ ('ValetKeyError');
  /** @type {any} */ code;
  /** @type {any} */ fault;
  /** @type {any} */ hint;
  /** @type {any} */ retryable;
  /** @type {any} */ retryAfter;
  /** @type {any} */ oauth;

  /** @param {Plain} plain @param {ErrorOptions} [options] */
  constructor(plain, options) {
    const { message, ...members } = withoutPrototype(plain);
    super(message, options);
    for (const name in withoutPrototype(members)) /** @type {any} */ (this)[name] = /** @type {any} */ (members)[name];
  }
}

/** @param {Shape['code']} code @param {Shape['fault']} fault @param {string} message @param {string} hint @param {unknown} [cause] */
export const failure = (code, fault, message, hint, retryable = false, cause) =>
  new ValetKeyError({ code, fault, message, hint, retryable }, { cause });

/**
 * An error that the app's developer can correct: an option, a header, a file.
 * @param {string} message @param {string} hint @param {unknown} [cause]
 */
export const configError = (message, hint, cause) => failure('config_error', 'app', message, hint, false, cause);
