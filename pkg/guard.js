/**
 * The page's part of the guard, which only apps with the option `guard` load: it registers the guard, names the vault's file, and
 * finds the sign-in for which this tab has left.
 * A script of the page could replace this file, since it is loaded later. That would not help it: the guard gives what it has to
 * the genuine vault only. It imports nothing that another file of the page imports: bundlers would move that into a further file.
 */

import { flaw } from './sealed.js';

/** Milliseconds within which a guard that was registered becomes active. */
const START = 10_000;

/** Milliseconds that a user has to sign in. The core has the same limit. */
const LIFE = 60 * 60 * 1000;

/**
 * What an app says about its client. @typedef {import('./index.d.ts').Options} Options
 * @typedef {{ workerUrl?: string | URL, wasmUrl?: string | URL, tokens?: 'worker' | 'page' }} Where
 * @typedef {typeof import('./errors.js').configError} ConfigError
 */

/**
 * Waits until the guard is active, since it serves only a vault that starts later.
 * @param {Options} options @param {object} ofClient those that the vault gets, to be completed @param {Where} where also
 * @param {ConfigError} configError @param {(url: string) => string} scriptUrl for Trusted Types
 */
export async function guarded(options, ofClient, where, configError, scriptUrl) {
  const folder = new URL(`${options.guard}`, location.href);
  if (folder.origin !== location.origin || !folder.pathname.endsWith('/') || folder.search || folder.hash)
    throw configError(
      'option `guard`: not a folder of this origin',
      'Write a path between slashes, such as `/valet-key/`.',
    );
  const workerUrl = new URL('worker.js', folder).href;
  if (where.tokens === 'page') throw configError('option `tokens`: not with `guard`', 'Remove one of the two.');
  if (where.workerUrl && new URL(where.workerUrl, location.href).href !== workerUrl)
    throw configError('option `workerUrl`: not in the folder of `guard`', 'Remove `workerUrl`.');
  Object.assign(where, { workerUrl, wasmUrl: undefined });
  const { redirectUri, scope } = options;
  const page = redirectUri && new URL(redirectUri, location.href).href;
  Object.assign(ofClient, { guard: folder.href, redirectUri: page, scope });
  await active(folder.href, workerUrl, configError, scriptUrl);
}

/**
 * The newest sign-in for which this tab has left to the guard, in the form of a response: only the vault gets the address.
 * @param {string} guard @returns {{ state: string, address: string } | undefined}
 */
export function leftBehind(guard) {
  const prefix = `valet-key:tx:${guard} :`;
  const record = (/** @type {string} */ key) => JSON.parse(sessionStorage.getItem(key) ?? '{}');
  const started = (/** @type {string} */ key) => record(key).started;
  try {
    // The guard's own fragment, see `src/vault/guard.rs`. It says that there was a response.
    const { hash } = location;
    if (hash === '#-') history.replaceState(history.state, '', location.href.slice(0, -2));
    const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(prefix));
    for (const key of keys) if (!(Date.now() - started(key) < LIFE)) sessionStorage.removeItem(key);
    const newest = keys.sort((one, other) => started(one) - started(other)).pop();
    if (newest === undefined) return;
    // A restore that failed is not an error: the user did not ask for it.
    return { state: newest.slice(prefix.length), address: record(newest).restores ? '' : hash };
  } catch {} // storage is disabled, or has the text of a stranger
}

/**
 * Registers the guard unless it is active, and ends other registrations of its file, which would keep requests from it.
 * @param {string} folder @param {string} script @param {ConfigError} configError @param {(url: string) => string} scriptUrl
 */
async function active(folder, script, configError, scriptUrl) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) throw configError('no service workers here', 'Use a browser window that keeps site data.');
  let cause;
  try {
    for (const { scope } of await serviceWorker.getRegistrations()) {
      if (scope.startsWith(folder) && scope !== folder)
        await (await serviceWorker.getRegistration(scope))?.unregister();
    }
    const known = await serviceWorker.getRegistration(folder);
    if (known?.scope === folder && known.active?.scriptURL === script) return;
    const registration = await serviceWorker.register(scriptUrl(script), { scope: folder });
    for (let end = Date.now() + START; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 10))) {
      if (registration.active?.scriptURL === script) return;
      if (!registration.installing && !registration.waiting) break;
    }
  } catch (error) {
    cause = error;
  }
  throw configError('the guard does not start', await reason(folder, script), cause);
}

/** What to do if the guard does not start. @param {string} folder @param {string} script */
async function reason(folder, script) {
  const wrong = await flaw(folder).catch(() => ''); // a policy of the page, or no network
  return wrong || `Serve all files of the package's folder \`guard\` there, and allow it in \`worker-src\`: ${script}`;
}
