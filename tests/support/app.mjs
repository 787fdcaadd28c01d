/** A small app in place of the demo, whose buttons name what they call. */

/** A page that does nothing except open itself in another tab; it changes no address. */
export const IDLE = {
  '/www/app.js': `
    const again = document.createElement('button');
    again.textContent = 'Again';
    again.onclick = () => open(location.href);
    document.body.prepend('Idle ', again);
  `,
};

/**
 * @param {object} options
 * @param {string} [options.client] further options of `createClient`, as source
 * @param {Record<string, string>} [options.buttons] by name: what to do with `client`, as source of an expression
 * @param {string} [options.then] what to do when `start()` has returned, with `session`
 * @param {boolean} [options.exposed] whether every script finds `client` and the address of the `api`, before anything is shown
 * @returns {Record<string, string>} what {@link import('./stage.mjs').story} takes as `scripts`
 */
export function app({ client = '', buttons = {}, then = '', exposed = false } = {}) {
  const actions = Object.entries(buttons).map(([name, action]) => `button(${JSON.stringify(name)}, () => ${action});`);
  return {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('/www/config.json')).json();
      const client = createClient({ ...config, scope: 'openid profile', ${client} });
      ${exposed ? 'Object.assign(globalThis, { client, api: config.api[0] });' : ''}
      const at = (id) => document.getElementById(id);
      const told = document.createElement('p');
      document.body.prepend(told);
      const show = (session) => (at('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out');
      const tell = (what) => (told.textContent = 'Told: ' + what);
      const button = (name, action) => {
        const element = document.createElement('button');
        element.textContent = name;
        element.onclick = () => action().then((result) => tell(result?.sub ?? result?.status ?? result), (error) => tell(error.code ?? error.name));
        document.body.prepend(element);
      };
      globalThis.events = [];
      for (const type of ['change', 'trace'])
        client.addEventListener(type, ({ reason, step, home, outcome, confirmed, exchange }) => {
          if (!exchange) events.push([reason ?? step, home ?? outcome ?? confirmed]);
        });
      client.addEventListener('change', (event) => show(event.session));
      ${actions.join('\n      ')}
      at('sign-in').hidden = false;
      at('sign-in').onclick = () => client.signIn();
      const started = await client.start().catch((error) => {
        tell(error.code);
        globalThis.failure = error;
      });
      const session = started ?? client.session;
      show(session);
      ${then}
      globalThis.isStarted = true;
    `,
  };
}
