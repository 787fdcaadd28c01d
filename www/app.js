/** The demo: an app like any other that uses the package. */
import { createClient } from '../pkg/index.js';
import { showAnswer, showWaiting } from './answer.js';
import { byId, element } from './element.js';
import { note } from './journal.js';
import { hideProblem, showProblem } from './problem.js';
import { forgetSettings, keepSettings, readSettings, settingsFrom } from './settings.js';
import { nameOf, showSession } from './status.js';

const REASONS = {
  signed_in: (session) => `Signed in as ${nameOf(session)}`,
  signed_out: () => 'Signed out',
  renewed: () => 'New access token',
  user_changed: (session) => `Now it is ${nameOf(session)}`,
  ended: () => 'The provider ended the session',
  expired: () => 'The access token has expired',
  restarted: () => 'The worker was started anew',
};

note('Page loaded');
byId('redirect').textContent = location.origin + location.pathname;

let settings = await readSettings();
/** @type {import('../pkg/index.d.ts').Client} */
let client;

byId('sign-in').addEventListener('click', () => signIn());
byId('sign-out').addEventListener('click', () => attempt('Sign out', () => client.signOut()));
byId('refresh').addEventListener('click', () => attempt('Refresh', () => client.refresh()));

byId('asked').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn({ prompt: 'consent' });
});

byId('calls').addEventListener('click', ({ target }) => {
  const { path } = target.dataset;
  if (path) call('GET', path);
});

byId('note').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = String(new FormData(event.target).get('text'));
  call('POST', 'notes', { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text }) });
});

byId('settings').addEventListener('submit', (event) => {
  event.preventDefault();
  keepSettings(settingsFrom(new FormData(event.target)));
  location.reload();
});

byId('own').addEventListener('click', () => {
  forgetSettings();
  location.reload();
});

// Last: whoever clicks while the session is looked for is heard.
if (settings) {
  offer(settings);
  fill(settings);
  await attempt('Looking for a session', async () => {
    client = open(settings);
    await client.start();
  });
  showSession(client?.session ?? null, settings.scope);
} else {
  byId('state').textContent = 'No provider yet';
  byId('asked').hidden = true;
  byId('other').open = true;
}

/** @param {import('./settings.js').Settings} settings */
function open({ issuer, clientId, scope, api, allowLoopbackHttp, tokens, guard }) {
  const opened = createClient({ issuer, clientId, scope, api, allowLoopbackHttp, tokens, guard });
  opened.addEventListener('change', ({ session, reason }) => {
    note(REASONS[reason]?.(session) ?? reason, { kind: session ? 'good' : undefined });
    showSession(session, settings.scope);
  });
  return opened;
}

/** Goes to the provider, with the scopes that are ticked. @param {Record<string, string>} params */
function signIn(params = {}) {
  return attempt('Sign in', async () => {
    const scope = [...byId('choices').querySelectorAll('input:checked')].map(({ value }) => value).join(' ');
    if (scope !== settings.scope) {
      settings = { ...settings, scope };
      keepSettings(settings);
      client = open(settings);
    }
    // A provider heeds `offline_access` only if it may ask for consent (OpenID Connect Core §11).
    const prompt = scope.split(' ').includes('offline_access') ? { prompt: 'consent' } : {};
    note('Off to the provider');
    await client.signIn({ params: { ...prompt, ...params } });
  });
}

/** Calls the API with the session's access token, which this page never sees. */
async function call(method, path, init = {}) {
  const request = `${method} /${path}`;
  await attempt(request, async () => {
    const [base] = settings.api;
    if (!base) throw new TypeError('this provider was set up without an API address');
    showWaiting(request);
    const start = performance.now();
    try {
      const response = await client.fetch(new URL(path, base), { method, ...init });
      note(`${request} answered ${response.status}`, {
        took: performance.now() - start,
        kind: response.ok ? 'good' : 'bad',
      });
      await showAnswer(request, response, { onScope });
    } catch (error) {
      byId('answer').replaceChildren(element('p', { class: 'quiet' }, `${request}: no answer.`));
      throw error;
    }
  });
}

function onScope(scope) {
  for (const input of byId('choices').querySelectorAll('input')) {
    if (scope.split(' ').includes(input.value)) input.checked = true;
  }
  signIn({ prompt: 'consent' });
}

/** Does something that may fail, and says so if it does. */
async function attempt(what, action) {
  hideProblem();
  try {
    await action();
  } catch (error) {
    note(`${what}: ${error.code ?? error.message}`, { kind: 'bad' });
    showProblem(error);
  }
}

/** Puts a checkbox there for each scope that can be asked for. */
function offer({ offered, scope }) {
  const asked = scope.split(' ');
  byId('choices').replaceChildren(
    ...offered.map((name) => {
      const box = element('input', { type: 'checkbox', value: name });
      box.checked = asked.includes(name);
      box.disabled = name === 'openid'; // what makes it a sign-in
      return element('label', {}, box, ` ${name}`);
    }),
  );
}

function fill({ issuer, clientId, scope, api }) {
  const fields = { issuer, clientId, scope, api: api.join(' ') };
  for (const [name, value] of Object.entries(fields)) byId('settings').elements[name].value = value;
}
