/** Runs the doctor of the package for the page that shows this document in a frame. */
import { diagnose } from '../pkg/doctor/index.js';

addEventListener('message', async ({ source, origin, data, ports: [port] }) => {
  if (source !== parent || origin !== location.origin || !port) return;
  try {
    port.postMessage({ findings: await diagnose(data.options) });
  } catch ({ message }) {
    port.postMessage({ message });
  }
});
