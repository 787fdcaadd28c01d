/**
 * Runs in a page and in a worker: many sign-ins and many calls in one vault, with responses that are made here. It
 * measures the memory of the module.
 */
const [ISSUER, APP, API] = ['https://id.test', `${location.origin}/`, 'https://api.test/'];

const { fetch } = globalThis;

/** @type {WebAssembly.Memory} */
let memory;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    memory = this.exports.memory;
  }
};

/** Milliseconds by which the clock of the core is advanced, so that it drops what it keeps for some minutes. */
let passed = 0;
for (const clock of [Date, performance]) {
  const now = clock.now.bind(clock);
  clock.now = () => now() + passed;
}

/** The vault, at a port of this same context. */
async function openVault() {
  await import('/pkg/wasm/worker.js');
  const { port1: port, port2 } = new MessageChannel();
  const wasmUrl = '/pkg/wasm/valet_key.wasm';
  // In a page, the file offers a function; in a worker, it listens to messages.
  const [offered] = Object.getOwnPropertySymbols(globalThis).filter(({ description }) =>
    description.startsWith('valet-key'),
  );
  if (offered) globalThis[offered](port2, wasmUrl, true);
  else globalThis.onmessage({ data: { port: port2, wasmUrl } });
  const waiting = new Map();
  let last = 0;
  port.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(new Error(error.message));
    else resolve?.(value);
  };
  const ask = (op, args) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      port.postMessage({ ...args, id: last, op });
    });
  await ask('configure', { options: { issuer: ISSUER, clientId: 'app', api: [API] } });
  const page = { redirectUri: APP, scope: 'openid notes', returnTo: '/', options: {}, inWindow: false, shared: false };
  return {
    begin: () => ask('begin', page),
    complete: (address, { state, record }) => ask('complete', { address, state, record, pending: true, shared: false }),
    fetch: (url) => ask('fetch', { url, init: {}, once: false }),
  };
}

/** The responses of the issuer and the API. A sign-in passes the nonce of its ID Token. */
async function respond() {
  const bytes = (text) => new TextEncoder().encode(text);
  const base64url = (data) =>
    btoa(String.fromCharCode(...data))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=/g, '');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const idToken = async (nonce) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: 'app', sub: 'alice', nonce, iat: now, exp: now + 3600 };
    const signed = [{ alg: 'ES256' }, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join('.');
    return `${signed}.${base64url(new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, bytes(signed))))}`;
  };
  const issuer = {
    '/.well-known/openid-configuration': () => ({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      jwks_uri: `${ISSUER}/keys`,
    }),
    '/keys': () => ({ keys: [{ kty, crv, x, y }] }),
    '/token': async () => ({
      access_token: 'a'.repeat(1000),
      refresh_token: 'r'.repeat(100),
      token_type: 'Bearer',
      expires_in: 3600,
      id_token: await idToken(responses.nonce),
    }),
  };
  const responses = { nonce: '' };
  globalThis.fetch = async (request, init) => {
    if (!(request instanceof Request)) return fetch(request, init);
    if (request.url.startsWith(API)) return new Response('[]');
    return new Response(JSON.stringify(await issuer[new URL(request.url).pathname]()), {
      headers: { 'content-type': 'application/json' },
    });
  };
  return responses;
}

/**
 * The bytes of the module's memory: after some sign-ins and calls, after the rest of the sign-ins, and after the rest of
 * the calls.
 * @param {{ signIns: number, calls: number, atOnce: number, first: number }} how many; `first` is the share that is
 *   measured first
 */
async function count({ signIns, calls, atOnce, first }) {
  const responses = await respond();
  const vault = await openVault();
  const signIn = async () => {
    passed += 20_000;
    const begun = await vault.begin();
    const { searchParams } = new URL(begun.url);
    responses.nonce = searchParams.get('nonce');
    const query = new URLSearchParams({ code: 'c'.repeat(500), state: begun.state, iss: ISSUER });
    const outcome = await vault.complete(`${APP}?${query}`, begun);
    if (outcome.returnTo !== '/') throw new Error(JSON.stringify(outcome));
  };
  const call = async () => {
    const response = await vault.fetch(`${API}notes?of=${'n'.repeat(200)}`);
    if (response.init.status !== 200) throw new Error(`${response.init.status}`);
  };
  const signInOften = async (times) => {
    for (let turn = 0; turn < times; turn += 1) await signIn();
  };
  const callOften = async (times) => {
    for (let turn = 0; turn < times / atOnce; turn += 1) await Promise.all(Array.from({ length: atOnce }, call));
  };
  await signInOften(signIns * first);
  await callOften(calls * first);
  const bytes = [memory.buffer.byteLength];
  await signInOften(signIns * (1 - first));
  bytes.push(memory.buffer.byteLength);
  await callOften(calls * (1 - first));
  bytes.push(memory.buffer.byteLength);
  return bytes;
}

/** Measures in this context, or in a shared worker that runs this file. @param {string} home */
export async function countIn(home, how) {
  if (home === 'page') return count(how);
  const { port } = new SharedWorker(import.meta.url, { type: 'module' });
  const told = new Promise((resolve) => (port.onmessage = ({ data }) => resolve(data)));
  port.postMessage(how);
  const { bytes, error } = await told;
  if (error) throw new Error(error);
  return bytes;
}

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) =>
    count(data).then(
      (bytes) => port.postMessage({ bytes }),
      (error) => port.postMessage({ error: String(error?.stack ?? error) }),
    );
};
