/**
 * An authorized call: turns the request into a message to the vault, and the message that comes back into a `Response`. This
 * file imports nothing, because bundlers would move anything that two files import into a further file.
 */

/**
 * The operations of the vault that serve a call: send it, and read or drop the rest of its response. `of` is the number of the
 * call.
 * @typedef {object} Calls
 * @property {(args: object, options: object) => Promise<{ value: any }>} send
 * @property {(of: number) => Promise<{ value: any }>} read
 * @property {(of: number) => Promise<unknown>} cancel
 */

/**
 * @param {typeof import('./errors.js').failure} failure
 * @param {(use: (calls: Calls) => void) => Promise<void>} reach opens the vault if it is not open
 * @param {RequestInfo | URL} input @param {RequestInit | undefined} init
 * @param {import('./index.d.ts').Client} client
 * @param {{ signIn?: Mode, stepUp?: Mode }} options how a call makes a sign-in: one that needs a user, and one for which the API asks
 * @returns {Promise<import('./index.d.ts').ApiResponse>}
 */
export async function callThrough(failure, reach, input, init, client, options) {
  for (const name of /** @type {const} */ (['signIn', 'stepUp']))
    if (![undefined, 'popup', 'redirect'].includes(options[name]))
      throw failure(
        'config_error',
        'app',
        `option \`${name}\`: neither \`popup\` nor \`redirect\``,
        'Leave it out, or write one.',
      );
  const { signIn, stepUp } = options;
  const { body: given, redirect = 'error', priority } = /** @type {RequestInit} */ ({ __proto__: null, ...init });
  const once = given instanceof ReadableStream;
  const streamed = once && sendsStreams();
  if (once && !streamed) {
    const whole = given.pipeThrough(new TransformStream(), { signal: init?.signal ?? undefined });
    init = { ...init, body: await new Response(whole).blob() };
  }
  const request = readRequest(failure, input, init);
  const { url, method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, signal } = request;
  // Some libraries set `redirect: 'follow'` because it is the default of `fetch`, so it is accepted. No redirect is followed.
  const refused = redirect === 'manual' ? 'redirect' : mode === 'no-cors' && 'mode';
  if (refused)
    throw failure(
      'config_error',
      'app',
      `option \`${refused}\`: not possible with a token`,
      'Leave it out, or use `fetch`.',
    );
  const hasBody = request.body !== null && !/^(GET|HEAD)$/.test(method);
  const body = streamed
    ? given
    : hasBody
      ? await request.blob().catch((error) => multipart(given, request, error))
      : undefined;
  const headers = [...request.headers];
  const requestInit = {
    method,
    mode,
    cache,
    credentials,
    integrity,
    keepalive,
    referrer,
    referrerPolicy,
    priority,
    headers,
    body,
  };
  /** @type {any} */
  let calls;
  const send = async () => {
    await reach((opened) => (calls = opened));
    return calls.send({ url, once, init: requestInit }, { transfer: streamed ? given : undefined, signal });
  };
  const sent =
    signIn && !once
      ? send().catch((error) => {
          if (error.code !== 'login_required') throw error;
          return signedIn(client, { mode: signIn }, error).then(send);
        })
      : send();
  let { value: received } = await sent;
  if (stepUp && received.stepUp && !once && (await steppedUp(client, { mode: stepUp, ...received.stepUp }))) {
    if (!received.content) await calls.cancel(received.id);
    ({ value: received } = await send());
  }
  const { id, content = streamOf(calls, id, signal) } = received;
  return new VaultResponse(content, received.init, received, signal);
}

/** Milliseconds after which a page that a call wanted to leave for a sign-in counts as staying. */
const LEAVES = 20_000;

/** @typedef {'popup' | 'redirect'} Mode */

/** The sign-ins that calls of a client have begun, by their options. @type {WeakMap<object, Map<string, Promise<unknown>>>} */
const signIns = new WeakMap();

/**
 * Signs the user in, because a call was refused. Calls that are refused for the same reason at the same time share the sign-in.
 * @param {import('./index.d.ts').Client} client @param {{ mode: Mode }} options @param {unknown} stay the error if the page stays
 */
async function signedIn(client, options, stay) {
  const name = JSON.stringify(options);
  const begun = signIns.get(client) ?? new Map();
  signIns.set(client, begun);
  let signIn = begun.get(name);
  if (!signIn) {
    const succeeded = client.signIn(/** @type {any} */ (options));
    signIn = Promise.race(options.mode === 'redirect' ? [succeeded, stayed(stay)] : [succeeded]);
    begun.set(name, signIn);
    signIn.finally(() => begun.delete(name)).catch(() => {});
  }
  await signIn;
}

