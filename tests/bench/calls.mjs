/** The cost of an authorised call, compared with the page's own `fetch` and a fixed header. */
import { figure, median } from './figure.mjs';
import { onGround } from './ground.mjs';

/** In the page: a call of either kind, and its duration in milliseconds. Responses are read to their end. */
const CALLS = `
  const native = async () => (await fetch(api + 'me', { headers: { authorization: 'Bearer fixed' } })).text();
  const ours = async () => (await client.fetch(api + 'me')).text();
  const time = async (work) => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  /** Both, the first one first in every second turn. */
  const turns = async (count, one, other) => {
    const pairs = [];
    for (let turn = 0; turn < count; turn += 1) {
      pairs.push(turn % 2 ? [await time(one), await time(other)] : [await time(other), await time(one)].reverse());
    }
    return pairs;
  };`;

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export const calls = () =>
  onGround({}, async (stage) => {
    await stage.signIn();
    const measure = (count, atOnce) =>
      stage.page.run(
        `async (count, atOnce) => {
        ${CALLS}
        const many = (call) => () => Promise.all(Array.from({ length: atOnce }, call));
        await turns(Math.ceil(count / 5), many(ours), many(native));
        return turns(count, many(ours), many(native));
      }`,
        count,
        atOnce,
      );
    const single = await measure(500, 1);
    const many = await measure(20, 200);
    const of = (pairs, read) => median(pairs.map(read));
    return [
      figure({
        figure: 'one call after the other, each',
        unit: 'ms',
        ours: of(single, ([ours]) => ours),
        native: of(single, ([, native]) => native),
        by: 'difference',
        compared: of(single, ([ours, native]) => ours - native),
        promise: { most: 0.5 },
      }),
      figure({
        figure: '200 calls at once, all',
        unit: 'ms',
        ours: of(many, ([ours]) => ours),
        native: of(many, ([, native]) => native),
        by: 'ratio',
        compared: of(many, ([ours, native]) => ours / native),
        promise: { most: 1.2 },
      }),
    ];
  });
