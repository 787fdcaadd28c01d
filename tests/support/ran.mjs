/**
 * Records the stories that were played, one in a line, for the tables in `docs/engines.md`. The environment names the
 * file; without it nothing is recorded.
 */
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * A story that passed, failed, or was skipped.
 * @typedef {object} Ran
 * @property {string} file such as `call.test.mjs`
 * @property {string} name
 * @property {string} engine
 * @property {string} home
 * @property {number} [ms] how long it took
 * @property {string} [failed] the beginning of the error, in one line
 * @property {string} [version] of the engine
 * @property {string[]} [lacked] the abilities that were lacking
 * @property {string} [needs] what the driver lacks, if the story was skipped
 */

let file = basename(process.argv[1]);

/** From now on stories belong to this file. */
export function begin(path) {
  file = basename(path);
}

/** The file whose stories are being defined, for {@link writeDown}: they are played later. */
export function current() {
  return file;
}

/** @param {Ran} story */
export function writeDown(story) {
  const { VALET_KEY_RAN } = process.env;
  if (VALET_KEY_RAN) appendFileSync(VALET_KEY_RAN, `${JSON.stringify(story)}\n`);
}
