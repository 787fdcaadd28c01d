/**
 * The package as it is published: packed, installed into apps of several kinds, built by their bundlers, and opened
 * behind a server with the strictest headers that the documentation recommends.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';
import { startApi } from '../support/api.mjs';
import { openBrowser } from '../support/browser.mjs';
import { bodyOf, close, listen, portNear, serverOf } from '../support/loopback.mjs';
import { startProvider } from '../support/provider.mjs';
import { Stage } from '../support/stage.mjs';
import './front_ends.mjs';
import './wrappers.mjs';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
const APPS = join(ROOT, 'target/consumers');
const TSC = join(ROOT, 'tests/node_modules/typescript/bin/tsc');

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
  // Only these two, as the README says: the worker's source map may be missing.
  for (const file of ['worker.js', 'valet_key.wasm'])
    await cp(join(folder, 'node_modules/valet-key/wasm', file), join(folder, 'site', file));
  await cp(join(folder, 'index.html'), join(folder, 'site/index.html'));
}

/** Vite's own server, which bundles the package in its own way. */
const DEVELOPING = 'vite-dev';

/** The parts that all consumers share. */
let tarball, provider, api, server, reports;
const ports = {};
const originOf = (name) => `http://localhost:${ports[name]}`;

before(async () => {
  await rm(APPS, { recursive: true, force: true });
  await mkdir(APPS, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', APPS], { cwd: join(ROOT, 'pkg') });
  tarball = stdout.trim();
  for (const name of [...Object.keys(CONSUMERS), DEVELOPING]) ports[name] = await portNear();
  const origins = Object.keys(ports).map(originOf);
  provider = await startProvider({ origins, path: '/' });
  api = await startApi({ provider, origins });
  reports = await startReports();
  server = await startNginx();
});

after(async () => {
  server?.kill();
  await Promise.all([provider, api, reports].map((one) => one?.close()));
});

/** Makes an app that uses the package. */
async function makeApp(name, sources) {
  const folder = await install(name, sources);
  const page = await readFile(join(HERE, 'index.html'), 'utf8');
  await writeFile(join(folder, 'index.html'), page.replace('ISSUER', provider.issuer).replace('API', api.url));
  await cp(join(HERE, 'app.js'), join(folder, 'app.js'));
  return folder;
}

async function install(name, sources) {
  const folder = join(APPS, name);
  await cp(join(HERE, sources), folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `../${tarball}`], { cwd: folder });
  return folder;
}

/** Records the policy violations that browsers report. */
async function startReports() {
  const port = await portNear();
  const heard = [];
  const listener = serverOf(async (request, response) => {
    heard.push(await bodyOf(request));
    response.writeHead(204).end();
  });
  await listen(listener, port);
  return { url: `http://localhost:${port}/`, heard, close: () => close(listener) };
}

async function startNginx() {
  const servers = Object.keys(CONSUMERS).map(
    (name) => `server { listen 127.0.0.1:${ports[name]}; root ${name}/site; }`,
  );
  const words = { REPORTS: reports.url, ISSUER: provider.issuer, API: api.url, SERVERS: servers.join('\n  ') };
  const template = await readFile(join(HERE, 'nginx.conf'), 'utf8');
  const file = join(APPS, 'nginx.conf');
  await writeFile(
    file,
    template.replace(/REPORTS|ISSUER|API|SERVERS/g, (word) => words[word]),
  );
  return spawn(process.env.WEB_SERVER ?? 'nginx', ['-p', APPS, '-c', file, '-e', 'stderr'], { stdio: 'inherit' });
}

/** The files of a worker. */
const FILES = ['valet_key.wasm', 'worker.js', 'worker.js.map'];

test('the package contains the files that it needs, and no others', async () => {
  const folder = join(await install('contents', 'static'), 'node_modules/valet-key');
  const modules = (await readdir(join(ROOT, 'pkg'))).filter((file) => /\.(js|d\.ts)$/.test(file));
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  assert.deepEqual(
    names.sort(),
    [
      ...['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT', 'LICENSE-lean-qr', 'README.md', 'package.json'],
      ...['wasm', 'guard'].flatMap((folder) => FILES.map((file) => `${folder}/${file}`)),
      ...['bin/valet-key.js', 'guard/callback.html', 'guard/sealed.html', 'wasm/qr.js', ...modules],
    ].sort(),
  );
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

for (const module of ['bundler', 'nodenext']) {
  test(`TypeScript finds the package’s types with the module resolution ${module}`, async () => {
    const folder = await install(`types-${module}`, 'types');
    const resolution =
      module === 'bundler' ? ['--module', 'esnext', '--moduleResolution', module] : ['--module', module];
    const told = [
      '--strict',
      '--noEmit',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--types',
      '',
      '--skipLibCheck',
      'false',
    ];
    await run(process.execPath, [TSC, ...told, ...resolution, 'app.ts'], { cwd: folder }).catch(({ stdout }) =>
      assert.fail(stdout),
    );
  });
}

for (const [name, { sources, build }] of Object.entries(CONSUMERS)) {
  test(`${name}: an app signs in and calls its API`, { timeout: 60_000 }, async () => {
    await build(await makeApp(name, sources));
    await play(name);
  });
}

test(`${DEVELOPING}: an app signs in and calls its API`, { timeout: 60_000 }, async () => {
  const root = await makeApp(DEVELOPING, 'vite');
  const server = await vite.createServer({
    root,
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: ports[DEVELOPING], strictPort: true },
  });
  try {
    await server.listen();
    await play(DEVELOPING);
  } finally {
    await server.close();
  }
});

async function play(name) {
  const before = reports.heard.length;
  const browser = await openBrowser();
  try {
    const stage = Object.assign(new Stage(), { provider, page: browser.page });
    await stage.page.goto(`${originOf(name)}/`);
    await stage.page.see('Signed out');
    await stage.page.click('button', 'Sign in');
    await stage.login('alice');
    await stage.consent();
    await stage.page.see('Signed in as alice');
    await stage.page.click('button', 'Me');
    await stage.page.see('"user":"alice"');
    assert.deepEqual(
      (await browser.console()).filter((line) => /^(SEVERE|WARNING)/.test(line)),
      [],
    );
    assert.deepEqual(reports.heard.slice(before), []);
  } finally {
    await browser.close();
  }
}