/**
 * Makes the sign-in for which an API asks. Returns false if the page was to leave for it and has stayed.
 * @param {import('./index.d.ts').Client} client @param {{ mode: Mode }} options
 */
const steppedUp = (client, options) =>
  signedIn(client, options, STAYED).then(
    () => true,
    (error) => {
      if (error !== STAYED) throw error;
      return false;
    },
  );

const STAYED = Symbol();

/** Rejects if the page has not left, or has come back as it was. @param {unknown} error @returns {Promise<never>} */
const stayed = (error) =>
  new Promise((_, reject) => {
    setTimeout(reject, LEAVES, error);
    addEventListener('pageshow', ({ persisted }) => persisted && reject(error), { once: true });
  });

/** @param {typeof import('./errors.js').failure} failure @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(failure, input, init) {
  try {
    return new Request(input, init);
  } catch (cause) {
    const message = 'the call was not sent: the browser refuses it';
    throw failure('request_blocked', 'app', message, 'Check its URL and options.', false, cause);
  }
}

/**
 * Encodes a form as bytes (RFC 7578), for WebKit, which cannot read a form with files back from a request.
 * @param {unknown} form @param {Request} request made from the form @param {unknown} error of the attempt to read it back
 */
function multipart(form, request, error) {
  if (!(form instanceof FormData)) throw error;
  const boundary = `----${crypto.randomUUID()}`;
  const lines = (/** @type {string} */ text, to = '%0D%0A') => text.replace(/\r\n?|\n/g, to);
  const quoted = (/** @type {string} */ text) => `"${lines(text).replace(/"/g, '%22')}"`;
  const parts = [...form].flatMap(([name, value]) => {
    const file =
      typeof value === 'string'
        ? ''
        : `; filename=${quoted(value.name)}\r\nContent-Type: ${value.type || 'application/octet-stream'}`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}${file}\r\n\r\n`;
    return [head, typeof value === 'string' ? lines(value, '\r\n') : value, '\r\n'];
  });
  request.headers.set('content-type', `multipart/form-data; boundary=${boundary}`);
  return new Blob([...parts, `--${boundary}--\r\n`]);
}

/** Whether this engine can transfer a stream to a worker and send it from there. Without `duplex`, an engine cannot send it. */
function sendsStreams() {
  const stream = new ReadableStream();
  try {
    structuredClone(stream, { transfer: [stream] });
    return 'duplex' in Request.prototype;
  } catch {
    return false;
  }
}

/**
 * The body of a long response, requested from the vault chunk by chunk. A page that does not read makes the API wait.
 * @param {Calls} calls @param {number} of the number of the call @param {AbortSignal} signal
 */
function streamOf(calls, of, signal) {
  const cancel = async () => void (await calls.cancel(of));
  return new ReadableStream({
    start(controller) {
      const abort = () => {
        controller.error(signal.reason);
        cancel();
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    },
    async pull(controller) {
      const { value: piece } = await calls.read(of);
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
    cancel,
  });
}

/** A response of the vault, which has the properties that the constructor of `Response` cannot set. */
class VaultResponse extends Response {
  /** @type {{ url: string, type: ResponseType, stepUp?: import('./index.d.ts').StepUp }} */
  #received;
  /** @type {AbortSignal} */
  #signal;

  /** @param {BodyInit | null} content @param {ResponseInit} init @param {any} received from the vault @param {AbortSignal} signal */
  constructor(content, init, received, signal) {
    super(content, init);
    this.#received = received;
    this.#signal = signal;
  }

  get url() {
    return this.#received.url;
  }

  get type() {
    return this.#received.type;
  }

  get stepUp() {
    return this.#received.stepUp;
  }

  clone() {
    const copy = super.clone();
    return new VaultResponse(copy.body, copy, this.#received, this.#signal);
  }

  /** Makes the methods that read the body reject with the reason of an abort. */
  static {
    for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
      const read = /** @type {any} */ (Response.prototype)[name]; // not every browser has `bytes`
      if (!read) continue;
      /** @this {VaultResponse} */
      const value = function () {
        return read.call(this).catch((/** @type {unknown} */ error) => {
          throw this.#signal.aborted ? this.#signal.reason : error;
        });
      };
      Object.defineProperty(VaultResponse.prototype, name, { value, writable: true }); // libraries set `json`
    }
  }
}
