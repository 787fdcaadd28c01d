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
 * @param {Mode} [signIn] how a call that needs a user makes a sign-in
 * @param {Mode} [stepUp] how a call makes the sign-in for which the API asks
 * @returns {Promise<import('./index.d.ts').ApiResponse>}
 */
export async function callThrough(failure, reach, input, init, client, signIn, stepUp) {
  for (const [name, value] of Object.entries({ signIn, stepUp }))
    if (value && value !== 'popup' && value !== 'redirect')
      throw failure(
        'config_error',
        'app',
        `option \`${name}\`: neither \`popup\` nor \`redirect\``,
        'Leave it out, or write one.',
      );
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
  let hasSignedIn = false;
  const sentAt = performance.now();
  let { value: received } = await send().catch(async (error) => {
    if (!signIn || once || error.code !== 'login_required') throw error;
    await signedIn(client, signIn, error);
    hasSignedIn = true;
    return send();
  });
  if (stepUp && received.stepUp && !once && !hasSignedIn) {
    const { id: first } = received;
    const drop = () => void calls.cancel(first).catch(() => {});
    const stepping = steppedUp(client, { mode: stepUp, ...received.stepUp }, url, sentAt);
    const isMade = await orAborted(stepping, signal).catch((error) => {
      if (!signal.aborted) return void (received.stepUpError = error);
      drop();
      throw error;
    });
    if (isMade) {
      drop();
      received = (await send()).value;
    }
  }
  const { id, content = streamOf(calls, id, signal) } = received;
  return new VaultResponse(content, received.init, received, signal);
}

/** Milliseconds after which a page that a call wanted to leave for a sign-in counts as staying. */
const LEAVES = 20_000;

/** @typedef {'popup' | 'redirect'} Mode */

/** The sign-ins that calls of a client have begun. @type {WeakMap<object, Promise<unknown>>} */
const signIns = new WeakMap();

/**
 * Signs the user in, because a call needs one. Calls at the same time share the sign-in.
 * @param {import('./index.d.ts').Client} client @param {Mode} mode @param {unknown} error of the call
 */
async function signedIn(client, mode, error) {
  let signIn = signIns.get(client);
  if (!signIn) {
    const succeeded = client.signIn(/** @type {any} */ ({ mode }));
    signIn = Promise.race(mode === 'redirect' ? [succeeded, stayed(error)] : [succeeded]);
    signIns.set(client, signIn);
    signIn.finally(() => signIns.delete(client)).catch(() => {});
  }
  await signIn;
}

/**
 * The sign-ins for which APIs ask: one at a time for each client, and when the last one was made.
 * @type {WeakMap<object, { made: number, now?: Promise<unknown> }>}
 */
const stepUps = new WeakMap();

/** In session storage: the call for which the page has left, so that it does not leave again for the same one when it is back. */
const LEFT = 'valet-key:left-for-api';

/**
 * Makes the sign-in for which an API asks, unless another call makes one or has made one since this call was sent. Says whether the call is
 * to be sent again: not if another user is signed in by then, and not if the page was to leave and has stayed, or has left for the same
 * reason before.
 * @param {import('./index.d.ts').Client} client @param {{ mode: Mode }} options @param {string} url of the call @param {number} sentAt
 * @returns {Promise<boolean>}
 */
async function steppedUp(client, options, url, sentAt) {
  const { sub } = client.session ?? {};
  const state = stepUps.get(client) ?? { made: -1 };
  stepUps.set(client, state);
  if (state.now) await state.now.catch(() => {});
  else if (state.made < sentAt) {
    const reason = `${url.split('?')[0]} ${JSON.stringify(options)}`;
    if (options.mode === 'redirect' && hasLeftFor(reason)) return false;
    const succeeded = client.signIn(/** @type {any} */ (options));
    const stays = new Error('the page stays');
    state.now = Promise.race(options.mode === 'redirect' ? [succeeded, stayed(stays)] : [succeeded]);
    try {
      await state.now;
      state.made = performance.now();
    } catch (error) {
      if (error === stays) return false;
      throw error;
    } finally {
      state.now = undefined;
    }
  }
  return client.session?.sub === sub;
}

/** Whether the page has left for this reason before; if not, it does now. @param {string} reason */
function hasLeftFor(reason) {
  try {
    const before = sessionStorage.getItem(LEFT);
    if (before === reason) sessionStorage.removeItem(LEFT);
    else sessionStorage.setItem(LEFT, reason);
    return before === reason;
  } catch {
    return false; // without storage, there is no sign-in by redirect
  }
}

/** @template T @param {Promise<T>} promise @param {AbortSignal} signal @returns {Promise<T>} */
const orAborted = (promise, signal) =>
  Promise.race([
    promise,
    new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
  ]);

/** Rejects if the page has not left, or has come back as it was. @param {unknown} error @returns {Promise<never>} */
const stayed = (error) =>
  new Promise((_, reject) => {
    setTimeout(reject, LEAVES, error);
    addEventListener('pageshow', ({ persisted }) => persisted && reject(error));
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
  /** @type {Pick<import('./index.d.ts').ApiResponse, 'url' | 'type' | 'stepUp' | 'stepUpError'>} */
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

  get stepUpError() {
    return this.#received.stepUpError;
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
