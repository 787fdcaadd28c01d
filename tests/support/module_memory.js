/**
 * Runs in a page and in a worker: many sign-ins and many calls in one module, against responses that are made here. It
 * counts the module's memory, which `pkg/core.js` keeps to itself.
 */
import { run, start } from '/pkg/core.js';

const [ISSUER, APP, API] = ['https://id.test', 'https://app.test/', 'https://api.test/'];

/** How the core's operations are spelled. `src/npm/mod.rs` has them by name. */
const spelled = {
  async open() {
    const options = { issuer: ISSUER, clientId: 'app', api: [API] };
    return { client: Number(await run('open', { options: JSON.stringify(options) })) };
  },
  async begin(given) {
    const rest = { redirectUri: APP, scope: 'openid notes', returnTo: '/', params: {}, inWindow: false, alone: true };
    return JSON.parse(await run('begin', { ...given, ...rest }));
  },
  complete: (given, address, { record }) => run('complete', { ...given, address, record, pending: true, alone: true }),
  fetch: (given, url) => run('fetch', { ...given, url, credentials: false, once: false }, [new Request(url), new Request(url)]),
};

/** @type {WebAssembly.Memory} */
let memory;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    memory = this.exports.memory;
  }
};

/** What the issuer and the API respond. A sign-in tells it the nonce of its ID Token. */
async function respond() {
  const bytes = (text) => new TextEncoder().encode(text);
  const base64url = (data) => btoa(String.fromCharCode(...data)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
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
  globalThis.fetch = async (request) => {
    if (request instanceof Request) return new Response('[]');
    return new Response(JSON.stringify(await issuer[new URL(request).pathname]()), { headers: { 'content-type': 'application/json' } });
  };
  return responses;
}

/**
 * The bytes of the module's memory: after some sign-ins and calls, after the rest of the sign-ins, and after the rest of
 * the calls.
 * @param {{ signIns: number, calls: number, atOnce: number, first: number }} how many; `first` is the share that comes first
 */
async function count({ signIns, calls, atOnce, first }) {
  start(await WebAssembly.compileStreaming(fetch('/pkg/wasm/valet_key.wasm')), (error) => console.error(error));
  const responses = await respond();
  const client = await spelled.open();
  const signIn = async () => {
    const begun = await spelled.begin(client);
    const { searchParams } = new URL(begun.url);
    responses.nonce = searchParams.get('nonce');
    const query = new URLSearchParams({ code: 'c'.repeat(500), state: searchParams.get('state'), iss: ISSUER });
    await spelled.complete(client, `${APP}?${query}`, begun);
  };
  const call = async () => {
    const response = await spelled.fetch(client, `${API}notes?of=${'n'.repeat(200)}`);
    if (response.status !== 200) throw new Error(`${response.status}`);
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

/** Counts in this context, or in a shared worker that runs this file. @param {string} home */
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
