/**
 * Calls functions in the page itself, with WebDriver BiDi (`script.callFunction`).
 *
 * Firefox gives scripts of the classic protocol separate globals: their definitions are not in the page, and they may
 * not find the page's own.
 */

/** Milliseconds for one call, as with the classic protocol. */
const PATIENCE = 30_000;

export class Bidi {
  #socket;
  #driver;
  #waiting = new Map();
  #last = 0;

  /** @param {import('selenium-webdriver').WebDriver} driver whose session was asked for `webSocketUrl` */
  static async of(driver) {
    const bidi = new Bidi();
    bidi.#driver = driver;
    bidi.#socket = new WebSocket((await driver.getCapabilities()).get('webSocketUrl'));
    bidi.#socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      bidi.#waiting.get(message.id)?.(message);
    };
    await new Promise((done, fail) => Object.assign(bidi.#socket, { onopen: done, onerror: fail }));
    return bidi;
  }

  /** The result of an asynchronous function, given as text, in the current window. */
  async run(action, args) {
    const { type, result, message } = await this.#send('script.callFunction', {
      functionDeclaration: action,
      arguments: args.map(toRemote),
      awaitPromise: true,
      target: { context: await this.#driver.getWindowHandle() },
    });
    if (type === 'error') throw Object.assign(new Error(message), { name: 'WebDriverError' });
    if (result.type === 'exception') throw new Error(result.exceptionDetails.text);
    return fromRemote(result.result);
  }

  close() {
    this.#socket.close();
  }

  #send(method, params) {
    const id = ++this.#last;
    return new Promise((done) => {
      const late = setTimeout(done, PATIENCE, { type: 'error', message: `no answer to ${method} in ${PATIENCE} ms` });
      this.#waiting.set(id, (message) => (clearTimeout(late), this.#waiting.delete(id), done(message)));
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

/** Encodes a JSON value for the protocol. */
function toRemote(value) {
  if (value === undefined || value === null) return { type: String(value) };
  if (Array.isArray(value)) return { type: 'array', value: value.map(toRemote) };
  if (typeof value === 'object')
    return { type: 'object', value: Object.entries(value).map(([name, one]) => [name, toRemote(one)]) };
  return { type: typeof value, value };
}

/**
 * Decodes a value of the protocol, as far as JSON can express it. The protocol encodes a value that occurs twice only
 * once, and then refers to it.
 */
function fromRemote({ type, value, internalId }, spelled = new Map()) {
  if (type === 'null') return null;
  if (type !== 'array' && type !== 'object') return value;
  if (!value) return spelled.get(internalId);
  const made = type === 'array' ? [] : {};
  if (internalId) spelled.set(internalId, made);
  value.forEach((one, index) => {
    if (type === 'array') made[index] = fromRemote(one, spelled);
    else made[one[0]] = fromRemote(one[1], spelled);
  });
  return made;
}
