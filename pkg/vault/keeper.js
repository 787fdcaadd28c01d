/**
 * The keeper: a service worker that holds the sessions of a vault in memory until the next vault starts, because in Firefox and
 * WebKit a shared worker ends with its last page. Its scope is a folder without files, so it controls no page and handles no
 * request.
 *
 * It accepts a deposit only from a shared worker whose file is in the folder of this file, and gives it only to a shared worker of
 * the same file and name, after the worker that made it is gone. It answers no page. The build minifies it into `wasm/keeper.js`.
 */

/** The longest time, in milliseconds, for which a deposit is held. A vault that lives repeats its deposit more often. */
const HELD = 60_000;

/** How often, and after how many milliseconds, the keeper looks whether the earlier worker is gone. */
const LOOKS = 12;
const PAUSE = 25;

/** Maximum number of news that are held with a deposit; more than a user causes in {@link HELD}. */
const MAX_NEWS = 64;

/** @type {any} */
const scope = globalThis;

/**
 * By the client ID of the worker that holds the session; newest last.
 * @type {Map<string, { from: string, text: string, news: unknown[], at: number }>}
 */
const deposits = new Map();

/** The client IDs of workers whose deposit the next worker has. Messages of such a worker come too late. @type {Set<string>} */
const succeeded = new Set();

/** News can end a session while no vault lives. They are handed out with the deposit, and the next vault reads them. */
new BroadcastChannel('valet-key').onmessage = ({ data }) => {
  for (const [by, { news }] of deposits) if (news.push(data) > MAX_NEWS) deposits.delete(by);
};

scope.oninstall = () => scope.skipWaiting();
scope.onmessage = (/** @type {any} */ event) => event.waitUntil(serve(event));

/** @param {any} event with `{ name, deposit }`, or with `{ name }` and a port for the answer */
async function serve({ data, source, ports: [port] }) {
  const now = performance.now();
  for (const [by, { at }] of deposits) if (now - at > HELD) deposits.delete(by);
  const folder = new URL('./', scope.location.href).href;
  if (source?.type !== 'sharedworker' || !source.url.startsWith(folder) || succeeded.has(source.id)) return;
  const from = `${source.url} ${data.name}`;
  if (port) return port.postMessage(await handOver(from, source.id));
  const { text, news } = deposits.get(source.id) ?? {};
  deposits.delete(source.id);
  if (data.deposit)
    deposits.set(source.id, { from, text: data.deposit, news: text === data.deposit && news ? news : [], at: now });
}

/**
 * Gives the newest deposit of a worker that is gone to the next one, which holds the session from then on.
 * @param {string} from @param {string} to the client ID of the next worker
 */
async function handOver(from, to) {
  for (let look = 0; look < LOOKS; look += 1) {
    const made = [...deposits].filter(([by, deposit]) => deposit.from === from && by !== to).reverse();
    if (!made.length) break;
    if (look) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    for (const [by, deposit] of made) {
      if ((await scope.clients.get(by)) || !deposits.delete(by)) continue;
      succeeded.add(by);
      deposits.set(to, { ...deposit, news: [...deposit.news] });
      return { deposit: deposit.text, news: deposit.news };
    }
  }
  return {};
}
