/** The contents of the JavaScript heaps, as the developer tools see them. Chromium only. */
import { once } from 'node:events';

/**
 * Every string in the heap of the page in front, without the separate heaps of its workers.
 * @param {import('./browser.mjs').Browser} browser
 * @returns {Promise<string[]>}
 */
export async function textsInHeap(browser) {
  const url = await browser.driver.getCurrentUrl();
  const target = (await targets(browser)).find((one) => one.type === 'page' && one.url === url);
  return (await snapshot(target)).strings;
}

/**
 * The size of the heaps of the page in front and of its origin's shared worker, including their buffers, in MB (10⁶
 * bytes). Garbage does not count, nor does the browser's internal memory, which differs between versions.
 * @param {import('./browser.mjs').Browser} browser
 */
export async function heldInHeaps(browser) {
  const { origin } = new URL(await browser.driver.getCurrentUrl());
  const ours = (await targets(browser)).filter(
    ({ type, url }) => ['page', 'shared_worker'].includes(type) && new URL(url).origin === origin,
  );
  let sum = 0;
  for (const target of ours) {
    const { snapshot: about, nodes } = await snapshot(target);
    const fields = about.meta.node_fields;
    for (let at = fields.indexOf('self_size'); at < nodes.length; at += fields.length) sum += nodes[at];
  }
  return sum / 1e6;
}

async function targets({ driver }) {
  const { debuggerAddress } = (await driver.getCapabilities()).get('goog:chromeOptions');
  return (await fetch(`http://${debuggerAddress}/json/list`)).json();
}

/** The size of a heap after garbage collection, as the protocol reports it. */
async function snapshot(target) {
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await once(socket, 'open');
  const pieces = [];
  try {
    await new Promise((done, fail) => {
      socket.onerror = fail;
      socket.onmessage = ({ data }) => {
        const { id, method, params } = JSON.parse(data);
        if (method === 'HeapProfiler.addHeapSnapshotChunk') pieces.push(params.chunk);
        if (id === 2) done();
      };
      socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
      socket.send(
        JSON.stringify({ id: 2, method: 'HeapProfiler.takeHeapSnapshot', params: { reportProgress: false } }),
      );
    });
  } finally {
    socket.close();
  }
  return JSON.parse(pieces.join(''));
}
