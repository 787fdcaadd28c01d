/**
 * Differences between engines.
 *
 * A story names the abilities on which it depends, `{ differs: ['lasting'] }`, and continues with the fallback if
 * `stage.lacks(ability)`; a story that only some drivers can drive names what it `needs`. `docs/engines.md` prints the
 * texts of this file.
 *
 * Browsers change, so no ability is derived from the name or the version of an engine: each browser is tested, once in
 * a process.
 */
import { createServer } from 'node:http';
import { close, listen, pathOf, portNear } from './loopback.mjs';

/** @typedef {{ engine: string, home: 'shared' | 'dedicated' | 'page' }} Place */
/** @typedef {import('./browser.mjs').Browser} Browser */

/**
 * The abilities that an engine or a home of tokens may lack, and what happens instead.
 * @type {Record<string, { has: (place: Place, browser: Browser) => boolean | Promise<boolean>, lacking: string, instead: string }>}
 */
export const ABILITIES = {
  lasting: {
    has: ({ home }, browser) => home === 'shared' && trial(browser, keepsWorker),
    lacking:
      'The tokens do not outlive the last page that uses them, and a shared worker may end while other pages use it',
    instead:
      'the next worker continues the session if a keeper has it; otherwise the next page makes one silent sign-in (`prompt=none`), and the user is signed in again. If the page requests more scopes than the user has allowed so far, a click is needed. Calls under way fail',
  },
  keeper: {
    has: ({ home }, browser) => home === 'shared' && trial(browser, registersFromWorker),
    lacking: 'No worker can reach a service worker',
    instead: 'there is no keeper, and the session depends on the worker alone',
  },
  keys: {
    has: ({ home }, browser) => home !== 'shared' || trial(browser, storesKey),
    lacking: 'A shared worker cannot store a `CryptoKey`',
    instead: "`signIn()` of a client with `keep: 'device'` fails with `config_error`",
  },
  ed25519: {
    has: (place, browser) => trial(browser, makesEd25519),
    lacking: 'Web Cryptography makes no keys on Ed25519',
    instead: "tokens are bound to keys of ES256, also with `dpopAlgorithm: 'Ed25519'`",
  },
  storing: {
    has: (place, browser) => trial(browser, storesResponse),
    lacking: 'The browser, as its driver starts it, stores no response, even if its headers allow it',
    instead: 'a new vault requests the metadata of the provider once after the redirect back',
  },
};

/**
 * What some stories need from the driver, the engines that have it, and why other engines do not play them.
 * @type {Record<string, { engines: string[], reason: string }>}
 */
export const NEEDS = {
  largeBodies: {
    engines: ['chromium'],
    reason:
      'the size of other engines’ internal buffers is unknown, and their drivers refuse the certificate of a server on loopback',
  },
  profile: {
    engines: ['chromium', 'firefox'],
    reason:
      'the story closes the browser and opens it again, and the driver of the other engine starts it without the earlier data',
  },
  secureCookies: {
    engines: ['chromium', 'firefox'],
    reason: 'the provider’s cookies are `Secure`, which the other engine refuses from `http://localhost`',
  },
  devTools: { engines: ['chromium'], reason: 'the story uses the DevTools protocol, which only Chromium implements' },
};

/** @param {string} ability @param {Place} place @param {Browser} browser which has one empty page, before and after */
export async function lacking(ability, place, browser) {
  return !(await ABILITIES[ability].has(place, browser));
}

/** The results of the tests, by engine. @type {Map<Function, Map<string, Promise<boolean>>>} */
const tried = new Map();

/** @param {Browser} browser @param {(browser: Browser, site: Site) => Promise<boolean>} ability */
function trial(browser, ability) {
  if (!tried.has(ability)) tried.set(ability, new Map());
  const outcomes = tried.get(ability);
  if (!outcomes.has(browser.engine)) outcomes.set(browser.engine, inBrowser(browser, ability));
  return outcomes.get(browser.engine);
}

async function inBrowser(browser, ability) {
  const site = await startTrial();
  try {
    return await ability(browser, site);
  } finally {
    await browser.clear();
    await site.close();
  }
}

