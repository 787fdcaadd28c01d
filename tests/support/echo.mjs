/**
 * An API that accepts every request and returns what it received, so that two ways to send it can be compared.
 *
 * It accepts any token, and returns it only at `/v1/echo`, for a test of exactly that.
 *
 * ```text
 * /v1/…             the received request, as JSON
 * /v1/echo          the same with the Authorization header: no API should do this
 * /v1/status/<n>    a response with that status
 * /v1/bytes/<n>     n bytes, as fast as the client reads them
 * /v1/held/<n>      the same, with one more byte announced but not sent
 * /v1/unread        reads no byte of the request body
 * /v1/broken        a truncated response
 * /v1/paused        two pieces; the second when `resume` is called
 * /v1/lost          no response
 * /v1/to/<n>        a redirect with that status to `redirectTo`
 * ```
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { certificate } from './certificate.mjs';
import { close, listen, portNear, unlessClosed } from './loopback.mjs';

/** Each byte depends on its position, so the hash shows missing and repeated bytes. */
const OCTETS = Buffer.from(Uint8Array.from({ length: 1 << 18 }, (_, at) => (at % 65536) % 251));

/**
 * @param {object} [options]
 * @param {'http' | 'https'} [options.scheme] `https` uses HTTP/2, over which browsers send streams
 */
export async function startEcho({ scheme = 'http' } = {}) {
  const port = await portNear();
  const distrusted = new Set();
  const echo = {
    url: `${scheme}://localhost:${port}/v1/`,
    port,
    /** Requests without preflights: `{ method, url, host, headers, length, sha256, ended }`, `headers` with the token. */
    seen: [],
    /** Paths of the preflights. */
    preflights: [],
    redirectTo: '',
    /** Bytes of the last `/bytes` that were written, and whether the client disconnected before the end. */
    sent: { octets: 0, stopped: false },
    /** Sends the rest of the last `/paused`. */
    resume: () => {},
    /** From now on the API refuses the token, without a reason. */
    distrust: (token) => distrusted.add(`Bearer ${token}`),
    close: () => {
      for (const session of sessions) session.destroy();
      return close(server);
    },
  };
  const sessions = new Set();

  const answer = unlessClosed(async (request, response) => {
    const [path] = request.url.split('?');
    allow(request, response);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method']) {
      echo.preflights.push(path);
      // A browser repeats a request that is lost on a reused connection.
      if (path === '/v1/lost' && scheme === 'http') response.setHeader('connection', 'close');
      return response.writeHead(204).end();
    }
    const [, route, argument] = /^\/v1\/(\w+)(?:\/(\d+))?/.exec(path) ?? [];
    const entry = seen(request);
    echo.seen.push(entry);
    if (route === 'lost') return request.stream ? request.stream.session.destroy() : request.socket.destroy();
    if (route === 'to') return response.writeHead(Number(argument), { location: echo.redirectTo }).end();
    if (route === 'unread') return undefined;
    await readBody(request, entry);
    const refused = distrusted.has(request.headers.authorization);
    if (refused || route === 'status') return status(response, refused ? 401 : Number(argument));
    if (route === 'bytes') return write(response, Number(argument), (echo.sent = { octets: 0, stopped: false }));
    if (route === 'held') return write(response, Number(argument), (echo.sent = { octets: 0, stopped: false }), 1);
    if (route === 'broken') {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000000' });
      response.write('begun');
      return setTimeout(() => (request.stream ?? request.socket).destroy(), 100);
    }
    if (route === 'paused') {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first');
      echo.resume = () => response.end('second');
      return undefined;
    }
    if (route === 'gzip') {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' });
      return response.end(gzipSync('the same again, '.repeat(20_000)));
    }
    const said = { ...entry, headers: { ...entry.headers } };
    if (route !== 'echo') said.headers.authorization = said.headers.authorization?.split(' ')[0];
    response.writeHead(200, { 'content-type': 'application/json', 'x-answer': 'readable', 'x-hidden': 'not readable' });
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(said));
  });
  const server =
    scheme === 'https'
      ? createSecureServer({ ...certificate('localhost'), allowHTTP1: true }, answer)
      : createServer(answer);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.closeAllConnections ??= () => {};
  await listen(server, port);
  return echo;
}

function seen(request) {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !name.startsWith(':')));
  const host = request.headers[':authority'] ?? request.headers.host;
  return { method: request.method, url: request.url, host, headers, length: 0, sha256: '', ended: false };
}

/** Boundaries are random, so all are replaced by the same text. */
async function readBody(request, entry) {
  const [, boundary] = /boundary=(.+)$/.exec(request.headers['content-type'] ?? '') ?? [];
  const parts = [];
  for await (const part of request) {
    entry.length += part.length;
    parts.push(part);
  }
  entry.ended = true;
  const whole = Buffer.concat(parts);
  if (!boundary) {
    entry.sha256 = hash(whole);
    return;
  }
  entry.headers['content-type'] = entry.headers['content-type'].replace(boundary, 'BOUNDARY');
  entry.sha256 = hash(whole.toString('latin1').replaceAll(boundary, 'BOUNDARY'));
  entry.files = filesOf(whole, boundary);
}

/** `{ name, length, sha256 }` of each part of a form. */
function filesOf(whole, boundary) {
  const mark = Buffer.from(`\r\n--${boundary}`);
  const text = Buffer.concat([Buffer.from('\r\n'), whole]);
  const files = [];
  for (let at = text.indexOf(mark), next; (next = text.indexOf(mark, at + 1)) > 0; at = next) {
    const start = text.indexOf('\r\n\r\n', at + mark.length) + 4;
    const [, name] = / name="([^"]*)"/.exec(text.subarray(at, start).toString()) ?? [];
    const content = text.subarray(start, next);
    files.push({ name, length: content.length, sha256: hash(content) });
  }
  return files;
}

const hash = (octets) => createHash('sha256').update(octets).digest('hex');

async function write(response, octets, sent, held = 0) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': String(octets + held) });
  let goOn = () => {};
  response.on('drain', () => goOn());
  response.on('close', () => {
    sent.stopped = sent.octets < octets + held;
    goOn();
  });
  while (sent.octets < octets && !sent.stopped) {
    const part = OCTETS.subarray(0, octets - sent.octets);
    const isTaken = response.write(part);
    sent.octets += part.length;
    if (!isTaken) await new Promise((next) => (goOn = next));
  }
  if (!held) response.end();
}

function status(response, code) {
  const empty = [204, 205, 304].includes(code);
  response.writeHead(
    code,
    empty ? {} : { 'content-type': 'text/plain', 'www-authenticate': 'Bearer error="invalid_token"' },
  );
  response.end(empty ? undefined : `status ${code}`);
}

function allow(request, response) {
  const { origin } = request.headers;
  if (!origin) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-allow-methods', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, REPORT');
  response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '');
  response.setHeader('access-control-expose-headers', 'x-answer');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('vary', 'origin');
}
