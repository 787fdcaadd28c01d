/** What the server of the demo tells the page; `null` where a static host serves the page. */

/** @typedef {{ name: string, issuer: string, clientId: string, api: string, workerUrl?: string, wasmUrl?: string }} Service */

/**
 * @typedef {object} DemoConfig
 * @property {string} issuer
 * @property {string} clientId
 * @property {string[]} api
 * @property {string} [guard]
 * @property {Service[]} [services] to which the page connects at once
 * @property {{ clientId: string }} [page] the client that keeps its tokens in the page
 * @property {{ clientId: string }} [unguarded] the client without a guard
 */

/** @type {Promise<DemoConfig | null>} */
export const demoConfig = fetch('config.json').then(
  (response) => (response.ok ? response.json() : null),
  () => null,
);
