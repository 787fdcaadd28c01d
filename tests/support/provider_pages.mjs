/**
 * The provider's pages: login, consent, sign-out, errors. They share one style, need no script, and are readable
 * without CSS.
 */
import { PASSWORD, USERS } from './users.mjs';

/** The meaning of each scope for a user. */
const MEANING = {
  openid: ['Know who you are', 'Your user name, nothing else.'],
  profile: ['See your name', 'As it is written in your profile.'],
  email: ['See your e-mail address', ''],
  photos: ['Look at your photos', ''],
  'notes:read': ['Read your notes', ''],
  'notes:write': ['Write notes for you', ''],
  offline_access: ['Keep this access while you are away', ''],
};

export function loginPage({ provider, clientName, user = '', mistake }) {
  const names = Object.keys(USERS)
    .map((name) => `<kbd>${name}</kbd>`)
    .join(' or ');
  return page(
    'Sign in',
    `
    <p class="lead">to go on to <strong>${escape(clientName)}</strong></p>
    ${mistake ? `<p class="mistake" role="alert" id="mistake">${escape(mistake)}</p>` : ''}
    <form method="post">
      <label for="user">User</label>
      <input id="user" name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required
        value="${escape(user)}" ${user ? '' : 'autofocus'} ${mistake ? 'aria-describedby="mistake"' : ''}>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required ${user ? 'autofocus' : ''}>
      <button>Sign in</button>
      <button class="quiet" name="cancel" value="yes" formnovalidate>Cancel</button>
    </form>
    <p class="note">This provider is a demonstration. Sign in as ${names}; the password of both is <kbd>${PASSWORD}</kbd>.</p>`,
    provider,
  );
}

export function consentPage({ provider, clientName, name, scopes }) {
  const rows = scopes.map((scope) => {
    const [title, more] = MEANING[scope] ?? [scope, ''];
    const fixed = scope === 'openid';
    return `
      <li><label>
        <input type="checkbox" name="scope" value="${escape(scope)}" checked ${fixed ? 'disabled' : ''}>
        <span><strong>${escape(title)}</strong> <code>${escape(scope)}</code>
        ${more || fixed ? `<small>${escape(more)}${fixed ? ' Always part of signing in.' : ''}</small>` : ''}</span>
      </label></li>`;
  });
  return page(
    'Allow access?',
    `
    <p class="lead"><strong>${escape(clientName)}</strong> asks for this, ${escape(name)}:</p>
    <form method="post">
      <ul>${rows.join('')}</ul>
      <p class="note">Take away what you do not want to give. You can still say no to all of it.</p>
      <button autofocus>Allow</button>
      <button class="quiet" name="cancel" value="yes">Deny</button>
    </form>`,
    provider,
  );
}

/**
 * The pages for a user whose device shows a code.
 * @param {object} what
 * @param {string} what.title @param {string} [what.form] the provider's own @param {string} [what.belongsTo] its id
 * @param {string} [what.userCode] @param {boolean} [what.mistake] whether there was a problem
 */
export function devicePage({ title, form = '', belongsTo, userCode = '', mistake = false }) {
  const buttons = `
    <button form="${belongsTo}" autofocus>Continue</button>
    ${userCode ? `<button form="${belongsTo}" class="quiet" name="abort" value="yes">Stop</button>` : ''}`;
  return page(
    title,
    `
    ${userCode ? `<p class="lead">Your device shows <kbd>${escape(userCode)}</kbd></p>` : ''}
    ${mistake ? '<p class="mistake" role="alert">This code is not valid. Look at your device.</p>' : ''}
    ${form}${form ? buttons : '<p class="note">Go back to your device.</p>'}`,
  );
}

/** @param {string} form the provider's own form, which the buttons belong to */
export function logoutPage(form) {
  return page(
    'Sign out?',
    `
    <p class="lead">You are leaving the provider, too. Signing in will ask for your password again.</p>
    ${form}
    <button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
    <button form="op.logoutForm" class="quiet">Stay signed in</button>`,
  );
}

export function signedOutPage() {
  return page('Signed out', '<p class="lead">You can close this page.</p>');
}

/** @param {{ error: string, error_description?: string }} out */
export function errorPage(out) {
  return page(
    'This did not work',
    `
    <p class="lead">${escape(out.error_description ?? '')}</p>
    <p><code>${escape(out.error)}</code></p>`,
  );
}

function page(title, body, provider = 'Demo provider') {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${escape(provider)}</title>
<style>${STYLE}</style>
<main>
  <p class="brand"><span aria-hidden="true">◆</span> ${escape(provider)}</p>
  <h1>${title}</h1>${body}
</main>
</html>`;
}

const STYLE = `
:root {
  --ground: light-dark(#eef0ee, #14181b); --card: light-dark(#fff, #1d2327); --ink: light-dark(#1d2327, #e8ecea);
  --soft: light-dark(#5a656b, #a0abb0); --line: light-dark(#d3d9d6, #364046); --accent: light-dark(#35507f, #9db8ea);
  --on-accent: light-dark(#fff, #10192b); --bad: light-dark(#a3262a, #ff9d97);
  color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; background: var(--ground); color: var(--ink);
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 1.25rem }
main { width: 100%; max-width: 25rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.75rem }
.brand { margin: 0 0 1.25rem; color: var(--accent); font-weight: 600; font-size: .9rem; letter-spacing: .02em }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.2; letter-spacing: -.01em }
.lead { margin: .35rem 0 1.25rem; color: var(--soft) } .lead strong { color: var(--ink) }
label { display: block; font-weight: 600; font-size: .92rem }
input:not([type=checkbox]) { width: 100%; margin: .3rem 0 1rem; padding: .65rem .75rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--soft); border-radius: 8px }
button { width: 100%; margin-top: .6rem; padding: .7rem 1rem; font: inherit; font-weight: 600; border-radius: 8px; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); cursor: pointer }
button.quiet { background: transparent; color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
ul { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line) }
li { border-bottom: 1px solid var(--line) }
li label { display: flex; gap: .75rem; align-items: start; padding: .7rem 0; font-weight: 400; cursor: pointer }
li input { width: 1.15rem; height: 1.15rem; margin: .2rem 0 0; flex: none; accent-color: var(--accent) }
small { display: block; color: var(--soft) }
code { color: var(--soft); font-size: .85em } kbd { font: .95em ui-monospace, monospace; color: var(--ink) }
.note { margin: 1.25rem 0 0; font-size: .88rem; color: var(--soft) } ul + .note { margin: .9rem 0 .4rem }
.mistake { margin: 0 0 1rem; color: var(--bad); font-weight: 600 }
`;

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
