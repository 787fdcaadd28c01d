/**
 * What the guard costs and saves, in each engine of `VALET_KEY_ENGINES`: the way back from the provider, the first sign-in of a
 * browser, calls, and memory. “Native” in these figures is the same app without a guard, or minimal code where the row says so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { caller } from '../support/caller.mjs';
import { isTold, memoryOf } from '../support/footprint.mjs';
import { pathOf } from '../support/loopback.mjs';
import { press } from '../support/trips.mjs';
import { figure, median } from './figure.mjs';
import { onGround } from './ground.mjs';
import { MINIMAL, TRIP, wayBack } from './way_back.mjs';

const TURNS = 7;

/** Calls of each measurement. */
const CALLS = 200;

const PLAIN = caller();
const GUARDED = { ...caller(), guard: { scope: 'openid profile' } };

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export async function guard() {
  const engines = process.env.VALET_KEY_ENGINES?.split(',') ?? ['chromium'];
  const found = [];
  for (const engine of engines) found.push(...(await inEngine(engine)));
  return found;
}

/** @param {string} engine */
async function inEngine(engine) {
  const back = await wayBack({ native: MINIMAL, plain: PLAIN, guarded: GUARDED }, engine);
  const first = await inTurns(engine, (stage) => departures(stage));
  const calls = await callsInTurns(engine);
  const memory = isTold && engine !== 'webkit' ? await inTurns(engine, memoryOfSignIn) : undefined;
  const row = (what, ours, native, unit = 'ms', by = 'ratio') =>
    figure({ figure: `${engine}: ${what}`, unit, ours, native, by });
  return [
    row(`way back, trips of ${TRIP} ms, with minimal code as native`, back.guarded, back.native),
    row('… without a guard, with minimal code as native', back.plain, back.native),
    row('first click on “Sign in” until the provider is asked', first.guarded[0], first.plain[0], 'ms', 'difference'),
    row('… the next one', first.guarded[1], first.plain[1], 'ms', 'difference'),
    row('one call after the other, each', calls.guarded, calls.plain),
    ...(memory
      ? [row('memory of the browser with a user signed in', memory.guarded[0], memory.plain[0], 'MB', 'difference')]
      : []),
  ];
}

/**
 * The medians of what an app tells with a guard and without, in turns.
 * @param {string} engine @param {(stage: import('../support/stage.mjs').Stage) => Promise<number[]>} measure
 */
async function inTurns(engine, measure) {
  const found = { plain: [], guarded: [] };
  for (let turn = 0; turn <= TURNS; turn += 1) {
    const kinds = [
      ['plain', PLAIN],
      ['guarded', GUARDED],
    ];
    for (const [name, options] of turn % 2 ? kinds : kinds.toReversed()) {
      const figures = await onGround({ ...options, engine }, measure);
      if (turn) found[name].push(figures);
    }
  }
  const medians = (/** @type {number[][]} */ rows) =>
    rows[0].map((_, column) => median(rows.map((row) => row[column])));
  return { plain: medians(found.plain), guarded: medians(found.guarded) };
}

/** Milliseconds from a click to the authorization request: in a browser that does not know the site, and then in one that does. */
async function departures(stage) {
  const { server } = stage.provider;
  const taken = [];
  for (let round = 0; round < 2; round += 1) {
    await stage.visit();
    const asked = new Promise((resolve) => {
      const hear = (request) => {
        if (pathOf(request) !== '/auth') return;
        server.off('request', hear);
        resolve(performance.now());
      };
      server.on('request', hear);
    });
    const clicked = performance.now();
    await press(stage, 'Sign in');
    taken.push((await asked) - clicked);
    await stage.page.find('heading', 'Sign in');
  }
  return taken;
}

/** Both apps at the same time, in two browsers, which measure in turns. @param {string} engine */
const callsInTurns = (engine) =>
  onGround({ ...PLAIN, engine }, (plain) =>
    onGround({ ...GUARDED, engine }, async (guarded) => {
      const found = { plain: [], guarded: [] };
      for (const stage of [plain, guarded]) await stage.signIn();
      for (let turn = 0; turn <= TURNS; turn += 1) {
        const kinds = Object.entries({ plain, guarded });
        for (const [name, stage] of turn % 2 ? kinds : kinds.toReversed()) {
          const time = await stage.page.run(
            `async (count) => {
              const took = [];
              for (let turn = 0; turn < count; turn += 1) {
                const begun = performance.now();
                await (await client.fetch(api + 'me')).text();
                took.push(performance.now() - begun);
              }
              return took.reduce((sum, ms) => sum + ms, 0) / count;
            }`,
            CALLS,
          );
          if (turn) found[name].push(time);
        }
      }
      return { plain: median(found.plain), guarded: median(found.guarded) };
    }),
  );

/** @param {import('../support/stage.mjs').Stage} stage */
async function memoryOfSignIn(stage) {
  await stage.signIn();
  await sleep(3000); // what the start needed is given back
  return [await memoryOf(stage.browser)];
}
