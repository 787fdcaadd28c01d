/** What the API said: status, content, and a refusal in words. */
import { byId, element } from './element.js';

/**
 * @param {string} request as in `GET /me`
 * @param {import('../pkg/index.d.ts').ApiResponse} response
 * @param {{ onStepUp: (stepUp: import('../pkg/index.d.ts').StepUp) => void }} offer what to do if the API wants more
 */
export async function showAnswer(request, response, { onStepUp }) {
  const text = await response.text();
  const body = parse(text);
  byId('answer').replaceChildren(
    element(
      'p',
      { class: response.ok ? 'line-status good' : 'line-status bad' },
      element('strong', {}, String(response.status)),
      ` ${request}`,
    ),
    ...(response.ok ? [] : [refusal(response, body, onStepUp)]),
    Array.isArray(body?.photos) ? gallery(body.photos) : raw(pretty(body, text), Boolean(response.stepUp?.scope)),
  );
}

/** @param {string} request */
export function showWaiting(request) {
  byId('answer').replaceChildren(element('p', { class: 'quiet' }, `${request} …`));
}

/** The text of the answer, behind a title if a sentence says the same. */
function raw(text, isSaid) {
  const pre = element('pre', { tabindex: '0' }, text);
  return isSaid ? element('details', {}, element('summary', {}, 'Show the raw answer'), pre) : pre;
}

function refusal({ stepUp, status }, body, onStepUp) {
  const said = typeof body?.message === 'string' ? `The API says: ${body.message}` : '';
  if (!stepUp?.scope) return element('p', {}, `The API refused. ${said}`);

  const ask = element('button', { type: 'button' }, `Ask for ${stepUp.scope}`);
  ask.addEventListener('click', () => onStepUp(stepUp));
  return element(
    'div',
    { class: 'refusal' },
    element('p', {}, `Refused: your key does not allow this (${stepUp.scope}).`),
    status === 403 && element('p', {}, 'The page can ask you to agree to a key that does.'),
    ask,
  );
}

function gallery(photos) {
  return element(
    'ul',
    { class: 'gallery' },
    ...photos.map(({ title, svg }) =>
      element(
        'li',
        {},
        element(
          'figure',
          {},
          // As an image, an SVG runs no script and loads nothing.
          element('img', {
            src: `data:image/svg+xml,${encodeURIComponent(svg)}`,
            alt: '',
            width: '240',
            height: '160',
          }),
          element('figcaption', {}, String(title)),
        ),
      ),
    ),
  );
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pretty(body, text) {
  return body === undefined ? text : JSON.stringify(body, null, 2);
}
