/**
 * A relay for providers that demand a client secret: Google (clients of the type “Web application”), GitHub, and others without public
 * clients. It stands between the page and the provider's token endpoint, and adds the secret, which never leaves this server.
 *
 * It is a function from `Request` to `Response`, for Cloudflare Workers, Deno, Bun and every server with that interface; `listener`
 * makes it one for Node's `http`. It stores nothing, logs nothing, and has no dependencies: copy the file. `docs/providers.md` says how
 * to use it.
 */

/** The longest request body and the longest response, in bytes. */
const MAX_REQUEST = 16_384;
const MAX_RESPONSE = 1_048_576;

/** What is forwarded of a request, by grant type (RFC 6749 §4.1.3 and §6) and for a revocation (RFC 7009 §2.1). */
const FORWARDED = {
  authorization_code: ['code', 'redirect_uri', 'code_verifier'],
  refresh_token: ['refresh_token', 'scope'],
  revocation: ['token', 'token_type_hint'],
};

/** Without these, a request is refused: a code without its verifier may be a stolen one. */
const REQUIRED = {
  authorization_code: ['code', 'redirect_uri', 'code_verifier'],
  refresh_token: ['refresh_token'],
  revocation: ['token'],
};

/** Members of metadata that do not hold through a relay: proofs name the address of the relay, and pushed requests need the secret. */
const UNSUPPORTED =
  /^(dpop_|pushed_|require_pushed|registration_endpoint|mtls_|device_|introspection_|backchannel_|tls_)/;

