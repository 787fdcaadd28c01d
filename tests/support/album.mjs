/** An API whose responses a story sets, with any token that the provider knows. It can hold a response back. */
import { close, listen, pathOf, portNear, record, serverOf } from './loopback.mjs';

/** @param {{ provider: { introspect: (token: string) => Promise<object | null> }, origins: string[] }} options */
export async function startAlbum({ provider, origins }) {
  const port = await portNear();
  const album = {
    url: `http://localhost:${port}/v1/`,
    /** Requests with preflights, see {@link record}. */
    requests: [],
    /** By the path after `/v1/`: a value to send as JSON. */
    answers: {},
    /** By the path after `/v1/`: `{ status, text }` to send instead. */
    raw: {},
    /** The paths after `/v1/` whose responses do not come. */
    held: new Set(),
    /** How many calls the client has aborted. */
    aborted: 0,
    /** How many calls a path got, without preflights. */
    count: (name) => album.requests.filter(({ method, path }) => method === 'GET' && path === `/v1/${name}`).length,
    close: () => close(server),
  };
  const server = serverOf(async (request, response) => {
    record(album.requests, request, response);
    response.on('close', () => (album.aborted += response.writableFinished ? 0 : 1));
    if (origins.includes(request.headers.origin)) {
      response.setHeader('access-control-allow-origin', request.headers.origin);
      response.setHeader('access-control-allow-headers', 'authorization');
    }
    response.setHeader('cache-control', 'no-store');
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization) ?? [];
    if (!token || !(await provider.introspect(token))) return response.writeHead(401).end();
    const name = pathOf(request).slice('/v1/'.length);
    if (album.held.has(name)) return undefined;
    const answer = { status: name in album.answers ? 200 : 404, text: JSON.stringify(album.answers[name]) };
    const { status, text } = album.raw[name] ?? answer;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(text);
  });
  await listen(server, port);
  return album;
}

/** Replaces a stage's API with one, before the page is visited. @param {import('./stage.mjs').Stage} stage */
export async function useAlbum(stage) {
  const { site, provider } = stage;
  await stage.api.close();
  stage.api = await startAlbum({ provider, origins: [site.origin] });
  site.settings.connect = [provider.issuer, stage.api.url];
  site.settings.config.api = [stage.api.url];
  return stage.api;
}
