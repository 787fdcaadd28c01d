#!/usr/bin/env node
/** The command `valet-key`: finds the file of a subcommand by its name, and prints what it returns. */
import { Mistake, expect } from './mistake.js';

/** What to print, and whether the exit code tells of a failure. @typedef {{ text: string, failed: boolean }} Told */

/** @type {Record<string, () => Promise<{ USAGE: string, run: (parameters: string[]) => Promise<string | Told> }>>} */
const COMMANDS = {
  copy: () => import('./copy.js'),
  doctor: () => import('./doctor.js'),
  document: () => import('./document.js'),
};

const usages = async () => {
  const all = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return all.map(({ USAGE }) => USAGE).join('\n\n\n');
};

/** @param {string[]} parameters @returns {Promise<string | Told>} */
async function run([name, ...parameters]) {
  const isKnown = Object.hasOwn(COMMANDS, name ?? '');
  const asksForHelp = [name, ...parameters].some((one) => one === '--help' || one === '-h');
  if (!isKnown) {
    expect(asksForHelp, await usages());
    return usages();
  }
  const command = await COMMANDS[name]();
  return asksForHelp ? command.USAGE : command.run(parameters);
}

try {
  const told = await run(process.argv.slice(2));
  const { text, failed } = typeof told === 'string' ? { text: told, failed: false } : told;
  console.log(text);
  if (failed) process.exitCode = 1;
} catch (error) {
  const isExpected = error instanceof Mistake || error?.syscall || /^ERR_PARSE_ARGS/.test(error?.code);
  console.error(isExpected ? error.message : error);
  process.exitCode = 1;
}
