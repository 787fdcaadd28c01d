/**
 * What a script that was injected into a page tries, to get at the tokens of its client. Each attempt returns the texts that it has
 * seen, and what it was told when it was refused.
 */
import { openConnection } from '../pkg/connection.js';
import { lootIn, textsIn } from './theft_loot.js';

/**
 * @typedef {object} Target
 * @property {import('../pkg/index.d.ts').Client} client that of the page, which a script may find
 * @property {Record<string, any>} options of that client
 * @property {string} [api] an address of the API that the client calls
 */

/** @typedef {{ texts?: string[], told?: string, works?: string }} Seen */
/** @typedef {{ title: string, looked: number, told: string, works: string, loot: import('./theft_loot.js').Loot | null }} Report */

/** @type {[title: string, attempt: (target: Target) => Promise<Seen>][]} */
const ATTEMPTS = [
  ['Read localStorage and sessionStorage', readStorage],
  ['Read IndexedDB and the caches', readDatabases],
  ['Read cookies, the address, the history and the addresses of all requests', readAddresses],
  ['Search everything that scripts in this page can reach', walkGlobals],
  ['Replace functions of the browser (fetch, Headers, postMessage), and listen in on a call', hook],
  ['Ask the client for its access token', askClient],
  ['Open a line of its own to where the tokens are kept, and ask', askVault],
  ['Forge a sign-in, so that the tokens are requested from another address', forge],
  ['Search the folder of the guard, which takes the sign-in code before the page is there', searchGuard],
];

/** How many lines a report has, so that a page can show them in advance. */
export const TITLES = [...ATTEMPTS.map(([title]) => title), 'Call the API as you'];

/** @param {Target} target @param {(report: Report) => void} tell */
export async function runAttempts(target, tell) {
  for (const [title, attempt] of [...ATTEMPTS, [TITLES.at(-1), callAsUser]]) {
    const { texts = [], told = '', works = '' } = await attempt(target).catch((error) => ({ told: codeOf(error) }));
    tell({ title, looked: texts.length, told, works, loot: lootIn(texts) });
  }
}

const codeOf = (error) => String(error?.code ?? error?.name ?? error);

async function readStorage() {
  return { texts: [localStorage, sessionStorage].flatMap((storage) => Object.entries(storage).flat()) };
}

async function readDatabases() {
  const texts = [];
  for (const { name } of await indexedDB.databases()) texts.push(name, ...(await textsOfDatabase(name)));
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) texts.push(request.url, await (await cache.match(request)).text());
  }
  return { texts };
}

async function textsOfDatabase(name) {
  const base = await resultOf(indexedDB.open(name));
  const texts = [];
  for (const store of base.objectStoreNames)
    texts.push(...(await textsIn(await resultOf(base.transaction(store).objectStore(store).getAll()))));
  base.close();
  return texts;
}

const resultOf = (request) =>
  new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });

async function readAddresses() {
  const visited = globalThis.navigation?.entries().map(({ url }) => url ?? '') ?? [];
  const requested = performance.getEntries().map(({ name }) => name);
  return { texts: [...document.cookie.split('; '), location.href, document.referrer, name, ...visited, ...requested] };
}

async function walkGlobals({ client }) {
  return { texts: await textsIn(globalThis, client, await import('../pkg/index.js'), history.state) };
}

/** The functions through which a token would pass if the page had it. */
const HOOKED = [
  [globalThis, ['fetch', 'Request', 'Headers', 'WebSocket', 'SharedWorker', 'Worker', 'postMessage']],
  [XMLHttpRequest.prototype, ['open', 'send', 'setRequestHeader']],
  [Headers.prototype, ['set', 'append', 'get']],
  [Response.prototype, ['json', 'text', 'arrayBuffer']],
  [MessagePort.prototype, ['postMessage']],
  [BroadcastChannel.prototype, ['postMessage']],
  [TextDecoder.prototype, ['decode']],
  [TextEncoder.prototype, ['encode', 'encodeInto']],
  [JSON, ['parse', 'stringify']],
  [Storage.prototype, ['setItem']],
];

