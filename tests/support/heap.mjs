/** What lies in the memory of a page's scripts, as the developer tools see it. Chromium only. */
import { once } from 'node:events';

/**
 * Every text in the heap of the page in front, its workers' heaps not included: those are others.
 * @param {import('./browser.mjs').Browser} browser
 * @returns {Promise<string[]>}
 */
export async function textsInHeap({ driver }) {
  const capabilities = await driver.getCapabilities();
  const { debuggerAddress } = capabilities.get('goog:chromeOptions');
  const targets = await (await fetch(`http://${debuggerAddress}/json/list`)).json();
  const url = await driver.getCurrentUrl();
  const target = targets.find((one) => one.type === 'page' && one.url === url);
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
      socket.send(JSON.stringify({ id: 2, method: 'HeapProfiler.takeHeapSnapshot', params: { reportProgress: false } }));
    });
  } finally {
    socket.close();
  }
  return JSON.parse(pieces.join('')).strings;
}
