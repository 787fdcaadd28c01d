/** The keys: a card for each token, with what it opens and how long; never the token. */
import { byId, element } from './element.js';
import { holdingOf } from './holding.js';

/** What each key is, whether or not there is one. */
const KEYS = {
  access: {
    title: 'Access token',
    is: 'The valet key. The worker shows it to the API, for the page, with each call.',
  },
  refresh: {
    title: 'Refresh token',
    is: 'With it, the worker orders the next valet key. Only the provider takes it.',
  },
  id: {
    title: 'ID token',
    is: 'A signed statement of who you are. It opens nothing.',
  },
};

let tick = () => {};
setInterval(() => tick(), 500);

/**
 * @param {import('../pkg/index.d.ts').Session | null} session
 * @param {import('./grouping.js').Step[]} steps
 * @param {string} asked
 */
export function showKeys(session, steps, asked) {
  tick = () => {};
  byId('key-cards').replaceChildren(
    ...(session ? cards(session, holdingOf(session, steps, asked)) : Object.keys(KEYS).map((kind) => card(kind))),
  );
  tick();
}

/** @param {import('./holding.js').Holding} holding */
function cards(session, holding) {
  const { opens, declined, tokenType, canRefresh, resources } = holding;
  return [
    card('access', [
      ['Opens', scopes(opens, declined)],
      ['Lasts', countdown(session, holding)],
      ['Then', afterwards(canRefresh)],
      ['If copied', copied(tokenType)],
      resources.length > 0 && ['Only for', resources.join(', ')],
    ]),
    card(
      'refresh',
      canRefresh === false
        ? [['Opens', 'You have none: the provider issued no refresh token.']]
        : [
            ['Opens', 'Nothing at the API. The worker trades it for a new access token; you need not sign in again.'],
            ['Lasts', 'Until you sign out, or until the provider ends it. The provider does not say when.'],
            ['If copied', copied(tokenType)],
          ],
    ),
    card(
      'id',
      session.sub
        ? [
            ['Says', [session.claims.name, session.sub, session.claims.email].filter(Boolean).join(' · ')],
            ['Signed by', session.issuer],
            session.authTime && ['You proved it', new Date(session.authTime * 1000).toLocaleTimeString()],
            ['Kept in', 'The worker. The page is told only the lines above.'],
          ]
        : [['Says', 'You have none: this is plain OAuth 2, which does not say who you are.']],
    ),
  ];
}

function card(kind, rows) {
  const { title, is } = KEYS[kind];
  return element(
    'article',
    { class: rows ? 'card key' : 'card key none', 'aria-labelledby': `key-${kind}` },
    element('h3', { id: `key-${kind}` }, title),
    element('p', { class: 'is' }, is),
    element(
      'dl',
      { class: 'facts' },
      ...(rows ?? [['Now', 'You have none.']])
        .filter(Boolean)
        .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    ),
  );
}

function scopes(opens, declined) {
  return element(
    'ul',
    { class: 'scopes' },
    ...opens.map((scope) => element('li', {}, scope)),
    ...declined.map((scope) =>
      element(
        'li',
        { class: 'refused' },
        element('del', {}, scope),
        element('span', { class: 'unseen' }, ' (not granted)'),
      ),
    ),
  );
}

function copied(tokenType) {
  if (tokenType === undefined) return 'No step of this tab tells.';
  return /^dpop$/i.test(tokenType)
    ? 'A copy is of no use: it is bound to a key of this browser (DPoP).'
    : `A copy would work for anyone (${tokenType}). So the worker gives none away.`;
}

/** What becomes of an access token that has expired. @param {boolean | undefined} canRefresh */
function afterwards(canRefresh) {
  const refused = 'The API refuses it.';
  if (canRefresh === undefined) return refused;
  return canRefresh
    ? `${refused} The next call gets a new one with the refresh token, without asking you.`
    : `${refused} You sign in again.`;
}

function countdown({ expiresAt }, { lifetime }) {
  if (expiresAt === null) return 'The provider does not say how long.';
  const whole = lifetime === undefined ? expiresAt - Date.now() : lifetime * 1000;
  const bar = element('progress', { 'aria-label': 'Time left', max: '1', value: '0' });
  const left = element('span', { role: 'timer' });
  tick = () => {
    const rest = Math.max(0, expiresAt - Date.now());
    bar.value = whole > 0 ? Math.min(1, rest / whole) : 0;
    left.textContent = rest ? `${spell(rest)} left` : 'Expired';
  };
  return element('div', {}, bar, left);
}

function spell(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, '0')} s` : `${seconds} s`;
}
