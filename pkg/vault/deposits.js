/**
 * The vault's side of the keeper, see `keeper.js`. In engines in which workers cannot reach a service worker, or where the keeper
 * may not be registered, nothing is deposited, and a session ends with its vault.
 */

/** The only file that is trusted with a deposit: the one beside the worker. */
const KEEPER = new URL('keeper.js', location.href).href;
const SCOPE = new URL('keeper/', location.href).href;

/** Milliseconds between deposits. Firefox ends a service worker that gets no message for about 30 seconds. */
const INTERVAL = 20_000;

/** Milliseconds for which a vault that starts waits for the keeper. */
const WAIT = 3000;

/** Absent in the workers of some engines. */
const serviceWorker = /** @type {ServiceWorkerContainer | undefined} */ (navigator.serviceWorker);
const name = /** @type {any} */ (globalThis).name;

/** @type {ServiceWorkerRegistration | undefined} */
let registration;
/** @type {Promise<void> | undefined} */
let registering;
let latest = '';
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/**
 * Posts a message to the keeper. Any script of the origin could have registered another file for the scope.
 * @param {object} message @param {Transferable[]} [transfer] @returns {boolean} whether there is a keeper
 */
function post(message, transfer = []) {
  const keeper = registration?.active;
  if (keeper?.scriptURL !== KEEPER) return false;
  keeper.postMessage({ ...message, name }, transfer);
  return true;
}

/**
 * Takes out what an earlier vault has deposited. To be called once, when the vault starts.
 * @param {boolean} had whether there may be a deposit. In WebKit, a new worker may not find the registration that an earlier one
 *   made, and only {@link register} returns it.
 * @returns {Promise<{ deposit?: string, news?: unknown[] }>}
 */
export async function withdraw(had) {
  registration = await serviceWorker?.getRegistration(SCOPE).catch(() => undefined);
  if (had && !registration) await prepareKeeper();
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    if (post({}, [port2])) setTimeout(resolve, WAIT, {});
    else resolve({});
  });
  const withdrawn = await answer;
  port1.close();
  if (withdrawn.deposit) registering = Promise.resolve(); // this keeper serves this version
  return withdrawn;
}

/** Registers the keeper if that was not done yet. To be called when a sign-in begins: the registration takes a moment. */
export function prepareKeeper() {
  return (registering ??= register().catch(() => {}));
}

/** Deposits the sessions of this vault for the next one. @param {string} text empty if there are none: the keeper forgets them */
export function deposit(text) {
  latest = text;
  clearInterval(timer);
  if (text) {
    timer = setInterval(() => post({ deposit: latest }), INTERVAL);
    prepareKeeper();
  }
  post({ deposit: text });
}

/** Registers the keeper or updates it, and deposits what there is by then. */
async function register() {
  if (!serviceWorker) return;
  const registered = await serviceWorker.register(KEEPER, { scope: SCOPE });
  registration = registered;
  const worker = registered.installing ?? registered.waiting;
  if (worker)
    await new Promise((resolve) => {
      worker.onstatechange = () => ['activated', 'redundant'].includes(worker.state) && resolve(undefined);
    });
  if (latest) post({ deposit: latest });
}
