/** An authorised call: the request goes to the vault as a message, and the answer comes back as a `Response`. */

import { ValetKeyError, configError } from './errors.js';

/**
 * @param {() => Promise<import('./port.js').Call>} vault opens it, if need be
 * @param {RequestInfo | URL} input @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function callThrough(vault, input, init) {
  const { body: given, redirect = 'error' } = init ?? {};
  if (redirect !== 'error') throw configError(`option \`redirect\`: a token does not ${redirect} redirects`, "Leave it out, or say 'error'.");
  const stream = given instanceof ReadableStream;
  const streamed = stream && sendsStreams();
  // Where no stream can be sent, its octets are; it stands for none until they are read.
  const request = readRequest(input, stream && !streamed ? { ...init, body: new Uint8Array() } : init);
  const { url, method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, signal } = request;
  if (!/^(cors|same-origin)$/.test(mode)) throw configError(`option \`mode\`: ${mode} would drop the token`, 'Leave it out.');
  /** @type {ReadableStream | Blob | undefined} */
  let body;
  if (streamed) body = given;
  else if (stream) body = await new Response(given.pipeThrough(new TransformStream(), { signal })).blob();
  else if (request.body !== null && !/^(GET|HEAD)$/.test(method)) body = await request.blob();
  const call = await vault();
  const answer = await call(
    'fetch',
    {
      url,
      init: {
        ...{ method, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy, body },
        headers: [...request.headers],
        priority: init?.priority,
        duplex: stream ? 'half' : undefined,
      },
    },
    { transfer: streamed ? [given] : [], signal },
  );
  const content = answer.body === undefined ? rest(call, answer.id, signal) : answer.body;
  return dressed(new Response(content, answer.init), answer.native, signal);
}

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(input, init) {
  try {
    return new Request(input, init);
  } catch (cause) {
    const message = 'the call was not sent: the browser makes no request of it';
    throw new ValetKeyError({ code: 'request_blocked', fault: 'app', message, hint: 'Check the address and the options.', retryable: false }, { cause });
  }
}

/** Whether this engine passes a stream to another thread and sends it from there. Some would send its name instead. */
function sendsStreams() {
  try {
    const stream = new ReadableStream();
    const init = { method: 'POST', body: structuredClone(stream, { transfer: [stream] }), duplex: 'half' };
    return !new Request('', init).headers.has('content-type');
  } catch {
    return false;
  }
}

/**
 * The octets of a long answer, asked for piece by piece: who does not read, holds up the API.
 * @param {import('./port.js').Call} call @param {number} of the call that they answer @param {AbortSignal} signal
 */
const rest = (call, of, signal) =>
  new ReadableStream({
    start(controller) {
      const stop = () => {
        controller.error(signal.reason);
        call('cancel', { of });
      };
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
    },
    async pull(controller) {
      const piece = await call('read', { of });
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
    cancel: () => call('cancel', { of }),
  });

/**
 * Gives a response of ours what the browser gives only to its own.
 * @param {Response} response @param {{ url: string, type: string }} native @param {AbortSignal} signal
 * @returns {Response}
 */
function dressed(response, native, signal) {
  /** @type {Record<string, unknown>} */
  const own = { ...native, clone: () => dressed(Response.prototype.clone.call(response), native, signal) };
  // Chromium says of every stream of ours that broke off that the network failed, also if the app aborted it.
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    const read = /** @type {any} */ (response)[name];
    own[name] = read && (() => read.call(response).catch((/** @type {unknown} */ error) => {
      throw signal.aborted ? signal.reason : error;
    }));
  }
  for (const name in own) if (own[name] !== undefined) Object.defineProperty(response, name, { value: own[name] });
  return response;
}
