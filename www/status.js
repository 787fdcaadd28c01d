/** Who is signed in, with what, and for how long. */
import { byId, element } from './element.js';

let expiresAt = null;
let lifetime = 0;

/** @param {import('../pkg/index.d.ts').Session | null} session @param {string} asked */
export function showSession(session, asked) {
  byId('state').textContent = session ? `Signed in as ${nameOf(session)}` : 'Signed out';
  byId('state').className = session ? 'state in' : 'state';
  byId('facts').hidden = !session;
  for (const id of ['refresh', 'sign-out', 'ask-again']) byId(id).hidden = !session;
  byId('sign-in').hidden = Boolean(session);
  if (!session) return;

  const { claims, sub, issuer, scope } = session;
  byId('user').textContent = [claims.name, sub].filter(Boolean).join(' · ') || 'The provider does not say.';
  byId('issuer').textContent = issuer;

  const granted = scope.split(' ').filter(Boolean);
  const refused = asked.split(' ').filter((one) => one && !granted.includes(one));
  byId('granted').replaceChildren(
    ...granted.map((one) => element('li', {}, one)),
    ...refused.map((one) =>
      element(
        'li',
        { class: 'refused' },
        element('del', {}, one),
        element('span', { class: 'unseen' }, ' (not granted)'),
      ),
    ),
  );

  if (session.expiresAt !== expiresAt) lifetime = session.expiresAt - Date.now();
  expiresAt = session.expiresAt;
  tick();
}

/** @param {import('../pkg/index.d.ts').Session} session */
export function nameOf({ claims, sub }) {
  return String(claims.preferred_username ?? claims.name ?? sub) || 'somebody';
}

function tick() {
  const bar = byId('life');
  bar.hidden = expiresAt === null;
  if (expiresAt === null) {
    byId('left').textContent = 'The provider does not say how long it lasts.';
    return;
  }
  const left = Math.max(0, expiresAt - Date.now());
  bar.value = lifetime > 0 ? left / lifetime : 0;
  byId('left').textContent = left ? `${spell(left)} left` : 'over: the next call gets a new one';
}

function spell(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, '0')} s` : `${seconds} s`;
}

setInterval(() => byId('facts').hidden || tick(), 500);
