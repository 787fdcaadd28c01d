/** All that a page test needs: provider, API, site and a fresh browser, and the steps that every story takes. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startApi } from './api.mjs';
import { openBrowser } from './browser.mjs';
import { startProvider } from './provider.mjs';
import { reachOf, search } from './secrets.mjs';
import { startSite } from './site.mjs';
import { PASSWORD } from './users.mjs';

const PICTURES = fileURLToPath(new URL('../../target/e2e/', import.meta.url));

/**
 * A test in a browser of its own. It ends by looking for tokens, and leaves a picture behind if it fails.
 *
 * @param {string} name a sentence
 * @param {StageOptions} options
 * @param {(stage: Stage) => Promise<void>} play
 */
export function story(name, options, play) {
  test(name, { timeout: 120_000 }, async () => {
    const stage = await Stage.open(options);
    try {
      await play(stage);
      assert.deepEqual(await stage.tokensFound(), [], 'nothing secret is in reach of the page');
    } catch (error) {
      await stage.picture(name).catch(() => {});
      throw error;
    } finally {
      await stage.close();
    }
  });
}

/**
 * @typedef {object} StageOptions
 * @property {number} [accessTokenSeconds]
 * @property {boolean} [refreshTokens]
 * @property {Record<string, string | null>} [scripts] what is served in the place of the page's own files
 * @property {{ page?: string, worker?: string }} [policies] other policies than the recommended
 * @property {object} [config] what the page's configuration says besides
 * @property {'dedicated'} [home] a browser without shared workers
 * @property {typeof startProvider} [provider] another one than the honest
 */
export class Stage {
  /** @param {StageOptions} options */
  static async open({ accessTokenSeconds, refreshTokens, scripts, policies, config, home, provider = startProvider } = {}) {
    const stage = new Stage();
    const without = home === 'dedicated' ? '<script src="/without.js"></script>' : '';
    stage.site = await startSite({
      before: `${without}<script src="/spy.js"></script>`,
      scripts: { '/without.js': 'delete globalThis.SharedWorker;', ...scripts },
      policies,
    });
    const origins = [stage.site.origin];
    stage.provider = await provider({ origins, accessTokenSeconds, refreshTokens });
    stage.api = await startApi({ issuer: stage.provider.issuer, origins });
    stage.site.settings.connect = [stage.provider.issuer, stage.api.url];
    stage.site.settings.config = {
      issuer: stage.provider.issuer,
      clientId: 'demo',
      api: [stage.api.url],
      allowLoopbackHttp: true,
      ...config,
    };
    try {
      stage.browser = await openBrowser();
    } catch (error) {
      await stage.close();
      throw error;
    }
    stage.page = stage.browser.page;
    return stage;
  }

  async close() {
    await this.browser?.close();
    await Promise.all([this.site, this.provider, this.api].map((server) => server?.close()));
  }

  /** Opens the page and waits until it knows whether somebody is signed in. */
  async visit() {
    await this.page.goto(this.site.url);
    await this.page.see(/Signed (in|out)/);
  }

  /** From the page through login and consent, back to the page. */
  async signIn(user = 'alice', { refuse = [] } = {}) {
    await this.visit();
    await this.page.click('button', 'Sign in');
    await this.login(user);
    await this.consent({ refuse });
    await this.page.see(`Signed in as ${user}`);
  }

  /** Says who one is, on the provider's page. */
  async login(user = 'alice') {
    const { page } = this;
    await page.find('heading', 'Sign in');
    await page.at(this.#provider);
    await page.fill('User', user);
    await page.fill('Password', PASSWORD);
    await page.click('button', 'Sign in');
  }

  /** Allows what is asked for, except what is refused. */
  async consent({ refuse = [] } = {}) {
    const { page } = this;
    await page.find('heading', 'Allow access?');
    for (const scope of refuse) await page.check(scope, false);
    await page.click('button', 'Allow');
  }

  async deny() {
    await this.page.find('heading', 'Allow access?');
    await this.page.click('button', 'Deny');
  }

  get #provider() {
    return new RegExp(`^${this.provider.issuer}/`);
  }

  /** A call with a click, and the status the page shows for it. */
  async call(button) {
    const before = this.api.requests.length;
    await this.page.click('button', button);
    await this.page.until('an answer', async () => this.api.requests.length > before && /\b\d{3} (GET|POST) \//.test(await this.page.text()));
    return Number(/\b(\d{3}) (?:GET|POST) \//.exec(await this.page.text())[1]);
  }

  /** All cookies of the host, which is the provider's, too: cookies know no ports. */
  async forgetAtProvider() {
    await this.page.driver.manage().deleteAllCookies();
  }

  /** Keys of a storage that belong to the package. */
  keys(storage) {
    return this.page.run(`async () => Object.keys(${storage}).filter((key) => key.startsWith('valet-key:'))`);
  }

  /** Every secret that a script of the page can find: `refresh token in localStorage`. */
  async tokensFound() {
    const { issued } = this.provider;
    const places = await reachOf(this.browser, this.site);
    const tokens = issued.secrets().filter(([label]) => label !== 'code verifier');
    // A redirect leaves through the page and comes back through it, so verifier and code pass it on their way, spent
    // within one request. Neither may stay anywhere, nor may the verifier show in an address or on the console.
    const passing = /^the spy \((message|storage|json|text|crypto|body|address|history|performance)\)$/;
    const staying = places.filter(([place]) => !passing.test(place));
    const shown = places.filter(([place]) => /^the spy \((address|history|performance|console|request)\)$/.test(place));
    const verifiers = [...issued.verifiers].map((value) => ['code verifier', value]);
    const codes = [...issued.codes].map((value) => ['authorization code', value]);
    return [
      ...search(tokens, places),
      ...search(verifiers, [...staying, ...shown]),
      // The navigation entry of the callback itself keeps its address until the page is left.
      ...search(codes, staying.filter(([place]) => place !== 'performance')),
    ];
  }

  async picture(name) {
    await mkdir(PICTURES, { recursive: true });
    await this.page.shot(`${PICTURES}${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}.png`);
  }
}
