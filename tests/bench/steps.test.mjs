/**
 * Measures how the cost of foreign text grows with its length, without a clock: the readings of `hostile.rs` in a
 * module that counts each call, each iteration of a loop and each byte that is copied. `cargo xtask test costs` makes
 * it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LENGTHS, MOST, inModule, ratios } from './readings.mjs';

const MODULE = process.env.COUNTING_MODULE;
const { readings } = await inModule(MODULE);

for (const [reading, { name, least }] of readings.entries()) {
  test(`a text of twice the length takes at most ${MOST} times the steps: ${name}`, async () => {
    const place = await inModule(MODULE); // a trap ends the instance
    /** @type {number[]} */
    const steps = [];
    for (const multiple of LENGTHS) {
      const bytes = await place.make(reading, least * multiple);
      assert.ok(Math.abs(bytes / (least * multiple) - 1) < 0.05, `${bytes} bytes, not ${least * multiple}`);
      steps.push(await place.read(1));
      assert.ok(steps[0] > 1000, `${steps[0]} steps: the reader is not counted`);
      // Checked at once: a quadratic reading of the longest text would take minutes.
      assert.ok(
        Math.max(0, ...ratios(steps)) <= MOST,
        `${steps.join(', ')} steps, × ${ratios(steps)
          .map((ratio) => ratio.toFixed(2))
          .join(', × ')}`,
      );
    }
  });
}
