/** The readings of `hostile.rs`: in a WebAssembly module here, or in a program that reads commands line by line. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** The lengths at which a reading is measured, as multiples of its shortest text: three doublings. */
export const LENGTHS = [1, 2, 4, 8];

/**
 * The maximum cost of a doubling. A cost in proportion to the length gives 2, with the logarithm of sorting little
 * more.
 */
export const MOST = 2.6;

/** @param {number[]} costs at `LENGTHS` @returns {number[]} what each doubling costs */
export const ratios = (costs) => costs.slice(1).map((cost, place) => cost / costs[place]);

/**
 * @typedef {{ name: string, least: number }} Reading `least`: the bytes of the shortest text
 *
 * @typedef {object} Place
 * @property {Reading[]} readings
 * @property {(reading: number, length: number) => Promise<number>} make makes the text and returns its bytes
 * @property {(times: number) => Promise<number>} read reads it so many times, and returns the cost
 */

/** @param {boolean} isAsExpected */
function expected(isAsExpected) {
  if (!isAsExpected) throw new Error('the text was refused too early, or taken: this shows nothing');
}

/** @param {string} list a line for each reading @returns {Reading[]} */
const parsed = (list) =>
  list
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, least, name] = /** @type {RegExpExecArray} */ (/^(\d+) (.*)$/.exec(line));
      return { name, least: Number(least) };
    });

/**
 * A module. A cost is in milliseconds, or in steps if the module counts them.
 * @param {string} file @returns {Promise<Place & { list: string }>}
 */
export async function inModule(file) {
  const module = await WebAssembly.compile(await readFile(file));
  // The module contains the whole core, whose imports are not called.
  /** @type {Record<string, Record<string, () => void>>} */
  const host = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (host[from] ??= {})[name] = () => expected(false);
  const { exports } = new WebAssembly.Instance(module, host);
  const { memory, list: makeList, text, make, read, steps } = /** @type {any} */ (exports);
  const now = () => (steps ? Number(steps.value) : performance.now());
  const length = makeList();
  const list = new TextDecoder().decode(new Uint8Array(memory.buffer, text(), length));
  return {
    list,
    readings: parsed(list),
    make: async (reading, length) => make(reading, length),
    read: async (times) => {
      const begun = now();
      const isAsExpected = read(times);
      const cost = now() - begun;
      expected(isAsExpected);
      return cost;
    },
  };
}

/**
 * A program that prints its list, and a line for each line of its input. A cost is in milliseconds of processor time if
 * the system reports it, which excludes other programs; otherwise it is the elapsed time.
 * @param {string} program @param {string[]} args @returns {Promise<Place & { end: () => void }>}
 */
export async function inProgram(program, args = []) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} has ended`);
    return value;
  };
  const ask = (...words) => {
    child.stdin.write(`${words.join(' ')}\n`);
    return next();
  };
  const spent = async () => {
    const told = await readFile(`/proc/${child.pid}/schedstat`, 'utf8').catch(() => undefined);
    return told && Number(told.split(' ')[0]) / 1e6;
  };
  let list = '';
  for (let line = await next(); line; line = await next()) list += `${line}\n`;
  return {
    readings: parsed(list),
    make: async (reading, length) => Number(await ask('make', reading, length)),
    read: async (times) => {
      const before = await spent();
      const [passed, isAsExpected] = (await ask('read', times)).split(' ');
      const after = await spent();
      expected(isAsExpected === 'true');
      return after === undefined ? Number(passed) : after - before;
    },
    end: () => child.stdin.end(),
  };
}
