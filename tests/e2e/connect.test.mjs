/** Connections to APIs that name their authorization server: MCP servers of others, and an API of the tests. */
import assert from 'node:assert/strict';
import { MCP_SERVERS } from '../support/mcp_servers.mjs';
import { startResourceServer } from '../support/resource_server.mjs';
import { story } from '../support/stage.mjs';

/** A page that connects to the API in its configuration. Every script finds the client. */
const app = (more = '') => ({
  '/www/app.js': `
    import { connect, createClient } from '../pkg/index.js';
    const { resource, connection, ...config } = await (await fetch('/www/config.json')).json();
    const { allowLoopbackHttp, tokens } = config;
    const client = connect(resource, { allowLoopbackHttp, tokens, ...connection });
    Object.assign(globalThis, { client, resource });
    globalThis.events = [];
    client.addEventListener('change', ({ reason }) => events.push(reason));
    const at = (id) => document.getElementById(id);
    const told = document.createElement('p');
    const show = (session) => (at('state').textContent = session ? 'Signed in at ' + session.issuer : 'Signed out');
    globalThis.button = (name, action) => {
      const element = document.createElement('button');
      element.textContent = name;
      element.onclick = () => action().then((result) => (told.textContent = 'Told: ' + result), (error) => {
        told.textContent = 'Told: ' + error.code;
        globalThis.failure = { message: error.message, hint: error.hint };
      });
      document.body.prepend(element);
    };
    document.body.prepend(told);
    client.addEventListener('change', (event) => show(event.session));
    ${more}
    button('Call', async () => (await client.fetch(resource, { method: 'POST', body: '{}' })).status);
    button('Popup', async () => (await client.signIn({ mode: 'popup' })).issuer);
    button('Sign out', () => client.signOut());
    at('sign-in').hidden = false;
    at('sign-in').onclick = () => client.signIn().catch((error) => (told.textContent = 'Told: ' + error.code));
    show(await client.start().catch((error) => {
      told.textContent = 'Told: ' + error.code;
      globalThis.failure = { message: error.message, hint: error.hint };
      return null;
    }));
    globalThis.isStarted = true;
  `,
});

/** Calls the tool of an MCP server (Streamable HTTP), as any client of MCP does. */
const MCP = `
  const send = async (message, more) => {
    const response = await client.fetch(resource, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...more },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
    const text = await response.text();
    const json = /^data: (.*)$/m.exec(text)?.[1] ?? text;
    return { session: response.headers.get('mcp-session-id'), status: response.status, ...(json && JSON.parse(json)) };
  };
  button('Who am I', async () => {
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'story', version: '1' } };
    const { session, result } = await send({ id: 1, method: 'initialize', params });
    const headers = { ...(session && { 'mcp-session-id': session }), 'mcp-protocol-version': result.protocolVersion };
    await send({ method: 'notifications/initialized' }, headers);
    const answer = await send({ id: 2, method: 'tools/call', params: { name: 'whoami', arguments: {} } }, headers);
    return answer.result.content[0].text;
  });
`;

/** A stage whose provider is an MCP server, which is the API, too. */
const withServer = (name, connection = {}) => ({
  provider: ({ origins: [origin] }) => MCP_SERVERS[name]({ origin }),
  scripts: app(MCP),
  connection,
});

/** Opens the page, which knows nothing of the server but its address. */
async function visit(stage, connection) {
  const { settings } = stage.site;
  settings.config = { ...settings.config, resource: stage.resource ?? stage.provider.resource, connection };
  await stage.page.goto(stage.site.url);
  await stage.page.see(/Signed (in|out)/);
}

/** The demo provider of the SDK drops the query of a redirect URI. */
const SERVERS = { 'mcp-sdk': { exactRedirectUri: true }, fastmcp: {} };

for (const [name, connection] of Object.entries(SERVERS)) {
  story(
    `CON-30 P0: a page calls a tool of an MCP server that it has never heard of (${name})`,
    { ...withServer(name), homes: ['shared', 'dedicated', 'page'], everyEngine: true },
    async (stage) => {
      const { page, provider } = stage;
      await visit(stage, connection);
      await page.click('button', 'Who am I');
      await page.see('Told: login_required');
      assert.equal(provider.count('registration'), 0, 'a refused call registers nothing');
      await page.click('button', 'Sign in');
      await page.see(`Signed in at ${provider.issuer}`);
      assert.equal(await page.run('async () => location.href'), stage.site.url, 'the address is clean');
      await page.click('button', 'Who am I');
      const [{ client_id: id, redirect_uri: redirectUri, resource }] = provider.issued.authorizations;
      await page.see(`Told: ${id}`);
      assert.equal(resource, provider.resource);
      assert.match(redirectUri, connection.exactRedirectUri ? /\/www\/$/ : /\/www\/\?valet-key=[\w-]{16}$/);
      const forms = provider.requests.filter(({ path, method }) => path === '/token' && method === 'POST');
      assert.deepEqual(
        forms.map(({ form }) => [form.grant_type, form.resource, form.client_id]),
        [['authorization_code', provider.resource, id]],
      );
      const calls = provider.requests.filter(({ path, method }) => path === '/mcp' && method === 'POST');
      assert.deepEqual(
        calls.map(({ authorization }) => Boolean(authorization)),
        [false, true, true, true],
      );

      // The next sign-in uses the same registration.
      await page.click('button', 'Sign out');
      await page.see('Signed out');
      await page.click('button', 'Sign in');
      await page.see(`Signed in at ${provider.issuer}`);
      await page.click('button', 'Who am I');
      await page.see(`Told: ${id}`);
      assert.equal(provider.count('registration'), 1);
    },
  );
}

