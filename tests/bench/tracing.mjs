/** The activity of Chromium's threads, by its own trace. */

const CATEGORIES = [
  'disabled-by-default-devtools.timeline',
  'devtools.timeline',
  'toplevel',
  'v8',
  'v8.execute',
  'disabled-by-default-v8.cpu_profiler',
  'disabled-by-default-v8.cpu_profiler.hires',
  '__metadata',
];

/**
 * Traces a whole browser during an action.
 * @param {import('selenium-webdriver').WebDriver} driver @param {() => Promise<unknown>} action
 * @returns {Promise<object[]>} events in the Trace Event Format, times in microseconds
 */
export async function traced(driver, action) {
  const { debuggerAddress } = (await driver.getCapabilities()).get('goog:chromeOptions');
  const { webSocketDebuggerUrl } = await (await fetch(`http://${debuggerAddress}/json/version`)).json();
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((open, fail) => Object.assign(socket, { onopen: open, onerror: fail }));
  const events = [];
  const heard = new Map();
  socket.onmessage = ({ data }) => {
    const { id, method, params, error } = JSON.parse(data);
    if (method === 'Tracing.dataCollected') events.push(...params.value);
    if (error) throw new Error(error.message);
    heard.get(id ?? method)?.();
  };
  const send = (id, method, params, until = id) =>
    new Promise((done) => {
      heard.set(until, done);
      socket.send(JSON.stringify({ id, method, params }));
    });
  try {
    await send(1, 'Tracing.start', {
      transferMode: 'ReportEvents',
      traceConfig: { includedCategories: CATEGORIES, excludedCategories: ['*'] },
    });
    await action();
    await send(2, 'Tracing.end', {}, 'Tracing.tracingComplete');
    return events;
  } finally {
    socket.close();
  }
}
