/**
 * A real browser, driven as a person would: by roles, labels and visible text.
 *
 * Nothing is downloaded: browser and driver are the installed ones, found on the PATH or named by the environment
 * (`CHROMIUM`, `CHROMEDRIVER`, `FIREFOX`, `GECKODRIVER`, `WEBKITDRIVER`, `XVFB`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINES } from './engines.mjs';
import { Page } from './page.mjs';

/**
 * @param {object} [options]
 * @param {string} [options.engine] one of {@link ENGINES}
 * @param {boolean} [options.dark] whether the user prefers a dark scheme
 * @param {{ width: number, height: number }} [options.size]
 * @param {number} [options.hostsAt] the port on this machine where every host but this machine's own names is found; Chromium only
 */
export async function openBrowser({
  engine = 'chromium',
  dark = false,
  size = { width: 1200, height: 900 },
  hostsAt,
} = {}) {
  if (!Object.hasOwn(ENGINES, engine)) throw new TypeError(`no such engine: ${engine}`);
  const home = await mkdtemp(join(tmpdir(), 'valet-key-'));
  try {
    const started = await ENGINES[engine]({ dark, size, home, hostsAt });
    await started.driver.manage().setTimeouts({ script: 30_000, pageLoad: 30_000, implicit: 0 });
    return new Browser(engine, started, home);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** By engine. @type {Map<string, Browser>} */
const idle = new Map();

/**
 * A browser that served an earlier story of this process, or a new one: starting takes longer than most stories. No
 * story finds anything of another in it, as each has ports, hence origins, of its own, and cookies are deleted.
 * {@link Browser.leave} gives it back; whoever meets a failure closes it instead.
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

/** Closes what was left for later. */
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
    this.driver = started.driver;
    this.#started = started;
    this.#home = home;
    this.page = new Page(this.driver, started.run);
  }

  /** What the page, its workers and the browser said on the console since the last call. */
  async console() {
    return (await this.#started.console?.()) ?? [];
  }

  /** Whether {@link console} can know. */
  get tellsConsole() {
    return Boolean(this.#started.console);
  }

  /** Such as `153.7.0`. */
  async version() {
    return (await this.driver.getCapabilities()).getBrowserVersion();
  }

  /** Another tab, in front. */
  async newTab() {
    await this.driver.switchTo().newWindow(this.#started.tab ?? 'tab');
    return this.driver.getWindowHandle();
  }

  /** Whether it still answers. */
  isAlive() {
    return this.driver.getAllWindowHandles().then(
      () => true,
      () => false,
    );
  }

  /**
   * Leaves it to others, with one empty page and without cookies: those know no ports, so the next story has them, too.
   * @param {string} origin of the story's site
   */
  async leave(origin) {
    const { hostname } = new URL(await this.driver.getCurrentUrl());
    if (hostname !== new URL(origin).hostname) await this.page.goto(origin);
    await this.driver.manage().deleteAllCookies();
    await this.clear();
    idle.set(this.engine, this);
  }

  /** Has one page, which is empty and has no history. */
  async clear() {
    const old = await this.driver.getAllWindowHandles();
    await this.driver.switchTo().window(old[0]); // Firefox never answers who wants a tab in a popup
    const fresh = await this.newTab();
    for (const handle of old) {
      await this.driver.switchTo().window(handle);
      await this.driver.close();
    }
    await this.driver.switchTo().window(fresh);
    await this.console();
  }

  async close() {
    await this.driver.quit().catch(() => {});
    await this.#started.end?.();
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}
