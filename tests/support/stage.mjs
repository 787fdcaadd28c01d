/**
 * Everything that a page test needs: provider, API, site, a clean browser, and the steps that stories share.
 *
 * A story is played once in each engine, and in each home of tokens that it names:
 *
 *     story('a call gets a response', { homes: ['shared', 'dedicated', 'page'] }, async (stage) => {
 *       await stage.signIn();
 *       assert.equal(await stage.call('Me'), 200);
 *     });
 *
 * Where engines differ, the story names the ability, `{ differs: ['lasting'] }`, and says what happens without it.
 * `abilities.mjs` tests the engine for the ability, and describes it:
 *
 *     const trips = stage.lacks('lasting') ? 1 : 0;
 *
 * A story that only some drivers can drive says so, `{ needs: 'devTools' }`, and is skipped elsewhere. Functions that a
 * story runs in the page go through `page.run`: in Firefox the driver's own scripts have separate globals. `choice.mjs`
 * says which engines play a story.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NEEDS, lacking } from './abilities.mjs';
import { startApi } from './api.mjs';
import { borrowBrowser, closeIdle, openBrowser } from './browser.mjs';
import { TIMES, UNTIL, enginesFor } from './choice.mjs';
import { startProvider } from './provider.mjs';
import { current, writeDown } from './ran.mjs';
import { reachOf, search } from './secrets.mjs';
import { startSite } from './site.mjs';
import { PASSWORD } from './users.mjs';

/** @typedef {import('./abilities.mjs').Place} Place */

const PICTURES = fileURLToPath(new URL('../../target/e2e/', import.meta.url));

/** A file of the app of the stories. */
const ofApp = (name) => readFileSync(new URL(`../app/${name}`, import.meta.url), 'utf8');
const [APP, APP_SCRIPT] = [ofApp('index.html'), ofApp('app.js')];

after(closeIdle);

/**
 * A test with its own browser. At its end it searches the page for tokens, and if it fails it saves a screenshot.
 *
 * @param {string} name the title, a sentence
 * @param {StageOptions & Where} options
 * @param {(stage: Stage) => Promise<void>} play
 */
export function story(name, { homes, needs, differs, everyEngine, onHost, ...options }, play) {
  everywhere(name, { homes, needs, differs, everyEngine, onHost }, async (place) => {
    const stage = await Stage.open({ ...options, differs, ...place });
    try {
      await play(stage);
      assert.deepEqual(await stage.tokensFound(), [], 'no secret is in reach of the page');
      await stage.leave();
    } catch (error) {
      await stage.picture(`${name} ${place.engine} ${place.home}`).catch(() => {});
      throw new Error(`${error.message}\n\n${stage.asked()}`, { cause: error });
    } finally {
      await stage.close();
    }
    return stage;
  });
}

/**
 * @typedef {object} Where
 * @property {Place['home'][]} [homes] where tokens live: a shared worker, a worker of the tab, the page
 * @property {keyof NEEDS} [needs] what the driver must be able to do
 * @property {string[]} [differs] the abilities on which the story depends
 * @property {boolean} [everyEngine] whether all engines play it although it depends on no ability
 * @property {boolean} [onHost] whether the tests on the host play the same rows, so that one engine is enough
 */

/**
 * A test that opens its browsers itself, for each engine and home.
 *
 * @param {string} name
 * @param {Where} where
 * @param {(place: Place) => Promise<Stage | void>} play
 */
export function everywhere(name, { homes = ['shared'], needs, differs, everyEngine, onHost }, play) {
  const file = current();
  for (const engine of enginesFor(name, { differs: Boolean(needs || differs || everyEngine), onHost })) {
    for (const home of homes) {
      const place = { file, name, engine, home };
      const skip = needs && !NEEDS[needs].engines.includes(engine) && NEEDS[needs].reason;
      if (skip) writeDown({ ...place, needs });
      for (let time = 0; time < TIMES; time += 1) {
        test(`${name} (${home === 'shared' ? engine : `${engine}, ${home}`})`, {
          timeout: 120_000,
          skip,
        }, async (context) => {
          if (Date.now() > UNTIL) return context.skip('no time is left');
          const began = performance.now();
          const ms = () => Math.round(performance.now() - began);
          try {
            const stage = await play({ engine, home });
            writeDown({ ...place, ms: ms(), version: stage?.version, lacked: [...(stage?.lacked ?? [])] });
          } catch (error) {
            writeDown({ ...place, ms: ms(), failed: brief(error) });
            throw error;
          }
        });
      }
    }
  }
}

