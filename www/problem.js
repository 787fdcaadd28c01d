/** An error, for a person: what happened, what to do, and what the provider said. */
import { byId, element } from './element.js';

const HOME = byId('problem').parentElement;

/** @param {unknown} error @param {Element} [before] what the error is shown in front of; otherwise, above everything */
export function showProblem(error, before = HOME.firstElementChild) {
  const problem = byId('problem');
  if (before !== problem) before.before(problem);
  problem.replaceChildren(...linesOf(error, 'h2'));
  problem.hidden = false;
}

export function hideProblem() {
  byId('problem').hidden = true;
  byId('problem').replaceChildren();
}

/** @param {unknown} error @param {string} heading the name of the element for the code */
export function linesOf(error, heading) {
  const { code = 'error', message = String(error), hint, oauth, retryable } = /** @type {any} */ (error);
  return [
    element(heading, {}, element('code', {}, code)),
    element('p', {}, sentence(message)),
    hint && element('p', { class: 'hint' }, hint),
    oauth &&
      element('p', {}, 'The provider says: ', element('code', {}, oauth.error), ` ${oauth.error_description ?? ''}`),
    retryable && element('p', { class: 'quiet' }, 'Trying again may help.'),
  ].filter(Boolean);
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
