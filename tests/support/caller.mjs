/** An app that calls its API while it loads, without waiting for `start()`. */

/**
 * Its `state` shows the user and the outcome of the call.
 *
 * The browser may cache its files, as on a second visit, so that only the round trips of the flow are counted.
 * @param {object} [options]
 * @param {boolean} [options.warm] of the `api` entry
 * @param {boolean} [options.preload] whether metadata are fetched at each load
 * @returns {import('./stage.mjs').StageOptions}
 */
export function caller({ warm = false, preload = false } = {}) {
  return {
    headers: { 'cache-control': 'max-age=600' },
    scripts: {
      '/www/app.js': `
        import { createClient } from '../pkg/index.js';
        const config = await (await fetch('config.json')).json();
        const client = createClient({ ...config, scope: 'openid profile', api: [{ url: config.api[0], warm: ${warm} }] });
        const at = (id) => document.getElementById(id);
        at('sign-in').onclick = () => client.signIn();
        const started = client.start();
        const status = await client.fetch(config.api[0] + 'me').then((answer) => answer.status, (error) => error.code);
        const session = await started;
        ${preload ? 'if (!session) await client.preload();' : ''}
        at('state').textContent = (session ? 'Signed in as ' + session.sub : 'Signed out') + ', ' + status;
        at('sign-in').hidden = false;
        Object.assign(globalThis, { client, api: config.api[0] });
      `,
    },
  };
}
