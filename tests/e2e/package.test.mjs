/** The contents of the published package. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { SourceMap } from 'node:module';
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

/** The files of a worker. */
const FILES = ['worker.js', 'worker.js.map', 'valet_key.wasm'];

test('STORE-16 P1: the package contains no key, no local path and no source map but the worker’s', async () => {
  const paths = await shipped();
  assert.ok(
    [
      ...['/index.js', '/guard/callback.html'],
      ...['wasm', 'guard'].flatMap((folder) => FILES.map((file) => `/${folder}/${file}`)),
    ].every((one) => paths.includes(one)),
    String(paths),
  );
  const rows = [
    ['the repository’s path', ROOT],
    ...(homedir().length > 1 ? [['the home folder', homedir()]] : []),
    ['a path of the compiler', '/.cargo/'],
    ['a path of a library’s source', '/src/index.'],
    ['a private key', 'PRIVATE KEY'],
    ['a private key as JSON', '"d":"'],
    ['a secret of the tests', 'api-on-loopback'],
    ['a password of the tests', 'wonderland'],
  ];
  for (const path of paths) {
    const text = (await readFile(join(PKG, path))).toString('latin1');
    for (const [label, word] of rows) assert.ok(!text.includes(word), `${label} in ${path}`);
    const links = text.match(/sourceMappingURL.*/g) ?? [];
    assert.deepEqual(links, path.endsWith('/worker.js') ? ['sourceMappingURL=worker.js.map'] : [], path);
  }
});

/**
 * What the minifier leaves recognizable: texts in quotes, names of members, and the short names by which the glue and the
 * module call each other. In the glue, these begin with `__wb`.
 */
const RECOGNIZABLE = /(["'`])(?:\\.|(?!\1).)*\1|(?<![.])[.][A-Za-z_$][\w$]*|\b_\d+(?=:|\()/g;

/** Whether a piece of the worker stands at this place of a source. */
function isAt(piece, source) {
  if (source.startsWith('__WASM_INTEGRITY__')) return piece.startsWith('"sha384-');
  if (/^["'`]/.test(piece)) return /^["'`]/.test(source) && source.startsWith(piece.slice(1, -1).split('${')[0], 1);
  return source.startsWith(/^_\d+$/.test(piece) ? '__wb' : piece);
}

test('the source map of the worker holds its sources, and points to the right places in them', async () => {
  const worker = await readFile(join(PKG, 'wasm/worker.js'), 'utf8');
  const map = new SourceMap(JSON.parse(await readFile(join(PKG, 'wasm/worker.js.map'), 'utf8')));
  const { sources, sourcesContent } = map.payload;
  assert.deepEqual(sources.toSorted(), [
    '../port.js',
    ...['bodies', 'deposits', 'device', 'host', 'keeper', 'sockets', 'worker'].map((name) => `../vault/${name}.js`),
    'glue.js',
  ]);
  for (const [index, source] of sources.entries())
    assert.equal(sourcesContent[index], await readFile(join(PKG, 'wasm', source), 'utf8'), source);
  const linesOf = Object.fromEntries(sources.map((source, index) => [source, sourcesContent[index].split('\n')]));
  const found = Object.fromEntries(sources.map((source) => [source, 0]));
  for (const [line, text] of worker.split('\n').entries()) {
    for (const { 0: token, index } of text.matchAll(RECOGNIZABLE)) {
      const piece = token.replace(/^[.]/, '');
      const column = index + token.length - piece.length;
      const { generatedColumn, originalSource, originalLine, originalColumn } = map.findEntry(line, column);
      if (generatedColumn !== column) continue; // within a number or a regular expression
      const at = linesOf[originalSource][originalLine].slice(originalColumn);
      assert.ok(isAt(piece, at), `${piece} at ${line}:${column} is not ${originalSource}:${originalLine + 1}: ${at}`);
      found[originalSource] += 1;
    }
  }
  assert.ok(
    found['../vault/worker.js'] > 100 && found['glue.js'] > 100 && found['../port.js'] > 20,
    JSON.stringify(found),
  );
});