/** The beginning of an error, in one line. */
function brief(error) {
  return String(error).replace(/\s+/g, ' ').slice(0, 300);
}

/**
 * @typedef {object} StageOptions
 * @property {number} [accessTokenSeconds]
 * @property {boolean} [refreshTokens]
 * @property {boolean} [demo] whether the page is the demo instead of the app of the stories
 * @property {Parameters<typeof startSite>[0]['scripts']} [scripts] replacements of the page's own files
 * @property {{ page?: string, worker?: string }} [policies] other policies than the recommended
 * @property {Record<string, string>} [headers] of every file of the page
 * @property {string} [attack] a script of the attacker's, which runs before everything else
 * @property {object} [config] further members of the page's configuration
 * @property {number} [hostsAt] the port of all other hosts, see {@link openBrowser}
 * @property {string} [host] the host name of the page
 * @property {boolean} [restarts] whether the story closes the browser and opens it again, see {@link Stage.reopen}
 * @property {typeof startProvider} [provider] the provider, if not the default one
 * @property {string[]} [differs] the abilities on which the story depends
 * @property {boolean} [keeper] whether the site allows service workers
 * @property {object} [guard] further members of the guard's options; without it, the app has no guard
 */
export class Stage {
  /** The abilities on which the story depends, and whether they are lacking here. @type {Map<string, boolean>} */
  lacking = new Map();
  /** The lacking abilities that the story has asked about. @type {Set<string>} */
  lacked = new Set();

  /** @param {StageOptions & Partial<Place>} options */
  static async open({
    accessTokenSeconds,
    refreshTokens,
    demo = false,
    scripts,
    policies,
    headers,
    attack,
    config,
    hostsAt,
    host,
    restarts,
    provider = startProvider,
    differs = [],
    keeper = true,
    guard,
    home = 'shared',
    engine = 'chromium',
  } = {}) {
    const stage = new Stage();
    stage.place = { engine, home };
    const without = home === 'dedicated' ? '<script src="/without.js"></script>' : '';
    stage.site = await startSite({
      document: demo ? undefined : APP,
      before: `${without}${attack ? '<script src="/attack.js"></script>' : ''}<script src="/spy.js"></script>`,
      scripts: {
        '/without.js': 'delete globalThis.SharedWorker;',
        '/attack.js': attack ?? null,
        ...(demo ? {} : { '/www/app.js': APP_SCRIPT }),
        ...scripts,
      },
      host,
      policies,
      headers,
      tokensInPage: home === 'page',
      serviceWorkers: keeper,
    });
    const origins = [stage.site.origin];
    const redirectPath = guard && '/pkg/guard/callback.html';
    stage.provider = await provider({ origins, accessTokenSeconds, refreshTokens, redirectPath });
    stage.api = await startApi({ provider: stage.provider, origins });
    // A policy would treat the path of an issuer as the one page that is allowed.
    stage.site.settings.connect = [new URL(stage.provider.issuer).origin, stage.api.url];
    const client = {
      issuer: stage.provider.issuer,
      clientId: 'demo',
      api: [stage.api.url],
      allowLoopbackHttp: true,
    };
    if (guard) {
      stage.site.settings.pinned = { ...client, scope: 'openid profile photos notes:write', ...guard };
      stage.site.settings.config = { ...client, guard: '/pkg/guard/', ...config };
    } else stage.site.settings.config = { ...client, ...(home === 'page' && { tokens: 'page' }), ...config };
    stage.guarded = Boolean(guard);
    try {
      const isOwn = Boolean(hostsAt || restarts);
      stage.browser = isOwn ? await openBrowser({ engine, hostsAt, restarts }) : await borrowBrowser(engine);
      stage.version = await stage.browser.version();
      stage.keepsBrowser = !isOwn;
      for (const ability of differs) stage.lacking.set(ability, await lacking(ability, stage.place, stage.browser));
    } catch (error) {
      await stage.close();
      throw error;
    }
    stage.page = stage.browser.page;
    return stage;
  }

