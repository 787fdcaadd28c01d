/**
 * The place of the consumers: the packed package, the apps that install it, and nginx, which serves each app's `site` with the strictest
 * headers that the documentation recommends. A provider and an API belong to it.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startApi } from '../support/api.mjs';
import { openBrowser } from '../support/browser.mjs';
import { bodyOf, close, listen, portNear, serverOf } from '../support/loopback.mjs';
import { startProvider } from '../support/provider.mjs';
import { Stage } from '../support/stage.mjs';

export const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const HERE = fileURLToPath(new URL('.', import.meta.url));
const TSC = join(ROOT, 'tests/node_modules/typescript/bin/tsc');

export class Host {
  #ports = {};
  #sites;
  #server;
  #tarball;

  /**
   * @param {string} name of the folder in `target/consumers`, which is made anew
   * @param {Record<string, string>} sites the apps that nginx serves, and what each of them needs of the policy besides: names of
   *   Trusted Types policies, and further directives
   * @param {string[]} [others] apps that the test serves itself
   */
  static async open(name, sites, others = []) {
    const host = new Host();
    host.folder = join(ROOT, 'target/consumers', name);
    await rm(host.folder, { recursive: true, force: true });
    await mkdir(host.folder, { recursive: true });
    const pack = ['pack', '--silent', '--pack-destination', host.folder];
    const { stdout } = await run('npm', pack, { cwd: join(ROOT, 'pkg') });
    host.#tarball = stdout.trim();
    for (const app of [...Object.keys(sites), ...others]) host.#ports[app] = await portNear();
    const origins = Object.keys(host.#ports).map((app) => host.origin(app));
    host.provider = await startProvider({ origins, path: '/' });
    host.api = await startApi({ provider: host.provider, origins });
    host.reports = await startReports();
    host.#sites = { ...sites };
    await host.#startNginx();
    return host;
  }

  /** The path of the packed package. */
  get tarball() {
    return join(this.folder, this.#tarball);
  }

  port(app) {
    return this.#ports[app];
  }

  origin(app) {
    return `http://localhost:${this.#ports[app]}`;
  }

  /** Copies sources into a folder of their own, and installs the package there. */
  async install(name, sources) {
    const folder = join(this.folder, name);
    await cp(join(HERE, sources), folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const install = ['install', '--offline', '--no-audit', '--no-fund', `../${this.#tarball}`];
    await run('npm', install, { cwd: folder });
    return folder;
  }

  /** The same with the page, which knows the provider and the API. */
  async makeApp(name, sources) {
    const folder = await this.install(name, sources);
    const page = await readFile(join(HERE, 'index.html'), 'utf8');
    const filled = page.replace('ISSUER', this.provider.issuer).replace('API', this.api.url);
    await writeFile(join(folder, 'index.html'), filled);
    return folder;
  }

  /**
   * Opens an app, and looks at the end for complaints of the browser.
   * @param {(stage: Stage) => Promise<void>} play @param {(line: string) => boolean} [isMeant] whether a complaint belongs to the test
   */
  async play(name, play, isMeant = () => false) {
    const before = this.reports.heard.length;
    const browser = await openBrowser();
    const stage = Object.assign(new Stage(), { provider: this.provider, api: this.api, page: browser.page });
    try {
      await play(stage);
      const isOfProvider = (line) => line.includes(`${this.provider.issuer}/favicon.ico`); // it has none
      const said = (await browser.console()).filter((line) => /^(SEVERE|WARNING)/.test(line) && !isOfProvider(line));
      assert.deepEqual(
        said.filter((line) => !isMeant(line)),
        [],
      );
      assert.deepEqual(this.reports.heard.slice(before), []);
    } catch (error) {
      await stage.picture(`consumer ${name}`).catch(() => {});
      throw new Error(`${error.message}\n\n${stage.asked()}`, { cause: error });
    } finally {
      await browser.close();
    }
  }

  /** Signs in to an app, and calls its API. @param {string} app */
  signIn(app) {
    return this.play(app, async (stage) => {
      await stage.page.goto(`${this.origin(app)}/`);
      await stage.page.see('Signed out');
      await stage.page.click('button', 'Sign in');
      await stage.login('alice');
      await stage.consent();
      await stage.page.see('Signed in as alice');
      await stage.page.click('button', 'Me');
      await stage.page.see('"user":"alice"');
    });
  }

  /** Lets the policy of an app permit what its build made, see {@link Host.open}. @param {string} app @param {string} needs */
  async permit(app, needs) {
    this.#sites[app] = needs;
    const ended = once(this.#server, 'exit');
    this.#server.kill();
    await ended;
    await this.#startNginx();
    const isServed = () =>
      fetch(this.origin(app), { method: 'HEAD' }).then(
        () => true,
        () => false,
      );
    while (!(await isServed())) assert.equal(this.#server.exitCode, null, 'nginx has ended');
  }

  /** The paths that an app's browsers have received since the last call. @param {string} app @returns {Promise<Set<string>>} */
  async received(app) {
    const log = join(this.folder, `${app}.log`);
    const lines = (await readFile(log, 'utf8')).matchAll(/"GET ([^ ?]+)[^"]*" 200 /g);
    await truncate(log);
    return new Set([...lines].map(([, path]) => path));
  }

  async #startNginx() {
    await cp(join(HERE, 'routes.conf'), join(this.folder, 'routes.conf'));
    const servers = Object.entries(this.#sites).map(([name, needs]) => {
      const address = `listen 127.0.0.1:${this.#ports[name]}; root ${name}/site; access_log ${name}.log`;
      return `server { ${address}; set $needs "${needs}"; include routes.conf; }`;
    });
    const words = {
      REPORTS: this.reports.url,
      ISSUER: this.provider.issuer,
      API: this.api.url,
      SERVERS: servers.join('\n  '),
    };
    const template = await readFile(join(HERE, 'nginx.conf'), 'utf8');
    const file = join(this.folder, 'nginx.conf');
    await writeFile(
      file,
      template.replace(/REPORTS|ISSUER|API|SERVERS/g, (word) => words[word]),
    );
    const nginx = process.env.WEB_SERVER ?? 'nginx';
    this.#server = spawn(nginx, ['-p', this.folder, '-c', file, '-e', 'stderr'], { stdio: 'inherit' });
  }

  async close() {
    this.#server?.kill();
    await Promise.all([this.provider, this.api, this.reports].map((one) => one?.close()));
  }
}

/** The two ways in which TypeScript finds a package's types, and the settings for them: the strictest ones. */
export const RESOLUTIONS = ['bundler', 'nodenext'];

const MODULE = { bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'], nodenext: ['--module', 'nodenext'] };
const STRICT = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable', '--types', ''];

/** Checks a file of an app. @param {string} folder @param {string} file @param {keyof MODULE} resolution */
export const checkTypes = (folder, file, resolution, ...more) =>
  tsc(folder, ...STRICT, ...MODULE[resolution], '--skipLibCheck', 'false', ...more, file);

/** Runs the compiler of TypeScript in a folder. */
export const tsc = (folder, ...args) =>
  run(process.execPath, [TSC, ...args], { cwd: folder }).catch(({ stdout }) => assert.fail(stdout));

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
