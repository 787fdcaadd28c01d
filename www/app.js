/** The demo: an app like any other that uses the package, and draws what it does. */
import { createClient } from '../pkg/index.js';
import { showAnswer, showWaiting } from './answer.js';
import { showChooser } from './chooser.js';
import { byId, element } from './element.js';
import { note } from './journal.js';
import { showKeys } from './keys.js';
import { startOwnProvider } from './own_provider.js';
import { isOfPage } from './own_provider_in_page.js';
import { redrawSoon, startPicture } from './picture.js';
import { hideProblem, showProblem } from './problem.js';
import { MEANINGS, keepSettings, optionsOf, readSettings } from './settings.js';
import { startServices } from './services.js';
import { nameOf, showSession } from './status.js';
import { keepStep, readSteps } from './steps.js';
import { startTheft } from './theft.js';

const REASONS = {
  signed_in: (session) => `Signed in as ${nameOf(session)}`,
  restored: (session) => `Still signed in as ${nameOf(session)}`,
  signed_out: () => 'Signed out',
  renewed: () => 'New access token',
  user_changed: (session) => `Now it is ${nameOf(session)}`,
  ended: () => 'The provider ended the session',
  expired: () => 'The access token has expired',
  restarted: () => 'The worker was started anew',
};

/** @type {import('./settings.js').Settings | null | undefined} */
let settings;
/** @type {import('../pkg/index.d.ts').Client} */
let client;

startPicture();
showKeys(null, [], '');
note('Page loaded');

// Sections of their own
showChooser(() => settings && { settings, signIn: () => signIn(client.session ? { prompt: 'consent' } : {}), watch });
startServices();
startTheft(() => ({ client, options: optionsOf(settings) }));

settings = await readSettings();
startOwnProvider(settings, use);

byId('sign-in').addEventListener('click', () => signIn());
byId('sign-out').addEventListener('click', () => attempt('Sign out', () => client.signOut()));
byId('refresh').addEventListener('click', () => attempt('Refresh', () => client.refresh(), byId('doors')));
byId('revoke').addEventListener('click', () => attempt('Revoke', () => client.revoke(), byId('doors')));

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

// Last: whoever clicks while the session is looked for is heard.
if (settings) {
  offer(settings);
  await attempt('Looking for a session', async () => {
    client = open(settings);
    await client.start();
  });
  show(client?.session ?? null);
} else {
  byId('state').textContent = 'No provider yet';
  byId('asked').hidden = true;
  byId('at-provider').replaceChildren(element('a', { href: '#provider' }, 'Choose one, or start one in this page.'));
}

/** @param {import('./settings.js').Settings} settings */
function open(chosen) {
  const opened = createClient(optionsOf(chosen));
  opened.addEventListener('change', ({ session, reason }) => {
    note(REASONS[reason]?.(session) ?? reason, { kind: session ? 'good' : undefined });
    show(session);
  });
  watch(opened);
  return opened;
}

/** Goes on with another provider, and signs in there. @param {import('./settings.js').Settings} chosen */
async function use(chosen) {
  const opened = open(chosen);
  await opened.preload();
  [settings, client] = [chosen, opened];
  keepSettings(settings);
  offer(settings);
  await signIn();
}

/** Draws what a client does. @param {import('../pkg/index.d.ts').Client} watched */
function watch(watched) {
  watched.addEventListener('trace', (event) => {
    const step = keepStep(event);
    if (!step) return;
    redrawSoon();
    if (step.step === 'token' && watched === client) showKeys(client.session, readSteps(), settings.scope);
  });
}

function show(session) {
  byId('doors').classList.toggle('foreign', !settings.own);
  showSession(session, settings);
  showKeys(session, readSteps(), settings.scope);
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
  const action = async () => {
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
      await showAnswer(request, response, { onStepUp });
    } catch (error) {
      byId('answer').replaceChildren(element('p', { class: 'quiet' }, `${request}: no answer.`));
      throw error;
    }
  };
  await attempt(request, action, byId('answer'));
}

/** Asks for what the API wants, in addition to what there is. */
function onStepUp(stepUp) {
  return attempt('Step-up', () => client.signIn({ ...stepUp, prompt: 'consent' }), byId('answer'));
}

/** Does something that may fail, and says so if it does, near what the user pressed. */
async function attempt(what, action, near) {
  hideProblem();
  try {
    await action();
  } catch (error) {
    note(`${what}: ${error.code ?? error.message}`, { kind: 'bad' });
    showProblem(error, near);
  }
}

/** Puts a checkbox there for each scope that can be asked for. */
function offer({ issuer, offered, scope, own }) {
  const meanings = own || isOfPage(issuer) ? MEANINGS : {};
  const asked = scope.split(' ');
  byId('choices').replaceChildren(
    ...offered.map((name) => {
      const box = element('input', { type: 'checkbox', value: name });
      box.checked = asked.includes(name);
      box.disabled = name === 'openid'; // what makes it a sign-in
      const meaning = meanings[name];
      const code = box.disabled ? `${name}, needed to sign in` : name;
      return element(
        'label',
        {},
        box,
        meaning ? element('span', {}, `${meaning} `, element('small', {}, `(${code})`)) : name,
      );
    }),
  );
}
