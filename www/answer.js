/** What the API said: status, content, and a refusal in words. */
import { byId, element } from './element.js';

/**
 * @param {string} request as in `GET /me`
 * @param {Response} response
 * @param {{ onScope: (scope: string) => void }} offer what to do when the API names a scope that is missing
 */
export async function showAnswer(request, response, { onScope }) {
  const text = await response.text();
  const body = parse(text);
  byId('answer').replaceChildren(
    element(
      'p',
      { class: response.ok ? 'line-status good' : 'line-status bad' },
      element('strong', {}, String(response.status)),
      ` ${request}`,
    ),
    ...(response.ok ? [] : [refusal(response, body, onScope)]),
    ...(Array.isArray(body?.photos) ? [gallery(body.photos)] : [element('pre', { tabindex: '0' }, pretty(body, text))]),
  );
}

/** @param {string} request */
export function showWaiting(request) {
  byId('answer').replaceChildren(element('p', { class: 'quiet' }, `${request} …`));
}

function refusal(response, body, onScope) {
  const challenge = response.headers.get('www-authenticate') ?? '';
  const scope = /\bscope="([^"]*)"/.exec(challenge)?.[1];
  const said = typeof body?.message === 'string' ? `The API says: ${body.message}` : '';
  if (!/\berror="insufficient_scope"/.test(challenge)) return element('p', {}, `The API refused. ${said}`);

  const ask = element('button', { type: 'button' }, `Ask for ${scope ?? 'more'}`);
  ask.addEventListener('click', () => onScope(scope ?? ''));
  return element(
    'div',
    { class: 'refusal' },
    element('p', {}, `Refused: this session lacks the scope ${scope ?? 'that is needed'}. ${said}`),
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
