/** The contents of the published package. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PKG = join(ROOT, 'pkg');

/** The files that `files` in package.json includes. */
async function shipped() {
  const { files } = JSON.parse(await readFile(join(PKG, 'package.json'), 'utf8'));
  const all = (await readdir(PKG, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  const paths = all.map((one) => join(one.parentPath, one.name).slice(PKG.length).replaceAll('\\', '/'));
  const fits = (pattern, path) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`).test(path);
  const [refused, taken] = [files.filter((one) => one.startsWith('!')), files.filter((one) => !one.startsWith('!'))];
  return paths.filter(
    (path) => taken.some((one) => fits(one, path)) && !refused.some((one) => fits(one.slice(1), path)),
  );
}

test('STORE-16 P1: the package contains no key, no local path and no source map', async () => {
  const paths = await shipped();
  assert.ok(
    paths.includes('/wasm/worker.js') && paths.includes('/wasm/valet_key.wasm') && paths.includes('/index.js'),
    String(paths),
  );
  const rows = [
    ['the repository’s path', ROOT],
    ...(homedir().length > 1 ? [['the home folder', homedir()]] : []),
    ['a path of the compiler', '/.cargo/'],
    ['a path of a library’s source', '/src/index.'],
    ['a private key', 'PRIVATE KEY'],
    ['a private key as JSON', '"d":"'],
    ['a source map', 'sourceMappingURL'],
    ['a secret of the tests', 'api-on-loopback'],
    ['a password of the tests', 'wonderland'],
  ];
  for (const path of paths) {
    const text = (await readFile(join(PKG, path))).toString('latin1');
    for (const [label, word] of rows) assert.ok(!text.includes(word), `${label} in ${path}`);
  }
});
