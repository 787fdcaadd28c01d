/**
 * The entry `valet-key/testing/node`: the test provider behind `node:http`, on loopback only, because it signs users in without a
 * password. `node.d.ts` documents it.
 */

import { createServer } from 'node:http';
import { configError } from '../errors.js';
import { createTestProvider } from './provider.js';
import { isLoopbackHost } from './responses.js';

/** @type {typeof import('./node.d.ts').startTestProvider} */
export async function startTestProvider({ port = 0, host = 'localhost', ...options }) {
  if (!isLoopbackHost(host))
    throw configError(
      `option \`host\`: the test provider does not listen on ${host}`,
      'It signs users in without a password, so it listens on this machine only. Use `localhost`, a name below it, or 127.0.0.1.',
    );
  /** @type {import('./index.d.ts').TestProvider | undefined} */
  let provider;
  const server = createServer((request, response) => {
    answer(/** @type {any} */ (provider), request, response).catch(() => response.destroy());
  });
  const address = /^[\d.]+$/.test(host) ? host : /:/.test(host) ? '::1' : '127.0.0.1';
  await new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, address, () => done(undefined));
  });
  const { port: bound } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const name = /:/.test(host) ? '[::1]' : host;
  const close = () =>
    new Promise((done) => {
      server.close(() => done(undefined));
      server.closeAllConnections();
    });
  try {
    provider = createTestProvider({ sessions: 'cookie', ...options, issuer: `http://${name}:${bound}` });
  } catch (error) {
    await close();
    throw error;
  }
  return Object.assign(provider, { close });
}

/**
 * @param {import('./index.d.ts').TestProvider} provider
 * @param {import('node:http').IncomingMessage} incoming @param {import('node:http').ServerResponse} outgoing
 */
async function answer(provider, incoming, outgoing) {
  const { method = 'GET', headers } = incoming;
  // A name of another site that leads to this machine (DNS rebinding) is not served.
  if (!isLoopbackHost(new URL(`http://${headers.host}`).hostname)) return void outgoing.writeHead(421).end();
  const body = ['GET', 'HEAD'].includes(method) ? undefined : await bodyOf(incoming);
  const pairs = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one]));
  const request = new Request(provider.issuer + incoming.url, {
    method,
    headers: /** @type {[string, string][]} */ (pairs),
    body,
  });
  const response = await provider.fetch(request);
  // A browser repeats a request whose connection closes without a byte, and the test would count it twice.
  if (response.type === 'error') return void incoming.socket.end('no HTTP');
  const cookies = response.headers.getSetCookie();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(cookies.length > 0 && { 'set-cookie': cookies }),
  });
  for await (const chunk of response.body ?? []) outgoing.write(chunk);
  outgoing.end();
}

/** @param {import('node:http').IncomingMessage} incoming */
async function bodyOf(incoming) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}
