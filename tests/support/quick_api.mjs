/** An API that responds at once without asking the provider, for tests that count or time calls. */
import { pipeline } from 'node:stream/promises';
import { close, listen, pathOf, portNear, record, serverOf } from './loopback.mjs';

const ANSWER = '{"user":"alice"}';
const PIECE = Buffer.alloc(65_536, 'x');

/**
 * `/octets/N` has that length, every other response is short.
 * @param {object} options
 * @param {string[]} options.origins the pages that may call it
 * @param {(token: string) => boolean} [options.accepts] which tokens it accepts; default: all
 */
export async function startQuickApi({ origins, accepts = () => true }) {
  const port = await portNear();
  const requests = [];
  const server = serverOf(async (request, response) => {
    record(requests, request, response);
    if (origins.includes(request.headers.origin)) {
      response.setHeader('access-control-allow-origin', request.headers.origin);
      response.setHeader('access-control-allow-headers', 'authorization, dpop');
      response.setHeader('access-control-max-age', '600');
      response.setHeader('cache-control', 'no-store');
    }
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const [, token] = /^(?:Bearer|DPoP) (.+)$/.exec(request.headers.authorization) ?? [];
    if (!token || !accepts(token)) {
      const headers = {
        'www-authenticate': 'Bearer error="invalid_token"',
        'access-control-expose-headers': 'www-authenticate',
      };
      return response.writeHead(401, headers).end();
    }
    const [, octets] = /^\/octets\/(\d+)$/.exec(pathOf(request)) ?? [];
    if (octets) return stream(response, Number(octets));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
    response.end(request.method === 'HEAD' ? undefined : ANSWER);
  });
  await listen(server, port);
  return { url: `http://localhost:${port}/`, requests, server, close: () => close(server) };
}

/** Replaces a stage's API with one, before the page is visited. @param {import('./stage.mjs').Stage} stage */
export async function replaceApi(stage, accepts) {
  const { site } = stage;
  await stage.api.close();
  stage.api = await startQuickApi({ origins: [site.origin], accepts });
  site.settings.connect = [stage.provider.issuer, stage.api.url];
  site.settings.config.api = [stage.api.url];
}

async function stream(response, octets) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': octets });
  await pipeline(pieces(octets), response).catch(() => {}); // a client that disconnects needs no response
}

function* pieces(octets) {
  for (let left = octets; left > 0; left -= PIECE.length) yield left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
}
