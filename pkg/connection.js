/**
 * The connection to the vault, where tokens are kept: starts or finds its worker, or loads it into the page if the app asked for
 * that.
 */

import { ValetKeyError, configError, failure } from './errors.js';
import {
  MessageChannel,
  SharedWorker,
  Worker,
  endWorker,
  listen,
  port1Of,
  port2Of,
  portOf,
  postToPort,
  postToWorker,
  resolve,
  scriptUrl,
  setTimeout,
  whenFree,
  withoutPrototype,
} from './platform.js';
import { CONNECT, VERSION, callingEnd } from './port.js';

/** A vault that does not respond within so many steps of so many milliseconds did not start, or is gone. */
const STEPS = 20;
const STEP = 250;

/** Milliseconds after which a page that waits for an answer asks whether the worker is still there. */
const BEAT = 5000;

/** The URLs of the package's files, in the form that bundlers recognize. Computed now: a script may replace `URL` later. */
let [workerFile, wasmFile] = ['', ''];
try {
  workerFile = new URL('./wasm/worker.js', import.meta.url).href;
  wasmFile = new URL('./wasm/valet_key.wasm', import.meta.url).href;
} catch {} // a bundle that is not a module has no URL; its app sets `workerUrl`

/**
 * The workers by file. One worker serves all clients that use the same file, in all tabs if the browser has shared workers.
 * @type {Record<string, Worker | SharedWorker>}
 */
const workers = withoutPrototype();

/**
 * @typedef {object} VaultOptions where the vault runs
 * @property {string | URL} [workerUrl]
 * @property {string | URL} [wasmUrl]
 * @property {'worker' | 'page'} [tokens]
 * @property {boolean} lasting whether the vault may outlive the last page for a moment, such as a reload
 * @property {number} had the mark of a session, see `storage.js`
 */

/**
 * Connects one client to its vault and sends the options.
 * @param {VaultOptions} vaultOptions @param {object} options of the client @param {(event: import('./port.js').Event) => void} onEvent
 * @returns {{ call: import('./port.js').Call, close: (error: Error) => Promise<void>, opened: Promise<'shared' | 'dedicated' | 'page'> }} `call` can be used
 *   immediately. It is not the value of a promise, where a script could intercept it.
 */
export function openConnection({ workerUrl, wasmUrl, tokens, lasting, had }, options, onEvent) {
  const script = resolve(workerUrl ?? workerFile, location.href);
  const wasm = resolve(wasmUrl ?? (workerUrl ? resolve('valet_key.wasm', script) : wasmFile), location.href);
  const key = script + lasting;
  const channel = new MessageChannel();
  const vaultPort = port2Of(channel);
  /** @type {Worker | SharedWorker | undefined} */
  let worker;
  let isLost = false;
  /** Rejects the pending calls. The next call starts another worker. @param {Error} error */
  const lose = (error) => {
    if (workers[key] === worker) delete workers[key];
    if (worker && !SharedWorker) endWorker(worker);
    fail(error);
  };
  /** @param {import('./port.js').Event} event */
  const receive = (event) => {
    if (isLost) return;
    if (event.event !== 'change' && event.event !== 'sign' && event.event !== 'trace') {
      isLost = true;
      // The core's instance has ended in a trap, or its worker is gone.
      lose(
        event.error
          ? new ValetKeyError(event.error)
          : failure('unexpected', 'browser', 'the browser ended the worker', 'Try again.', true),
      );
    }
    onEvent(event);
  };
  const { call, fail, isWaiting } = callingEnd(port1Of(channel), receive, (plain) => new ValetKeyError(plain));
  /** Ends this connection, but not the worker, which serves others. @param {Error} error of the pending calls */
  const close = async (error) => {
    isLost = true;
    const left = call('leave');
    fail(error);
    try {
      await left;
    } catch {} // nothing is received any more
  };
  const open = async () => {
    let isStarting = true;
    /** @param {unknown} [cause] */
    const notStarted = (cause) => {
      if (!isStarting) return;
      const hint = `Run \`npx valet-key copy FOLDER\`, and set \`workerUrl\` to its worker.js, beside valet_key.wasm. \`worker-src\` and COEP have to allow it. Tried: ${script}`;
      lose(configError('the worker does not start', hint, cause));
    };
    const cancelStartTimeout = whenSilent(notStarted);
    const configured = call('configure', { options, version: VERSION, had });
    try {
      if (tokens === 'page') {
        await import(/* @vite-ignore */ /* webpackIgnore: true */ script);
        /** @type {any} */ (globalThis)[CONNECT](vaultPort, wasm, true);
      } else {
        // In engines that support it, `extendedLifetime` keeps the worker during a reload of the only tab.
        // The name has the version: releases use separate workers, because they may not understand each other.
        const workerOptions = withoutPrototype({
          type: 'module',
          name: `valet-key ${VERSION} ${lasting}`,
          extendedLifetime: lasting,
        });
        const started = (worker = workers[key] ??= new (SharedWorker ?? Worker)(scriptUrl(script), workerOptions));
        listen(started, 'error', notStarted);
        const message = { port: vaultPort, wasmUrl: wasm };
        if (SharedWorker) postToPort(portOf(started), message, vaultPort);
        else postToWorker(started, message, vaultPort);
      }
    } catch (cause) {
      notStarted(cause);
    }
    try {
      // No event tells a page that a worker is gone, but the lock that the worker holds for its lifetime is free then. Some
      // engines keep separate locks for each process, so the page also sends the worker a call. WebKitGTK may not free the lock,
      // so a page that waits for an answer sends one, too.
      const { value: lockName } = await configured;
      const ping = async () => {
        const cancelPingTimeout = whenSilent(() => receive({ event: 'gone', session: null, reason: 'restarted' }));
        try {
          await call('ping');
        } catch {} // rejected: this page knows already that the worker is gone
        cancelPingTimeout();
      };
      const beat = () => {
        if (isLost) return;
        if (isWaiting()) ping();
        setTimeout(beat, BEAT);
      };
      if (worker) {
        whenFree(lockName, ping);
        beat();
      }
      // No event tells a shared worker that a page is gone, so the page tells it.
      listen(window, 'pagehide', ({ persisted }) => persisted || isLost || call('leave'));
      return worker ? (SharedWorker ? 'shared' : 'dedicated') : 'page';
    } finally {
      cancelStartTimeout();
      isStarting = false;
    }
  };
  return { call, close, opened: open() };
}

/**
 * Calls a function if the vault does not respond in time. The time is counted in steps, so that it does not pass while the page
 * is frozen: otherwise the time of a page that resumes would be over before it receives the vault's response.
 * @param {() => any} then @returns {() => void} cancels the call
 */
function whenSilent(then) {
  let stepsLeft = STEPS;
  const step = () => (stepsLeft ? stepsLeft-- > 0 && setTimeout(step, STEP) : then());
  step();
  return () => (stepsLeft = -1);
}
