/** The pages of the test provider. They say that it is a test provider, load nothing, and run no script. */

const STYLE =
  'body{font:1.1rem/1.5 system-ui;max-width:30rem;margin:10vh auto;padding:0 1rem}button{font:inherit;margin:.3rem 0}';

/** @param {unknown} text */
const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * @param {string} title @param {string} body markup
 * @param {number} [status] @param {Record<string, string>} [headers]
 */
const page = (title, body, status = 200, headers = {}) =>
  new Response(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style>
<main><h1>${escaped(title)}</h1>${body}<p><small>Test provider of Valet Key: it signs users in without a password.</small></p></main>`,
    {
      status,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        ...headers,
      },
    },
  );

/**
 * The choice of a user, or of none.
 * @param {readonly import('./index.d.ts').TestUser[]} users @param {string} clientId @param {string} [scope]
 */
export function choicePage(users, clientId, scope) {
  const buttons = users.map(
    ({ sub, name }) => `<p><button name="user" value="${escaped(sub)}">${escaped(name ?? sub)}</button></p>`,
  );
  const asked = scope ? ` It asks for <code>${escaped(scope)}</code>.` : '';
  return page(
    'Choose a user',
    `<p>Sign in to <strong>${escaped(clientId)}</strong>.${asked}</p>
<form method="post">${buttons.join('')}<p><button name="user" value="">Cancel</button></p></form>`,
  );
}

/** @param {string} title @param {string} text @param {number} [status] @param {Record<string, string>} [headers] */
export const textPage = (title, text, status, headers) => page(title, `<p>${escaped(text)}</p>`, status, headers);

/** The entry of the code that another device shows. @param {string} hint */
export const codePage = (hint) =>
  page(
    'Sign in on another device',
    `<form><p><label>Code <input name="user_code" autocomplete="off" required></label> <button>Continue</button></p>
<p role="status">${escaped(hint)}</p></form>`,
  );
