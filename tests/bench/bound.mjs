/** What a proof of possession costs a call: two clients of one page take turns, one with bound tokens, one without. */
import { startProvider } from '../support/provider.mjs';
import { figure, median } from './figure.mjs';
import { onGround } from './ground.mjs';

const TURNS = 500;

/** The page's own client, whose tokens are bound, and another one. The user is known to the provider after the first sign-in. */
const APP = {
  '/www/app.js': `
    import { createClient } from '../pkg/index.js';
    const config = await (await fetch('config.json')).json();
    const options = { ...config, scope: 'openid profile', restore: 'vault' };
    const bound = createClient({ ...options, dpop: 'required' });
    const plain = createClient({ ...options, dpop: 'off' });
    const at = (id) => document.getElementById(id);
    const session = await bound.start();
    const show = (text) => (at('state').textContent = text);
    at('sign-in').onclick = () =>
      session ? plain.signIn({ mode: 'popup' }).then(() => show('Signed in twice')) : bound.signIn();
    show(session ? 'Signed in as ' + session.sub : 'Signed out');
    at('sign-in').hidden = false;
    Object.assign(globalThis, { bound, plain, api: config.api[0] });
  `,
};

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export const bound = () =>
  onGround({ scripts: APP, provider: (options) => startProvider({ ...options, bound: 'offered' }) }, async (stage) => {
    await stage.signIn();
    await stage.page.click('button', 'Sign in');
    await stage.page.see('Signed in twice');
    const pairs = await stage.page.run(
      `async (count) => {
        const time = async (client) => {
          const start = performance.now();
          await (await client.fetch(api + 'me')).text();
          return performance.now() - start;
        };
        const pairs = [];
        for (let turn = -100; turn < count; turn += 1) {
          const pair = turn % 2 ? [await time(bound), await time(plain)] : [await time(plain), await time(bound)].reverse();
          if (turn >= 0) pairs.push(pair);
        }
        return pairs;
      }`,
      TURNS,
    );
    return [
      figure({
        figure: 'one call after the other with bound tokens (native: without)',
        unit: 'ms',
        ours: median(pairs.map(([ours]) => ours)),
        native: median(pairs.map(([, native]) => native)),
        by: 'difference',
        compared: median(pairs.map(([ours, native]) => ours - native)),
        promise: { most: 1 },
      }),
    ];
  });
