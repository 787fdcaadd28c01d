/**
 * Which engines play a story. All that were chosen play what matters most: the rows of `tests/cases` of priority P0, and
 * what is not alike everywhere. The first of them plays the rest. `VALET_KEY_ENGINES=firefox,webkit` chooses, and with
 * `VALET_KEY_EVERYWHERE=1` each plays everything.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { ENGINES } from './engines.mjs';

const CHOSEN = process.env.VALET_KEY_ENGINES?.split(',').map((name) => name.trim()) ?? Object.keys(ENGINES);
const EVERYWHERE = process.env.VALET_KEY_EVERYWHERE === '1';

/** The moment, in milliseconds since 1970, from which on no story begins any more. */
export const UNTIL = Number(process.env.VALET_KEY_UNTIL ?? Infinity);

/** How often each story is played: one that fails by chance shows it where it is played often. */
export const TIMES = Number(process.env.VALET_KEY_TIMES ?? 1);

const CASES = new URL('../cases/', import.meta.url);

/** The ids of the rows of priority P0. */
const GRAVE = new Set(
  readdirSync(CASES).flatMap((name) =>
    [...readFileSync(new URL(name, CASES), 'utf8').matchAll(/^\| ([A-Z]+-\d{2}) \| P0 \|/gm)].map(([, id]) => id),
  ),
);

/** Whether a title says that a story plays a row of priority P0: `RT-05 P0: …`, or `IDT P0: …` for rows of a group. */
export function isGrave(title) {
  const [subject] = title.split(':');
  return / P0\b/.test(subject) || title.split(/[ :,]/).some((word) => GRAVE.has(word));
}

/**
 * @param {string} title
 * @param {object} story
 * @param {boolean} story.differs whether it is not alike in all engines
 */
export function enginesFor(title, { differs }) {
  return EVERYWHERE || differs || isGrave(title) ? CHOSEN : CHOSEN.slice(0, 1);
}
