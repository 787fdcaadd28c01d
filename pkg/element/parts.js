/** The parts of an element or a region: which are shown, what is announced, and what they say of an error. */

import { native } from './native.js';
import { inMarkup } from './options.js';
import { put } from './values.js';

/** An element of this package, or a region inside it that shows the response of an API. */
const OWNERS = 'valet-key, [data-fetch]';

/**
 * The elements that belong to an owner and not to another one inside it.
 * @param {Element} owner @param {string} selector @param {string} [owners] what counts as an owner
 */
export function partsOf(owner, selector, owners = OWNERS) {
  return [owner, ...native(owner).querySelectorAll(selector)].filter(
    (part) => native(part).matches(selector) && native(part).closest(owners) === owner,
  );
}

/** @param {Element} part @param {boolean} isShown */
export const show = (part, isShown) => native(part).toggleAttribute('hidden', !isShown);

/** Shows a part whose appearance a screen reader is to announce. @param {Element} part @param {boolean} isShown */
export function announce(part, isShown) {
  if (!native(part).matches('[aria-live], [role]')) native(part).setAttribute('aria-live', 'polite');
  show(part, isShown);
}

/** @param {Element} owner @param {any} error `null` if there is none */
export function showError(owner, error) {
  for (const part of partsOf(owner, '[data-failed]')) {
    const codes = native(part).getAttribute('data-failed');
    show(part, Boolean(error) && (!codes || codes.split(/\s+/).includes(error.code)));
  }
  for (const part of partsOf(owner, '[data-error]')) {
    const member = native(part).getAttribute('data-error');
    announce(part, Boolean(error)); // before it is filled: what is hidden is not announced
    put(part, '', error ? inMarkup(member ? error[member] : textOf(error)) : undefined);
  }
}

/** A sentence about what has happened, and what to do. @param {import('../index.d.ts').ValetKeyError} error */
const textOf = ({ message, hint }) =>
  `${message.replace(/^./, (letter) => letter.toUpperCase()).replace(/[.]?$/, '.')} ${hint}`;
