/** The tables of `tests/cases`, and what must hold after a case that was played in a browser. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startHostile } from './hostile.mjs';
import { search } from './secrets.mjs';

/** An app for cases: it signs in on command, and shows the outcome. */
const APP = `
  import { createClient } from '../pkg/index.js';
  const born = [Object, Array, Function].map(({ prototype }) => Reflect.ownKeys(prototype).length).join();
  globalThis.prototypes = () => born === [Object, Array, Function].map(({ prototype }) => Reflect.ownKeys(prototype).length).join();
  addEventListener('unhandledrejection', ({ reason }) => told.rejections.push(String(reason)));
  const state = document.getElementById('state');
  const fail = (error) => {
    const { name, code, message, hint, retryable, retryAfter, oauth } = error;
    told.problem = { name, code, message, hint, retryable, retryAfter, oauth };
    state.textContent = 'Failed: ' + code;
  };
  globalThis.open = async (config) => {
    const told = (globalThis.told = { changes: [], rejections: [], problem: null, traces: [] });
    state.textContent = 'Starting';
    try {
      const client = (globalThis.client = createClient({ ...config, restore: 'none' }));
      client.addEventListener('change', ({ reason }) => told.changes.push(reason));
      client.addEventListener('trace', (event) => told.traces.push({ ...event }));
      globalThis.api = config.api[0];
      const session = await client.start();
      state.textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
    } catch (error) {
      fail(error);
    }
  };
  globalThis.signIn = () => {
    state.textContent = 'Signing in';
    client.signIn().catch(fail);
  };
  open(await (await fetch('config.json')).json());
`;

/** Options of a story that plays cases. */
export const HOSTILE = { provider: startHostile, scripts: { '/www/app.js': APP } };

/** The same for rows that the tests on the host play, too. */
export const ON_HOST = { ...HOSTILE, onHost: true };

/** @returns {{ kinds: string[], reason?: string, posts: string[] }} the row with this id */
export function row(id) {
  const [group] = id.split('-');
  const table = readFileSync(new URL(`../cases/${group.toLowerCase()}.md`, import.meta.url), 'utf8');
  const line = table.split('\n').find((text) => text.startsWith(`| ${id} |`));
  assert.ok(line, `${id} is in no table`);
  const cells = line.slice(2, -2).split(' | ');
  const words = (cell) => cell.split(/[ ,;]+/).filter((word) => word && word !== '-');
  const [, reason] = /\bid_token_invalid\(([^)]+)\)/.exec(cells[5]) ?? [];
  return { kinds: words(cells[4]), reason, posts: words(cells[6]) };
}

const WELL_KNOWN = '/.well-known/openid-configuration';

let clients = 0;

/**
 * A client that no earlier case has used, and so a separate vault. A signed-out page fetches the provider's metadata at
 * once.
 */
export async function fresh(stage, config = {}, change = {}) {
  const { site, provider, page } = stage;
  provider.change = change;
  provider.user = 'alice';
  clients += 1;
  site.settings.config = {
    issuer: provider.issuer,
    clientId: `spa-${clients}`,
    allowLoopbackHttp: true,
    api: [`${provider.issuer}/api/${clients}/`],
    scope: 'openid read',
    ...config,
  };
  if ((await page.url()) === site.url) await page.run('async (config) => void open(config)', site.settings.config);
  else await page.goto(site.url);
  return settled(stage);
}

/** Waits for an outcome: `ok`, `callback_ignored`, or the code of an error. */
export async function settled({ page }) {
  const text = await page.until(
    'an outcome',
    async () => {
      const state = await page.driver.executeScript(
        'const state = document.getElementById("state"); return state && state.textContent',
      );
      return /^(Signed (in as|out)|Failed: )/.test(state) && state;
    },
    20_000,
  );
  if (text.startsWith('Failed: ')) return text.slice('Failed: '.length);
  return text === 'Signed out' ? 'callback_ignored' : 'ok';
}

/**
 * Signs in, as far as the case allows. The page begins after it has replied: a driver reports no result of a script whose page is gone, and
 * the outcome of the sign-in before would then be taken for this one's.
 */
export async function signIn(stage, prepare = '') {
  await stage.page.run(`async () => {
    ${prepare};
    document.getElementById('state').textContent = 'Signing in';
    setTimeout(signIn, 50);
  }`);
  return settled(stage);
}

export async function signedIn(stage, config) {
  await fresh(stage, config);
  assert.equal(await signIn(stage), 'ok', 'a valid sign-in');
}

/** Begins an action whose outcome `late()` returns. */
export function begin({ page }, action) {
  return page.run(
    `async () => { const late = (${action})().then(() => 'ok', ({ code }) => code); globalThis.late = () => late; }`,
  );
}

export const late = ({ page }) => page.run('async () => late()');

/** The code with which a call fails, or `ok`. */
export function outcome(stage, action) {
  return stage.page.run(`async () => (${action})().then(() => 'ok', ({ code }) => code)`);
}

export const call = (stage) =>
  outcome(
    stage,
    `async () => { const { status } = await client.fetch(api + 'me'); if (status !== 200) throw { code: status }; }`,
  );

