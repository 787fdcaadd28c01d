/** Everything that this package throws. Errors of the core cross the port as plain objects and are made again here. */

/** @typedef {import('./index.d.ts').ValetKeyError} Shape */
/** @typedef {Pick<Shape, 'code' | 'fault' | 'hint' | 'retryable'> & { message: string, retryAfter?: number, oauth?: Shape['oauth'] }} Plain */

/** @implements {Shape} */
export class ValetKeyError extends Error {
  /** @param {Plain} plain @param {ErrorOptions} [options] */
  constructor({ message, code, fault, hint, retryable, retryAfter, oauth }, options) {
    super(message, options);
    this.name = /** @type {const} */ ('ValetKeyError');
    this.code = code;
    this.fault = fault;
    this.hint = hint;
    this.retryable = retryable;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
    if (oauth) this.oauth = oauth;
  }
}

/** @param {Shape['code']} code @param {Shape['fault']} fault @param {string} message @param {string} hint @param {unknown} [cause] */
export const failure = (code, fault, message, hint, retryable = false, cause) =>
  new ValetKeyError({ code, fault, message, hint, retryable }, { cause });

/**
 * What the app can put right: an option, a header, a file.
 * @param {string} message @param {string} hint @param {unknown} [cause]
 */
export const configError = (message, hint, cause) => failure('config_error', 'app', message, hint, false, cause);