story(
  'CON-31 P0: a call that the API refuses signs the user in and is sent again',
  { ...withServer('fastmcp'), homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await visit(stage, { signIn: 'redirect' });
    await page.click('button', 'Who am I');
    await page.see(`Signed in at ${provider.issuer}`);
    await page.click('button', 'Who am I');
    await page.see(`Told: ${provider.issued.authorizations[0].client_id}`);
    assert.equal(provider.count('authorization'), 1);

    // Ten calls at a time share one sign-in, and each gets its response.
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    const outcomes = await page.run(`async () => {
      let signIns = 0;
      client.signIn = async ({ mode }) => {
        signIns += 1;
        await new Promise((resolve) => setTimeout(resolve, 300));
        throw Object.assign(new Error(mode), { code: 'stopped' });
      };
      const codes = await Promise.all(Array.from({ length: 10 }, () => client.fetch(resource).catch(({ code }) => code)));
      return [signIns, ...new Set(codes)];
    }`);
    assert.deepEqual(outcomes, [1, 'stopped']);
  },
);

story(
  'CON-32 P0: a call signs the user in in a popup and is sent again',
  { ...withServer('fastmcp'), homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await visit(stage, { signIn: 'popup' });
    await page.click('button', 'Who am I');
    await page.until('an outcome', async () => /Told: /.test(await page.text()));
    const text = await page.text();
    if (/Told: popup_blocked/.test(text)) {
      // An engine may not take a popup after a request for one of the click.
      await page.click('button', 'Popup');
      await page.see(`Told: ${provider.issuer}`);
      await page.click('button', 'Who am I');
    }
    await page.see(`Told: ${provider.issued.authorizations[0].client_id}`);
    assert.equal(provider.count('registration'), 1);
  },
);

story(
  'CON-37 P1: a call that has made the page leave ends if the page stays',
  { ...withServer('fastmcp'), everyEngine: true },
  async (stage) => {
    const { page } = stage;
    await visit(stage, { signIn: 'redirect' });
    // As at a server that answers the browser with 204: the page stays where it is.
    const outcomes = await page.run(`async () => {
      client.signIn = () => new Promise(() => {});
      const later = setTimeout;
      globalThis.setTimeout = (then, time, ...more) => later(then, Math.min(time, 500), ...more);
      const call = () => client.fetch(resource).catch(({ code }) => code);
      return [await Promise.all([call(), call()]), await call()];
    }`);
    assert.deepEqual(outcomes, [['login_required', 'login_required'], 'login_required']);
  },
);

story(
  'CON-39 P1: a wrong address and a wrong way to sign in are named',
  { ...withServer('fastmcp') },
  async (stage) => {
    await visit(stage);
    const errors = await stage.page.run(`async () => {
      const { connect } = await import('/pkg/index.js');
      const named = ({ code, message }) => code + ' ' + message.split('\`')[1];
      const made = [null, undefined, 7, '', 'mcp', 'ftp://a.example'].map((address) => {
        try {
          return connect(address) && 'made';
        } catch (error) {
          return named(error);
        }
      });
      const wrong = connect(new URL(resource), { allowLoopbackHttp: true, signIn: 'frame' });
      const { createClient } = await import('/pkg/index.js');
      const elsewhere = createClient({ issuer: 'https://a.example', clientId: 'a', signIn: 'popup' });
      return [...new Set(made), await wrong.fetch(resource).catch(named), await elsewhere.start().catch(named)];
    }`);
    assert.deepEqual(errors, ['config_error connect', 'config_error signIn', 'config_error signIn']);
  },
);

