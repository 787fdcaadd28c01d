/** Servers that only this machine can reach: starting, ending, reading a body. */
import { createServer } from 'node:http';

export const LOOPBACK = '127.0.0.1';

/**
 * Ports to choose from. They lie below those that systems give to connections by themselves, so that none of these takes a
 * port between the moment when it is found free and the moment when a server listens there.
 */
const PORTS = { first: 20_000, count: 12_000 };

let last = Math.floor(Math.random() * PORTS.count);

/**
 * The port asked for if it is free, else another one that this process has not used before: browsers outlive stories, and
 * with a port of an earlier story a site would find the storage of that story.
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
