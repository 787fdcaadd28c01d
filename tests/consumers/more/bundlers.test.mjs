/**
 * The package as it is published, in apps of the build tools that CI does not install: each app installs the packed package, is built by
 * its tool's own command, and signs in behind the strictest headers that its pages permit, and from the tool's development server.
 * `target/consumers/table.md` says at the end what ran, how long it took, and what each tool needs.
 */
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { HERE, Host, ROOT, run } from '../host.mjs';
import { MODULES, TOOLS, build, hashesOf, programOf, serve, setWorkerUrl, versionOf } from './tools.mjs';

/** The app of a tool from its development server. @param {string} name */
const developing = (name) => `${name}-dev`;

/** An app whose scripts come from another origin, and that origin. */
const ELSEWHERE = 'elsewhere';
const ASSETS = 'assets';

const TABLE = join(ROOT, 'target/consumers/table.md');

/** The rows of the table. @type {Record<string, string>[]} */
const rows = [];

/** @type {Host} */
let host;

before(async () => {
  const sites = Object.fromEntries([...Object.keys(TOOLS), ELSEWHERE, ASSETS].map((name) => [name, '']));
  const served = Object.keys(TOOLS).filter((name) => TOOLS[name].serve);
  host = await Host.open('more', sites, served.map(developing));
  // The tools, where each app and the package in it find them.
  await symlink(MODULES, join(host.folder, 'node_modules'));
});

after(async () => {
  await host?.close();
  await writeTable();
});

/** The sources of an app, with the package and with a page that knows the provider and the API. */
async function makeApp(name, { page = (text) => text, pagePath = 'index.html', sources = name }) {
  const folder = await host.makeApp(name, join('more', sources));
  await cp(join(HERE, 'app.js'), join(folder, 'app.js'));
  const made = join(folder, 'index.html');
  await writeFile(made, page(await readFile(made, 'utf8')));
  if (pagePath) await rename(made, join(folder, pagePath));
  else await rm(made);
  return folder;
}

/** Copies the worker as the documentation says. */
async function copyWorker(folder, { copies, main = 'main.js' }) {
  await mkdir(dirname(join(folder, copies)), { recursive: true });
  await run('npx', ['--offline', 'valet-key', 'copy', copies], { cwd: folder });
  await setWorkerUrl(join(folder, main));
}

/** Opens an app that cannot start, and waits for what it says. */
const meet = (name, text) =>
  host.play(
    name,
    async ({ page }) => {
      await page.goto(`${host.origin(name)}/`);
      await page.see(text);
    },
    (line) => /worker[.]js|worker script/.test(line),
  );

/** What a newcomer sees if the tool does not find the worker. */
const meetHint = (name) =>
  meet(name, 'config_error: Run `npx valet-key copy FOLDER`, and set `workerUrl` to its worker.js');

/** What the page and its worker load, compressed, in bytes. */
async function sizeOf(name, site) {
  let size = 0;
  for (const path of await host.received(name)) {
    if (/\.(js|mjs|wasm)$/.test(path)) size += brotliCompressSync(await readFile(join(site, decodeURI(path)))).length;
  }
  return size;
}

for (const [name, tool] of Object.entries(TOOLS)) {
  test(`${name}: an app signs in and calls its API`, { timeout: 600_000 }, async (t) => {
    const row = {
      tool: tool.title,
      version: await versionOf(tool.package),
      build: '✗',
      server: '–',
      run: '✗',
      size: '',
      needs: '',
    };
    rows.push(row);
    if (!(await programOf(tool))) {
      row.build = row.run = '–';
      row.needs = 'not tried: npm has no program of it for this platform';
      return t.skip(row.needs);
    }
    const folder = await makeApp(name, tool);
    const site = join(folder, 'site');
    const variables = { ISSUER: host.provider.issuer, API: host.api.url, ROOT };
    let seconds = await build(tool, folder, variables);
    const needs = tool.needs ? [tool.needs] : [];
    if (tool.copies) {
      if (tool.policies) await host.permit(name, tool.policies);
      await meetHint(name);
      // A copy in the folder of the bundle survives a build that writes beside it.
      await copyWorker(folder, tool);
      seconds = await build(tool, folder, variables);
      needs.push('a copy, and `workerUrl`');
    }
    row.build = `✓ ${seconds.toFixed(1)} s`;

    const hashes = hashesOf(await readFile(join(site, 'index.html'), 'utf8'));
    const policies = tool.policies ?? '';
    const directive = hashes.length ? `; script-src-elem 'self' ${hashes.join(' ')}` : '';
    if (policies || directive) await host.permit(name, policies + directive);
    await host.received(name);
    await host.signIn(name);
    row.run = '✓';
    row.size = (await sizeOf(name, site)).toLocaleString('en');
    if (hashes.length) needs.push(`for a CSP the hashes of scripts in the page: ${hashes.length}`);
    const [names, ...directives] = policies.split('; ');
    if (names) needs.push(`for Trusted Types the policy \`${names}\``);
    for (const directive of directives) needs.push(`for a CSP \`${directive}\``);

    if (tool.serve) {
      row.server = '✗';
      const develop = async (play) => {
        const end = await serve(tool, folder, host.port(developing(name)), variables);
        await play(developing(name)).finally(end);
      };
      if (tool.settings) {
        await develop(meetHint);
        await writeFile(join(folder, tool.settings.file), tool.settings.text);
        needs.push(tool.settings.told);
      }
      await develop((name) => host.signIn(name));
      row.server = '✓';
    }
    row.needs = needs.join('; ') || 'nothing';
  });
}

test('scripts from another origin: the client asks for `workerUrl`, and signs in with it', {
  timeout: 600_000,
}, async () => {
  const tool = TOOLS.rsbuild;
  const folder = await makeApp(ELSEWHERE, { ...tool, sources: 'rsbuild' });
  const site = join(folder, 'site');
  const moveScripts = async () => {
    await build(tool, folder, { ASSETS: host.origin(ASSETS) });
    await rm(join(host.folder, ASSETS), { recursive: true, force: true });
    await mkdir(join(host.folder, ASSETS, 'site'), { recursive: true });
    await rename(join(site, 'static'), join(host.folder, ASSETS, 'site/static'));
  };
  await moveScripts();
  await host.permit(ELSEWHERE, `; script-src-elem ${host.origin(ASSETS)}`);
  await meetHint(ELSEWHERE);
  await copyWorker(folder, { copies: 'public/valet-key' });
  await moveScripts();
  await host.signIn(ELSEWHERE);
});

/** Writes what ran. */
async function writeTable() {
  const heads = ['tool', 'version', 'build', 'development server', 'run', 'bytes', 'needs'];
  const lines = [heads, heads.map(() => '---'), ...rows.map(Object.values)].map((cells) => `| ${cells.join(' | ')} |`);
  await writeFile(TABLE, `${lines.join('\n')}\n`);
}
