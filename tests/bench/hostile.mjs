/**
 * Measures how the cost of foreign text grows with its length: `hostile.mjs [--json] PROGRAM MODULE`.
 *
 * Each reading of `hostile.rs` is timed with four lengths, each twice the one before, and repeated until the shortest
 * takes more than 5 ms. The fastest of several rounds counts, because other programs can only add time. It fails if a
 * doubling costs more than `MOST` times as much.
 */
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { LENGTHS, MOST, inProgram, ratios } from './readings.mjs';

/** The minimum of milliseconds for the shortest text. */
const LEAST = 5;

/** How often each length is timed. */
const ROUNDS = 3;

/**
 * If a doubling seems to cost too much, more rounds show whether a busy machine was the cause: for this many
 * milliseconds.
 */
const PATIENCE = 10_000;

const asJson = process.argv.includes('--json');
const [program, module] = process.argv.slice(2).filter((argument) => argument !== '--json');
const places = {
  native: await inProgram(program),
  wasm: await inProgram(process.execPath, [fileURLToPath(new URL('module.mjs', import.meta.url)), module]),
};

/**
 * @typedef {{ bytes: number, times: number, milliseconds: number[], ratios: number[], kept: boolean }} Measured
 * @param {import('./readings.mjs').Place} place @param {number} reading @returns {Promise<Measured>}
 */
async function measure(place, reading) {
  const { least } = place.readings[reading];
  let times = await repetitions(place, reading, least);
  let bytes = 0;
  /** @type {number[]} */
  let milliseconds = [];
  const begun = performance.now();
  const isInDoubt = () => Math.max(...ratios(milliseconds)) > MOST && performance.now() - begun < PATIENCE;
  for (let round = 0; round < ROUNDS || isInDoubt(); round += 1) {
    for (const [length, multiple] of LENGTHS.entries()) {
      bytes = await place.make(reading, least * multiple);
      milliseconds[length] = Math.min(milliseconds[length] ?? Infinity, await place.read(times));
    }
    if (milliseconds[0] < LEAST) {
      // A busy moment made the first estimate wrong.
      times = Math.ceil((times * LEAST * 1.3) / milliseconds[0]);
      milliseconds = [];
      round = -1;
    }
  }
  const found = ratios(milliseconds);
  return { bytes, times, milliseconds, ratios: found, kept: Math.max(...found) <= MOST };
}

/** How often the shortest text is read. */
async function repetitions(place, reading, least) {
  await place.make(reading, least);
  let times = 1;
  for (;;) {
    const milliseconds = await place.read(times);
    if (milliseconds >= LEAST * 1.3) return times;
    times = Math.ceil(times * Math.min(8, Math.max(1.2, (LEAST * 1.5) / milliseconds)));
  }
}

const rows = [];
for (const [reading, { name }] of places.native.readings.entries()) {
  const row = { reading: name };
  for (const [place, host] of Object.entries(places)) row[place] = await measure(host, reading);
  rows.push(row);
  console.error(`bench: ${name}`);
}
for (const place of Object.values(places)) place.end();

const shown = ({ bytes, times, milliseconds, ratios }) => [
  (milliseconds.at(-1) / times).toFixed(2),
  ((milliseconds.at(-1) / times / bytes) * 1e6).toFixed(1),
  ratios.map((ratio) => ratio.toFixed(2)).join(' '),
];
const missed = rows.filter((row) => Object.keys(places).some((place) => !row[place].kept));
if (asJson) console.log(JSON.stringify({ cores: cpus().length, load: loadavg()[0], most: MOST, rows }, null, 2));
else {
  const head = [
    'reader: text',
    'longest, bytes',
    'native, ms',
    'ns a byte',
    'per doubling, ×',
    'wasm, ms',
    'ns a byte',
    'per doubling, ×',
  ];
  const body = rows.map((row) => [
    row.reading,
    row.native.bytes.toLocaleString('en'),
    ...shown(row.native),
    ...shown(row.wasm),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => '-'.repeat(width + 1) + (column ? ':' : '-')).join('|')}|`;
  console.log([line(head), rule, ...body.map(line)].join('\n'));
  console.log(
    `\n${cpus().length} cores, load ${loadavg()[0].toFixed(1)} at the end: what a doubling costs counts, not milliseconds.`,
  );
  console.log(
    missed.length
      ? `More than × ${MOST} for a doubling: ${missed.map(({ reading }) => reading).join('; ')}`
      : `No doubling costs more than × ${MOST}.`,
  );
}
if (missed.length) process.exitCode = 1;
