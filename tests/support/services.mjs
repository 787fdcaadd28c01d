/** Two services to which the demo posts at once: each has its own provider and its own API, and neither knows the other. */
import { startApi } from './api.mjs';
import { WINDOW_PATH, startProvider } from './provider.mjs';

const NAMES = ['Finch', 'Lantern'];

/**
 * @param {object} options
 * @param {string[]} options.origins the pages that may call them
 * @param {number[]} [options.ports] those of the provider and the API of each service; 0 for any free port
 */
export async function startServices({ origins, ports = [0, 0, 0, 0] }) {
  const services = [];
  for (const [index, name] of NAMES.entries()) {
    const [providerPort, apiPort] = ports.slice(2 * index);
    const provider = await startProvider({ port: providerPort, name, origins, redirectPath: WINDOW_PATH });
    const api = await startApi({ port: apiPort, provider, origins });
    services.push({ name, provider, api });
  }
  return {
    services,
    /** What the page has to know: the member `services` of its configuration. */
    config: services.map(({ name, provider, api }) => ({
      name,
      issuer: provider.issuer,
      clientId: 'demo',
      api: api.url,
    })),
    close: () => Promise.all(services.flatMap(({ provider, api }) => [provider.close(), api.close()])),
  };
}
