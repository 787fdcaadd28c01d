/** The log of what happened, newest first. */
import { byId, element } from './element.js';

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/**
 * @param {string} text
 * @param {{ took?: number, kind?: 'good' | 'bad' }} [more]
 */
export function note(text, { took, kind } = {}) {
  const now = new Date();
  byId('journal').prepend(
    element(
      'li',
      kind ? { class: kind } : {},
      element('time', { datetime: now.toISOString() }, clock.format(now)),
      element('span', {}, text),
      took !== undefined && element('span', { class: 'took' }, `${took < 10 ? took.toFixed(1) : Math.round(took)} ms`),
    ),
  );
}
