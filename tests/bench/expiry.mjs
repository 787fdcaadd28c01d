/** Four tabs with a hundred calls each, at the moment when the access token expires. */
import { crowd } from '../support/crowd.mjs';
import { figure } from './figure.mjs';
import { onGround } from './ground.mjs';

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export const expiry = () =>
  onGround({ accessTokenSeconds: 5 }, async (stage) => {
    await stage.signIn();
    const { refreshes, answers, alive } = await crowd(stage, { tabs: 4, calls: 100, next: 20 });
    return [
      figure({
        figure: '4 tabs × 100 calls at an expired token: refreshes',
        unit: '',
        ours: refreshes,
        promise: { most: 1 },
      }),
      figure({ figure: '… calls answered', unit: '', ours: answers, promise: { least: 400 } }),
      figure({ figure: '… tabs alive at the next expiry', unit: '', ours: alive, promise: { least: 4 } }),
    ];
  });
