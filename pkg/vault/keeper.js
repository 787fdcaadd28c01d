/**
 * The keeper: a service worker that holds the sessions of a vault in memory until the next vault starts, because in Firefox and
 * WebKit a worker ends with its last page. Its scope is a folder without files, so it controls no page and handles no request.
 *
 * It accepts a deposit only from a worker whose file is in the folder of this file, and gives it only to a worker of the same
 * file, type and name, after the worker that made it is gone. It answers no page. The build minifies it into `wasm/keeper.js`.
 */

/** The longest time, in milliseconds, for which a deposit is held; a vault that lives repeats its deposit more often. */
const LONGEST = 60_000;

/** How often, and after how many milliseconds, the keeper looks whether the earlier worker is gone. */
const LOOKS = 20;
const PAUSE = 25;

/** Maximum number of news that are held with a deposit; more than a user causes in {@link LONGEST}. */
const MAX_NEWS = 64;

/** @type {any} */
const scope = globalThis;

/**
 * By the client ID of the worker that made the deposit; newest last.
 * @type {Map<string, { from: string, text: string, news: unknown[], at: number }>}
 */
const deposits = new Map();

/** News can end a session while no vault lives. They are handed out with the deposit, and the next vault reads them. */
new BroadcastChannel('valet-key').onmessage = ({ data }) => {
  for (const [by, { news }] of deposits) if (news.push(data) > MAX_NEWS) deposits.delete(by);
};

scope.oninstall = () => scope.skipWaiting();
scope.onmessage = (/** @type {any} */ event) => event.waitUntil(serve(event));

/** @param {any} event with `{ name, deposit }`, or with `{ name }` and a port for the answer */
async function serve({ data, source, ports: [port] }) {
  const now = Date.now();
  for (const [by, { at }] of deposits) if (now - at > LONGEST || now < at) deposits.delete(by);
  const folder = new URL('./', scope.location.href).href;
  if (!/^(shared)?worker$/.test(source?.type) || !source.url.startsWith(folder)) return;
  const from = `${source.type} ${source.url} ${data.name}`;
  if (port) return port.postMessage((await withdraw(from)) ?? {});
  deposits.delete(source.id);
  if (data.deposit) deposits.set(source.id, { from, text: data.deposit, news: [], at: now });
}

/** Takes out the newest deposit of a worker that is gone. @param {string} from */
async function withdraw(from) {
  const made = [...deposits].reverse().filter(([, one]) => one.from === from);
  for (let look = 0; made.length && look < LOOKS; look += 1) {
    if (look) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    for (const [by] of made) {
      if (await scope.clients.get(by)) continue;
      const deposit = deposits.get(by);
      deposits.delete(by);
      if (deposit) return { deposit: deposit.text, news: deposit.news };
    }
  }
}
