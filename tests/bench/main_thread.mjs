/**
 * The load on the page's own thread: bytes of script before a sign-in, and the longest task that runs the client's
 * scripts.
 */
import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { caller } from '../support/caller.mjs';
import { press, toConsent } from '../support/trips.mjs';
import { figure } from './figure.mjs';
import { onGround } from './ground.mjs';
import { traced } from './tracing.mjs';

const PKG = fileURLToPath(new URL('../../pkg/', import.meta.url));

/** The addresses of the client's scripts on the site. */
const OURS = /\/pkg\//;

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export const mainThread = () =>
  onGround(caller({ preload: true }), async (stage) => {
    const { page, site } = stage;
    await page.goto('about:blank');
    const longest = async (action) => longestOf(await traced(page.driver, action));
    const load = await longest(() => stage.visit());
    // The app calls while it loads, and the modules for a call are loaded for it.
    const asked = site.requests
      .map(({ path }) => path)
      .filter((path) => OURS.test(path) && !/^\/pkg\/(wasm\/|call\.js)/.test(path));

    const click = await longest(async () => {
      await press(stage, 'Sign in');
      await page.find('heading', 'Sign in');
    });
    await page.goto(site.url);
    await toConsent(stage);
    const callback = await longest(async () => {
      await stage.consent();
      await page.see('Signed in as alice, 200');
    });
    const many = await longest(() =>
      page.run(`async () => {
        for (let turn = 0; turn < 5; turn += 1) await Promise.all(Array.from({ length: 200 }, async () => (await client.fetch(api + 'me')).text()));
      }`),
    );
    const most = { unit: 'ms', promise: { most: 10 } };
    return [
      figure({
        figure: 'script of the page before a sign-in, brotli',
        unit: 'bytes',
        ours: await weight(asked),
        promise: { most: 4900 },
      }),
      figure({ figure: 'longest task of ours on the main thread: loading', ours: load, ...most }),
      figure({ figure: '… a click on “Sign in”', ours: click, ...most }),
      figure({ figure: '… the callback and a call', ours: callback, ...most }),
      figure({ figure: '… 200 calls at once', ours: many, ...most }),
    ];
  });

/** Bytes of the scripts that the page requested, in one file, minified and compressed. @param {string[]} asked */
async function weight(asked) {
  const { outputFiles } = await build({
    entryPoints: [`${PKG}index.js`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    write: false,
    external: ['*/worker.js'],
    plugins: [
      {
        name: 'nothing that was not asked for',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\// }, ({ path }) =>
            asked.includes(`/pkg/${path.slice(2)}`) ? undefined : { path, external: true },
          ),
      },
    ],
  });
  return brotliCompressSync(outputFiles[0].contents).length;
}

/**
 * The longest share of the client's scripts in one task of a main thread, in milliseconds of processor time, which
 * excludes other programs.
 * @param {object[]} events
 */
function longestOf(events) {
  const thread = ({ pid, tid }) => `${pid} ${tid}`;
  const main = new Set(
    events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(thread),
  );
  const spans = [...samples(events), ...compilations(events)].filter((span) => main.has(span.thread));
  const tasks = events.filter((event) => event.name === 'RunTask' && event.ph === 'X' && main.has(thread(event)));
  const shares = tasks.map((task) => {
    const end = task.ts + task.dur;
    const ours = spans
      .filter((span) => span.thread === thread(task))
      .reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, end) - Math.max(from, task.ts)), 0);
    return ours && (task.tdur * ours) / task.dur / 1000;
  });
  return Math.max(0, ...shares);
}

/** When a script of the client was on the stack, by V8's profiler: from each such sample to the next one. */
function samples(events) {
  const found = [];
  for (const profile of events.filter(({ name }) => name === 'Profile')) {
    const nodes = new Map();
    const isOurs = (id) => {
      const node = nodes.get(id);
      return Boolean(node) && (OURS.test(node.callFrame.url ?? '') || isOurs(node.parent));
    };
    let now = profile.args.data.startTime;
    let last;
    const chunks = events.filter(
      ({ name, id, pid }) => name === 'ProfileChunk' && id === profile.id && pid === profile.pid,
    );
    for (const { cpuProfile = {}, timeDeltas = [] } of chunks.map(({ args }) => args.data)) {
      for (const node of cpuProfile.nodes ?? []) nodes.set(node.id, node);
      for (const [index, id] of (cpuProfile.samples ?? []).entries()) {
        now += timeDeltas[index];
        if (last) last.to = now;
        last = isOurs(id) ? { thread: `${profile.pid} ${profile.tid}`, from: now, to: now } : undefined;
        if (last) found.push(last);
      }
    }
  }
  return found;
}

/** When a script of the client was compiled. */
function compilations(events) {
  return events
    .filter(
      ({ name, ph, args }) =>
        name === 'v8.compileModule' && ph === 'X' && OURS.test(args.fileName ?? args.data?.url ?? ''),
    )
    .map(({ pid, tid, ts, dur }) => ({ thread: `${pid} ${tid}`, from: ts, to: ts + dur }));
}
