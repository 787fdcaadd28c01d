/**
 * The entry `valet-key/doctor`: finds out what is wrong with the setup of an app, its page, its server and its provider. `index.d.ts`
 * documents it.
 *
 * `knowledge.js` has the words, `provider.js` decides what to ask a provider, `probe.js` asks, and `page.js` looks at the page itself. The
 * command `valet-key doctor` uses the first two, and asks from Node.js.
 */

import { configError } from '../errors.js';
import { createClient } from '../index.js';
import { finding } from './knowledge.js';
import { examinePage, readPage } from './page.js';
import { Violations, askerOf } from './probe.js';
import { examine } from './provider.js';

/** @typedef {import('./index.d.ts').Finding} Finding */
/** @typedef {import('../index.d.ts').Options} Options */

/** How long a server may take, in milliseconds, as for the client. */
const TIMEOUT = 10_000;

/** @type {typeof import('./index.d.ts').diagnose} */
export async function diagnose(given) {
  if (typeof document === 'undefined')
    throw configError('`diagnose`: not in a page', 'Call it in the page, or run `npx valet-key doctor`.');
  const violations = new Violations();
  try {
    const options = { ...given, ...(await pinnedOptions(given.guard)) };
    const settings = settingsOf(options);
    const page = await readPage();
    const ask = askerOf(page.policies, violations, Number(options.timeout) || TIMEOUT);
    return [...(await examinePage(page, options, settings)), ...(await examine(settings, ask)), await clientOf(given)];
  } finally {
    violations.end();
  }
}

/** The options in a guard's folder. @param {string | undefined} guard @returns {Promise<Partial<Options>>} */
async function pinnedOptions(guard) {
  if (!guard) return {};
  try {
    const folder = new URL(guard, location.href);
    const { api = [], ...options } = await (
      await fetch(new URL('options.json', folder), { credentials: 'omit' })
    ).json();
    return { ...options, api: addressesOf(api, folder.href) };
  } catch {
    return {}; // a finding about the guard says why
  }
}

/** The addresses of APIs, without what is none. @param {unknown} api @param {string} base @returns {string[]} */
const addressesOf = (api, base) =>
  (Array.isArray(api) ? api : [])
    .map((entry) => `${entry?.url ?? entry}`)
    .flatMap((url) => (URL.canParse(url, base) ? [new URL(url, base).href] : []));

/** @param {Options} options @returns {import('./provider.js').Settings} */
function settingsOf(options) {
  const { issuer, server, clientId, scope, openid = Boolean(issuer), tokens, dpop = 'auto' } = options;
  return {
    origin: location.origin,
    issuer,
    server,
    clientId,
    scope: `${scope ?? ''}`,
    openid,
    apis: addressesOf(options.api, location.href),
    dpop: tokens === 'page' && dpop === 'auto' ? 'off' : dpop,
    allowLoopbackHttp: Boolean(options.allowLoopbackHttp),
    restores: (options.restore ?? 'silent') === 'silent',
    method: options.tokenEndpointAuthMethod ?? 'none',
  };
}

/** What the client itself says: it starts the worker and reads the metadata, and asks for nothing else. @param {Options} options */
async function clientOf(options) {
  try {
    await createClient(options).preload();
    return finding('client', 'ok');
  } catch (error) {
    const { code = 'unexpected', message, hint = 'Correct the options.' } = /** @type {any} */ (error);
    return finding('client', 'failed', { code, message, hint });
  }
}
