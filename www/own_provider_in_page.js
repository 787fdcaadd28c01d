/**
 * The provider that runs in the browser, for a page that has no server: the service worker `own_provider_worker.js` has it, and two
 * more for the two services.
 */
import { ASKED, OFFERED } from './settings.js';

const FILE = 'own_provider_worker.js';
const FOLDER = 'provider/';

/** Browsers end a service worker that has nothing to do, and it would forget everything. */
const AWAKE = 10_000;

const addressOf = (path) => new URL(path, location.href).href;

/** What all clients of these providers need: the worker at an address that the service worker sees. */
const workerOptions = () => ({
  workerUrl: addressOf(`${FOLDER}worker.js`),
  wasmUrl: addressOf(`${FOLDER}valet_key.wasm`),
  allowLoopbackHttp: true,
});

/** Whether an issuer is one of this service worker's. @param {string} issuer */
export const isOfPage = (issuer) => issuer.startsWith(addressOf(FOLDER));

/** Whether the service worker answers the requests of this page. */
export const isInPage = () => Boolean(navigator.serviceWorker?.controller?.scriptURL.endsWith(`/${FILE}`));

/** Starts the service worker. @returns {Promise<import('./settings.js').Settings>} the settings of its first provider */
export async function startInPage() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) throw new TypeError('this browser window has no service workers, which would run the provider');
  const { active } = await serviceWorker.register(trusted(FILE), { type: 'module', scope: './' });
  if (!isInPage())
    await new Promise((then) => {
      serviceWorker.addEventListener('controllerchange', then, { once: true });
      active?.postMessage('claim');
    });
  const issuer = addressOf(`${FOLDER}demo`);
  return {
    issuer,
    clientId: 'demo',
    scope: ASKED,
    api: [`${issuer}/api/`],
    offered: OFFERED,
    ...workerOptions(),
    own: false,
  };
}

/** Ends the service worker, with everything that its providers know. */
export async function endInPage() {
  const registration = await navigator.serviceWorker?.getRegistration('./');
  if (registration?.active?.scriptURL.endsWith(`/${FILE}`)) await registration.unregister();
}

/** @returns {import('./services_config.js').Service[]} */
export const servicesInPage = () =>
  ['Finch', 'Lantern'].map((name) => {
    const issuer = addressOf(FOLDER + name.toLowerCase());
    return { name, issuer, clientId: 'demo', api: `${issuer}/api/`, ...workerOptions() };
  });

/** Keeps the service worker from being ended while the page is open. */
export function keepInPage() {
  if (isInPage()) setInterval(() => fetch(`${FOLDER}awake`).catch(() => {}), AWAKE);
}

/** @type {{ createScriptURL: (text: string) => string } | undefined} */
let policy;

/** The one address that the page's own policy of Trusted Types lets through. @param {string} file */
function trusted(file) {
  if (!globalThis.trustedTypes) return file;
  policy ??= trustedTypes.createPolicy('demo', { createScriptURL: () => FILE });
  return policy.createScriptURL(file);
}
