/** An app that hides nothing: every script of the page can reach its client. */

/** Options of a story whose page is that app. The native `fetch` of the page may call every server on this machine. */
export const OPEN = {
  policies: {
    page: "default-src 'self' http://localhost:* https://*; script-src 'self' 'wasm-unsafe-eval'; img-src data:",
  },
  scripts: {
    '/www/app.js': `
      import { createClient, ValetKeyError } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const make = (more) => createClient({ ...config, scope: 'openid profile photos notes:write', ...more });
      const client = make();
      Object.assign(globalThis, { client, make, config, ValetKeyError, api: config.api[0] });
      if (location.hash === '#sign-out') await client.signOut({ everywhere: false });
      const session = await client.start();
      document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
  },
};

/** The policy of a page that lets a script of the attacker's start workers and frames of every kind. */
export const PERMISSIVE = [
  "default-src 'self' http://localhost:*",
  "script-src 'self' 'unsafe-inline' blob: data:",
  "worker-src 'self' blob: data:",
  "frame-src 'self' http://localhost:* blob: data:",
  'img-src data:',
].join('; ');

/**
 * Adds an API to the list, so that the next page that is loaded may call it.
 * @param {import('./stage.mjs').Stage} stage @param {string} url
 */
export function list(stage, url) {
  const { settings } = stage.site;
  settings.connect.push(new URL('/', url).href);
  settings.config = { ...settings.config, api: [...settings.config.api, url] };
}

/**
 * Runs `client.fetch` in the page and returns the outcome: a status, or the code of an error.
 * @param {import('./stage.mjs').Stage} stage @param {string} expression the arguments, as the page writes them
 */
export function codeOf(stage, expression) {
  return stage.page.run(`async () => {
    try {
      const response = await client.fetch(${expression});
      return String(response.status);
    } catch (error) {
      return error instanceof ValetKeyError ? error.code : 'not ours: ' + error;
    }
  }`);
}
