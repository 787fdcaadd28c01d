import type { TestProvider, TestProviderOptions } from './index.js';

/**
 * Starts the test provider of `valet-key/testing` in Node 20 or later, at an address of its own. It listens on this machine only, and
 * refuses any other host with `config_error`: it signs users in without a password, so it is **no provider for users**. Requests for
 * another host name get the status 421.
 *
 * ```js
 * import { startTestProvider } from 'valet-key/testing/node';
 *
 * const provider = await startTestProvider({ users: [{ sub: 'alice', name: 'Alice' }] });
 * // … createClient({ issuer: provider.issuer, clientId: 'any', api: [provider.apiUrl], allowLoopbackHttp: true })
 * await provider.close();
 * ```
 */
export function startTestProvider(options: ListenOptions): Promise<TestProvider & { close(): Promise<void> }>;

/** The options of the provider, whose `issuer` is the address at which it listens. */
export type ListenOptions = Omit<TestProviderOptions, 'issuer'> & {
  /** Default: any free port. */
  port?: number;
  /** `localhost`, a name below it, an address in 127.0.0.0/8, or `::1`. Default: `localhost`. */
  host?: string;
};
