/** An error, for a person: what happened, what to do, and what the provider said. */
import { byId, element } from './element.js';

/** @param {unknown} error */
export function showProblem(error) {
  const { code = 'error', message = String(error), hint, oauth, retryable } = /** @type {any} */ (error);
  const lines = [
    element('h2', {}, element('code', {}, code)),
    element('p', {}, sentence(message)),
    hint && element('p', { class: 'hint' }, hint),
    oauth &&
      element('p', {}, 'The provider says: ', element('code', {}, oauth.error), ` ${oauth.error_description ?? ''}`),
    retryable && element('p', { class: 'quiet' }, 'Trying again may help.'),
  ];
  byId('problem').replaceChildren(...lines.filter(Boolean));
  byId('problem').hidden = false;
}

export function hideProblem() {
  byId('problem').hidden = true;
  byId('problem').replaceChildren();
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
