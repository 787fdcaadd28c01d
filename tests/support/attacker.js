/**
 * The abilities of a script that enters the page after the library has loaded.
 *
 * A test that acts as that script imports this file into the page. The file uses nothing of the library except the
 * addresses of its files and the format of its messages.
 */

const WORKER = '/pkg/wasm/worker.js';
const WASM = '/pkg/wasm/valet_key.wasm';

/** The vaults that a script can reach: the page's own if it is shared, or one that the script starts. */
const HOMES = {
  shared: () => new SharedWorker(WORKER, { type: 'module', name: 'valet-key 0.1.0 true', extendedLifetime: true }),
  'another name': () => new SharedWorker(WORKER, { type: 'module', name: 'of the script' }),
  dedicated: () => new Worker(WORKER, { type: 'module' }),
};

/** Milliseconds after which a message counts as dropped. */
const DROPPED = 4000;

/** Keeps ports and workers from one step of a test to the next. */
export const kept = {};

/**
 * The script's own port, without a client yet.
 * @param {keyof HOMES} [home]
 */
export function open(home = 'shared') {
  const { port1, port2 } = new MessageChannel();
  const worker = HOMES[home]();
  (worker.port ?? worker).postMessage({ port: port2, wasmUrl: new URL(WASM, location.href).href }, [port2]);
  const waiting = new Map();
  let last = 0;
  port1.onmessage = ({ data }) => waiting.get(data.id)?.(data);
  /** The vault's reply: `{ value }`, `{ error }` with the code, or neither if it dropped the message. */
  const ask = (op, args) =>
    new Promise((answered) => {
      const id = (last += 1);
      waiting.set(id, answered);
      setTimeout(answered, DROPPED, {});
      port1.postMessage({ ...args, id, op });
    }).then(({ value, error }) => (error ? { error: error.code } : { value }));
  const say = (op, args) => ask(op, { ...args, shared: false });
  return {
    worker,
    ask,
    begin: (args) =>
      say('begin', {
        redirectUri: elsewhere(),
        scope: 'openid',
        returnTo: '/www/',
        options: {},
        inWindow: false,
        ...args,
      }),
    complete: (args) => say('complete', { pending: true, ...args }),
    fetch: (url) =>
      ask('fetch', { url, once: false, init: { method: 'GET', headers: [] } }).then(
        ({ error, value }) => error ?? value?.init.status,
      ),
    session: () => ask('session').then(({ error, value }) => error ?? value?.sub ?? null),
  };
}

/** A port whose client has these options, and the vault's reply to them. */
export async function openAs(options, home) {
  const port = open(home);
  const { error } = await port.ask('configure', { options });
  return { ...port, refused: error };
}

/** The options of the page's client, in the order in which the library sends them. */
export const honest = ({ issuer, clientId, allowLoopbackHttp, api }) => ({ issuer, clientId, allowLoopbackHttp, api });

/** A page of this origin without an app. */
const elsewhere = () => new URL('/www/style.css', location.href).href;

/** Signs in silently, in the script's own frame. @returns {Promise<string>} `ok`, or the code of an error */
export async function signInSilently(port) {
  const begun = await port.begin({ options: { prompt: 'none' }, inWindow: true });
  if (!begun.value) return begun.error ?? 'dropped';
  const frame = document.createElement('iframe');
  frame.src = begun.value.url;
  document.body.append(frame);
  await new Promise((loaded) => (frame.onload = loaded));
  const address = frame.contentWindow.location.href;
  frame.remove();
  const { error } = await port.complete({ address, state: begun.value.state });
  return error ?? 'ok';
}

/**
 * A record of a sign-in that never happened; members that are not strings, numbers included, are encoded as the library
 * does.
 */
export const forged = (members) =>
  JSON.stringify({
    state: 'vk.forged',
    nonce: 'forged',
    code_verifier: 'v'.repeat(43),
    redirect_uri: elsewhere(),
    scope: 'openid',
    return_to: '/www/',
    silent: 'no',
    acr_values: '',
    max_age: '',
    started: Date.now(),
    ...members,
  });

/** The keys of pending sign-ins. */
export const pending = () => Object.keys(sessionStorage).filter((key) => key.startsWith('valet-key:tx:'));

/** Changes each pending sign-in when the page leaves, after the library has stored it. */
export const onLeaving = (act) => addEventListener('pagehide', () => pending().forEach((key) => act(key)));

/** Replaces or adds members of a record. */
export const edit = (key, members) =>
  sessionStorage.setItem(key, JSON.stringify({ ...JSON.parse(sessionStorage.getItem(key)), ...members }));
