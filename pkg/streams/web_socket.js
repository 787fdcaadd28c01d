/** A `WebSocket` (WebSockets Standard) that the worker opens with the access token of a client. */
import { targetWithHandlers } from './handlers.js';

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3];

/** A subprotocol (RFC 6455 §4.1): a token of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Maximum length of the reason for closing, in bytes (RFC 6455 §5.5). */
const MAX_REASON = 123;

/** The code of a connection that was not closed properly (RFC 6455 §7.1.5). */
const LOST = 1006;

/** @param {string} message */
const syntaxError = (message) => new DOMException(message, 'SyntaxError');

/** @param {string | URL} url as the platform's constructor takes it: relative, and with `https` for `wss` as well */
function parsed(url) {
  let socketUrl;
  try {
    socketUrl = new URL(url, document.baseURI);
  } catch {
    throw syntaxError('the URL of a socket cannot be parsed');
  }
  const { protocol } = socketUrl;
  if (/^https?:$/.test(protocol)) socketUrl.protocol = protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(socketUrl.protocol)) throw syntaxError('the URL of a socket begins with neither wss: nor ws:');
  socketUrl.hash = '';
  return socketUrl.href;
}

/** @param {import('../index.d.ts').Client} client */
export function webSocketOf(client) {
  return class WebSocket extends targetWithHandlers(['open', 'message', 'error', 'close']) {
    static CONNECTING = CONNECTING;
    static OPEN = OPEN;
    static CLOSING = CLOSING;
    static CLOSED = CLOSED;
    CONNECTING = CONNECTING;
    OPEN = OPEN;
    CLOSING = CLOSING;
    CLOSED = CLOSED;

    /** @type {string} */
    #url;
    #readyState = CONNECTING;
    #protocol = '';
    #extensions = '';
    /** @type {'blob' | 'arraybuffer'} */
    #binaryType = 'blob';
    /** What the socket has not sent yet, as the worker says it, and what the worker does not know of yet; in bytes. */
    #buffered = 0;
    #posted = 0;
    /** @type {MessagePort | undefined} */
    #port;
    /** Ends what this socket listens to. @type {() => void} */
    #stop = () => {};

    /** @param {string | URL} url @param {string | string[]} [protocols] */
    constructor(url, protocols = []) {
      super();
      this.#url = parsed(url);
      const asked = [protocols].flat().map(String);
      if (new Set(asked).size < asked.length || asked.some((protocol) => !TOKEN.test(protocol)))
        throw syntaxError('a subprotocol is repeated, or contains a character that it may not');
      this.#open(asked);
    }

    /** @param {string[]} protocols */
    async #open(protocols) {
      const lost = () => this.#closed({ code: LOST, reason: '', wasClean: false });
      // The worker closes the socket when the session ends. If the worker itself is gone, so is the socket.
      const change = (/** @type {import('../index.d.ts').ChangeEvent} */ { reason }) => {
        if (reason === 'restarted') lost();
      };
      client.addEventListener('change', change);
      // A page that is kept for the way back has no open socket.
      addEventListener('pagehide', lost);
      this.#stop = () => {
        client.removeEventListener('change', change);
        removeEventListener('pagehide', lost);
      };
      let port;
      try {
        ({ port } = await client.openSocket(this.#url, protocols));
      } catch (error) {
        return this.#lose(error);
      }
      if (this.#readyState !== CONNECTING) return port.postMessage({ close: [] });
      this.#port = port;
      port.onmessage = ({ data }) => this.#receive(data);
    }

    /** @param {any} message of the worker */
    #receive({ open, extensions, data, buffered, error, closed }) {
      if (this.#readyState === CLOSED) return;
      if (open !== undefined && this.#readyState === CONNECTING) {
        this.#readyState = OPEN;
        this.#protocol = open;
        this.#extensions = extensions;
        this.dispatchEvent(new Event('open'));
      }
      if (data !== undefined && this.#readyState === OPEN) {
        const isBlob = typeof data !== 'string' && this.#binaryType === 'blob';
        const { origin } = new URL(this.#url);
        this.dispatchEvent(new MessageEvent('message', { data: isBlob ? new Blob([data]) : data, origin }));
      }
      if (buffered !== undefined) [this.#buffered, this.#posted] = [buffered, 0];
      if (error) this.dispatchEvent(new Event('error'));
      if (closed) this.#closed(closed);
    }

    /** @param {unknown} error for the event, which the platform's has no place for */
    #lose(error) {
      if (this.#readyState === CLOSED) return;
      this.#readyState = CLOSING;
      this.dispatchEvent(Object.assign(new Event('error'), { error }));
      this.#closed({ code: LOST, reason: '', wasClean: false });
    }

    /** @param {CloseEventInit} how */
    #closed(how) {
      if (this.#readyState === CLOSED) return;
      this.#readyState = CLOSED;
      this.#stop();
      this.#port?.postMessage({ close: [] });
      this.dispatchEvent(new CloseEvent('close', how));
    }

    get url() {
      return this.#url;
    }

    get readyState() {
      return this.#readyState;
    }

    get protocol() {
      return this.#protocol;
    }

    get extensions() {
      return this.#extensions;
    }

    get bufferedAmount() {
      return this.#buffered + this.#posted;
    }

    get binaryType() {
      return this.#binaryType;
    }

    set binaryType(type) {
      if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
    }

    /** @param {string | ArrayBuffer | ArrayBufferView | Blob} data */
    send(data) {
      if (this.#readyState === CONNECTING) throw new DOMException('the socket is not open yet', 'InvalidStateError');
      const isBinary = data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob;
      const message = isBinary ? data : String(data);
      this.#posted +=
        typeof message === 'string'
          ? new TextEncoder().encode(message).length
          : message instanceof Blob
            ? message.size
            : message.byteLength;
      if (this.#readyState === OPEN) this.#port?.postMessage({ data: message });
    }

    /** @param {number} [code] @param {string} [reason] */
    close(code, reason) {
      if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
        throw new DOMException('the code is neither 1000 nor one from 3000 to 4999', 'InvalidAccessError');
      if (reason !== undefined && new TextEncoder().encode(reason).length > MAX_REASON)
        throw syntaxError(`the reason is longer than ${MAX_REASON} bytes`);
      if (this.#readyState >= CLOSING) return;
      const isOpening = !this.#port;
      this.#readyState = CLOSING;
      if (isOpening) return void queueMicrotask(() => this.#lose(undefined));
      this.#port?.postMessage({ close: code === undefined ? [] : [code, reason ?? ''] });
    }
  };
}
