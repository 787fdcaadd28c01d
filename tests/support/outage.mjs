/**
 * A server that fails on demand, so that a test can see how a client reacts.
 *
 * `404`, `500` and `html` are responses with CORS headers, as from a well-configured server with a fault; `no_cors` is
 * the correct response without the headers that let a page read it; `unreachable` closes the connection; `lost`
 * processes the request and closes the connection instead of responding; `silent` never responds; `redirect` names
 * another address; `401` refuses the token, always or `401 once`; `invalid_grant` is the error of the token endpoint
 * for a refresh token that is no longer valid.
 */
export class Outage {
  #kinds = new Map();

  /**
   * @param {'401' | '401 once' | '404' | '500' | 'redirect' | 'html' | 'no_cors' | 'unreachable' | 'lost' | 'silent' | 'invalid_grant'} kind
   * @param {string} path the endpoint that fails
   */
  begin(kind, path) {
    this.#kinds.set(path, kind);
  }

  end() {
    this.#kinds.clear();
  }

  /** Responds instead of the server. @returns {boolean} whether a response was sent */
  answers(request, response, path) {
    const kind = this.#kinds.get(path);
    const open = { 'access-control-allow-origin': '*' };
    switch (kind) {
      case undefined:
        return false;
      case 'no_cors':
        withholdCors(response);
        return false;
      case 'lost':
        if (request.method === 'OPTIONS') return false;
        response.end = () => request.socket.destroy();
        return false;
      case 'unreachable':
        request.socket.destroy();
        return true;
      case 'silent':
        return true;
      case '401':
      case '401 once':
        if (request.method === 'OPTIONS') return false;
        if (kind === '401 once') this.#kinds.delete(path);
        response.writeHead(401, { ...open, 'www-authenticate': 'Bearer error="invalid_token"' });
        response.end();
        return true;
      case 'redirect':
        if (request.method === 'OPTIONS') return false;
        response.writeHead(307, { ...open, location: '/elsewhere' });
        response.end();
        return true;
      case '404':
        response.writeHead(404, { ...open, 'content-type': 'text/plain' });
        response.end('nothing here');
        return true;
      case '500':
        response.writeHead(500, { ...open, 'content-type': 'application/json' });
        response.end('{"error":"server_error"}');
        return true;
      case 'html':
        response.writeHead(200, { ...open, 'content-type': 'text/html' });
        response.end('<!doctype html><title>Proxy</title><h1>Please sign in to the network</h1>');
        return true;
      case 'invalid_grant':
        response.writeHead(400, { ...open, 'content-type': 'application/json' });
        response.end('{"error":"invalid_grant","error_description":"grant request is invalid"}');
        return true;
      default:
        throw new TypeError(`no such outage: ${kind}`);
    }
  }
}

function withholdCors(response) {
  const { setHeader } = response;
  response.setHeader = function (name, value) {
    return /^access-control-/i.test(name) ? this : setHeader.call(this, name, value);
  };
}
