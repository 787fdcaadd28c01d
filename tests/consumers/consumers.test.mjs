/**
 * The package as it is published: packed, installed into apps of several kinds, built by their bundlers, and opened
 * behind a server with the strictest headers that the documentation recommends.
 */
import assert from 'node:assert/strict';
import { cp, readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import * as esbuild from 'esbuild';
import { publint } from 'publint';
import * as vite from 'vite';
import webpack from 'webpack';
import './adapters.mjs';
import './element.mjs';
import { read } from '../docs/markdown.mjs';
import './front_ends.mjs';
import { HERE, Host, RESOLUTIONS, ROOT, checkTypes, run } from './host.mjs';
import './testing_apps.mjs';
import './wrappers.mjs';

/** How each consumer makes its `site` from its own sources and the installed package. */
const CONSUMERS = {
  vite: {
    sources: 'vite',
    build: (root) => vite.build({ root, logLevel: 'warn', build: { outDir: 'site' } }),
  },
  webpack: {
    sources: 'webpack',
    build: async (context) => {
      const output = { path: join(context, 'site') };
      const stats = await promisify(webpack)({ mode: 'production', context, entry: './main.js', output });
      // webpack recommends that no uncompressed file exceeds 244 KiB. The module is larger, and a worker loads it.
      const isAboutModule = ({ message }) => /^asset size limit:/.test(message) && !/\.js \(/.test(message);
      const warnings = stats.toJson().warnings.filter((warning) => !isAboutModule(warning));
      assert.ok(!stats.hasErrors() && !warnings.length, stats.toString());
      await cp(join(context, 'index.html'), join(context, 'site/index.html'));
    },
  },
  esbuild: {
    sources: 'esbuild',
    build: (folder) => bundled(folder, { entryPoints: ['main.js'], format: 'esm' }),
  },
  'esbuild-plain': {
    sources: 'esbuild',
    build: (folder) =>
      bundled(folder, { entryPoints: { main: 'plain.js' }, logOverride: { 'empty-import-meta': 'silent' } }),
  },
  static: {
    sources: 'static',
    build: async (folder) => {
      for (const file of ['index.html', 'app.js', 'main.js']) await cp(join(folder, file), join(folder, 'site', file));
      await cp(join(folder, 'node_modules/valet-key'), join(folder, 'site/valet-key'), { recursive: true });
    },
  },
};

async function bundled(folder, options) {
  await esbuild.build({
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    outdir: 'site',
    logLevel: 'warning',
    ...options,
  });
  // Only the worker and its module, as docs/bundlers.md says: the worker's source map may be missing.
  await run(process.execPath, [join(folder, 'node_modules/.bin/valet-key'), 'copy', join(folder, 'site')]);
  await cp(join(folder, 'index.html'), join(folder, 'site/index.html'));
}

/** Vite's own server, which bundles the package in its own way. */
const DEVELOPING = 'vite-dev';

/** @type {Host} */
let host;

before(async () => {
  const sites = Object.fromEntries(Object.keys(CONSUMERS).map((name) => [name, '']));
  host = await Host.open('bundlers', sites, [DEVELOPING]);
});

after(() => host?.close());

/** Makes an app that uses the package. */
async function makeApp(name, sources) {
  const folder = await host.makeApp(name, sources);
  await cp(join(HERE, 'app.js'), join(folder, 'app.js'));
  return folder;
}

/** The files of a worker. */
const FILES = ['valet_key.wasm', 'worker.js', 'worker.js.map'];

test('the package contains the files that it needs, and no others', async () => {
  const folder = join(await host.install('contents', 'static'), 'node_modules/valet-key');
  // The parts of the worker are in two bundles, and not in the package themselves.
  const isShipped = (file) => /\.(js|d\.ts|json)$/.test(file) && !/^(docs|extra|guard|vault|wasm)\//.test(file);
  const modules = (await readdir(join(ROOT, 'pkg'), { recursive: true })).filter(isShipped);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  const isTold = (file) => /^(?!site|architecture[.]|record[.])/.test(file) && /[.]/.test(file);
  const docs = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter(isTold).map((file) => `docs/${file}`);
  assert.deepEqual(
    names.sort(),
    [
      ...docs,
      ...['CHANGELOG.md', 'LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT', 'LICENSE-lean-qr', 'README.md'],
      ...['wasm', 'guard'].flatMap((folder) => FILES.map((file) => `${folder}/${file}`)),
      ...['guard/callback.html', 'guard/sealed.html', 'wasm/qr.js', ...modules],
    ].sort(),
  );
  const broken = [];
  for (const name of ['README.md', ...docs.filter((name) => name.endsWith('.md'))]) {
    for (const { target } of read(await readFile(join(folder, name), 'utf8')).links) {
      const path = new URL(target, `file:///${name}`);
      if (path.protocol === 'file:' && !names.includes(path.pathname.slice(1))) broken.push(`${name}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
  const command = [join(folder, '../.bin/valet-key'), 'document', 'https://a.example/c', '--name', 'A'];
  const made = await run(process.execPath, command);
  assert.equal(JSON.parse(made.stdout).client_id, 'https://a.example/c');
  for (const name of names) {
    const text = await readFile(join(folder, name), 'latin1');
    for (const word of [ROOT, `${homedir()}/`, '.cargo/registry', 'file://']) {
      assert.ok(!text.includes(word), `${name}: ${word}`);
    }
  }
});

test('publint and arethetypeswrong find nothing wrong with the package', async () => {
  const data = await readFile(host.tarball);
  const { messages } = await publint({ pack: { tarball: Uint8Array.from(data).buffer } });
  assert.deepEqual(messages, []);
  const { problems } = await checkPackage(createPackageFromTarballData(Uint8Array.from(data)));
  // The package has modules alone, and its entries are `exports`, which TypeScript's oldest resolution does not read.
  const isMeant = ({ kind, resolutionKind }) => kind === 'CJSResolvesToESM' || resolutionKind === 'node10';
  assert.deepEqual(
    problems.filter((problem) => !isMeant(problem)),
    [],
  );
});

for (const resolution of RESOLUTIONS) {
  test(`TypeScript finds the package’s types with the module resolution ${resolution}`, async () => {
    const folder = await host.install(`types-${resolution}`, 'types');
    for (const file of ['app.ts', 'testing.ts']) await checkTypes(folder, file, resolution);
  });
}

for (const [name, { sources, build }] of Object.entries(CONSUMERS)) {
  test(`${name}: an app signs in and calls its API`, { timeout: 60_000 }, async () => {
    await build(await makeApp(name, sources));
    await host.signIn(name);
  });
}
test(`${DEVELOPING}: an app signs in and calls its API`, { timeout: 60_000 }, async () => {
  const root = await makeApp(DEVELOPING, 'vite');
  const server = await vite.createServer({
    root,
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: host.port(DEVELOPING), strictPort: true },
  });
  try {
    await server.listen();
    await host.signIn(DEVELOPING);
  } finally {
    await server.close();
  }
});