  /** Closes the browser, opens it again, and loads the page. @param {string} [hash] a fragment of its address */
  async reopen(hash = '') {
    await this.browser.restart();
    this.page = this.browser.page;
    await this.page.goto(this.site.url + hash);
    await this.page.see(/Signed (in|out)/);
  }

  /** Returns the browser for the next story. */
  async leave() {
    if (!this.keepsBrowser) return;
    await this.browser.leave(this.site.origin);
    this.browser = null;
  }

  async close() {
    await this.browser?.close();
    await Promise.all([this.site, this.provider, this.api].map((server) => server?.close()));
  }

  /** Whether this engine and home lack an ability, so that the story must take the fallback. */
  lacks(ability) {
    assert.ok(
      this.lacking.has(ability),
      `a story that depends on \`${ability}\` must name it: \`differs: ['${ability}']\``,
    );
    if (this.lacking.get(ability)) this.lacked.add(ability);
    return this.lacking.get(ability);
  }

  /** Opens the page and waits until it shows whether a user is signed in. */
  async visit(url = this.site.url) {
    await this.page.goto(url);
    await this.page.see(/Signed (in|out)/);
  }

  /**
   * Opens the page in another tab, which finds the session: returns the handles of the previous tab and of the new one.
   */
  async openBeside() {
    const first = await this.page.driver.getWindowHandle();
    const second = await this.browser.newTab();
    await this.page.goto(this.site.url);
    await this.page.see('Signed in as alice');
    return [first, second];
  }

  /**
   * From the page to the provider and back, signed in. Where the provider is the tests' own and the user refuses nothing, it shows no login
   * and no consent: each page costs a browser more than a redirect. {@link login} and {@link consent} are for stories that need them.
   *
   * @param {string} [user]
   * @param {object} [how]
   * @param {(string | RegExp)[]} [how.refuse] the scopes that the user refuses
   * @param {string} [how.at] the address of the page
   * @param {boolean} [how.shown] whether the provider shows its pages: otherwise WebKitGTK may keep the worker that the page had before,
   *   and its locks, see `docs/engines.md`
   */
  async signIn(user = 'alice', { refuse = [], at = this.site.url, shown = refuse.length > 0 } = {}) {
    const { settings } = this.provider;
    const isShort = !shown && settings?.agreeing === null;
    await this.visit(at);
    if (isShort) settings.agreeing = user;
    await this.page.click('button', 'Sign in');
    if (!isShort) {
      await this.login(user);
      await this.consent({ refuse });
    }
    await this.page.see(`Signed in as ${user}`);
    if (isShort) settings.agreeing = null;
  }

  /** From the page to a session whose access token has expired. The next token lasts. */
  async signInBriefly() {
    const { settings, issued } = this.provider;
    const lasting = settings.accessTokenSeconds;
    settings.accessTokenSeconds = 1;
    await this.signIn();
    settings.accessTokenSeconds = lasting;
    await sleep(Math.max(0, issued.lastAt + 1500 - Date.now()));
  }

