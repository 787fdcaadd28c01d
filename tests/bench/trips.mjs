/** Round trips from the redirect page to the first response of an API, compared with minimal code that does the same. */
import { caller } from '../support/caller.mjs';
import { beforeNavigation, callbackTrips, reloadTrips, toConsent } from '../support/trips.mjs';
import { figure } from './figure.mjs';
import { onGround } from './ground.mjs';
import { MINIMAL, TRIP, wayBack } from './way_back.mjs';

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export async function trips() {
  const before = await onGround(caller({ preload: true }), async (stage) => {
    await stage.visit();
    return (await beforeNavigation(stage)).length;
  });
  const counted = async (options, { reload = false } = {}) =>
    onGround(options, async (stage) => {
      await toConsent(stage);
      const there = await callbackTrips(stage);
      await stage.page.see('Signed in as alice');
      const again = reload ? await reloadTrips(stage) : [];
      return {
        there: there.length,
        again: again.length,
        provider: again.flat().filter((name) => name.startsWith('provider')).length,
      };
    });
  const native = await counted(MINIMAL);
  const plain = await counted(caller(), { reload: true });
  const warm = await counted(caller({ warm: true }));
  const took = await wayBack({ native: MINIMAL, plain: caller(), warm: caller({ warm: true }) });
  const against = { unit: 'ms', native: took.native, by: 'ratio' };
  return [
    figure({
      figure: 'requests between a click and the way to the provider',
      unit: '',
      ours: before,
      promise: { most: 0 },
    }),
    figure({
      figure: 'trips from the callback to an answer of the API',
      unit: '',
      ours: plain.there,
      native: native.there,
      promise: { most: 4 },
    }),
    figure({
      figure: '… where the API is warm',
      unit: '',
      ours: warm.there,
      native: native.there,
      promise: { most: 3 },
    }),
    figure({ figure: `… in time, with trips of ${TRIP} ms`, ours: took.plain, ...against }),
    figure({ figure: '… in time, where the API is warm', ours: took.warm, ...against }),
    figure({
      figure: 'trips from a reload of the only tab to an answer',
      unit: '',
      ours: plain.again,
      promise: { most: 2 },
    }),
    figure({ figure: '… of them to the provider', unit: '', ours: plain.provider, promise: { most: 0 } }),
  ];
}
