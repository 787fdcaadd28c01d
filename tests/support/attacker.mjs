/** A script of the attacker's that gets into the page after the library is loaded, and an app for it to attack. */
import { readFileSync } from 'node:fs';
import { app } from './app.mjs';
import { startHostile } from './hostile.mjs';
import { startStranger } from './stranger.mjs';

/** What the script can do, in a file for the page to import. */
const ATTACKER = { '/attacker.js': readFileSync(new URL('attacker.js', import.meta.url), 'utf8') };

/**
 * Options of a story whose page a script attacks. The provider asks no user anything, so that each way to sign in takes one
 * click.
 *
 * @param {string} [client] further options of the app's client, as source
 */
export const attacked = (client = '') => ({
  provider: startHostile,
  scripts: {
    ...ATTACKER,
    ...app({
      client,
      buttons: { Popup: "client.signIn({ mode: 'popup' })", Silent: "client.signIn({ mode: 'silent' })" },
      exposed: true,
    }),
  },
});

/** Opens the app with a client that the vault does not know yet. */
export async function visit(stage, clientId = 'demo') {
  const { issuer } = stage.provider;
  stage.site.settings.config = { issuer, clientId, allowLoopbackHttp: true, api: [`${issuer}/api/`] };
  await stage.visit();
}

/** Leaves for the provider with a click, and waits until the page is back and knows whether the user is signed in. */
export async function thereAndBack({ page }) {
  await page.run('async () => void (globalThis.isLeaving = true)');
  await page.click('button', 'Sign in');
  await page.until('the page to be back', () =>
    page.run('async () => !globalThis.isLeaving && globalThis.isStarted === true').catch(() => false),
  );
}

/** Runs a function in the page as the script would; what {@link ATTACKER} exports is its first argument. */
export const attack = ({ page }, action, ...args) =>
  page.run(`async (...args) => (${action})(await import('/attacker.js'), ...args)`, ...args);

/** What became of something that the app does with its client: `ok`, or the code of an error. */
export const outcome = ({ page }, action) =>
  page.run(
    `async () => Promise.resolve(${action}).then((result) => result?.status ?? result?.sub ?? 'ok', ({ code }) => code)`,
  );

/** A call of the app, and a question about the user. */
export const call = (stage) => outcome(stage, "client.fetch(api + 'me')");
export const userinfo = (stage) => outcome(stage, 'client.userinfo()');

/** Plays with a server of the attacker's, which the worker's policy lets through: what holds is the client alone. */
export async function withStranger(stage, play) {
  const stranger = await startStranger();
  stage.site.settings.connect.push(stranger.url);
  try {
    await play(stranger);
  } finally {
    await stranger.close();
  }
}

/** First lines of the requests that reached the attacker's server, or an address of the page's own origin that is a trap. */
export const strayed = ({ site }, stranger) => [
  ...stranger.taken.map((text) => text.split('\n')[0].replace(/[?].*/, '')),
  ...site.requests.filter(({ path }) => path.startsWith('/trap/')).map(({ method, path }) => `${method} ${path}`),
];
