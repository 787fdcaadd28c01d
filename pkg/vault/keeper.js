/**
 * The keeper: a service worker that holds the sessions of a vault in memory until the next vault starts, because in Firefox and
 * WebKit a shared worker ends with its last page. It runs the same file as the vault, so the vault knows what it trusts. Its scope
 * is a folder without files, so it controls no page and handles no request. A guard is the keeper of its vault, see `guard.js`.
 *
 * It takes messages only from vaults, that is, from shared workers of this file. It gives a deposit only to a vault of the same
 * name as the one that made it, after that one is gone. It answers no page.
 */

/** The longest time, in milliseconds, for which a deposit is held. A vault that lives repeats its deposit more often. */
const HELD = 60_000;

/** How often, and after how many milliseconds, the keeper looks whether the earlier vault is gone. */
const LOOKS = 12;
const PAUSE = 25;

/** Maximum number of news that are held with a deposit; more than a user causes in {@link HELD}. */
const MAX_NEWS = 64;

/** @type {any} */
const scope = globalThis;

/**
 * By the client ID of the vault that holds the session; newest last. `from` is the name of that vault.
 * @type {Map<string, { from: string, text: string, keys?: unknown[], news: unknown[], at: number[] }>}
 */
const deposits = new Map();

/** The client IDs of vaults whose deposit the next vault has. Messages of such a vault come too late. @type {Set<string>} */
const succeeded = new Set();

/** Begins to serve vaults by messages. To be called once, when the service worker starts. */
export function keepDeposits() {
  hearNews();
  scope.oninstall = () => scope.skipWaiting();
  scope.onmessage = (/** @type {any} */ event) => event.waitUntil(answer(event));
}

/** Nobody but a vault gets an answer. @param {any} event with a port if an answer is expected */
async function answer({ data, source, ports: [port] }) {
  const found = await keep(data, source);
  if (found) port?.postMessage(found);
}

/** News can end a session while no vault lives. They are handed out with the deposit, and the next vault reads them. */
export function hearNews() {
  new BroadcastChannel('valet-key').onmessage = ({ data }) => {
    for (const [by, { news }] of deposits) if (news.push(data) > MAX_NEWS) deposits.delete(by);
  };
}

/**
 * Takes a deposit of a vault; an empty one ends the earlier one. Without `deposit`, gives what an earlier vault has deposited.
 * @param {{ name: string, deposit?: string, keys?: unknown[] }} message @param {any} source the client that sent it
 * @returns {Promise<{ deposit?: string, keys?: unknown[], news?: unknown[] } | undefined>}
 */
export async function keep({ name, deposit, keys }, source) {
  // Each clock can miss time: one can be set back, the other can stop while the device sleeps.
  const now = [Date.now(), performance.now()];
  for (const [by, { at }] of deposits) if (now.some((clock, index) => clock - at[index] > HELD)) deposits.delete(by);
  if (source?.type !== 'sharedworker' || source.url !== scope.location.href || succeeded.has(source.id)) return;
  if (deposit === undefined) return handOver(name, source.id);
  const { text, news } = deposits.get(source.id) ?? {};
  deposits.delete(source.id);
  if (deposit)
    deposits.set(source.id, { from: name, text: deposit, keys, news: text === deposit && news ? news : [], at: now });
}

/**
 * Gives the newest deposit of a vault that is gone to the next one of the same name, which holds the session from then on.
 * @param {string} from @param {string} to the client ID of the next vault
 */
async function handOver(from, to) {
  for (let look = 0; look < LOOKS; look += 1) {
    const made = [...deposits].filter(([by, deposit]) => deposit.from === from && by !== to).reverse();
    if (!made.length) break;
    if (look) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    for (const [by] of made) {
      if (await scope.clients.get(by)) continue;
      // Its last messages, and those of the next vault, may have come meanwhile.
      const deposit = deposits.get(by);
      if (!deposit || !deposits.delete(by) || deposits.has(to)) continue;
      succeeded.add(by);
      deposits.set(to, { ...deposit, news: [...deposit.news] });
      return { deposit: deposit.text, keys: deposit.keys, news: deposit.news };
    }
  }
  return {};
}
