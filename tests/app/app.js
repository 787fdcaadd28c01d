/**
 * The app of the stories that bring none of their own: it signs in and out, calls the API, and shows each outcome as text.
 *
 * It is small because a browser loads it several times in most stories. The demo has stories of its own.
 */
import { createClient } from '../pkg/index.js';

const byId = (id) => document.getElementById(id);

const config = await (await fetch('config.json')).json();
const client = createClient({ scope: 'openid profile email photos notes:read', ...config });

client.addEventListener('change', ({ session, reason }) => {
  line('journal', reason);
  show(session);
});

byId('sign-in').onclick = () => attempt(() => client.signIn());
byId('sign-out').onclick = () => attempt(() => client.signOut());
byId('refresh').onclick = () => attempt(() => client.refresh());
byId('revoke').onclick = () => attempt(() => client.revoke());
for (const button of document.querySelectorAll('[data-path]')) button.onclick = () => call('GET', button.dataset.path);
byId('note').onsubmit = (event) => {
  event.preventDefault();
  const body = JSON.stringify({ text: byId('note-text').value });
  call('POST', 'notes', { headers: { 'content-type': 'application/json' }, body });
};

await attempt(() => client.start());
show(client.session);

/** @param {import('../../pkg/index.d.ts').Session | null} session */
function show(session) {
  const name = session && (session.claims.preferred_username ?? session.claims.name ?? session.sub);
  byId('state').textContent = session ? `Signed in as ${name}` : 'Signed out';
  byId('sign-in').hidden = Boolean(session);
  byId('sign-out').hidden = !session;
  for (const button of document.querySelectorAll('[data-path], #refresh, #revoke, #note button'))
    button.disabled = !session;
}

async function call(method, path, init = {}) {
  const request = `${method} /${path}`;
  byId('answer').textContent = `${request} …`;
  await attempt(async () => {
    const response = await client.fetch(new URL(path, config.api[0]), { method, ...init });
    byId('answer').replaceChildren();
    line('answer', `${response.status} ${request}`);
    if (response.stepUp?.scope) offer(response.stepUp);
    line('answer', pretty(await response.text()));
  });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON
  }
}

/** Offers to ask for what the API wants. @param {import('../../pkg/index.d.ts').StepUp} stepUp */
function offer(stepUp) {
  const ask = document.createElement('button');
  ask.textContent = `Ask for ${stepUp.scope}`;
  ask.onclick = () => attempt(() => client.signIn({ ...stepUp, prompt: 'consent' }));
  byId('answer').append(ask);
}

/** Does something that may fail, and shows the error if it does. */
async function attempt(action) {
  const problem = byId('problem');
  problem.hidden = true;
  try {
    await action();
  } catch (error) {
    const heading = document.createElement('h2');
    heading.textContent = error.code ?? error.name;
    problem.replaceChildren(heading);
    for (const text of [error.message, error.hint, error.oauth?.error, error.oauth?.error_description])
      if (text) line('problem', text);
    problem.hidden = false;
  }
}

function line(id, text) {
  const element = document.createElement('p');
  element.textContent = text;
  byId(id).append(element);
}
