/**
 * An API with sockets and event streams. A socket brings its token in a subprotocol, `/by-protocol`, or in the first message,
 * `/by-message`; it sends back what it gets. The token of an event stream comes as with any call.
 */
import { WebSocketServer } from 'ws';
import { close, listen, pathOf, portNear, serverOf } from './loopback.mjs';

/** The prefix of a subprotocol with a token. */
const BEARER = 'bearer.';

/**
 * @param {object} options
 * @param {{ introspect: (token: string) => Promise<{ sub: string } | null> }} options.provider
 * @param {string} options.origin of the page that may call it
 */
export async function startStreamingApi({ provider, origin }) {
  const port = await portNear();
  /** What opened each socket: path, user, and the subprotocols without the token. `code`: with which it was closed. */
  const sockets = [];
  /** The requests for event streams. */
  const requests = [];
  /**
   * `selects`: whether the server selects the subprotocol with the token, as some do. `answers`: what the next event streams are, the
   * last one for all further ones.
   */
  const settings = { selects: false, answers: [{ chunks: ['data: hello\n\n'], ends: false }] };

  const server = serverOf(async (request, response) => {
    if (request.headers.origin === origin) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-allow-headers', 'authorization, last-event-id');
    }
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const [, shown = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (!(await provider.introspect(shown))) return response.writeHead(401).end();
    requests.push({ path: pathOf(request), lastEventId: request.headers['last-event-id'] });
    const {
      status = 200,
      type = 'text/event-stream',
      chunks = [],
      ends = false,
    } = settings.answers.length > 1 ? settings.answers.shift() : settings.answers[0];
    response.writeHead(status, { 'content-type': type });
    response.flushHeaders();
    for (const chunk of chunks) {
      response.write(chunk);
      await new Promise((done) => setTimeout(done, 5)); // so that chunks arrive one by one
    }
    if (ends || status !== 200) response.end();
  });

  const tokenOf = (protocols) => [...protocols].find((protocol) => protocol.startsWith(BEARER));
  const accepting = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) =>
      settings.selects
        ? tokenOf(protocols)
        : ([...protocols].find((protocol) => !protocol.startsWith(BEARER)) ?? false),
  });
  server.on('upgrade', async (request, socket, head) => {
    const asked = (request.headers['sec-websocket-protocol'] ?? '').split(/, */).filter(Boolean);
    const path = pathOf(request);
    const shown = tokenOf(asked)?.slice(BEARER.length);
    const token = shown && (await provider.introspect(shown));
    if (request.headers.origin !== origin || (path === '/by-protocol' && !token))
      return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    accepting.handleUpgrade(request, socket, head, (opened) => {
      const protocols = asked.filter((protocol) => !protocol.startsWith(BEARER));
      serve(opened, { path, user: token?.sub, protocols, code: undefined });
    });
  });

  function serve(socket, entry) {
    sockets.push(entry);
    socket.on('close', (code) => (entry.code = code));
    const take = async (data, isBinary) => {
      if (!entry.user) {
        const token = await provider.introspect(JSON.parse(String(data)).auth);
        if (!token) return socket.close(4401, 'no token');
        entry.user = token.sub;
        return;
      }
      if (String(data) === 'bye') return socket.close(4001, 'as you like');
      socket.send(data, { binary: isBinary });
    };
    let last = Promise.resolve();
    socket.on('message', (data, isBinary) => {
      last = last.then(() => take(data, isBinary));
    });
  }

  await listen(server, port);
  return {
    url: `http://localhost:${port}/`,
    socketUrl: `ws://localhost:${port}/`,
    sockets,
    requests,
    settings,
    close: async () => {
      for (const socket of accepting.clients) socket.terminate();
      await close(server);
    },
  };
}
