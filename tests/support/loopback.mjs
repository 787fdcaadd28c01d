/** Servers that only this machine can reach: starting, ending, reading a body. */
import { createServer } from 'node:http';

export const LOOPBACK = '127.0.0.1';

/** The port asked for if it is free, else any free one. */
export async function portNear(preferred = 0) {
  const probe = createServer();
  try {
    await listen(probe, preferred);
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    await listen(probe, 0);
  }
  const { port } = probe.address();
  await close(probe);
  return port;
}

/** @returns {Promise<import('node:http').Server>} the server, listening */
export function listen(server, port) {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, LOOPBACK, () => {
      server.off('error', fail);
      done(server);
    });
  });
}

/** Ends a server together with the connections that a browser keeps open. */
export function close(server) {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

/** The body of a request as text. Bounded, because a demo is a server, too. */
export async function bodyOf(request, limit = 100_000) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > limit) throw new RangeError('request body too large');
  }
  return text;
}

/**
 * Writes down what a server is asked, in order: `{ method, path, status }`, the status 0 while unanswered. Queries are
 * left out.
 */
export function record(log, request, response) {
  const entry = { method: request.method, path: pathOf(request), status: 0 };
  response.once('finish', () => (entry.status = response.statusCode));
  log.push(entry);
}

export function pathOf(request) {
  return new URL(request.url, 'http://loopback').pathname;
}
