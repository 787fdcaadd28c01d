/** Servers that only this machine can reach: how they start and end, and how they read a body. */
import { createServer } from 'node:http';

export const LOOPBACK = '127.0.0.1';

/**
 * The ports to choose from. They lie below the range from which systems choose ports for connections, so that no
 * connection takes a port between the moment when it is found free and the moment when a server listens on it.
 */
const PORTS = { first: 20_000, count: 12_000 };

let last = Math.floor(Math.random() * PORTS.count);

/**
 * The requested port if it is free, or else a port that this process has not used before: browsers outlive stories, and
 * a site on a port of an earlier story would find the storage of that story.
 */
export async function portNear(preferred = 0) {
  if (preferred && (await isFree(preferred))) return preferred;
  for (let tried = 0; tried < PORTS.count; tried += 1) {
    last = (last + 1) % PORTS.count;
    if (await isFree(PORTS.first + last)) return PORTS.first + last;
  }
  throw new Error(`all ports from ${PORTS.first} are in use`);
}

async function isFree(port) {
  const probe = createServer();
  try {
    await listen(probe, port);
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    return false;
  }
  await close(probe);
  return true;
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

/**
 * A server with handlers that may wait. At the end of a story, browsers and servers close connections in the middle of
 * requests; a handler may then fail to read the body or to ask another server, and no client waits for the response.
 * Any other failure of a handler is a fault of the tests, and stays an unhandled rejection.
 *
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => unknown} answer
 */
export const serverOf = (answer) => createServer(unlessClosed(answer));

/** A handler that ends without an error if the connection is closed before the response. */
export const unlessClosed = (answer) => async (request, response) => {
  try {
    await answer(request, response);
  } catch (error) {
    if (!request.readableAborted && !response.destroyed) throw error;
    response.destroy();
  }
};

/** Closes a server together with the connections that a browser keeps open. */
export function close(server) {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

/** The body of a request as text. Its length is limited, because the demo is a server, too. */
export async function bodyOf(request, limit = 100_000) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > limit) throw new RangeError('request body too large');
  }
  return text;
}

/**
 * Records the requests of a server, in order: `{ method, path, status }`, with status 0 until the response. Queries are
 * left out.
 *
 * @returns the record of this request
 */
export function record(log, request, response) {
  const hasQuery = request.url.includes('?');
  const entry = { method: request.method, path: pathOf(request), hasQuery, status: 0 };
  response.once('finish', () => (entry.status = response.statusCode));
  log.push(entry);
  return entry;
}

export function pathOf(request) {
  return new URL(request.url, 'http://loopback').pathname;
}