story(
  'CON-38 P0: what a script has stored in the place of a registration does not outlive the next visit',
  { ...withServer('fastmcp'), everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await visit(stage);
    const key = `valet-key:client:connect ${provider.resource} ${stage.site.url}`;
    const texts = [
      '{"client_id":"a"}',
      '{"client_id":"a","issuer":"nonsense","at":0}',
      '{"client_id":"","issuer":"https://evil.example"}',
      '{"client_id":"https://x.example/../y","issuer":"https://evil.example","at":0}',
      '{"client_id":null,"issuer":[]}',
      '[]',
    ];
    for (const text of texts) {
      await page.run('async ({ key, text }) => localStorage.setItem(key, text)', { key, text });
      await page.reload();
      await page.see('Signed out');
      assert.equal((await page.run('async () => globalThis.failure?.message')) ?? null, null, text);
    }
    await page.click('button', 'Sign in');
    await page.see(`Signed in at ${provider.issuer}`);
    assert.equal(provider.count('registration'), 1);
  },
);

/** The app's own provider, and an API that names it. */
const NAMED = {
  scripts: app(`
    const own = createClient({ ...config, scope: 'openid profile photos', redirectUri: '/www/' });
    globalThis.own = own;
    await own.start();
    button('Own', async () => own.signIn());
    button('Own call', async () => (await own.fetch(config.api[0] + 'me')).status);
  `),
};

async function openNamed(stage) {
  const { origin } = stage.site;
  stage.named = await startResourceServer({ issuers: [stage.provider.issuer], origins: [origin] });
  stage.resource = stage.named.resource;
  stage.site.settings.connect.push(new URL(stage.named.resource).origin);
}

const registrations = ({ provider }) =>
  provider.requests.filter(({ method, path }) => method === 'POST' && path === '/reg').length;

story(
  'CON-33 P0: an API that names the provider of the app gets a token of its own, which the user has allowed',
  { ...NAMED, homes: ['shared', 'dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await openNamed(stage);
    try {
      await visit(stage);
      await page.click('button', 'Own');
      await stage.login();
      await stage.consent();
      await page.see('Signed out'); // the connection is
      await page.click('button', 'Own call');
      await page.see('Told: 200');
      const own = new Set(stage.provider.issued.secrets().map(([, token]) => token));

      await page.click('button', 'Call');
      await page.see('Told: login_required');
      assert.deepEqual(stage.named.tokens(), [], 'no token of the app');
      // The user is signed in at the provider, which asks nevertheless: it does not know this client.
      await page.click('button', 'Sign in');
      await page.see(/localhost:\d+ for localhost:\d+/);
      await stage.consent();
      await page.see(`Signed in at ${provider.issuer}`);
      await page.click('button', 'Call');
      await page.see('Told: 200');
      const [token, ...others] = stage.named.tokens();
      assert.deepEqual(others, []);
      assert.ok(token.startsWith('Bearer ') && !own.has(token.slice(7)));
      const { aud, client_id: id } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      assert.equal(aud, stage.resource);
      assert.notEqual(id, 'demo');
      assert.equal(registrations(stage), 1);

      // Each has its own session.
      await page.click('button', 'Sign out');
      await page.see('Signed out');
      await page.click('button', 'Own call');
      await page.see('Told: 200');
      assert.equal(stage.named.tokens().length, 1);
    } finally {
      await stage.named.close();
    }
  },
);

story(
  'CON-34 P0: no session of a connection is restored without the user',
  { ...NAMED, homes: ['dedicated'], everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await openNamed(stage);
    try {
      await visit(stage);
      await page.click('button', 'Sign in');
      await stage.login();
      await stage.consent();
      await page.see(`Signed in at ${provider.issuer}`);
      const before = provider.count('authorization');
      await page.reload();
      await page.see('Signed out');
      assert.equal(provider.count('authorization'), before);
    } finally {
      await stage.named.close();
    }
  },
);

story('CON-35 P0: a token for another API is not accepted', { ...NAMED, everyEngine: true }, async (stage) => {
  const { page, provider } = stage;
  await openNamed(stage);
  try {
    provider.settings.audienceOf = () => 'https://api.example';
    await visit(stage);
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Told: response_invalid');
    const { message, hint } = await page.run('async () => failure');
    assert.match(message, /not for http:\/\/localhost:\d+\/v1/);
    assert.match(hint, /RFC 8707/);
    await page.click('button', 'Call');
    await page.see('Told: login_required');
    assert.deepEqual(stage.named.tokens(), []);
  } finally {
    await stage.named.close();
  }
});

story(
  'CON-36 P1: an API without metadata is named, with what it lacks',
  { ...NAMED, everyEngine: true },
  async (stage) => {
    const { page } = stage;
    await openNamed(stage);
    try {
      stage.named.exposes = false;
      stage.named.metadata = { resource: 'https://other.example' };
      await visit(stage);
      await page.click('button', 'Popup');
      await page.see('Told: metadata_invalid');
      stage.named.metadata = { resource: stage.resource, authorization_servers: [] };
      await page.click('button', 'Popup');
      await page.until('another error', async () => {
        const { message } = await page.run('async () => failure');
        return message.includes('authorization_servers');
      });
      assert.equal(registrations(stage), 0);
    } finally {
      await stage.named.close();
    }
  },
);
