/** Calls: what goes through, and what never carries the token. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

/** An app whose client every script of the page can lay its hands on. */
const OPEN = {
  scripts: {
    '/www/app.js': `
      import { createClient, ValetKeyError } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const client = createClient({ ...config, scope: 'openid profile photos notes:write' });
      Object.assign(globalThis, { client, ValetKeyError, api: config.api[0] });
      const session = await client.start();
      document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
  },
};

const EVERYWHERE = { ...OPEN, homes: ['shared', 'dedicated', 'page'] };

/** Runs `client.fetch` in the page and tells what came of it. */
function codeOf(stage, expression) {
  return stage.page.run(`async () => {
    try {
      const response = await client.fetch(${expression});
      return String(response.status);
    } catch (error) {
      return error instanceof ValetKeyError ? error.code : 'not ours: ' + error;
    }
  }`);
}

story('the token goes to the addresses on the list and to no other', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const api = new URL(stage.api.url);
  const rows = [
    ['on the list', `'${api}me'`, '200'],
    ['as a URL', `new URL('me', '${api}')`, '200'],
    ['as a Request', `new Request('${api}me')`, '200'],
    ['another port', `'http://localhost:1/me'`, 'request_blocked'],
    ['another host', `'http://127.0.0.1:${api.port}/me'`, 'request_blocked'],
    ['a look-alike', `'http://localhost.example:${api.port}/me'`, 'request_blocked'],
    ['a user in the address', `'http://localhost@attacker.example:${api.port}/me'`, 'request_blocked'],
    ['the provider', `'${stage.provider.issuer}/me'`, 'request_blocked'],
    ['the page itself', `'/www/config.json'`, 'request_blocked'],
    ['an Authorization of the caller', `'${api}me', { headers: { authorization: 'Bearer x' } }`, 'request_blocked'],
  ];
  for (const [label, expression, expected] of rows) {
    assert.equal(await codeOf(stage, expression), expected, label);
  }
});

story('answer and request are those of fetch', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const answer = await stage.page.run(`async () => {
    const response = await client.fetch(api + 'me');
    const copy = response.clone();
    return {
      real: response instanceof Response,
      status: response.status,
      ok: response.ok,
      type: response.headers.get('content-type'),
      body: await response.json(),
      again: (await copy.text()).length > 0,
    };
  }`);
  assert.equal(answer.real, true);
  assert.equal(answer.status, 200);
  assert.equal(answer.type, 'application/json');
  assert.equal(answer.body.user, 'alice');
  assert.equal(answer.again, true);
});

story('a body goes through, whatever it is made of', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const rows = [
    ['text', `JSON.stringify({ text: 'as text' })`],
    ['octets', `new TextEncoder().encode(JSON.stringify({ text: 'as octets' }))`],
    ['a blob', `new Blob([JSON.stringify({ text: 'as a blob' })])`],
  ];
  for (const [label, body] of rows) {
    const answer = await stage.page.run(`async () => {
      const headers = { 'content-type': 'application/json' };
      const response = await client.fetch(new URL('notes', api), { method: 'POST', headers, body: ${body} });
      return { status: response.status, text: (await response.json()).note?.text };
    }`);
    assert.deepEqual(answer, { status: 201, text: `as ${label}` }, label);
  }
});

story('a long answer is complete', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const lines = await stage.page.run(`async () => (await (await client.fetch(api + 'ticks?lines=10')).text()).trim().split('\\n')`);
  assert.deepEqual(lines, Array.from({ length: 10 }, (_, index) => `line ${index + 1}`));
});

story('an answer arrives as it comes, and stops when nobody wants the rest', EVERYWHERE, async (stage) => {
  await stage.signIn();
  // A busy machine takes its time to pass it on, so a while is given; six lines are due in each pause.
  const stopped = () =>
    stage.page.until('the API to stop', async () => {
      const before = stage.api.ticks();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return stage.api.ticks() === before;
    });
  if (!stage.lacks('streaming')) {
    const first = await stage.page.run(`async () => {
      const response = await client.fetch(api + 'ticks');
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return value;
    }`);
    assert.match(first, /^line 1\n/);
    await stopped();
  }

  const name = await stage.page.run(`async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1000);
    try {
      const response = await client.fetch(api + 'ticks', { signal: abort.signal });
      const reader = response.body.getReader();
      while (!(await reader.read()).done);
      return 'ended';
    } catch (error) {
      return error.name;
    }
  }`);
  assert.equal(name, 'AbortError');
  await stopped();
});

story('an answer may be without a body', OPEN, async (stage) => {
  await stage.signIn();
  const answer = await stage.page.run(`async () => {
    const response = await client.fetch(api + 'notes', { method: 'DELETE' });
    return { status: response.status, text: await response.text() };
  }`);
  assert.deepEqual(answer, { status: 204, text: '' });
});

story('a call that is aborted rejects as fetch does', OPEN, async (stage) => {
  await stage.signIn();
  const name = await stage.page.run(`async () => {
    const abort = new AbortController();
    const call = client.fetch(api + 'me', { signal: abort.signal });
    abort.abort();
    return call.then(() => 'answered', (error) => error.name + ' ' + error.code);
  }`);
  assert.match(name, /^(AbortError|ValetKeyError cancelled)/);
});

story('a session is frozen and holds no token', OPEN, async (stage) => {
  await stage.signIn();
  const seen = await stage.page.run(`async () => {
    const { session } = client;
    return { names: Object.keys(session).sort(), frozen: Object.isFrozen(session) && Object.isFrozen(session.claims) };
  }`);
  assert.deepEqual(seen, { names: ['authTime', 'claims', 'expiresAt', 'issuer', 'scope', 'sub'], frozen: true });
});

story('a worker gives out no token, however it is asked', { ...OPEN, homes: ['shared', 'dedicated'] }, async (stage) => {
  await stage.signIn();
  const code = await stage.page.run(`async () => client.accessToken().then(() => 'given', (error) => error.code)`);
  assert.equal(code, 'config_error');
});

story('many calls at once are all answered', EVERYWHERE, async (stage) => {
  await stage.signIn();
  const answers = await stage.page.run(`async () => {
    const calls = Array.from({ length: 50 }, () => client.fetch(api + 'me').then((response) => response.json()));
    return (await Promise.all(calls)).filter(({ user }) => user === 'alice').length;
  }`);
  assert.equal(answers, 50);
  assert.equal(stage.provider.count('token'), 1);
});