/** A shared worker, created as the library does, with a random number for each start. */
const WORKER = 'const life = String(Math.random()); onconnect = ({ ports: [port] }) => port.postMessage(life);';

/** Runs in the page: the number of the worker that replies. */
const LIFE = `async () => new Promise((done, fail) => {
  const worker = new SharedWorker('/shared.js', { type: 'module', name: 'trial', extendedLifetime: true });
  worker.onerror = () => fail(new Error('the worker does not start'));
  worker.port.onmessage = ({ data }) => done(data);
})`;

/** Whether Web Cryptography makes keys on Ed25519. */
async function makesEd25519({ page }, { origin }) {
  await page.goto(`${origin}/`);
  return page.run("async () => crypto.subtle.generateKey('Ed25519', false, ['sign']).then(() => true, () => false)");
}

/** Whether a shared worker survives a reload of the only page that uses it. */
async function keepsWorker({ page }, { origin }) {
  await page.goto(`${origin}/`);
  const before = await page.run(LIFE);
  await page.reload();
  return (await page.run(LIFE)) === before;
}

/** Whether a worker can register a service worker, which holds its tokens after its last page. */
async function registersFromWorker({ page }, { origin }) {
  await page.goto(`${origin}/`);
  return page.run(
    `async () => new Promise((done) => (new Worker('/registering.js').onmessage = ({ data }) => done(data)))`,
  );
}

/** Whether a shared worker can store a key that cannot be exported. */
async function storesKey({ page }, { origin }) {
  await page.goto(`${origin}/`);
  return page.run(
    `async () => new Promise((done) => (new SharedWorker('/keys.js').port.onmessage = ({ data }) => done(data)))`,
  );
}

/** Whether a new worker gets a response that an earlier worker was allowed to store. */
async function storesResponse({ page }, { origin, requests }) {
  const STORED = `async () => new Promise((done) => (new Worker('/storing.js').onmessage = done))`;
  for (const path of ['/', '/?again']) {
    await page.goto(origin + path);
    await page.run(`${STORED.replace('=> new', '=> void await new')}`);
  }
  return requests.filter((path) => path === '/stored').length === 1;
}

const FILES = {
  '/shared.js': ['text/javascript', WORKER],
  '/storing.js': [
    'text/javascript',
    "fetch('/stored', { cache: 'force-cache' }).then((response) => response.text()).then(postMessage)",
  ],
  '/registering.js': [
    'text/javascript',
    `(async () => {
      const registration = await navigator.serviceWorker?.register('/silent.js', { scope: '/silent/' }).catch(() => {});
      postMessage(Boolean(await registration?.unregister()));
    })();`,
  ],
  '/keys.js': [
    'text/javascript',
    `onconnect = async ({ ports: [port] }) => {
      const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
      const request = indexedDB.open('trial');
      request.onupgradeneeded = () => request.result.createObjectStore('keys');
      request.onerror = () => port.postMessage(false);
      request.onsuccess = () => {
        try {
          const transaction = request.result.transaction('keys', 'readwrite');
          transaction.objectStore('keys').put(keys.privateKey, 'one');
          transaction.oncomplete = () => port.postMessage(true);
          transaction.onabort = () => port.postMessage(false);
        } catch {
          port.postMessage(false);
        }
      };
    };`,
  ],
  '/silent.js': ['text/javascript', ''],
  '/stored': ['text/plain', 'stored', { 'cache-control': 'max-age=600' }],
  '/': ['text/html', '<!doctype html><title>A trial</title>'],
};

/** @typedef {Awaited<ReturnType<typeof startTrial>>} Site */

/** Starts a separate site. */
async function startTrial() {
  const requests = [];
  const port = await portNear();
  const server = createServer((request, response) => {
    requests.push(pathOf(request));
    const [type, text, headers] = FILES[pathOf(request)] ?? ['text/plain', ''];
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', ...headers }).end(text);
  });
  await listen(server, port);
  return { origin: `http://localhost:${port}`, requests, close: () => close(server) };
}
