/** How an app of each build tool is made, by the tool's own commands, and what the tool needs for it. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
export const MODULES = join(HERE, 'node_modules');

/** No tool sends statistics, colors its output, or learns that a test runs it. */
const ENVIRONMENT = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  ASTRO_TELEMETRY_DISABLED: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  NUXT_TELEMETRY_DISABLED: '1',
  NG_CLI_ANALYTICS: 'false',
  DO_NOT_TRACK: '1',
  NO_COLOR: '1',
  NODE_TEST_CONTEXT: undefined,
};

/**
 * @typedef {object} Tool
 * @property {string} title
 * @property {string} package whose version counts
 * @property {string[]} build the command
 * @property {(port: number) => string[]} [serve] the command of the development server
 * @property {string} [program] where the program is, if npm does not link it; a pattern below `node_modules`
 * @property {{ file: string, text: string, told: string }} [settings] without which the development server does not find the worker
 * @property {string} [needs] what its configuration has for the package
 * @property {string} [sources] the folder with the app's sources, if it has not the tool's name
 * @property {string} [made] the folder with the built site, if it is not `site`
 * @property {true} [alone] whether the tool builds the script alone, without the page
 * @property {string} [main] the module that makes the client, if the tool does not find the worker
 * @property {string} [copies] the folder for the copy of the worker, if the tool does not find it
 * @property {(page: string) => string} [page] changes index.html
 * @property {string} [pagePath] where the tool expects index.html; '' if it makes the page itself
 * @property {string} [policies] names of Trusted Types policies, and further directives that the policy needs
 */

/** @type {Record<string, Tool>} */
export const TOOLS = {
  rollup: {
    title: 'Rollup with `@rollup/plugin-node-resolve`',
    package: 'rollup',
    build: ['rollup', '--config'],
    alone: true,
    needs: 'the plugin `valet-key/rollup`, or a copy and `workerUrl`',
  },
  angular: {
    title: 'Angular (`@angular/build`)',
    package: '@angular/build',
    build: ['ng', 'build'],
    serve: (port) => ['ng', 'serve', '--port', `${port}`],
    main: 'src/main.ts',
    copies: 'public/valet-key',
    page: (page) => page.replace(/\n *<script.*/, '').replace(/<p role.*/, '<app-root></app-root>'),
    pagePath: 'src/index.html',
  },
  parcel: {
    title: 'Parcel',
    package: 'parcel',
    build: ['parcel', 'build', 'index.html', '--dist-dir', 'site'],
    serve: (port) => ['parcel', 'index.html', '--port', `${port}`],
  },
  rsbuild: {
    title: 'Rsbuild',
    package: '@rsbuild/core',
    build: ['rsbuild', 'build'],
    serve: (port) => ['rsbuild', 'dev', '--port', `${port}`],
    page: (page) => page.replace(/\n *<script.*/, ''),
  },
  next: {
    title: 'Next, Turbopack, static export',
    package: 'next',
    build: ['next', 'build'],
    serve: (port) => ['next', 'dev', '--port', `${port}`],
    pagePath: '',
    policies: 'default',
  },
  astro: {
    title: 'Astro',
    package: 'astro',
    build: ['astro', 'build'],
    serve: (port) => ['astro', 'dev', '--port', `${port}`],
    pagePath: '',
  },
  bun: {
    title: 'Bun',
    package: 'bun',
    program: '@oven/bun-*/bin/bun',
    build: ['bun', 'build', './index.html', '--outdir', 'site', '--minify'],
    serve: (port) => ['bun', './server.js', `${port}`],
    copies: 'site/valet-key',
  },
  deno: {
    title: 'Deno (`deno bundle`)',
    package: 'deno',
    program: '@deno/*/deno',
    build: ['deno', 'bundle', '--outdir', 'site', '--minify', 'index.html'],
    copies: 'site/valet-key',
  },
  nuxt: {
    title: 'Nuxt (`nuxt generate`)',
    package: 'nuxt',
    build: ['nuxt', 'generate'],
    serve: (port) => ['nuxt', 'dev', '--port', `${port}`],
    made: '.output/public',
    pagePath: '',
    policies: "vue; connect-src 'self'",
  },
  vite: {
    title: 'Vite 8',
    package: '../../node_modules/vite',
    program: '../../node_modules/vite/bin/vite.js',
    sources: '../vite',
    build: ['vite', 'build', '--outDir', 'site'],
    serve: (port) => ['vite', '--port', `${port}`],
  },
  esbuild: {
    title: 'esbuild',
    package: '../../../node_modules/esbuild',
    program: '../../../node_modules/esbuild/bin/esbuild',
    sources: '../vite',
    build: ['esbuild', 'main.js', '--bundle', '--minify', '--format=esm', '--outdir=site'],
    alone: true,
    copies: 'site/valet-key',
  },
  'vite-7': {
    title: 'Vite 7',
    package: 'vite-7',
    program: 'vite-7/bin/vite.js',
    build: ['vite', 'build', '--outDir', 'site'],
    serve: (port) => ['vite', '--port', `${port}`],
    settings: {
      file: 'vite.config.js',
      text: "import { valetKey } from 'valet-key/rollup';\nexport default { plugins: [valetKey()] };\n",
      told: "for its development server the plugin `valet-key/rollup`, or `optimizeDeps: { exclude: ['valet-key'] }`",
    },
  },
};

