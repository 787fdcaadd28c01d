/** The throughput of a long response. */
import { figure, median } from './figure.mjs';
import { onGround } from './ground.mjs';

const OCTETS = 100_000_000;
const TURNS = 6;

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export const stream = () =>
  onGround({}, async (stage) => {
    await stage.signIn();
    const pairs = await stage.page.run(
      `async (octets, turns) => {
      const url = api + 'octets/' + octets;
      const native = () => fetch(url, { headers: { authorization: 'Bearer fixed' } });
      const ours = () => client.fetch(url);
      /** Megabytes in a second. */
      const rate = async (call) => {
        const start = performance.now();
        let length = 0;
        for await (const chunk of (await call()).body) length += chunk.length;
        if (length !== octets) throw new Error(length + ' octets of ' + octets);
        return octets / 1000 / (performance.now() - start);
      };
      const pairs = [];
      for (let turn = 0; turn < turns; turn += 1) {
        pairs.push(turn % 2 ? [await rate(ours), await rate(native)] : [await rate(native), await rate(ours)].reverse());
      }
      return pairs;
    }`,
      OCTETS,
      TURNS,
    );
    return [
      figure({
        figure: 'an answer of 100 MB, read as it comes',
        unit: 'MB/s',
        ours: median(pairs.map(([ours]) => ours)),
        native: median(pairs.map(([, native]) => native)),
        by: 'ratio',
        compared: median(pairs.map(([ours, native]) => ours / native)),
        promise: { least: 0.7 },
      }),
    ];
  });