/** Whether the secret and tokens may go to an address: only with TLS, or to this machine. @param {string} address */
function isProtected(address) {
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

/**
 * @typedef {object} Settings
 * @property {string} origin of the app's pages: the only one that is served
 * @property {string} url the public address of the relay, which ends with a slash
 * @property {string} clientId
 * @property {string} clientSecret from the environment of the server, never from a file of the site
 * @property {string} [issuer] of a provider that publishes metadata
 * @property {{ token_endpoint: string, revocation_endpoint?: string, [member: string]: unknown }} [server] the metadata of another
 *   provider, in their registered spelling (RFC 8414 §2)
 * @property {'post' | 'basic'} [authentication] where the secret goes (RFC 6749 §2.3.1). Default: `post`
 * @property {number} [timeout] of the provider, in milliseconds. Default: 10000
 * @property {typeof fetch} [fetch] for tests
 */

/** @param {Settings} settings @returns {(request: Request) => Promise<Response>} */
export function createRelay({
  origin,
  url,
  clientId,
  clientSecret,
  issuer,
  server,
  authentication = 'post',
  timeout = 10_000,
  fetch: send = globalThis.fetch,
}) {
  const { pathname: base, href } = new URL(url);
  if (!base.endsWith('/')) throw new TypeError('`url` of the relay must end with a slash');
  if (new URL(origin).origin !== origin) throw new TypeError('`origin` must be scheme, host and port');
  if (!issuer && !server) throw new TypeError('`issuer` or `server` is needed');
  const given = [issuer, server?.token_endpoint, server?.revocation_endpoint];
  if (!given.every((address) => !address || isProtected(address)))
    throw new TypeError('the addresses of the provider must begin with https:, except on this machine');
  if (!clientId || !clientSecret) throw new TypeError('`clientId` and `clientSecret` are needed');

  /** @type {Promise<Record<string, any>> | undefined} */
  let known = server && Promise.resolve(server);

  /** The secret, in each form in which a request has it. */
  const SECRETS = [
    clientSecret,
    encoded(clientSecret),
    encodeURIComponent(clientSecret),
    btoa(`${encoded(clientId)}:${encoded(clientSecret)}`),
    btoa(String.fromCharCode(...new TextEncoder().encode(`${clientId}:${clientSecret}`))),
  ].map(lowered);

  /** Whether the secret is in a value, in a name or in a text of a response: the escapes of JSON are undone before. @param {unknown} part */
  const quotes = (part) => {
    if (part && typeof part === 'object')
      return Object.entries(part).some(([name, value]) => quotes(name) || quotes(value));
    const text = lowered(String(part));
    return SECRETS.some((secret) => text.includes(secret));
  };

  /** The provider's metadata. A failure is tried again with the next request. */
  async function metadata() {
    known ??= read(`${issuer?.replace(/\/$/, '')}/.well-known/openid-configuration`, {}).then(({ status, members }) => {
      if (status !== 200 || members?.issuer !== issuer) throw new Error('no metadata of the issuer');
      return /** @type {Record<string, any>} */ (members);
    });
    try {
      return await known;
    } catch (error) {
      known = undefined;
      throw error;
    }
  }

  /** @param {string} address @param {RequestInit} init @returns {Promise<{ status: number, members: any, retryAfter: string | null }>} */
  async function read(address, init) {
    if (!isProtected(address)) throw new Error('an address without TLS');
    const response = await send(address, { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeout) });
    const text = await textOf(response.body, MAX_RESPONSE);
    if (text === undefined) throw new Error('a response that is too large');
    const [members, retryAfter] = [text ? JSON.parse(text) : {}, response.headers.get('retry-after')];
    if (quotes([text, members, retryAfter])) throw new Error('a response that quotes the secret');
    return { status: response.status, members, retryAfter };
  }

  /**
   * Sends a form to the provider, with the secret.
   * @param {string} address @param {URLSearchParams} form
   */
  async function forward(address, form) {
    /** @type {Record<string, string>} */
    const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
    form.set('client_id', clientId);
    if (authentication === 'post') form.set('client_secret', clientSecret);
    else headers.authorization = `Basic ${btoa(`${encoded(clientId)}:${encoded(clientSecret)}`)}`;
    const { status, members, retryAfter } = await read(address, { method: 'POST', headers, body: form });
    // GitHub sends its errors with status 200.
    const isRefusal = status === 200 && typeof members?.error === 'string';
    return json(isRefusal ? 400 : status, members, retryAfter);
  }

  /** @param {number} status @param {unknown} members @param {string | null} [retryAfter] */
  function json(status, members, retryAfter) {
    if (status < 200 || (status > 299 && status < 400)) return refusal(502, 'server_error');
    const headers = new Headers({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'access-control-allow-origin': origin,
      vary: 'origin',
      ...(retryAfter && { 'retry-after': retryAfter, 'access-control-expose-headers': 'retry-after' }),
    });
    return new Response(JSON.stringify(members), { status, headers });
  }

  /** @param {number} status @param {string} error @param {string} [description] never a part of a request */
  const refusal = (status, error, description) => json(status, { error, error_description: description });

  /** @param {Request} request @param {'token' | 'revoke'} place */
  async function relayed(request, place) {
    if (request.method !== 'POST') return refusal(405, 'invalid_request', 'POST is needed.');
    const type = request.headers.get('content-type') ?? '';
    if (!/^application\/x-www-form-urlencoded\b/i.test(type))
      return refusal(415, 'invalid_request', 'A form is needed.');
    const text = await textOf(request.body, MAX_REQUEST);
    if (text === undefined) return refusal(413, 'invalid_request', 'The request is too large.');
    const given = new URLSearchParams(text);
    if (new Set(given.keys()).size !== [...given.keys()].length)
      return refusal(400, 'invalid_request', 'A parameter comes twice.');
    const kind = place === 'revoke' ? 'revocation' : (given.get('grant_type') ?? '');
    if (!Object.hasOwn(FORWARDED, kind) || (place === 'token' && kind === 'revocation'))
      return refusal(400, 'unsupported_grant_type');
    const grant = /** @type {keyof typeof FORWARDED} */ (kind);
    if (given.get('client_id') !== clientId) return refusal(400, 'invalid_client');
    const missing = REQUIRED[grant].find((name) => !given.get(name));
    if (missing) return refusal(400, 'invalid_request', `\`${missing}\` is missing.`);
    const page = given.get('redirect_uri');
    if (page !== null && (!URL.canParse(page) || new URL(page).origin !== origin))
      return refusal(400, 'invalid_request', '`redirect_uri` is not of the origin that this relay serves.');
    const form = new URLSearchParams(place === 'token' ? { grant_type: grant } : {});
    for (const name of FORWARDED[grant]) {
      const value = given.get(name);
      if (value !== null) form.set(name, value);
    }
    const { token_endpoint: token, revocation_endpoint: revocation } = await metadata();
    const address = place === 'token' ? token : revocation;
    return address
      ? forward(`${address}`, form)
      : refusal(404, 'invalid_request', 'The provider has no such endpoint.');
  }

  /** The provider's metadata, with the endpoints of this relay in the place of those that need the secret or a header for pages. */
  async function ownMetadata() {
    const all = await metadata();
    const { jwks_uri: keys, revocation_endpoint: revocation } = all;
    const kept = Object.entries(all).filter(([name]) => !UNSUPPORTED.test(name));
    return json(200, {
      ...Object.fromEntries(kept),
      token_endpoint: `${href}token`,
      token_endpoint_auth_methods_supported: ['none'],
      ...(revocation && { revocation_endpoint: `${href}revoke` }),
      ...(keys && { jwks_uri: `${href}jwks` }),
    });
  }

  async function keys() {
    const { jwks_uri: address } = await metadata();
    if (!address) return refusal(404, 'invalid_request');
    const { status, members } = await read(`${address}`, {});
    return json(status, members);
  }

  /** @type {Record<string, (request: Request) => Promise<Response>>} */
  const routes = {
    metadata: ownMetadata,
    jwks: keys,
    token: (request) => relayed(request, 'token'),
    revoke: (request) => relayed(request, 'revoke'),
  };

  return async (request) => {
    // A page of the relay's own origin sends no `Origin` with GET. The header stops pages of others; it proves nothing about programs.
    const asking = request.headers.get('origin') ?? (request.method === 'GET' ? origin : null);
    if (asking !== origin) return new Response(null, { status: 403, headers: { vary: 'origin' } });
    const { pathname } = new URL(request.url);
    const name = pathname.startsWith(base) ? pathname.slice(base.length) : '';
    if (!Object.hasOwn(routes, name)) return refusal(404, 'invalid_request');
    if (request.method === 'OPTIONS')
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers': 'content-type',
          vary: 'origin',
        },
      });
    try {
      return await routes[name](request);
    } catch {
      // The error may hold a part of a request or of a response, so it is neither sent nor logged.
      return refusal(502, 'server_error', 'The provider did not answer as expected.');
    }
  };
}

