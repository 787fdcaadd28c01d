/**
 * Which engines play a story.
 *
 * All chosen engines play the rows of `tests/cases` of priority P0, and the stories that depend on the engine. The
 * first of them plays the remaining stories, and those whose rows the tests on the host play, too: what they show is decided in Rust. `VALET_KEY_ENGINES=firefox,webkit` chooses engines, and with
 * `VALET_KEY_EVERYWHERE=1` each of them plays everything.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { ENGINES } from './engines.mjs';

const CHOSEN = process.env.VALET_KEY_ENGINES?.split(',').map((name) => name.trim()) ?? Object.keys(ENGINES);
const EVERYWHERE = process.env.VALET_KEY_EVERYWHERE === '1';

/** The time, in milliseconds since 1970, after which no further story begins. */
export const UNTIL = Number(process.env.VALET_KEY_UNTIL ?? Infinity);

/** How often each story is played: repetition reveals a story that fails at random. */
export const TIMES = Number(process.env.VALET_KEY_TIMES ?? 1);

const CASES = new URL('../cases/', import.meta.url);

/** The ids of the rows of priority P0. */
const GRAVE = new Set(
  readdirSync(CASES).flatMap((name) =>
    [...readFileSync(new URL(name, CASES), 'utf8').matchAll(/^\| ([A-Z]+-\d{2}) \| P0 \|/gm)].map(([, id]) => id),
  ),
);

/** Whether a title names a row of priority P0: `RT-05 P0: …`, or `IDT P0: …` for rows of a group. */
export function isGrave(title) {
  const [subject] = title.split(':');
  return / P0\b/.test(subject) || title.split(/[ :,]/).some((word) => GRAVE.has(word));
}

/**
 * @param {string} title
 * @param {object} story
 * @param {boolean} story.differs whether the story depends on the engine
 * @param {boolean} [story.onHost] whether the tests on the host play the same rows
 */
export function enginesFor(title, { differs, onHost = false }) {
  return EVERYWHERE || differs || (isGrave(title) && !onHost) ? CHOSEN : CHOSEN.slice(0, 1);
}
