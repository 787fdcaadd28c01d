/** A foreign server, which accepts and keeps every request. */
import { bodyOf, close, listen, portNear, serverOf } from './loopback.mjs';

export async function startStranger() {
  const port = await portNear();
  /** Address, headers and body of each request, as one string each. */
  const taken = [];
  const server = serverOf(async (request, response) => {
    const { method, url, rawHeaders } = request;
    taken.push(`${method} ${url}\n${rawHeaders.join('\n')}\n${await bodyOf(request)}`);
    response.writeHead(200, {
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-allow-methods': '*',
      'content-type': 'application/json',
    });
    response.end('{}');
  });
  await listen(server, port);
  return { url: `http://localhost:${port}/`, taken, close: () => close(server) };
}