/** A text in which two spellings of the same encoded character are equal. @param {string} text */
const lowered = (text) => text.replace(/%[0-9a-f]{2}/gi, (character) => character.toLowerCase());

/** As in a form, which both parts of `Basic` are (RFC 6749 §2.3.1). @param {string} part */
const encoded = (part) => `${new URLSearchParams({ '': part })}`.slice(1);

/**
 * The text of a body; `undefined` if it is too long.
 * @param {ReadableStream<Uint8Array> | null} body @param {number} limit in bytes
 */
async function textOf(body, limit) {
  const chunks = [];
  let length = 0;
  for await (const chunk of /** @type {AsyncIterable<Uint8Array>} */ (/** @type {unknown} */ (body ?? []))) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks).arrayBuffer());
}

/**
 * The relay as a listener of Node's `http`: `createServer(listener(relay)).listen(8787)`.
 * @param {(request: Request) => Promise<Response>} relay
 */
export function listener(relay) {
  return async (
    /** @type {import('node:http').IncomingMessage} */ incoming,
    /** @type {import('node:http').ServerResponse} */ outgoing,
  ) => {
    try {
      const { method = 'GET', headers } = incoming;
      const hasBody = method !== 'GET' && method !== 'HEAD';
      const request = new Request(new URL(incoming.url ?? '/', 'http://relay'), {
        method,
        headers: Object.entries(headers).map(([name, value]) => [name, `${value}`]),
        body: hasBody ? /** @type {any} */ (incoming) : undefined,
        duplex: 'half',
      });
      const response = await relay(request);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    } catch {
      outgoing.writeHead(400).end();
    }
  };
}
