/**
 * An authorised call: the request goes to the vault as a message, and the response comes back as a `Response`. It imports
 * nothing, since bundlers would make a further file of what two files import.
 */

/**
 * What the vault does for a call: it sends it, and reads or drops the rest of its response. `of` is the number of the call.
 * @typedef {object} Calls
 * @property {(args: object, options: object) => Promise<{ value: any }>} send
 * @property {(of: number) => Promise<{ value: any }>} read
 * @property {(of: number) => Promise<unknown>} cancel
 */

/**
 * @param {typeof import('./errors.js').failure} failure
 * @param {(use: (calls: Calls) => void) => Promise<void>} reach opens the vault, if need be
 * @param {RequestInfo | URL} input @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function callThrough(failure, reach, input, init) {
  const { body: given, redirect = 'error', priority } = /** @type {RequestInit} */ ({ __proto__: null, ...init });
  const once = given instanceof ReadableStream;
  const streamed = once && sendsStreams();
  if (once && !streamed) {
    const whole = given.pipeThrough(new TransformStream(), { signal: init?.signal ?? undefined });
    init = { ...init, body: await new Response(whole).blob() };
  }
  const request = readRequest(failure, input, init);
  const { url, method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, signal } = request;
  // What an app says without a thought, as some libraries do, is the default that `fetch` has. No redirect is followed.
  const refused = redirect === 'manual' ? 'redirect' : mode === 'no-cors' && 'mode';
  if (refused) throw failure('config_error', 'app', `option \`${refused}\`: no token goes that way`, 'Leave it out.');
  const hasBody = request.body !== null && !/^(GET|HEAD)$/.test(method);
  const body = streamed ? given : hasBody ? await request.blob().catch((error) => multipart(given, request, error)) : undefined;
  const headers = [...request.headers];
  const told = { method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, priority, headers, body };
  /** @type {any} */
  let calls;
  await reach((opened) => (calls = opened));
  const { value: answer } = await calls.send({ url, once, init: told }, { transfer: streamed ? given : undefined, signal });
  const { id, content = rest(calls, id, signal) } = answer;
  return dressed(new Response(content, answer.init), answer, signal);
}

/** @param {typeof import('./errors.js').failure} failure @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(failure, input, init) {
  try {
    return new Request(input, init);
  } catch (cause) {
    const message = 'the call was not sent: the browser makes no request of it';
    throw failure('request_blocked', 'app', message, 'Check the address and the options.', false, cause);
  }
}

/**
 * A form in octets (RFC 7578), where the engine cannot read one with files back from a request (WebKit).
 * @param {unknown} form @param {Request} request made of it @param {unknown} error of who tried
 */
function multipart(form, request, error) {
  if (!(form instanceof FormData)) throw error;
  const boundary = `----${crypto.randomUUID()}`;
  const lines = (/** @type {string} */ text, to = '%0D%0A') => text.replace(/\r\n?|\n/g, to);
  const quoted = (/** @type {string} */ text) => `"${lines(text).replace(/"/g, '%22')}"`;
  const parts = [...form].flatMap(([name, value]) => {
    const file = typeof value === 'string' ? '' : `; filename=${quoted(value.name)}\r\nContent-Type: ${value.type || 'application/octet-stream'}`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}${file}\r\n\r\n`;
    return [head, typeof value === 'string' ? lines(value, '\r\n') : value, '\r\n'];
  });
  request.headers.set('content-type', `multipart/form-data; boundary=${boundary}`);
  return new Blob([...parts, `--${boundary}--\r\n`]);
}

/** Whether this engine passes a stream to another thread and sends it from there: one that sends none knows no `duplex`. */
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
 * The octets of a long answer, asked for piece by piece: who does not read, holds up the API.
 * @param {Calls} calls @param {number} of the call that they answer @param {AbortSignal} signal
 */
function rest(calls, of, signal) {
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

/**
 * Gives a response of ours what the browser gives only to its own.
 * @param {any} response @param {any} answer @param {AbortSignal} signal
 * @returns {Response}
 */
function dressed(response, answer, signal) {
  for (const name in response) {
    const own = response[name];
    const value =
      answer[name] ??
      (name === 'clone'
        ? () => dressed(own.call(response), answer, signal)
        : typeof own === 'function' &&
          (() =>
            own.call(response).catch((/** @type {unknown} */ error) => {
              throw signal.aborted ? signal.reason : error;
            })));
    if (value) Object.defineProperty(response, name, { value });
  }
  return response;
}