/** @param {string} name @returns {Promise<string>} the version that is installed */
export async function versionOf(name) {
  const { version } = JSON.parse(await readFile(join(MODULES, name, 'package.json'), 'utf8'));
  return version;
}

/** The path of a tool's program, or undefined if npm has none for this platform. @param {Tool} tool */
export async function programOf({ program, build: [name] }) {
  const [folder, rest] = (program ?? `.bin/${name}`).split('*');
  const matches = await programs(folder, rest);
  return matches[0];
}

async function programs(start, rest) {
  if (rest === undefined) return [join(MODULES, start)];
  const scope = join(MODULES, dirname(`${start}x`));
  const names = await readdir(scope).catch(() => []);
  return names
    .filter((name) => join(scope, name).startsWith(join(MODULES, start)))
    .map((name) => join(scope, name) + rest);
}

const commandOf = (program, args) =>
  program.endsWith('.js') ? [process.execPath, [program, ...args]] : [program, args];

/** Runs a tool's command in an app's folder, and returns the seconds that it took. */
export async function build(tool, cwd, variables) {
  const [program, args] = commandOf(await programOf(tool), tool.build.slice(1));
  const begin = performance.now();
  await promisify(execFile)(program, args, { cwd, env: { ...ENVIRONMENT, ...variables } }).catch(
    ({ message, stdout }) => {
      throw new Error(`${message}\n${stdout}`);
    },
  );
  const seconds = (performance.now() - begin) / 1000;
  if (tool.made) {
    await rm(join(cwd, 'site'), { recursive: true, force: true });
    await cp(join(cwd, tool.made), join(cwd, 'site'), { recursive: true });
  }
  if (tool.alone) await cp(join(cwd, 'index.html'), join(cwd, 'site/index.html'));
  return seconds;
}

/** Starts a tool's development server, and waits until it says at which port. @returns {Promise<() => Promise<void>>} its end */
export async function serve(tool, cwd, port, variables) {
  const [program, args] = commandOf(await programOf(tool), tool.serve(port).slice(1));
  // A group of its own: some tools start processes that do the work.
  const server = spawn(program, args, { cwd, env: { ...ENVIRONMENT, ...variables }, detached: true, stdio: 'pipe' });
  const ended = once(server, 'exit');
  const kill = () => process.kill(-server.pid);
  process.once('exit', kill);
  let said = '';
  await new Promise((done, fail) => {
    const hear = (data) => (said += data).includes(`:${port}`) && done();
    server.stdout.on('data', hear);
    server.stderr.on('data', hear);
    server.on('error', fail);
    ended.then(() => {
      process.off('exit', kill);
      fail(new Error(`the server ended:\n${said}`));
    });
  });
  return async () => {
    process.off('exit', kill);
    kill();
    await ended;
  };
}

/** The hashes by which a policy permits the scripts in a built page (CSP 3 §2.3.1). @param {string} page @returns {string[]} */
export function hashesOf(page) {
  const scripts = page.matchAll(/<script(?![^>]*(?:\ssrc=|application\/json))[^>]*>(.*?)<\/script>/gs);
  return [...scripts].map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
}

/** Writes the option that the client's hint asks for. */
export async function setWorkerUrl(file) {
  const text = await readFile(file, 'utf8');
  const told = text
    .replace('run(createClient)', "run(createClient, { workerUrl: '/valet-key/worker.js' })")
    .replace("clientId: 'demo',", "clientId: 'demo', workerUrl: '/valet-key/worker.js',");
  await writeFile(file, told);
}
