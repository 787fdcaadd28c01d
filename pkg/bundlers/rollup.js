/**
 * The entry `valet-key/rollup`: a plugin for Rollup, which does not follow `new URL(…, import.meta.url)` to the worker and its module, and
 * for the development server of Vite 7. It runs in Node.js. `rollup.d.ts` documents it.
 */

import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

/** How `connection.js` names the worker and its module. */
const ADDRESS = /new URL\('(\.\/wasm\/(worker\.js|valet_key\.wasm))', import\.meta\.url\)/g;

/** @type {typeof import('./rollup.d.ts').valetKey} */
export function valetKey() {
  let isVite = false;
  return {
    name: 'valet-key',
    config() {
      isVite = true;
      // Its builds follow the addresses. Its development server would move the script, and not the files beside it.
      return { optimizeDeps: { exclude: ['valet-key'] } };
    },
    async transform(code, id) {
      if (isVite || !code.includes("'./wasm/valet_key.wasm'")) return;
      /** @type {Record<string, string>} */
      const references = {};
      for (const [, path, name] of code.matchAll(ADDRESS)) {
        const source = await readFile(new URL(path, pathToFileURL(id)));
        references[name] = this.emitFile({ type: 'asset', name, source });
      }
      const address = (/** @type {string} */ _, /** @type {string} */ __, /** @type {string} */ name) =>
        `new URL(import.meta.ROLLUP_FILE_URL_${references[name]})`;
      return { code: code.replace(ADDRESS, address), map: null };
    },
  };
}