/**
 * One run: the change, a sign-in, and the checks of the row and of every case.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {string} id
 * @param {import('./hostile.mjs').Change} change
 * @param {object} [more]
 * @param {string} [more.kind] one of the row's kinds, if it has several
 * @param {string} [more.reason] for which an ID Token is refused, if not the row's
 * @param {() => Promise<unknown>} [more.before] what happens before the change
 * @param {string[]} [more.poison] texts that no message may contain
 * @param {string} [more.prepare] what the page does before it leaves
 * @param {object} [more.config] other options
 * @param {() => Promise<void>} [more.then] checks of this row only
 */
export async function play(stage, id, change, { kind, reason, before, poison = [], prepare, config, then } = {}) {
  const { kinds, posts, ...its } = row(id);
  const expected = kind ?? (kinds.length === 1 ? kinds[0] : assert.fail(`${id}: which of ${kinds}`));
  assert.ok(kinds.includes(expected), `${id}: ${expected} is not in the row`);
  const { provider, page, site } = stage;
  const first = await fresh(stage, config, change.metadata || change.instead?.[WELL_KNOWN] ? change : {});
  await before?.();
  const asked = provider.requests.length;
  provider.change = change;
  const became = first === 'callback_ignored' ? await signIn(stage, prepare) : first;
  assert.equal(
    became,
    expected === 'assert' ? 'ok' : expected,
    `${id}: ${JSON.stringify(await page.run('async () => told.problem'))}`,
  );
  const run = provider.requests.slice(asked);
  await check(stage, id, { posts, run, expected, reason: reason ?? its.reason, poison, change });
  await then?.(run);

  // A correct sign-in works directly afterwards.
  provider.change = {};
  if (!config && expected !== 'ok') {
    assert.equal(await outcome(stage, `async () => client.fetch(api + 'me')`), 'login_required', `${id}: NS`);
  }
  // A vault that outlives its page has fetched the changed keys, and does not fetch them again within a minute.
  if (config || change.keys) await fresh(stage);
  assert.equal(await signIn(stage), 'ok', `${id}: afterwards`);
  assert.equal(await call(stage), 'ok', `${id}: afterwards`);
  assert.equal(new URL(await page.url()).search, '', `${id}: the address bar is clean`);
  assert.ok((await page.url()).startsWith(site.origin), id);
}

async function check({ page, provider }, id, { posts, run, expected, reason, poison, change }) {
  const told = await page.run(
    'async () => ({ ...told, clean: prototypes(), session: globalThis.client ? client.session : null, kept: Object.entries({ ...localStorage, ...sessionStorage }).join() })',
  );
  const failed = expected !== 'ok' && expected !== 'assert';
  const { problem } = told;
  assert.deepEqual(told.rejections, [], `${id}: an unhandled rejection`);
  assert.ok(told.clean, `${id}: prototypes`);
  const words = JSON.stringify([problem, told.session, told.changes]);
  const secrets = [
    ...provider.issued.secrets(),
    ...label('code', provider.issued.codes),
    ...label('state', provider.issued.states),
  ];
  assert.deepEqual(search(secrets, [['the error', words]]), [], id);
  assert.deepEqual(
    search(
      secrets.filter(([kind]) => !posts.includes('TX1') || !/verifier|state/.test(kind)),
      [['storage', told.kept]],
    ),
    [],
    id,
  );
  if (!failed) return;
  assert.equal(problem.name, 'ValetKeyError', id);
  assert.equal(told.session, null, `${id}: half a session`);
  if (reason && expected === 'id_token_invalid')
    assert.equal(problem.message, `the ID Token is not acceptable: ${reason}`, id);
  for (const text of poison)
    assert.ok(!`${problem.message} ${problem.hint}`.includes(text), `${id}: RAW: ${problem.message}`);
  const reached = (place) => run.filter((one) => one.place === place).length;
  for (const post of posts) {
    if (post === 'NS') assert.deepEqual(told.changes, [], `${id}: NS`);
    if (post === 'NQ' && change.metadata && !change.callback) assert.equal(reached('/authorize'), 0, `${id}: NQ`);
    if (post === 'NQ') assert.equal(reached('/token'), 0, `${id}: NQ`);
    if (post === 'TX0') assert.doesNotMatch(told.kept, /valet-key:tx:/, `${id}: TX0`);
    if (post === 'TX1') assert.match(told.kept, /valet-key:tx:/, `${id}: TX1`);
    if (post === 'RETRY') assert.equal(problem.retryable, true, `${id}: RETRY`);
    if (post === 'FINAL') assert.equal(problem.retryable, false, `${id}: FINAL`);
    if (post === 'RQ1') assert.equal(reached('/token'), 1, `${id}: RQ1`);
    if (post === 'RAW') assert.ok(poison.length, `${id}: RAW: say which text`);
    if (post === 'VER') {
      const codes = new Set(provider.issued.codes);
      const elsewhere = run.filter(
        ({ form, query, place }) => place !== '/token' && (codes.has(form.code) || codes.has(query.get('code'))),
      );
      assert.deepEqual(elsewhere, [], `${id}: VER`);
    }
  }
}

const label = (name, set) => [...set].map((value) => [name, value]);
