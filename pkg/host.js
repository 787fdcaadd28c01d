/** What the core asks of the place where it runs: it sends, and checks signatures. */

/** `head`: the `Content-Type` and the `Retry-After`, a line each. @typedef {{ status: number, head?: string, body?: Uint8Array }} Answer */

/** Statuses that stand for no answer, as src/npm/host.rs has them. */
const [NONE, LATE] = [-1, -2];

/** Octets of an answer after which the core calls it too large. */
const LARGE = 1 << 20;

/**
 * Sends a request of the protocol, and reads the answer to its end, or to where it is too large.
 * @param {{ url: string, cache: RequestCache, form?: string, authorization?: string, timeout: number }} request @returns {Promise<Answer>}
 */
export async function send({ url, cache, form, authorization, timeout }) {
  const signal = AbortSignal.timeout(timeout);
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (form) headers['content-type'] = 'application/x-www-form-urlencoded';
  if (authorization) headers.authorization = authorization;
  try {
    const { status, headers: told, body } = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form,
      headers,
      cache,
      credentials: 'omit',
      redirect: 'manual',
      referrerPolicy: 'no-referrer',
      signal,
    });
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const parts = [];
    const reader = body?.getReader();
    for (let size = 0; reader && size <= LARGE; ) {
      const { value } = await reader.read();
      if (!value) break;
      parts.push(value);
      if ((size += value.length) > LARGE) reader.cancel().catch(() => {});
    }
    const head = ['content-type', 'retry-after'].map((name) => told.get(name) ?? '').join('\n');
    return { status, head, body: new Uint8Array(await new Blob(parts).arrayBuffer()) };
  } catch {
    return { status: signal.aborted ? LATE : NONE };
  }
}

/** Sends a request of the app. @param {Request} request @param {string} authorization @returns {Promise<{ status: number, response?: Response }>} */
export async function forward(request, authorization) {
  request.headers.set('Authorization', authorization);
  const response = await fetch(request).catch(() => undefined);
  return { status: response?.status ?? (request.signal.aborted ? LATE : NONE), response };
}

/**
 * Checks a signature: 0 for right, 1 for wrong, 2 for a key that is none. The body is the hash of what came beside it, by
 * the hash function of the signature; Ed25519 uses SHA-512 (RFC 8032 §5.1).
 * @param {{ key: JsonWebKey, algorithm: any, data: string, beside: string }} question
 * @param {Uint8Array<ArrayBuffer>} signature @returns {Promise<Answer>}
 */
export async function verify({ key, algorithm, data, beside }, signature) {
  const { subtle } = crypto;
  const octets = (/** @type {string} */ text) => new TextEncoder().encode(text);
  let [status, body] = [2, new Uint8Array()];
  try {
    const usable = await subtle.importKey('jwk', key, algorithm, false, ['verify']);
    body = new Uint8Array(await subtle.digest(algorithm.hash ?? 'SHA-512', octets(beside)));
    status = 1;
    if (await subtle.verify(algorithm, usable, signature, octets(data))) status = 0;
  } catch {}
  return { status, body };
}
