/** What ran, line by line, for the table in `docs/engines.md`. The file is named by the environment; without it nothing is kept. */
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * A story that passed, or was skipped.
 * @typedef {object} Ran
 * @property {string} file such as `call.test.mjs`
 * @property {string} name
 * @property {string} engine
 * @property {string} home
 * @property {string} [version] of the engine
 * @property {string[]} [lacked] the abilities that it did without
 * @property {string} [needs] what the driver lacks, if it was skipped
 */

/** @param {Omit<Ran, 'file'>} story */
export function writeDown(story) {
  const { VALET_KEY_RAN } = process.env;
  if (VALET_KEY_RAN) appendFileSync(VALET_KEY_RAN, `${JSON.stringify({ file: basename(process.argv[1]), ...story })}\n`);
}
