/**
 * An API that names its authorization server (RFC 9728) and refuses calls without a token. It accepts every token, since the
 * stories look at what it receives.
 */
import { close, listen, pathOf, portNear, serverOf } from './loopback.mjs';

/**
 * @param {object} options
 * @param {string[]} options.issuers the authorization servers that it names
 * @param {string[]} options.origins the pages that may call it
 */
export async function startResourceServer({ issuers, origins }) {
  const port = await portNear();
  const origin = `http://localhost:${port}`;
  const api = {
    resource: `${origin}/v1`,
    /** What it publishes; may be changed. */
    metadata: { resource: `${origin}/v1`, authorization_servers: issuers, scopes_supported: ['photos'] },
    /** Whether pages can read its challenge. */
    exposes: true,
    /** Its requests without preflights: `{ method, path, authorization }`. */
    requests: [],
    /** The calls that brought a token, as the value of the header. */
    tokens: () => api.requests.map(({ authorization }) => authorization).filter(Boolean),
    close: () => close(server),
  };
  const server = serverOf(async (request, response) => {
    const path = pathOf(request);
    if (origins.includes(request.headers.origin)) {
      response.setHeader('access-control-allow-origin', request.headers.origin);
      response.setHeader('access-control-allow-methods', 'GET, HEAD, POST');
      response.setHeader('access-control-allow-headers', 'authorization, content-type');
      if (api.exposes) response.setHeader('access-control-expose-headers', 'www-authenticate');
    }
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const { authorization } = request.headers;
    api.requests.push({ method: request.method, path, authorization });
    response.setHeader('content-type', 'application/json');
    if (path === '/.well-known/oauth-protected-resource/v1') return response.end(JSON.stringify(api.metadata));
    if (!path.startsWith('/v1')) return response.writeHead(404).end('{}');
    if (authorization) return response.end('{"ok":true}');
    response.setHeader(
      'www-authenticate',
      `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/v1"`,
    );
    response.writeHead(401).end('{}');
  });
  await listen(server, port);
  return api;
}
