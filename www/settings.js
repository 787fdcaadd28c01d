/**
 * Which provider, which client, which API, what to ask for. Kept for the tab, so that it is still there after the trip
 * to the provider; there is no secret in it.
 */

const KEY = 'demo:settings';

/** What the demo's own provider offers. */
export const OFFERED = ['openid', 'profile', 'email', 'photos', 'notes:read', 'notes:write', 'offline_access'];

/** What those let the page do, where the scope itself does not say it. @type {Record<string, string>} */
export const MEANINGS = {
  openid: 'who you are',
  profile: 'your name',
  email: 'your e-mail',
  'notes:read': 'read notes',
  'notes:write': 'write notes',
  offline_access: 'stay signed in',
};

/** Not everything, so that there is something to be refused. */
export const ASKED = 'openid profile email photos notes:read';

/**
 * @typedef {object} Settings
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} scope what to ask for
 * @property {string[]} api
 * @property {string[]} offered the scopes to choose from
 * @property {boolean} [allowLoopbackHttp]
 * @property {'worker' | 'page'} [tokens] where they live
 * @property {string} [guard] the folder of the guard
 * @property {string} [workerUrl] the file of the worker, if it is not the package's
 * @property {string} [wasmUrl]
 * @property {{ clientId: string }} [unguarded] the client of the demo's own provider that has no guard
 * @property {boolean} own whether this is the demo's own provider
 */

/** @returns {Promise<Settings | null>} `null` where the page is served without a provider of its own */
export async function readSettings() {
  const kept = keptSettings();
  if (kept) return kept;
  const response = await fetch('config.json');
  if (!response.ok) return null;
  return { scope: ASKED, ...(await response.json()), offered: OFFERED, own: true };
}

/** What this tab has kept, if it can be settings. @returns {Settings | undefined} */
function keptSettings() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    const texts = [kept?.issuer, kept?.clientId, kept?.scope];
    if (texts.every((text) => typeof text === 'string') && [kept.api, kept.offered].every(Array.isArray)) return kept;
  } catch {} // not JSON
}

/** @param {Settings} settings */
export function keepSettings(settings) {
  sessionStorage.setItem(KEY, JSON.stringify(settings));
}

export function forgetSettings() {
  sessionStorage.removeItem(KEY);
}

/** @param {FormData} form @returns {Settings} */
export function settingsFrom(form) {
  const words = (name) => String(form.get(name)).trim().split(/\s+/).filter(Boolean);
  const issuer = String(form.get('issuer')).trim();
  return {
    issuer,
    clientId: String(form.get('clientId')).trim(),
    scope: words('scope').join(' '),
    api: words('api'),
    offered: words('scope'),
    allowLoopbackHttp: issuer.startsWith('http:'),
    own: false,
  };
}

/** What the client takes of the settings. @param {Settings} settings */
export function optionsOf({ issuer, clientId, scope, api, allowLoopbackHttp, tokens, guard, workerUrl, wasmUrl }) {
  return { issuer, clientId, scope, api, allowLoopbackHttp, tokens, guard, workerUrl, wasmUrl };
}
