/** A script that enters the page after the library has loaded, and an app for it to attack. */
import { readFileSync } from 'node:fs';
import { app } from './app.mjs';
import { startHostile } from './hostile.mjs';
import { startStranger } from './stranger.mjs';

/** The abilities of the script, in a file that the page imports. */
export const ATTACKER = { '/attacker.js': readFileSync(new URL('attacker.js', import.meta.url), 'utf8') };

/**
 * Options of a story whose page a script attacks. The provider asks the user nothing, so that each way to sign in takes
 * one click.
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

/** Goes to the provider with a click, and waits until the page has returned and knows whether the user is signed in. */
export async function thereAndBack({ page }) {
  await page.run('async () => void (globalThis.isLeaving = true)');
  await page.click('button', 'Sign in');
  await page.until('the page to be back', () =>
    page.run('async () => !globalThis.isLeaving && globalThis.isStarted === true').catch(() => false),
  );
}

/** Runs a function in the page as the script would; its first argument is what {@link ATTACKER} exports. */
export const attack = ({ page }, action, ...args) =>
  page.run(`async (...args) => (${action})(await import('/attacker.js'), ...args)`, ...args);

/** The outcome of an action of the app with its client: `ok`, or the code of an error. */
export const outcome = ({ page }, action) =>
  page.run(
    `async () => Promise.resolve(${action}).then((result) => result?.status ?? result?.sub ?? 'ok', ({ code }) => code)`,
  );

/** A call of the app, and a UserInfo request. */
export const call = (stage) => outcome(stage, "client.fetch(api + 'me')");
export const userinfo = (stage) => outcome(stage, 'client.userinfo()');

/**
 * Plays with a server of the attacker's that the worker's policy allows, so that only the client itself can prevent a
 * leak.
 */
export async function withStranger(stage, play) {
  const stranger = await startStranger();
  stage.site.settings.connect.push(stranger.url);
  try {
    await play(stranger);
  } finally {
    await stranger.close();
  }
}

/** First lines of the requests that reached the attacker's server, or a trap address of the page's own origin. */
export const strayed = ({ site }, stranger) => [
  ...stranger.taken.map((text) => text.split('\n')[0].replace(/[?].*/, '')),
  ...site.requests.filter(({ path }) => path.startsWith('/trap/')).map(({ method, path }) => `${method} ${path}`),
];
