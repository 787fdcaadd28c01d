/**
 * The documentation: its links resolve, its code parses and has the right types, each error code has a section, and each guide has a place in
 * the site.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { flow } from '../../docs/site/flow.mjs';
import { groups } from '../../docs/site/pages.mjs';
import { read } from './markdown.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PKG = join(ROOT, 'pkg');

/** The languages of blocks that are JavaScript, as esbuild and TypeScript call them. */
const LANGUAGES = { js: ['js', 'ts'], jsx: ['jsx', 'tsx'], ts: ['ts', 'ts'], tsx: ['tsx', 'tsx'] };

const ofRoot = (await readdir(ROOT)).filter((name) => name.endsWith('.md'));
const ofDocs = (await readdir(join(ROOT, 'docs'), { recursive: true }))
  .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
  .map((name) => join('docs', name));
const files = new Map();
for (const name of [...ofRoot, ...ofDocs]) files.set(name, read(await readFile(join(ROOT, name), 'utf8')));

/** The blocks of JavaScript, with the name of their file. */
const blocks = [...files].flatMap(([name, { blocks }]) =>
  blocks.filter(({ language }) => Object.hasOwn(LANGUAGES, language)).map((block) => ({ name, ...block })),
);

test('there is documentation to check', () => {
  assert.ok(files.size > 20, `${files.size} files`);
  assert.ok(blocks.length > 30, `${blocks.length} blocks`);
});

test('every relative link leads to a file, and every fragment to a heading', async () => {
  const broken = [];
  for (const [name, { links }] of files) {
    for (const { target, line } of links) {
      if (/^[a-z]+:/i.test(target)) continue;
      const [path, fragment] = target.split('#');
      const file = path ? resolve(ROOT, dirname(name), decodeURI(path)) : join(ROOT, name);
      const isThere = await access(file).then(
        () => true,
        () => false,
      );
      const read = files.get(relative(ROOT, file));
      if (!isThere || (fragment && read && !read.anchors.has(fragment))) broken.push(`${name}:${line}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('every block of JavaScript parses', async () => {
  const refused = [];
  for (const { name, line, language, text } of blocks) {
    await transform(text, { loader: LANGUAGES[language][0], format: 'esm', jsx: 'preserve', logLevel: 'silent' }).catch(
      ({ errors }) => {
        for (const { location, text: what } of errors)
          refused.push(`${name}:${line + (location?.line ?? 1) - 1}: ${what}`);
      },
    );
  }
  assert.deepEqual(refused, []);
});

test('every block of JavaScript has the right types', { timeout: 120_000 }, async () => {
  const { exports } = JSON.parse(await readFile(join(PKG, 'package.json'), 'utf8'));
  const entries = Object.entries(exports)
    .filter(([, { types }]) => types)
    .map(([entry, { types }]) => [entry.replace('.', 'valet-key'), [join(PKG, types)]]);
  const unknown = blocks.flatMap(({ name, line, text }) =>
    [...text.matchAll(/ from '(valet-key[^']*)'/g)]
      .filter(([, entry]) => !entries.some(([known]) => known === entry))
      .map(([, entry]) => `${name}:${line}: ${entry}`),
  );
  assert.deepEqual(unknown, []);
  const folder = await mkdtemp(join(tmpdir(), 'valet-key-docs-'));
  try {
    // A place is one whose globals are not those of a page.
    for (const { name, line, language, text } of blocks.filter(({ place }) => !place)) {
      // Each line has the number that it has in the document.
      const file = `${basename(name, '.md')}-${line}.${LANGUAGES[language][1]}`;
      await writeFile(join(folder, file), `${'\n'.repeat(line - 1)}${text}export {};\n`);
    }
    await writeFile(
      join(folder, 'jsx.d.ts'),
      'declare namespace JSX { interface IntrinsicElements { [name: string]: any } }\n',
    );
    const compilerOptions = {
      // What JavaScript does not say: the types of parameters and of caught errors, and that an element is there.
      ...{ strict: true, noImplicitAny: false, useUnknownInCatchVariables: false, strictNullChecks: false },
      ...{ noEmit: true, skipLibCheck: true, jsx: 'preserve', types: [] },
      ...{ target: 'es2022', module: 'esnext', moduleResolution: 'bundler', lib: ['esnext', 'dom', 'dom.iterable'] },
      paths: Object.fromEntries(entries),
    };
    const include = ['*', join(ROOT, 'tests/docs/names.d.ts')];
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
    assert.deepEqual(await tsc(folder), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What the compiler reports. @param {string} folder @returns {Promise<string[]>} */
function tsc(folder) {
  const compiler = join(ROOT, 'tests/node_modules/typescript/bin/tsc');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [compiler, '--project', folder, '--pretty', 'false'],
      { cwd: folder },
      (error, stdout, stderr) =>
        resolve([...stdout.split('\n'), stderr, error && !stdout && error.message].filter(Boolean)),
    );
  });
}

test('docs/errors.md has a section for each error code, in the order of the types, and the hints of the code', async () => {
  const [, union] = (await readFile(join(PKG, 'index.d.ts'), 'utf8')).split('export type ErrorCode =');
  const codes = [...union.matchAll(/\| '([a-z_]+)'/g)].map(([, code]) => code);
  assert.ok(codes.length > 25);
  const { headings, blocks } = files.get(join('docs', 'errors.md'));
  const sections = headings.flatMap((heading) => /^`(.+)`$/.exec(heading)?.[1] ?? []);
  assert.deepEqual(sections, [...codes].sort());
  const plain = (text) => text.replace(/\\\s*\n\s*/g, '').replace(/\s+/g, ' ');
  const sources = [
    'src/protocol/error.rs',
    'src/protocol/dpop.rs',
    'src/protocol/options.rs',
    'src/protocol/resource.rs',
  ];
  const scripts = ['pkg/trips.js', 'pkg/connection.js'];
  const texts = await Promise.all([...sources, ...scripts].map((name) => readFile(join(ROOT, name), 'utf8')));
  const source = plain(texts.join('\n'));
  const examples = blocks.filter(({ language, text }) => language === 'text' && text.startsWith('message: '));
  assert.equal(examples.length, codes.length);
  const gone = examples
    .map(({ text }) => plain(text.split('\nhint: ')[1]).trim())
    .filter((hint) => !source.includes(hint));
  assert.deepEqual(gone, []);
});

test('each guide stands in one group of the site, and each entry of a group is a file', () => {
  const listed = groups.flatMap(({ files }) => files.map((file) => join('docs', file)));
  assert.deepEqual(
    listed.filter((file) => !files.has(file)),
    [],
  );
  assert.deepEqual(listed.filter((file) => file.startsWith('docs')).toSorted(), ofDocs.toSorted());
});

test('the animated picture of a sign-in is what the demo draws', async () => {
  const picture = await readFile(join(ROOT, 'docs/flow.svg'), 'utf8');
  assert.ok(picture === flow(), 'make it anew: node docs/site/flow.mjs');
  assert.ok(picture.length < 300_000, `${picture.length} characters`);
});
