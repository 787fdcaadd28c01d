/** The time of the test provider. `advance` makes everything older that exists, and changes no time stamp of what is issued later. */

import { configError } from '../errors.js';

export class Clock {
  #read;
  /** By how many seconds everything was made older so far. */
  #advanced = 0;

  /** @param {() => number} read milliseconds since 1970 */
  constructor(read) {
    this.#read = read;
  }

  /** The time for claims and responses, in seconds since 1970. */
  now() {
    return Math.floor(this.#read() / 1000);
  }

  /** A reading from which {@link age} can be told later. */
  mark() {
    return this.#read() / 1000 + this.#advanced;
  }

  /** How old something is, in seconds, that was made at a mark. @param {number} mark */
  age(mark) {
    return this.mark() - mark;
  }

  /** When something happened that was made at a mark, for claims. @param {number} mark */
  timeOf(mark) {
    return Math.floor(this.#read() / 1000 - this.age(mark));
  }

  /** @param {number} seconds */
  advance(seconds) {
    if (!(seconds >= 0))
      throw configError(
        '`advance`: not a number of seconds',
        'Pass a positive number; the clock does not go backwards.',
      );
    this.#advanced += seconds;
  }
}
