/** The chosen step in full: what it means, what it carried, how long it took, and where it is specified. */
import { byId, element } from './element.js';
import { ROLES, addressOf, capitalized, spell, wordsFor } from './words.js';

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});

const OUTCOMES = { sent: 'sent', ok: 'accepted', refused: 'refused', failed: 'failed' };

/** Why the value of a parameter is not shown. */
const NOT_SHOWN = {
  code: 'not shown: it counts once, and is useless without the verifier',
  code_challenge: 'not shown: the hash of the verifier',
  code_verifier: 'not shown: the page’s own secret, made for this sign-in',
  state: 'not shown: a random value that must come back unchanged',
  nonce: 'not shown: a random value that must return in the ID token',
};

/** @param {import('./grouping.js').Step} step @param {number} number @param {() => void} onClose */
export function detailsOf(step, number, onClose) {
  const { title, sentence } = wordsFor(step);
  const close = element('button', { type: 'button', class: 'close', 'aria-label': 'Close the step' }, '×');
  close.addEventListener('click', onClose);
  const address = step.spec && addressOf(step.spec);
  return element(
    'div',
    { class: 'step-details', id: 'step-details' },
    close,
    element(
      'div',
      { 'aria-live': 'polite' },
      element('h3', {}, `${number}. ${capitalized(title)}`),
      element('p', { class: 'way' }, ...wayOf(step)),
      element('p', { class: 'sentence' }, sentence),
    ),
    element('dl', { class: 'facts' }, ...facts(step)),
    ...parameters(step),
    address &&
      element('p', { class: 'spec' }, element('a', { href: address, target: '_blank', rel: 'noopener' }, step.spec)),
  );
}

/** Shows them beside the picture, or inside the list where that is all there is. */
export function place(details, holder) {
  byId('step-details')?.remove();
  byId('resting').hidden = Boolean(details) && holder === byId('details');
  if (details) holder.append(details);
}

function wayOf({ from, to, navigates }) {
  const [one, other] = [ROLES[from], ROLES[to]];
  if (from === to) return [`${capitalized(one.name)}, by itself`, element('small', {}, one.term)];
  const through = navigates ? ', through your browser' : '';
  return [`${capitalized(one.name)} → ${other.name}${through}`, element('small', {}, `${one.term} → ${other.term}`)];
}

function facts({ time, duration, method, url, status, outcome, reason, count }) {
  const rows = [
    ['When', time && clock.format(time)],
    ['Took', duration !== undefined && spell(duration)],
    ['Address', url && [method, url].filter(Boolean).join(' ')],
    ['Status', status && String(status)],
    ['Outcome', outcome && [OUTCOMES[outcome] ?? outcome, reason].filter(Boolean).join(': ')],
    ['Times', count > 1 && String(count)],
  ];
  return rows
    .filter(([, value]) => value)
    .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)));
}

function parameters({ parameters }) {
  const entries = Object.entries(parameters);
  if (!entries.length) return [];
  return [
    element('h4', {}, 'What it carries'),
    element(
      'dl',
      { class: 'parameters' },
      ...entries.map(([name, value]) =>
        element(
          'div',
          {},
          element('dt', {}, element('code', {}, name)),
          value === null
            ? element('dd', { class: 'secret' }, NOT_SHOWN[name] ?? 'not shown: secret')
            : element('dd', {}, element('code', {}, String(value))),
        ),
      ),
    ),
  ];
}
