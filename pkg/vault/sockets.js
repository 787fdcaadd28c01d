/**
 * Sockets that carry an access token (RFC 6455). The page gets a port through which the messages go both ways. What has the token stays
 * here: the first message, and the subprotocol with which the socket is opened.
 */

/** Milliseconds after which the page is told again how much is still to be sent. */
const LOOK = 50;

/**
 * What the core decides: see `src/protocol/socket.rs`.
 * @typedef {{ protocol: string | null, message: string | null, sub: string }} Opening
 */

/**
 * A socket, the page's port to it, and the user whose token it carries.
 * @typedef {{ port: MessagePort, sub: string, end: (reason: string) => void }} Opened
 */

/**
 * Opens a socket. The page sends `{ data }` and `{ close: [code, reason] }`; it receives `{ open: protocol, extensions }`, `{ data }`,
 * `{ buffered }`, `{ error }`, and at last `{ closed: { code, reason, wasClean } }`.
 * @param {string} url @param {string[]} protocols of the app @param {Opening} opening @param {() => void} onClosed @returns {Opened}
 */
export function openSocket(url, protocols, { protocol: hidden, message, sub }, onClosed) {
  const socket = new WebSocket(url, hidden === null ? protocols : [...protocols, hidden]);
  socket.binaryType = 'arraybuffer';
  const { port1: port, port2 } = new MessageChannel();
  let isTelling = false;
  const tellBuffered = () => {
    const { bufferedAmount, readyState } = socket;
    port.postMessage({ buffered: bufferedAmount });
    isTelling = bufferedAmount > 0 && readyState === WebSocket.OPEN;
    if (isTelling) setTimeout(tellBuffered, LOOK);
  };
  socket.onopen = () => {
    if (message !== null) socket.send(message);
    const { protocol, extensions } = socket;
    port.postMessage({ open: protocol === hidden ? '' : protocol, extensions });
  };
  socket.onmessage = ({ data }) => port.postMessage({ data }, data instanceof ArrayBuffer ? [data] : []);
  socket.onerror = () => port.postMessage({ error: true });
  socket.onclose = ({ code, reason, wasClean }) => {
    port.postMessage({ closed: { code, reason, wasClean } });
    onClosed();
  };
  port.onmessage = ({ data: { data, close } }) => {
    try {
      if (close) return socket.close(...close);
      socket.send(data);
    } catch {} // the page's own socket checks the same, so only a script sends this
    if (!isTelling) setTimeout(tellBuffered);
    isTelling = true;
  };
  return { port: port2, sub, end: (reason) => socket.close(1000, reason) };
}
