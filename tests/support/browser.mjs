/**
 * A real browser, driven as a user would drive it: by roles, labels and visible text.
 *
 * Nothing is downloaded: browser and driver must be installed, on the PATH or named by the environment
 * (`CHROMIUM`, `CHROMEDRIVER`, `FIREFOX`, `GECKODRIVER`, `WEBKITDRIVER`, `XVFB`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINES } from './engines.mjs';
import { listen, portNear } from './loopback.mjs';
import { Page } from './page.mjs';

/**
 * @param {object} [options]
 * @param {string} [options.engine] one of {@link ENGINES}
 * @param {boolean} [options.dark] whether the user prefers a dark scheme
 * @param {{ width: number, height: number }} [options.size]
 * @param {number} [options.hostsAt] the local port to which all other host names resolve; Chromium only
 * @param {boolean} [options.restarts] whether it is to be closed and opened again, see {@link Browser.restart}
 */
export async function openBrowser({ engine = 'chromium', restarts = false, ...options } = {}) {
  if (!Object.hasOwn(ENGINES, engine)) throw new TypeError(`no such engine: ${engine}`);
  const home = await mkdtemp(join(tmpdir(), 'valet-key-'));
  try {
    return new Browser(engine, await start(engine, { ...options, restarts, home }), home);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

async function start(engine, { dark = false, size = { width: 1200, height: 900 }, ...settings }) {
  const started = await ENGINES[engine]({ dark, size, ...settings });
  await started.driver.manage().setTimeouts({ script: 30_000, pageLoad: 30_000, implicit: 0 });
  return started;
}

/** The port of a server of this process whose only page is empty. @type {Promise<number> | undefined} */
let emptyPage;

async function startEmptyPage() {
  const port = await portNear();
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">');
  });
  await listen(server.unref(), port);
  return port;
}

/** By engine. @type {Map<string, Browser>} */
const idle = new Map();

/**
 * A browser that served an earlier story of this process, or a new one: starting takes longer than most stories.
 * Stories cannot see each other's data, because each has its own ports and so its own origins, and cookies are deleted.
 * {@link Browser.leave} returns it; a story that fails closes it instead.
 *
 * @param {string} engine
 */
export async function borrowBrowser(engine) {
  const browser = idle.get(engine);
  idle.delete(engine);
  if (await browser?.isAlive()) return browser;
  await browser?.close();
  return openBrowser({ engine });
}

/** Closes the browsers that are not in use. */
export async function closeIdle() {
  const left = [...idle.values()];
  idle.clear();
  await Promise.all(left.map((browser) => browser.close()));
}

export class Browser {
  #started;
  #home;

  constructor(engine, started, home) {
    this.engine = engine;
    this.#home = home;
    this.#use(started);
  }

  #use(started) {
    this.#started = started;
    this.driver = started.driver;
    this.page = new Page(this.driver, started.run);
  }

  /** Closes the browser as a user does, and opens it again with the same data. Its pages, workers and session cookies are gone. */
  async restart() {
    await this.driver.quit();
    await this.#started.end?.();
    this.#use(await start(this.engine, { restarts: true, home: this.#home }));
  }

  /** What the page, its workers and the browser logged on the console since the last call. */
  async console() {
    return (await this.#started.console?.()) ?? [];
  }

  /** Whether {@link console} can be read. */
  get tellsConsole() {
    return Boolean(this.#started.console);
  }

  /** Whether {@link Page.shot} works. */
  get makesPictures() {
    return !this.#started.isUnseen;
  }

  /** For example `153.7.0`. */
  async version() {
    return (await this.driver.getCapabilities()).getBrowserVersion();
  }

  /** Opens another tab, in front. */
  async newTab() {
    await this.driver.switchTo().newWindow(this.#started.tab ?? 'tab');
    return this.driver.getWindowHandle();
  }

  /** Whether the driver still responds. */
  isAlive() {
    return this.driver.getAllWindowHandles().then(
      () => true,
      () => false,
    );
  }

  /**
   * Returns the browser for later stories, without cookies, which do not distinguish ports.
   * @param {string} origin of the story's site
   */
  async leave(origin) {
    await this.clear(new URL(origin).hostname);
    await this.driver.manage().deleteAllCookies();
    await this.console();
    idle.set(this.engine, this);
  }

  /**
   * Leaves one tab open, with an empty page. The tab is kept, because a new one costs as much as a short story; so it has a history.
   * @param {string} [host] of the empty page
   */
  async clear(host = 'localhost') {
    const [first, ...others] = await this.driver.getAllWindowHandles();
    for (const handle of others) {
      await this.driver.switchTo().window(handle);
      await this.driver.close();
    }
    await this.driver.switchTo().window(first);
    if (this.#started.renews) {
      const fresh = await this.newTab();
      await this.driver.switchTo().window(first);
      await this.driver.close();
      await this.driver.switchTo().window(fresh);
    }
    // A browser keeps the process of a page for the next page of the same site, and not for `about:blank`.
    await this.page.goto(`http://${host}:${await (emptyPage ??= startEmptyPage())}/`);
    await this.driver.executeScript('window.name = ""');
  }

  async close() {
    await this.driver.quit().catch(() => {});
    await this.#started.end?.();
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}
