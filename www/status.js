/** Who is signed in, and what can be done now. */
import { byId, element } from './element.js';

/** What needs a key. */
const NEEDS_SESSION = '#doors button, #refresh, #revoke, #theft-run';

/** @param {import('../pkg/index.d.ts').Session | null} session @param {import('./settings.js').Settings} settings */
export function showSession(session, { issuer }) {
  byId('state').textContent = session ? `Signed in as ${nameOf(session)}` : 'Signed out';
  byId('state').className = session ? 'state in' : 'state';
  byId('at-provider').replaceChildren(
    `at ${(session?.issuer || issuer || '').replace(/^https?:\/\//, '')} · `,
    element('a', { href: '#provider' }, 'use another'),
  );
  for (const id of ['sign-out', 'ask-again']) byId(id).hidden = !session;
  byId('sign-in').hidden = Boolean(session);
  byId('calls-why').hidden = Boolean(session);
  byId('calls-how').hidden = !session;
  for (const button of document.querySelectorAll(NEEDS_SESSION)) button.disabled = !session;
  for (const door of document.querySelectorAll('[data-scope]')) mark(door, session);
}

/** Says of a door whether the key opens it. */
function mark(door, session) {
  const { scope } = door.dataset;
  const opens = !scope || session?.scope.split(' ').includes(scope);
  door.textContent = [
    scope ? `needs ${scope}` : 'any key',
    session && (opens ? 'this key opens it' : 'this key does not open it: try it'),
  ]
    .filter(Boolean)
    .join(' · ');
  door.classList.toggle('shut', Boolean(session) && !opens);
}

/** @param {import('../pkg/index.d.ts').Session} session */
export function nameOf({ claims, sub }) {
  return String(claims.preferred_username ?? claims.name ?? sub) || 'somebody';
}
