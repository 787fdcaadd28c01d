/** The programs of `tests/providers`. Each runs as long as its standard input is open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The Python that `cargo xtask` installs. The other languages are installed on the machine. */
const BUILT = fileURLToPath(new URL('../../target/python/bin/python', import.meta.url));

export const PYTHON = [process.env.PROVIDERS_PYTHON ?? BUILT, '-B']; // `-B` writes no files beside the sources

/**
 * Starts a program and waits for the port on which it listens.
 *
 * @param {string[]} program the command, its options, and the name of the file
 * @param {object} told the program's argument
 */
export async function startProgram(program, told) {
  const [command, ...options] = program;
  const file = fileURLToPath(new URL(`../providers/${options.pop()}`, import.meta.url));
  const child = spawn(command, [...options, file, JSON.stringify(told)]);
  const trouble = text(child.stderr);
  const over = once(child, 'exit').catch((cause) => {
    throw new Error(`${command} cannot be started; \`cargo xtask test e2e\` installs the providers`, {
      cause,
    });
  });
  const failed = over.then(async () => {
    throw new Error(`${file} did not start:\n${await trouble}`);
  });
  const lines = createInterface(child.stdout);
  const [port] = await Promise.race([once(lines, 'line'), failed]);
  return {
    port: Number(port),
    /** Sends it a command. */
    wish: (what) => {
      child.stdin.write(`${what}\n`);
      return Promise.race([once(lines, 'line'), failed]);
    },
    close: () => (child.stdin.end(), over),
  };
}