  /** Logs in on the provider's page. */
  async login(user = 'alice') {
    const { page } = this;
    await page.find('heading', 'Sign in');
    await page.at(this.#provider);
    await page.put('User', user);
    await page.put('Password', PASSWORD);
    await page.click('button', 'Sign in');
  }

  /** Consents to the requested scopes, except the refused ones. */
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

  /** Waits until a silent sign-in has restored the session and is complete. */
  async restored(user = 'alice') {
    await this.page.see(`Signed in as ${user}`);
    await this.page.until('the end of the trip', async () => (await this.keys('sessionStorage')).length === 0);
  }

  /** Makes a call with a click, and returns the status that the page shows. */
  async call(button) {
    const before = this.api.requests.length;
    await this.page.click('button', button);
    await this.page.until(
      'an answer',
      async () => this.api.requests.length > before && /\b\d{3} (GET|POST) \//.test(await this.page.text()),
    );
    return Number(/\b(\d{3}) (?:GET|POST) \//.exec(await this.page.text())[1]);
  }

  /** All cookies of the host, which include the provider's: cookies do not distinguish ports. */
  async forgetAtProvider() {
    await this.page.driver.manage().deleteAllCookies();
  }

  /** The keys in a storage that belong to the package. */
  keys(storage) {
    return this.page.run(`async () => Object.keys(${storage}).filter((key) => key.startsWith('valet-key:'))`);
  }

  /** Every secret that a script of the page can find: `refresh token in localStorage`. */
  async tokensFound() {
    const { issued } = this.provider;
    // An app that takes its tokens into the page has them in its memory, where the page's own `fetch` sends them and
    // its own `crypto` hashes them (`at_hash`). They must not be anywhere else.
    const memory =
      this.place.home === 'page' ? /^(the spy \((message|json|text|body|request|header|crypto|kept)\)|globals)$/ : /^$/;
    // The ID Token of a session that has ended goes to the provider in the address of its sign-out page, and nowhere
    // else.
    // What the guard is told of a sign-in, as base64url, contains a time, and so does each token. What a page signs for a client
    // with a key contains the issuer and the client id, and so does an ID Token.
    // With `keep: 'device'`, it also stores them.
    const isKept = this.site.settings.config.keep === 'device';
    const reach = (await reachOf(this.browser, this.site)).map(([place, text]) => [
      isKept ? place.replace('(indexeddb)', '(kept)') : place,
      issued.signed
        .reduce((rest, signed) => rest.replaceAll(signed, ''), text)
        .replace(/id_token_hint=[\w.-]+/g, '')
        .replace(/(guard\/go\?|vk\.random\.)[\w-]+/g, ''),
    ]);
    const places = reach.filter(([place]) => !memory.test(place));
    const tokens = issued.secrets().filter(([label]) => label !== 'code verifier');
    // A sign-in by redirect leaves and returns through the page, so verifier and code pass the page, and are used
    // within one request. Neither may remain anywhere, and the verifier may not occur in an address or on the console.
    const passing = this.guarded
      ? /^$/
      : /^the spy \((message|storage|json|text|crypto|body|address|history|performance)\)$/;
    const staying = places.filter(([place]) => !passing.test(place));
    const shown = places.filter(([place]) => /^the spy \((address|history|performance|console|request)\)$/.test(place));
    const verifiers = [...issued.verifiers].map((value) => ['code verifier', value]);
    const codes = [...issued.codes].map((value) => ['authorization code', value]);
    // With a guard, no page knows anything of the requests that it makes.
    const inRequests = ({ state, code_challenge: challenge }) => [
      ['state', state.split('.')[1] ?? ''],
      ['challenge', challenge],
    ];
    const asked = [...issued.authorizations, ...issued.pushed].filter(({ state }) => state);
    const requested = this.guarded ? asked.flatMap(inRequests) : [];
    return [
      ...search(requested, places),
      ...search(tokens, places),
      ...search(verifiers, [...staying, ...shown]),
      // The navigation entry of the authorization response keeps its address until the page is left; and Chromium names
      // the address of a sandboxed frame in a warning, when the code is already used.
      ...search(
        codes,
        staying.filter(([place, text]) => place !== 'performance' && !text.includes('can escape its sandboxing')),
      ),
    ];
  }

  /** The requests that the servers received, in order, for the report of a failure. Queries are left out. */
  asked() {
    const list = ({ requests = [] }) =>
      requests
        .slice(-30)
        .map(({ method, path, status = '' }) => `\n  ${method} ${path} ${status}`)
        .join('');
    return `The provider was last asked:${list(this.provider)}\nThe API:${list(this.api)}`;
  }

  /** Saves what the page shows, if the browser can. */
  async picture(name) {
    if (!this.browser.makesPictures) return;
    await mkdir(PICTURES, { recursive: true });
    await this.page.shot(`${PICTURES}${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}.png`);
  }
}
