/**
 * A reverse proxy in front of a third-party provider. It forwards everything unchanged, and records what a middleware
 * records in our own provider, and also what each request sent: `{ query, form, body, authorization }`.
 */
import { createServer, request as ask } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Issued } from './issued.mjs';
import { bodyOf, close, listen, LOOPBACK, pathOf, record } from './loopback.mjs';

const FORM = 'application/x-www-form-urlencoded';

/**
 * @param {object} options
 * @param {number} options.port the port for users and pages
 * @param {number} options.behind the port of the provider
 * @param {import('./endpoints.mjs').Endpoints} options.endpoints
 */
export async function startRecorder({ port, behind, endpoints }) {
  const issued = new Issued();
  const requests = [];

  const server = createServer(async (request, response) => {
    const entry = record(requests, request, response);
    const passed = await passOn(request, behind).catch(() => null);
    if (!passed) return response.destroy(); // the client or the provider closed the connection
    const { sent, status, headers, body } = passed;
    const endpoint = endpoints.at(pathOf(request));
    const query = Object.fromEntries(new URL(request.url, 'http://loopback').searchParams);
    const { authorization, 'content-type': type = '' } = request.headers;
    const form = Object.fromEntries(new URLSearchParams(type.startsWith(FORM) ? sent : ''));
    Object.assign(entry, { query, form, body: sent, authorization });
    issued.note({
      endpoint,
      query,
      form,
      answer:
        endpoint === 'token' && headers['content-type']?.startsWith('application/json') ? JSON.parse(body) : undefined,
      location: headers.location,
    });
    response.writeHead(status, headers).end(body);
  });
  await listen(server, port);
  return { issued, requests, close: () => close(server) };
}

/**
 * Each side has its own connections, and no response is compressed; everything else is forwarded, including the host
 * name.
 */
async function passOn(request, port) {
  const { method, url: path } = request;
  const sent = await bodyOf(request);
  const answer = await new Promise((done, fail) => {
    const { connection: _, 'accept-encoding': __, ...headers } = request.headers;
    ask({ host: LOOPBACK, port, method, path, headers }, done).on('error', fail).end(sent);
  });
  const { connection: _, ...headers } = answer.headers;
  return { sent, status: answer.statusCode, headers, body: await buffer(answer) };
}
