import type { GuardedOptions, Options } from '../index.js';

/**
 * Finds out what is wrong with the setup of an app: its options, its page, the files that its server sends, its provider and its APIs.
 *
 * ```js
 * import { diagnose } from 'valet-key/doctor';
 *
 * for (const { level, check, about, breaks, fix } of await diagnose(options)) {
 *   if (level !== 'ok') console.log(`${level}: ${check}: ${about}\n  ${breaks}\n  ${fix}`);
 * }
 * ```
 *
 * It sends no token, no code and no credential, makes no authorization request, and registers nothing at the provider. At endpoints it
 * sends requests that they refuse: a token request without a code, and the word `doctor` in the place of a token. The requests have the
 * client ID, which is public. It makes one client with the options and lets it prepare (`preload()`), which starts the worker; with
 * `guard`, this installs the guard. The page itself is asked for once more, without its query.
 *
 * A page that has a Content-Security-Policy may not ask the provider itself. The findings about it are then `unknown`, and
 * `npx valet-key doctor` says more. See `docs/doctor.md`.
 *
 * @param options those of `createClient`
 * @returns the findings, in the order in which they were made. It rejects only outside of a page, with
 *   `config_error`.
 */
export function diagnose(options: Options | GuardedOptions): Promise<Finding[]>;

/** What one check has found. All texts are for developers; they may name addresses, and never hold a secret. */
export interface Finding {
  /** The check. Stable. Several findings may be of one check, such as one for each address. */
  readonly check: Check;
  /**
   * `ok`: nothing to do. `warning`: sign-ins work, something else is lost. `error`: a part of the app does not work. `unknown`: cannot be
   * seen here.
   */
  readonly level: 'ok' | 'warning' | 'error' | 'unknown';
  /** What was found, in a sentence. */
  readonly about: string;
  /** What does not work; empty if nothing is wrong. */
  readonly breaks: string;
  /** What to change, and where; empty if nothing is wrong. */
  readonly fix: string;
  /** The section of the specification, or the file of this package's documentation. */
  readonly source: string;
}

export type Check =
  /** A client with these options, see the errors of `Client.preload`. In the page only. */
  | 'client'
  /** In the page only, like all checks of the page and its files. */
  | 'secure_context'
  | 'service_worker'
  | 'csp.page'
  | 'csp.worker'
  | 'coop'
  | 'coep'
  | 'worker_file'
  | 'wasm_file'
  | 'guard'
  | 'redirect_uri'
  | 'clock'
  | 'issuer'
  /** One address at which metadata may be. */
  | 'discovery.address'
  /** No address has metadata. */
  | 'discovery'
  | 'content_type'
  | 'issuer_match'
  | 'metadata'
  | 'pkce'
  | 'client_authentication'
  | 'refresh'
  | 'restore'
  | 'id_token'
  | 'dpop'
  | 'par'
  | 'iss'
  | 'sign_out'
  | 'revocation'
  /** Whether a page can read the responses of an endpoint, and may send the headers that the client sends. */
  | 'cors.token'
  | 'cors.jwks'
  | 'cors.userinfo'
  | 'cors.revocation'
  | 'cors.par'
  | 'cors.device'
  | 'cors.registration'
  | 'cors.api'
  /** Headers of endpoints and APIs that a page has to be able to read. */
  | 'headers.dpop_nonce'
  | 'headers.www_authenticate'
  | 'headers.date';