async function hook({ client, api }) {
  const texts = [];
  const { stringify } = JSON;
  const note = (value) => {
    if (typeof value === 'string') texts.push(value);
    else if (value instanceof Request) texts.push(value.url, ...[...value.headers].map(String));
    else if (value instanceof Headers) texts.push(...[...value].map((pair) => pair.join(': ')));
    else if (value && typeof value === 'object' && !(value instanceof Node)) texts.push(stringify(value) ?? '');
  };
  const seeing = (values) => {
    for (const value of values) {
      try {
        note(value);
      } catch {}
    }
  };
  const ends = HOOKED.flatMap(([owner, names]) => names.map((name) => replace(owner, name, seeing)));
  const hear = ({ data }) => seeing([data]);
  addEventListener('message', hear);
  const channels = ['valet-key', 'token', 'auth'].map((name) => new BroadcastChannel(name));
  for (const channel of channels) channel.onmessage = hear;
  try {
    if (api) await client.fetch(api);
  } finally {
    for (const end of ends) end();
    for (const channel of channels) channel.close();
    removeEventListener('message', hear);
  }
  return { texts };
}

/** Puts a spy in the place of a function. @returns {() => void} which ends that */
function replace(owner, name, seeing) {
  const native = owner[name];
  if (typeof native !== 'function') return () => {};
  owner[name] = new Proxy(native, {
    apply(target, self, args) {
      seeing(args);
      return Reflect.apply(target, self, args);
    },
    construct(target, args, made) {
      const built = Reflect.construct(target, args, made);
      seeing([...args, built]);
      return built;
    },
  });
  return () => void (owner[name] = native);
}

async function askClient({ client }) {
  return { texts: [await client.accessToken()] };
}

/** A connection of the script's own, with the options of the page's client. */
function connectionOf({ options }) {
  const { guard, workerUrl, wasmUrl, tokens } = options;
  const file = guard ? new URL('worker.js', new URL(guard, location.href)).href : workerUrl;
  const { issuer, clientId, scope, allowLoopbackHttp } = options;
  const ofGuard = guard && { guard: new URL(guard, location.href).href, scope };
  const api = options.api.map((url) => ({ url }));
  return openConnection(
    { workerUrl: file, wasmUrl: guard ? undefined : wasmUrl, tokens, lasting: options.restore !== 'none', had: 1 },
    { issuer, clientId, allowLoopbackHttp, tokens, account: '', api, ...ofGuard },
    () => {},
  );
}

/** What the vault is asked for: what it knows, and what it does not. */
const ASKED = [['accessToken'], ['session'], ['getToken'], ['sign', { id: 1 }], ['__proto__'], ['refreshToken']];

async function askVault(target) {
  const { call, close, opened } = connectionOf(target);
  const [texts, refused] = [[], new Set()];
  try {
    await opened;
    const answers = ASKED.map(([op, args]) => within(call(op, args)).catch((error) => ({ refused: codeOf(error) })));
    for (const answer of await Promise.all(answers)) {
      if (answer.refused) refused.add(answer.refused);
      else texts.push(...(await textsIn(answer)));
    }
  } finally {
    close(new Error('enough'));
  }
  return { texts, told: [...refused].join(', ') };
}

/** A call that gets no answer counts as dropped. */
const within = (promise) =>
  Promise.race([promise, new Promise((done, fail) => setTimeout(fail, 1500, { code: 'no answer' }))]);

async function forge(target) {
  const { call, close, opened } = connectionOf(target);
  const state = 'vk.forged';
  const here = location.origin + location.pathname;
  const metadata = JSON.stringify({
    issuer: target.options.issuer,
    authorization_endpoint: `${here}/authorize`,
    token_endpoint: `${here}/taken`,
    jwks_uri: `${here}/taken`,
  });
  const record = JSON.stringify({
    state,
    issuer: target.options.issuer,
    client_id: target.options.clientId,
    metadata,
    nonce: 'forged',
    code_verifier: 'v'.repeat(43),
    redirect_uri: here,
    scope: 'openid',
    return_to: '/',
    silent: 'no',
    acr_values: '',
    max_age: '',
    started: Date.now(),
  });
  const address = `${here}?code=forged&state=${state}&iss=${encodeURIComponent(target.options.issuer)}`;
  try {
    await opened;
    const answer = await within(call('complete', { address, state, record, pending: true, shared: false }));
    return { texts: await textsIn(answer), told: answer.value?.returnTo ? '' : 'ignored' };
  } finally {
    close(new Error('enough'));
  }
}

/** @param {Target} target */
async function searchGuard({ options: { guard } }) {
  if (!guard) return { told: 'no guard here' };
  const texts = [];
  for (const file of ['options.json', 'callback.html', 'sealed.html', 'go', 'guard/go', 'tokens']) {
    const response = await fetch(new URL(file, new URL(guard, location.href)));
    texts.push(file, ...[...response.headers].map(String), response.ok ? await response.text() : '');
  }
  return { texts };
}

async function callAsUser({ client, api }) {
  if (!api) return { told: 'no API here' };
  const { status } = await client.fetch(api);
  return { works: `works: ${status}` };
}
