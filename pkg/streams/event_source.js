/** An `EventSource` (HTML Standard §9.2) whose requests are calls of a client, and so carry its access token. */
import { targetWithHandlers } from './handlers.js';

const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];

/** Milliseconds before the next attempt, unless the server says it. Each failed attempt in a row doubles them. */
const RETRY = 3000;
/** Whatever the server says, no attempt follows sooner than this, in milliseconds. */
const MIN_RETRY = 500;
/** The most to which failed attempts raise this time, in milliseconds. */
const MAX_RETRY = 60_000;
/** The longest delay of a timer, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** The changes of a session after which its streams end. */
const ENDS = ['signed_out', 'ended', 'expired', 'user_changed'];

/** @param {import('../index.d.ts').Client} client */
export function eventSourceOf(client) {
  return class EventSource extends targetWithHandlers(['open', 'message', 'error']) {
    static CONNECTING = CONNECTING;
    static OPEN = OPEN;
    static CLOSED = CLOSED;
    CONNECTING = CONNECTING;
    OPEN = OPEN;
    CLOSED = CLOSED;
    /** The access token replaces cookies. */
    withCredentials = false;

    /** @type {string} */
    #url;
    #readyState = CONNECTING;
    #retry = RETRY;
    #failures = 0;
    #lastEventId = '';
    #abort = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    #timer;
    #change = (/** @type {import('../index.d.ts').ChangeEvent} */ { reason, session }) => {
      // Without OpenID Connect, nothing says whether the user is the same one after another sign-in.
      const isNew = ['signed_in', 'restored'].includes(reason) && !session?.sub && this.#readyState === OPEN;
      if (ENDS.includes(reason) || isNew) this.#fail();
    };

    /** @param {string | URL} url */
    constructor(url) {
      super();
      try {
        this.#url = new URL(url, document.baseURI).href;
      } catch {
        throw new DOMException('the URL of an event stream cannot be parsed', 'SyntaxError');
      }
      client.addEventListener('change', this.#change);
      this.#connect();
    }

    get url() {
      return this.#url;
    }

    get readyState() {
      return this.#readyState;
    }

    close() {
      this.#readyState = CLOSED;
      client.removeEventListener('change', this.#change);
      clearTimeout(this.#timer);
      this.#abort.abort();
    }

    async #connect() {
      const { signal } = this.#abort;
      let response;
      try {
        const headers = new Headers({ accept: 'text/event-stream' });
        if (this.#lastEventId) headers.set('last-event-id', bytesOf(this.#lastEventId));
        response = await client.fetch(this.#url, { headers, cache: 'no-store', signal });
      } catch (error) {
        if (signal.aborted) return;
        // Without a connection the next attempt may succeed. What the client refuses, it refuses again.
        return isPassing(error) ? this.#reconnect(error) : this.#fail(error);
      }
      if (this.#readyState === CLOSED) return;
      const type = response.headers.get('content-type') ?? '';
      if (response.status !== 200 || !/^text\/event-stream *(;|$)/i.test(type) || !response.body)
        return this.#fail(undefined, response);
      this.#readyState = OPEN;
      this.#failures = 0;
      this.dispatchEvent(new Event('open'));
      try {
        await this.#read(response.body);
        this.#reconnect();
      } catch (error) {
        this.#reconnect(error);
      }
    }

    /** Reads the stream to its end (§9.2.6). @param {ReadableStream<Uint8Array>} body */
    async #read(body) {
      const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
      const { origin } = new URL(this.#url);
      let text = '';
      let [type, data, id] = ['', '', this.#lastEventId];
      const take = (/** @type {string} */ line) => {
        if (!line) {
          this.#lastEventId = id;
          if (data) {
            const init = { data: data.slice(0, -1), lastEventId: id, origin };
            this.dispatchEvent(new MessageEvent(type || 'message', init));
          }
          [type, data] = ['', ''];
          return;
        }
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (field === 'event') type = value;
        if (field === 'data') data += `${value}\n`;
        if (field === 'id' && canBeSent(value)) id = value;
        if (field === 'retry' && /^\d+$/.test(value)) this.#retry = Number(value);
      };
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#readyState === CLOSED) return;
        text += value;
        // A carriage return at the end may be the first half of a line end.
        const lines = text.split(/\r\n|\n|\r(?!$)/);
        text = lines.pop() ?? '';
        for (const line of lines) {
          take(line);
          if (this.#readyState === CLOSED) return;
        }
      }
    }

    /** @param {unknown} [error] */
    #reconnect(error) {
      if (this.#readyState === CLOSED) return;
      this.#readyState = CONNECTING;
      const retry = Math.min(Math.max(this.#retry, MIN_RETRY), LONGEST);
      const wait = Math.max(retry, Math.min(retry * 2 ** this.#failures, MAX_RETRY));
      this.#failures += 1;
      this.#timer = setTimeout(() => this.#connect(), wait);
      this.dispatchEvent(Object.assign(new Event('error'), { error }));
    }

    /** @param {unknown} [error] @param {Response} [response] of an API that sends no event stream */
    #fail(error, response) {
      if (this.#readyState === CLOSED) return;
      this.close();
      this.dispatchEvent(Object.assign(new Event('error'), { error, response }));
    }
  };
}

/** @param {any} error of a call */
const isPassing = ({ retryable, code }) => retryable || code === 'cancelled';

/** Whether a header can have this text: no control characters. @param {string} text */
const canBeSent = (text) => [...text].every((letter) => letter === '\t' || (letter >= ' ' && letter !== '\x7f'));

/** A text as the value of a header: its bytes in UTF-8, each as one character. @param {string} text */
const bytesOf = (text) => Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
