/**
 * A client that keeps its tokens in the page, for the comparison: it signs in silently, and the script of the demo tries the same here. Only
 * what the script reports leaves this document.
 */
import { createClient } from '../pkg/index.js';
import { runAttempts } from './theft_attempts.js';

addEventListener('message', async ({ source, origin, data, ports: [port] }) => {
  if (source !== parent || origin !== location.origin || !port) return;
  const { options, api } = data;
  const client = createClient(options);
  try {
    await client.signIn({ mode: 'silent' });
    await runAttempts({ client, options, api }, (report) => port.postMessage({ report }));
    await client.revoke();
    port.postMessage({ ended: true });
  } catch ({ code, hint, message }) {
    port.postMessage({ ended: true, error: { code, hint: hint ?? message } });
  }
});
