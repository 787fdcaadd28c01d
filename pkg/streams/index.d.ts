import type { Client, ValetKeyError } from '../index.js';

/**
 * `EventSource` and `WebSocket` that send the access token of a client. They have the interface of the platform's classes, so libraries that
 * take such a class can use them. The token stays in the worker, and no property, event or error has it.
 *
 * ```js
 * import { createClient } from 'valet-key';
 * import { streams } from 'valet-key/streams';
 *
 * const client = createClient({
 *   issuer: 'https://id.example.com',
 *   clientId: 'my-spa',
 *   api: [{ url: 'https://api.example.com/v1/', socket: { protocol: 'bearer.{token}' } }],
 * });
 * const { EventSource, WebSocket } = streams(client);
 *
 * new EventSource('https://api.example.com/v1/news').onmessage = ({ data }) => show(data);
 * const socket = new WebSocket('wss://api.example.com/v1/chat', 'chat');
 * socket.onopen = () => socket.send('hello');
 * ```
 *
 * Both go only to URLs on the client's `api` list, wait for a sign-in that is being completed, renew the token first if necessary, and end
 * when the session ends or another user signs in. See `docs/streams.md`.
 */
export function streams(client: Client<any>): {
  EventSource: typeof ClientEventSource;
  WebSocket: typeof ClientWebSocket;
};

/**
 * An event stream (HTML Standard §9.2) that is read with calls of the client. After a lost connection it reconnects with `Last-Event-ID`,
 * after the time that the server gave with `retry`, or 3 seconds; this time doubles with each failed attempt up to a minute. It ends, with
 * an `error` event and `readyState` `CLOSED`, if the API sends another status than 200 or no event stream, and if the client refuses the
 * call.
 */
declare class ClientEventSource extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSED: 2;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
  /** @throws DOMException `SyntaxError` for a URL that cannot be parsed */
  constructor(url: string | URL);
  readonly url: string;
  readonly readyState: 0 | 1 | 2;
  /** Always `false`: the access token replaces cookies. */
  readonly withCredentials: false;
  onopen: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent<string>) => unknown) | null;
  onerror: ((event: StreamErrorEvent) => unknown) | null;
  close(): void;
}

/**
 * A socket (WebSockets Standard) that the worker opens. The entry of `api` for its URL says how it carries the token (`socket`), and its
 * `protocol` never has it. It fails with a `ValetKeyError` in the `error` event, and `close` with the code 1006, if the client refuses it:
 * `request_blocked`, `login_required`, or `unsupported` for a token that is bound to a key, which a socket cannot prove.
 */
declare class ClientWebSocket extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /** @throws DOMException `SyntaxError` for a URL or a subprotocol that no socket can have */
  constructor(url: string | URL, protocols?: string | string[]);
  readonly url: string;
  readonly readyState: 0 | 1 | 2 | 3;
  readonly protocol: string;
  readonly extensions: string;
  /** Bytes that are not sent yet. */
  readonly bufferedAmount: number;
  binaryType: 'blob' | 'arraybuffer';
  onopen: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onerror: ((event: StreamErrorEvent) => unknown) | null;
  onclose: ((event: CloseEvent) => unknown) | null;
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void;
  close(code?: number, reason?: string): void;
}

export interface StreamErrorEvent extends Event {
  /** Why the client did not open the stream. Absent if the connection was lost, and where the platform's event says nothing either. */
  readonly error?: ValetKeyError;
  /** The response of an API that sends no event stream. */
  readonly response?: Response;
}

export type { ClientEventSource, ClientWebSocket };
