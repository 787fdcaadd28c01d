/**
 * What is not alike everywhere. A story names what it asks for, `{ differs: ['lasting'] }`, and goes on with the fallback
 * where `stage.lacks(ability)`; a story that only some drivers can drive names what it `needs`. `docs/engines.md` says both,
 * in these words.
 *
 * Browsers change, so no ability is known by the name or the version of an engine: each browser is tried, once in a process.
 */
import { createServer } from 'node:http';
import { close, listen, pathOf, portNear } from './loopback.mjs';

/** @typedef {{ engine: string, home: 'shared' | 'dedicated' | 'page' }} Place */
/** @typedef {import('./browser.mjs').Browser} Browser */

/**
 * What an engine or a home of tokens has or lacks, and what happens instead.
 * @type {Record<string, { has: (place: Place, browser: Browser) => boolean | Promise<boolean>, lacking: string, instead: string }>}
 */
export const ABILITIES = {
  lasting: {
    has: ({ home }, browser) => home === 'shared' && trial(browser, keepsWorker),
    lacking: 'The tokens do not outlive the last page that uses them',
    instead:
      'the next page, a reload for instance, asks the provider once without a question (`prompt=none`), and the user is signed in again. Where the page asks for more than the user has allowed so far, a click is needed',
  },
  storing: {
    has: (place, browser) => trial(browser, storesResponse),
    lacking: 'The browser, as its driver opens it, stores no response, whatever its headers allow',
    instead: 'a vault that is new when the user comes back asks the provider for its metadata once',
  },
};

/**
 * What it takes to drive some stories, the engines whose drivers have it, and why others do not run them.
 * @type {Record<string, { engines: string[], reason: string }>}
 */
export const NEEDS = {
  largeBodies: {
    engines: ['chromium'],
    reason:
      'how much other engines keep in buffers of their own is not known here, and their drivers refuse the certificate of a server on loopback',
  },
  devTools: { engines: ['chromium'], reason: 'it is driven by the DevTools protocol, which only Chromium speaks' },
};

/** @param {string} ability @param {Place} place @param {Browser} browser which has one empty page, before and after */
export async function lacking(ability, place, browser) {
  return !(await ABILITIES[ability].has(place, browser));
}

/** What came of the trials, by engine. @type {Map<Function, Map<string, Promise<boolean>>>} */
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

/** A shared worker, as the library makes it, whose life has a number. */
const WORKER = 'const life = String(Math.random()); onconnect = ({ ports: [port] }) => port.postMessage(life);';

/** Runs in the page: the life that answers. */
const LIFE = `async () => new Promise((done, fail) => {
  const worker = new SharedWorker('/shared.js', { type: 'module', name: 'trial', extendedLifetime: true });
  worker.onerror = () => fail(new Error('the worker does not start'));
  worker.port.onmessage = ({ data }) => done(data);
})`;

/** Whether a shared worker survives a reload of the only page that uses it. */
async function keepsWorker({ page }, { origin }) {
  await page.goto(`${origin}/`);
  const before = await page.run(LIFE);
  await page.reload();
  return (await page.run(LIFE)) === before;
}

/** Whether a worker that is new gets a response that an earlier one was allowed to keep. */
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
  '/stored': ['text/plain', 'stored', { 'cache-control': 'max-age=600' }],
  '/': ['text/html', '<!doctype html><title>A trial</title>'],
};

/** @typedef {Awaited<ReturnType<typeof startTrial>>} Site */

/** A site of its own. */
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
