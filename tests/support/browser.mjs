/**
 * A real browser, driven as a person would: by roles, labels and visible text.
 *
 * Nothing is downloaded: browser and driver are the installed ones, found on the PATH or named by the environment
 * (`CHROMIUM`, `CHROMEDRIVER`).
 */
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Builder, logging } from 'selenium-webdriver';
import * as chrome from 'selenium-webdriver/chrome.js';
import { Page } from './page.mjs';

// Selenium would look for drivers on the network, and report on itself.
process.env.SE_OFFLINE ??= 'true';
process.env.SE_AVOID_STATS ??= 'true';

/** How to start each engine, and whether its driver hands out what was said on the console. */
const ENGINES = {
  chromium: { start: chromium, tellsConsole: true },
};

/**
 * @param {object} [options]
 * @param {'chromium'} [options.engine]
 * @param {boolean} [options.dark] whether the user prefers a dark scheme
 * @param {{ width: number, height: number }} [options.size]
 * @param {number} [options.everywhere] the port on this machine where every host but this machine's own names is found; Chromium only
 */
export async function openBrowser({ engine = process.env.BROWSER ?? 'chromium', dark = false, size = { width: 1200, height: 900 }, everywhere } = {}) {
  if (!Object.hasOwn(ENGINES, engine)) throw new TypeError(`no such engine: ${engine}`);
  const home = await mkdtemp(join(tmpdir(), 'valet-key-'));
  try {
    const driver = await ENGINES[engine].start({ dark, size, home, everywhere });
    await driver.manage().setTimeouts({ script: 30_000, pageLoad: 30_000, implicit: 0 });
    return new Browser(engine, driver, home);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

export class Browser {
  #home;

  constructor(engine, driver, home) {
    this.engine = engine;
    this.driver = driver;
    this.#home = home;
    this.page = new Page(driver);
  }

  /** What the page, its workers and the browser said on the console since the last call. */
  async console() {
    if (!ENGINES[this.engine].tellsConsole) return [];
    const entries = await this.driver.manage().logs().get(logging.Type.BROWSER);
    return entries.map(({ level, message }) => `${level.name} ${message}`);
  }

  /** Another tab, in front. */
  async newTab() {
    await this.driver.switchTo().newWindow('tab');
    return this.driver.getWindowHandle();
  }

  async close() {
    await this.driver.quit().catch(() => {});
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function chromium({ dark, size, home, everywhere }) {
  const options = new chrome.Options();
  options.setChromeBinaryPath(await program('CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome']));
  options.setAcceptInsecureCerts(true); // servers on loopback sign for themselves
  options.addArguments(
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
    '--no-first-run',
    `--user-data-dir=${home}`,
    `--window-size=${size.width},${size.height}`,
    ...(dark ? ['--force-dark-mode'] : []),
    ...(everywhere ? [`--host-resolver-rules=MAP * 127.0.0.1:${everywhere}, EXCLUDE localhost, EXCLUDE 127.0.0.1`] : []),
  );
  const logs = new logging.Preferences();
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL);
  options.setLoggingPrefs(logs);
  const service = new chrome.ServiceBuilder(await program('CHROMEDRIVER', ['chromedriver']));
  return new Builder().forBrowser('chrome').setChromeOptions(options).setChromeService(service).build();
}

/** The path of an installed program. */
async function program(variable, names) {
  if (process.env[variable]) return process.env[variable];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name);
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
    }
  }
  throw new Error(`${names[0]} is not on the PATH, and ${variable} names none`);
}
