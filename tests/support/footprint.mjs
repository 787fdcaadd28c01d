/** How much memory a browser uses, all processes together, as Linux counts it. */
import { readFile, readdir } from 'node:fs/promises';

const PAUSE = 50;

/** Whether this system provides the figures. */
export const isTold = process.platform === 'linux';

/**
 * The peak memory of a browser during an action, beyond its memory before, in MB (10⁶ bytes). Memory that processes
 * share counts once.
 * @param {import('./browser.mjs').Browser} browser @param {() => Promise<unknown>} happening
 */
export async function growthDuring(browser, happening) {
  const root = await rootOf(browser);
  const before = await footprint(root);
  let most = before;
  let over = false;
  const watching = (async () => {
    while (!over) {
      most = Math.max(most, await footprint(root));
      await new Promise((next) => setTimeout(next, PAUSE));
    }
  })();
  try {
    await happening();
  } finally {
    over = true;
    await watching;
  }
  return (most - before) / 1e6;
}

/** The memory of a browser now, in MB. @param {import('./browser.mjs').Browser} browser */
export const memoryOf = async (browser) => (await footprint(await rootOf(browser))) / 1e6;

async function rootOf({ driver }) {
  const capabilities = await driver.getCapabilities();
  return capabilities.get('goog:processID') ?? capabilities.get('moz:processID');
}

async function footprint(root) {
  const parents = new Map();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isOurs = (pid) => pid === root || (parents.has(pid) && isOurs(parents.get(pid)));
  let sum = 0;
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    sum += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  }
  return sum;
}
