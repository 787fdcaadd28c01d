/** An authorised call: the request goes to the vault as a message, and the answer comes back as a `Response`. */

import { configError, failure } from './errors.js';

/**
 * @param {() => Promise<import('./port.js').Call>} vault opens it, if need be
 * @param {RequestInfo | URL} input @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function callThrough(vault, input, init) {
  const { body: given, redirect = 'error', priority } = /** @type {RequestInit} */ ({ __proto__: null, ...init });
  const once = given instanceof ReadableStream;
  const streamed = once && sendsStreams();
  if (once && !streamed) {
    const whole = given.pipeThrough(new TransformStream(), { signal: init?.signal ?? undefined });
    init = { ...init, body: await new Response(whole).blob() };
  }
  const request = readRequest(input, init);
  const { url, method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, signal } = request;
  const refused = redirect !== 'error' ? 'redirect' : mode === 'no-cors' && 'mode';
  if (refused) throw configError(`option \`${refused}\`: no token goes that way`, 'Leave it out.');
  const hasBody = request.body !== null && !/^(GET|HEAD)$/.test(method);
  const body = streamed ? given : hasBody ? await request.blob().catch((error) => multipart(given, request, error)) : undefined;
  const headers = [...request.headers];
  const call = await vault();
  const answer = await call(
    'fetch',
    { url, once, init: { method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, priority, headers, body } },
    { transfer: streamed ? [given] : [], signal },
  );
  const { id, content = rest(call, id, signal), init: told } = answer;
  return dressed(new Response(content, told), answer, signal);
}

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(input, init) {
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
 * @param {import('./port.js').Call} call @param {number} of the call that they answer @param {AbortSignal} signal
 */
function rest(call, of, signal) {
  const cancel = () => call('cancel', { of });
  return new ReadableStream({
    start(controller) {
      signal.addEventListener('abort', () => {
        controller.error(signal.reason);
        cancel();
      });
    },
    async pull(controller) {
      const piece = await call('read', { of });
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
