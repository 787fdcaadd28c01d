/** How to start each engine with a separate profile, and the differences between the drivers. */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { access, constants, mkdir, open } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Builder, Capabilities, logging } from 'selenium-webdriver';
import * as chrome from 'selenium-webdriver/chrome.js';
import * as firefox from 'selenium-webdriver/firefox.js';
import { DriverService } from 'selenium-webdriver/remote/index.js';
import { Bidi } from './bidi.mjs';

// Otherwise Selenium would look for drivers on the network, and send usage statistics.
process.env.SE_OFFLINE ??= 'true';
process.env.SE_AVOID_STATS ??= 'true';

/** The folder in which `cargo xtask` installs programs. */
const BUILT = fileURLToPath(new URL('../../target/geckodriver/bin', import.meta.url));

/**
 * @typedef {object} Settings
 * @property {boolean} dark whether the user prefers a dark scheme
 * @property {{ width: number, height: number }} size
 * @property {string} home an empty folder that is deleted with the browser
 * @property {number} [hostsAt] the local port to which all other host names resolve
 * @property {boolean} [restarts] whether the next start continues with the same data
 *
 * @typedef {object} Started
 * @property {import('selenium-webdriver').WebDriver} driver
 * @property {(action: string, args: unknown[]) => Promise<unknown>} [run] runs a function in the page, if the driver's
 *   `executeAsyncScript` cannot
 * @property {'tab' | 'window'} [tab] the kind of window that opens in front, and so can stand for a user's tab
 * @property {() => Promise<string[]>} [console] what was logged on the console since the last call, if the driver can
 *   read it
 * @property {boolean} [renews] whether each story gets a new tab: in an old one, a shared worker may outlive its page or not
 * @property {boolean} [isUnseen] whether the driver waits for ever for a picture of the page
 * @property {() => Promise<unknown>} [end] cleanup after the driver has quit
 */

// An interrupted test run ends the drivers, too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** @type {Record<string, (settings: Settings) => Promise<Started>>} */
export const ENGINES = { chromium, firefox: gecko, webkit };

async function chromium({ dark, size, home, hostsAt }) {
  const options = new chrome.Options();
  options.setAcceptInsecureCerts(true); // servers on loopback have self-signed certificates
  options.setChromeBinaryPath(await chromiumPath());
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
    ...(hostsAt ? [`--host-resolver-rules=MAP * 127.0.0.1:${hostsAt}, EXCLUDE localhost, EXCLUDE 127.0.0.1`] : []),
  );
  const logs = new logging.Preferences();
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL);
  options.setLoggingPrefs(logs);
  const service = new chrome.ServiceBuilder(await program('CHROMEDRIVER', ['chromedriver']));
  const driver = await new Builder().forBrowser('chrome').setChromeOptions(options).setChromeService(service).build();
  const console = async () => {
    const entries = await driver.manage().logs().get(logging.Type.BROWSER);
    return entries.map(({ level, message }) => `${level.name} ${message}`);
  };
  return { driver, console };
}

async function gecko({ dark, size, home, restarts }) {
  const output = await Output.in(home);
  const options = new firefox.Options();
  options.setBinary(await program('FIREFOX', ['firefox-esr', 'firefox']));
  options.addArguments('-headless');
  // Otherwise, the driver makes a new profile for each start.
  const profile = join(home, 'profile');
  if (restarts) options.addArguments('-profile', profile);
  if (restarts) await mkdir(profile, { recursive: true });
  options.enableBidi();
  options.setPreference('ui.systemUsesDarkTheme', dark ? 1 : 0);
  options.setPreference('devtools.console.stdout.content', true);
  options.setPreference('dom.ipc.processPrelaunch.enabled', false); // stories open few pages
  const service = new firefox.ServiceBuilder(await program('GECKODRIVER', ['geckodriver'], BUILT));
  service.setStdio(output.stdio).setEnvironment({ ...process.env, TMPDIR: home });
  const driver = await new Builder()
    .forBrowser('firefox')
    .setFirefoxOptions(options)
    .setFirefoxService(service)
    .build();
  await driver.manage().window().setRect(size);
  const bidi = await Bidi.of(driver);
  const end = () => (bidi.close(), output.close());
  return { driver, run: (action, args) => bidi.run(action, args), console: () => output.lines(), end };
}

/**
 * MiniBrowser, which needs GTK and a display: each gets a virtual one. A new tab of it stays hidden, and its console
 * output is lost.
 */
async function webkit({ size, home }) {
  const display = await virtualDisplay(size);
  const service = new DriverService.Builder(await program('WEBKITDRIVER', ['WebKitWebDriver']))
    .setLoopback(true)
    .setEnvironment({
      ...process.env,
      DISPLAY: display.name,
      GDK_BACKEND: 'x11',
      // Without a graphics card, OpenGL runs on the processor, which doubles what a page costs. The driver makes no picture then.
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      XDG_CONFIG_HOME: home,
      XDG_DATA_HOME: home,
      XDG_CACHE_HOME: home,
      TMPDIR: home,
    })
    .build();
  const end = () => Promise.all([service.kill(), display.end()]);
  try {
    const capabilities = new Capabilities({ browserName: 'MiniBrowser' });
    const driver = await new Builder()
      .usingServer(await service.start())
      .withCapabilities(capabilities)
      .build();
    await driver
      .manage()
      .window()
      .setRect({ x: 0, y: 0, ...size });
    return { driver, tab: 'window', renews: true, isUnseen: true, end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function virtualDisplay({ width, height }) {
  const screen = `${width}x${height}x24`;
  const server = spawn(
    await program('XVFB', ['Xvfb']),
    ['-displayfd', '3', '-screen', '0', screen, '-nolisten', 'tcp'],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    },
  );
  const over = new Promise((done) => server.once('exit', done));
  const kill = () => server.kill();
  process.once('exit', kill);
  const number = await Promise.race([
    new Promise((done) => server.stdio[3].once('data', (data) => done(String(data).trim()))),
    over.then((code) => Promise.reject(new Error(`Xvfb ended with ${code}`))),
  ]);
  return { name: `:${number}`, end: () => (process.off('exit', kill), kill(), over) };
}

/** The output of a driver and its browser; Firefox copies its console there. */
class Output {
  #file;
  #path;
  #read = 0;

  static async in(folder) {
    const output = new Output();
    output.#path = join(folder, 'output.txt');
    output.#file = await open(output.#path, 'a');
    return output;
  }

  get stdio() {
    return ['ignore', this.#file.fd, this.#file.fd];
  }

  /** The output since the last call. */
  async lines() {
    const start = this.#read;
    this.#read = (await this.#file.stat()).size;
    if (this.#read === start) return [];
    return (await text(createReadStream(this.#path, { start, end: this.#read - 1 }))).split('\n');
  }

  close() {
    return this.#file.close();
  }
}

export const chromiumPath = () => program('CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome']);

/** The path of an installed program. */
async function program(variable, names, ...folders) {
  if (process.env[variable]) return process.env[variable];
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...folders]) {
    for (const name of names) {
      const path = join(folder, name);
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  throw new Error(`${names[0]} is not on the PATH, and ${variable} does not name it`);
}
