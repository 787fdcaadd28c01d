/** Socialite: one page that is connected to two services, and posts one note to both with a key of each. */
import { createClient } from '../pkg/index.js';
import { byId, element } from './element.js';
import { isInPage, servicesInPage } from './own_provider_in_page.js';
import { demoConfig } from './services_config.js';

/** @typedef {import('./services_config.js').Service} Service */
/** @typedef {{ service: Service, client: import('../pkg/index.d.ts').Client, show: () => void }} Connection */

const SCOPE = 'openid profile notes:write';

export async function startServices() {
  const services = (await demoConfig)?.services ?? (isInPage() ? servicesInPage() : []);
  byId('services-none').hidden = services.length > 0;
  byId('services-live').hidden = services.length === 0;
  if (!services.length) return;

  const connections = services.map(connectionTo);
  byId('services-list').replaceChildren(...connections.map(({ card }) => card));
  const showForm = () => {
    const missing = connections.filter(({ client }) => !client.session).map(({ service }) => service.name);
    byId('services-post').disabled = missing.length > 0;
    byId('services-why').textContent = missing.length
      ? `Connect ${missing.join(' and ')} first.`
      : 'Connected to both, with a key of each. Neither service knows of the other.';
  };
  for (const { client, show } of connections) {
    client.addEventListener('change', () => {
      show();
      showForm();
    });
  }
  byId('services-form').addEventListener('submit', (event) => {
    event.preventDefault();
    postToAll(connections, String(new FormData(event.target).get('text')));
  });
  await Promise.all(connections.map(({ client }) => client.start().catch(() => null)));
  for (const { show } of connections) show();
  showForm();
}

/** @param {Service} service */
function connectionTo(service) {
  const { name, issuer, clientId, api, workerUrl, wasmUrl } = service;
  const client = createClient({
    issuer,
    clientId,
    scope: SCOPE,
    api: [api],
    redirectUri: 'returned.html',
    restore: 'vault',
    allowLoopbackHttp: true,
    workerUrl,
    wasmUrl,
  });
  const state = element('p', { class: 'connection', role: 'status' }, 'One moment …');
  const problem = element('p', { class: 'trouble', role: 'alert' });
  const button = element('button', { type: 'button' }, `Connect ${name}`);
  const card = element(
    'article',
    { class: 'card service', 'aria-label': name },
    element('h3', {}, name),
    state,
    element('dl', {}, ...pair('Provider', issuer), ...pair('API', api)),
    element('p', { class: 'buttons' }, button),
    problem,
  );
  const show = () => {
    const { session } = client;
    const user = session && String(session.claims.preferred_username ?? session.sub);
    state.textContent = session ? `Connected as ${user}` : 'Not connected';
    state.classList.toggle('in', Boolean(session));
    button.textContent = `${session ? 'Disconnect' : 'Connect'} ${name}`;
    button.classList.toggle('main', !session);
  };
  button.addEventListener('click', async () => {
    problem.textContent = '';
    try {
      await (client.session ? client.revoke() : client.signIn({ mode: 'popup' }));
    } catch (error) {
      problem.replaceChildren(element('code', {}, error.code ?? 'error'), ` ${error.hint ?? error.message}`);
    }
    show();
  });
  return { service, client, card, show };
}

const pair = (term, value) => [element('dt', {}, term), element('dd', {}, element('code', {}, value))];

/** @param {Connection[]} connections @param {string} text */
async function postToAll(connections, text) {
  byId('services-post').disabled = true;
  const answers = await Promise.all(connections.map((connection) => post(connection, text)));
  const refusals = await Promise.all(
    connections.map((connection) => tryElsewhere(connection, otherThan(connections, connection))),
  );
  byId('services-answers').replaceChildren(
    element('div', { class: 'answers' }, ...answers),
    element('h3', {}, 'The key of one at the other'),
    element('ul', { class: 'crossings' }, ...refusals),
  );
  byId('services-post').disabled = connections.some(({ client }) => !client.session);
}

const otherThan = (connections, one) => connections.find((connection) => connection !== one);

/** @param {Connection} connection @param {string} text */
async function post({ service, client }, text) {
  const body = JSON.stringify({ text });
  try {
    const response = await client.fetch(new URL('notes', service.api), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return answer(service.name, String(response.status), pretty(await response.text()), response.ok);
  } catch (error) {
    return answer(service.name, error.code ?? 'error', error.hint ?? error.message, false);
  }
}

function answer(name, status, text, isGood) {
  return element(
    'div',
    {},
    element(
      'p',
      { class: isGood ? 'line-status good' : 'line-status bad' },
      element('strong', {}, status),
      ` ${name}: POST /notes`,
    ),
    element('pre', { tabindex: '0', 'aria-label': `Answer of ${name}` }, text),
  );
}

/** What becomes of a call with the key of one service at the address of the other. */
async function tryElsewhere({ service, client }, other) {
  const what = `The key of ${service.name} at ${other.service.name}: `;
  try {
    const { status } = await client.fetch(new URL('notes', other.service.api));
    return element('li', { class: 'bad' }, `${what}sent, and answered with ${status}.`);
  } catch (error) {
    const isBlocked = error.code === 'request_blocked';
    const said = isBlocked ? 'not sent. The client blocks the call before it leaves: ' : 'no answer: ';
    return element('li', { class: isBlocked ? 'good' : 'bad' }, what, said, element('code', {}, error.code ?? 'error'));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
