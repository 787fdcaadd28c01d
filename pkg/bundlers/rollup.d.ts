/**
 * The worker and its module as files of a bundle that Rollup makes: no copy, and no option `workerUrl`.
 *
 * ```js
 * // rollup.config.js
 * import resolve from '@rollup/plugin-node-resolve';
 * import { valetKey } from 'valet-key/rollup';
 *
 * export default { input: 'main.js', output: { dir: 'dist' }, plugins: [resolve({ browser: true }), valetKey()] };
 * ```
 *
 * The files get the names that Rollup's option `assetFileNames` says, such as `assets/worker-8f2a.js`. Without a bundle of the format `es`,
 * their addresses are relative to the script that the page loads.
 *
 * In Vite, whose builds need nothing, the plugin keeps the development server from moving the package's script away from its files.
 */
export function valetKey(): ValetKeyPlugin;

/** A plugin of Rollup and of Vite. */
export interface ValetKeyPlugin {
  name: string;
  /** For Vite alone. */
  config(): { optimizeDeps: { exclude: string[] } };
  /** Emits the two files when the page's part of the package is bundled, and writes their addresses there. */
  transform(this: FileEmitter, code: string, id: string): Promise<{ code: string; map: null } | undefined>;
}

/** What the plugin uses of the bundler. */
export interface FileEmitter {
  emitFile(file: { type: 'asset'; name: string; source: Uint8Array }): string;
}
