/**
 * Measures the promises about speed: `run.mjs [--json] [NAME …]`.
 *
 * The client and native code take turns in one run, so that a busy machine affects both. A missed promise is reported
 * but is not a failure, because machines differ. Countable promises are also tests, in `tests/e2e`.
 */
import { cpus, loadavg } from 'node:os';
import { bound } from './bound.mjs';
import { calls } from './calls.mjs';
import { expiry } from './expiry.mjs';
import { table } from './figure.mjs';
import { guard } from './guard.mjs';
import { mainThread } from './main_thread.mjs';
import { stream } from './stream.mjs';
import { trips } from './trips.mjs';

const BENCHMARKS = { calls, bound, stream, 'main-thread': mainThread, trips, expiry, guard };

const given = process.argv.slice(2);
const asJson = given.includes('--json');
const names = given.filter((argument) => argument !== '--json');
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown) {
  console.error(`there is no benchmark \`${unknown}\`; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}

const result = { cores: cpus().length, load: [], figures: [] };
for (const name of names.length ? names : Object.keys(BENCHMARKS)) {
  console.error(`bench: ${name} …`);
  const load = loadavg()[0];
  result.load.push(load);
  for (const figure of await BENCHMARKS[name]()) result.figures.push({ benchmark: name, ...figure });
}
const missed = result.figures.filter(({ kept }) => kept === false);
if (asJson) console.log(JSON.stringify(result, null, 2));
else {
  console.log(table(result.figures));
  const load = Math.max(...result.load).toFixed(1);
  console.log(
    `\n${result.cores} cores, load ${load} at most as a benchmark began: ratios and differences count, not milliseconds.`,
  );
  console.log(
    missed.length ? `${missed.length} missed: ${missed.map(({ figure }) => figure).join('; ')}` : 'All promises kept.',
  );
}
