/** The plugin `valet-key/rollup`, without a bundler: `cargo xtask consumers` bundles apps with it. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { valetKey } from '../../pkg/bundlers/rollup.js';

const PKG = fileURLToPath(new URL('../../pkg/', import.meta.url));

/** What the plugin makes of a module, and what it emits. */
async function transformed(plugin, name) {
  const emitted = [];
  const emitter = { emitFile: (file) => `r${emitted.push(file)}` };
  const id = join(PKG, name);
  return { emitted, result: await plugin.transform.call(emitter, await readFile(id, 'utf8'), id) };
}

test('the plugin emits the worker and its module, and writes their addresses into the script that names them', async () => {
  const { emitted, result } = await transformed(valetKey(), 'connection.js');
  assert.deepEqual(
    emitted.map(({ type, name }) => `${type} ${name}`),
    ['asset worker.js', 'asset valet_key.wasm'],
  );
  for (const { name, source } of emitted) assert.deepEqual(source, await readFile(join(PKG, 'wasm', name)));
  assert.match(result.code, /workerFile = new URL\(import\.meta\.ROLLUP_FILE_URL_r1\)\.href;/);
  assert.match(result.code, /wasmFile = new URL\(import\.meta\.ROLLUP_FILE_URL_r2\)\.href;/);
  assert.doesNotMatch(result.code, /\.\/wasm\//);
});

test('the plugin changes no other script, and none in Vite', async () => {
  const scripts = (await readdir(PKG)).filter((name) => name.endsWith('.js') && name !== 'connection.js');
  for (const name of scripts) {
    assert.deepEqual(await transformed(valetKey(), name), { emitted: [], result: undefined }, name);
  }
  const plugin = valetKey();
  assert.deepEqual(plugin.config(), { optimizeDeps: { exclude: ['valet-key'] } });
  assert.deepEqual(await transformed(plugin, 'connection.js'), { emitted: [], result: undefined });
});
