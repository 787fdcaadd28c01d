/** Access tokens for several APIs from one sign-in (resource indicators), and rich authorization requests. */
import assert from 'node:assert/strict';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

/** An app whose API list has two resources and an address without one. */
const SEVERAL = { ...OPEN, everyEngine: true };

const PHOTOS = 'https://photos.example.com';
const NOTES = 'urn:example:notes';

/** Sets the API list. The API takes a token only at the paths of its audience. */
function listResources({ site, provider, api }, entries = [photos, notes, plain]) {
  const list = { api: entries.map((entry) => entry(api.url)) };
  site.settings.config = { ...site.settings.config, ...list };
  if (site.settings.pinned) site.settings.pinned = { ...site.settings.pinned, ...list };
  const audiences = { '/photos': PHOTOS, '/notes': NOTES };
  api.settings.audienceOf = (path) => audiences[path];
  Object.assign(provider.settings, { formatOf: () => 'opaque', usesGrantedResource: false });
}

const photos = (api) => ({ url: `${api}photos`, resource: PHOTOS });
const notes = (api) => ({ url: `${api}notes`, resource: NOTES, scope: 'notes:read' });
const plain = (api) => api;

/** Calls each path, all at once, and returns what comes back. */
const call = (stage, paths) =>
  Promise.all(paths.map((path) => codeOf(stage, `new URL('/${path}', '${stage.api.url}').href`)));

const resources = ({ provider }) => provider.issued.granted.map(({ resource }) => resource);

story(
  'PAR-62 P0: each API gets the token for its own resource',
  { ...SEVERAL, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    listResources(stage);
    await stage.signIn();
    const { resource, scope } = provider.issued.authorizations[0];
    assert.deepEqual([resource].flat(), [PHOTOS, NOTES]);
    assert.equal(scope, 'openid profile photos notes:write notes:read');
    assert.deepEqual(resources(stage), [PHOTOS]);
    assert.deepEqual(await call(stage, ['photos', 'notes', 'me']), ['200', '200', '200']);
    assert.deepEqual(resources(stage).toSorted(), [PHOTOS, NOTES, undefined].toSorted());
    assert.equal(await page.run('async () => (await client.userinfo()).sub'), 'alice');
    assert.deepEqual(await call(stage, ['photos', 'notes', 'me']), ['200', '200', '200']);
    assert.equal(provider.count('token'), 3, 'one request for each target');
    // The place of the first equal token, or an error code.
    const given = await page.run(`async () => {
      const of = ['${stage.api.url}photos', new URL('${stage.api.url}notes'), '${stage.api.url}me', undefined, 'me'];
      const tokens = await Promise.all(of.map((url) => client.accessToken(url).catch(({ code }) => code)));
      return tokens.map((token) => (/^[a-z_]+$/.test(token) ? token : tokens.indexOf(token)));
    }`);
    const expected = stage.place.home === 'page' ? [0, 1, 2, 0, 'request_blocked'] : Array(5).fill('config_error');
    assert.deepEqual(given, expected);
    await page.run('async () => client.signOut({ everywhere: false })');
    assert.equal(await codeOf(stage, `'${stage.api.url}photos'`), 'login_required');
    await page.until('each token is revoked', () => provider.count('revocation') === 4);
  },
);

story(
  'RT-29 P0: renewals for two resources follow one another, with proofs and nonces',
  { ...SEVERAL, provider: (options) => startProvider({ ...options, bound: true }), config: { dpop: 'required' } },
  async (stage) => {
    const { page, provider } = stage;
    listResources(stage, [plain, photos, notes]);
    await stage.signIn();
    const paths = ['photos', 'notes', 'photos', 'notes', 'me'];
    assert.deepEqual(await call(stage, paths), Array(5).fill('200'));
    assert.deepEqual(resources(stage).toSorted(), [PHOTOS, NOTES, undefined].toSorted());
    await page.run('async () => void (await client.refresh())');
    assert.deepEqual(await call(stage, paths), Array(5).fill('200'));
    assert.equal(resources(stage).length, 6, 'one request for each token');
    assert.equal(provider.issued.refreshTokens.size, 6, 'each of them rotates the refresh token');
  },
);

story('PAR-60 P0: a refused token affects its own API only', SEVERAL, async (stage) => {
  const { api } = stage;
  const unwanted = (url) => ({ url: `${url}notes`, scope: 'notes:read' });
  listResources(stage, [plain, photos, unwanted]);
  await stage.signIn('alice', { refuse: [/notes:read/] });
  assert.deepEqual(await call(stage, ['notes', 'photos', 'me']), ['token_error', '200', '200']);
  assert.equal(api.requests.filter(({ path }) => path === '/notes').length, 0, 'no call without its token');
  assert.deepEqual(await call(stage, ['photos', 'me']), ['200', '200']);
});

story('PAR-79 P0: no token goes to an address that may be one of another API', SEVERAL, async (stage) => {
  const { api } = stage;
  listResources(stage, [(url) => ({ url, resource: PHOTOS }), notes]);
  await stage.signIn();
  const before = api.requests.length;
  for (const path of ['n%6ftes', 'NOTES', '/notes', 'notes;x', 'notes%2fx', 'n%256ftes'])
    assert.equal(await codeOf(stage, `'${api.url}${path}'`), 'request_blocked', path);
  assert.equal(api.requests.length, before);
  assert.deepEqual(await call(stage, ['photos', 'notes']), ['200', '200']);
});

story('PAR-64 P0: a script that names other resources gets no session', SEVERAL, async (stage) => {
  const { page } = stage;
  listResources(stage);
  await stage.signIn();
  for (const change of ['resource: undefined', "resource: 'urn:other'", "scope: 'notes:write'"]) {
    const outcome = await page.run(`async () => {
      const api = config.api.map((entry) => (entry.resource ? { ...entry, ${change} } : entry));
      const other = make({ api, restore: 'none' });
      const session = await other.start();
      return session?.sub ?? other.fetch(api[0].url).catch((error) => error.code);
    }`);
    assert.equal(outcome, 'login_required', change);
  }
});

story('PAR-68 P0: a token that its API refuses is renewed, and the others are kept', SEVERAL, async (stage) => {
  const { provider, api } = stage;
  listResources(stage);
  await stage.signIn();
  assert.deepEqual(await call(stage, ['photos', 'notes']), ['200', '200']);
  api.distrust(provider.issued.accessToken);
  assert.deepEqual(await call(stage, ['notes', 'photos']), ['200', '200']);
  assert.deepEqual(resources(stage), [PHOTOS, NOTES, NOTES]);
});

story('PAR-13 P1: a guard asks for the resources of its file', { ...SEVERAL, guard: {} }, async (stage) => {
  listResources(stage);
  await stage.signIn();
  assert.deepEqual(await call(stage, ['photos', 'notes', 'me']), ['200', '200', '200']);
  assert.deepEqual(resources(stage).slice(0, 1), [PHOTOS]);
});

const PAY = `client.signIn({ authorizationDetails: [{ type: 'payment', amount: '10' }, { type: 'payment', amount: '20' }] })`;

story('PAR-15 P1: the session tells what was granted of a rich authorization request', SEVERAL, async (stage) => {
  const { page, provider } = stage;
  listResources(stage);
  provider.settings.grantable = (detail) => ({ ...detail, amount: '5' });
  await stage.signIn();
  const granted = () => page.run('async () => client.session.authorizationDetails');
  assert.equal((await granted()) ?? null, null);
  await page.run(`async () => void ${PAY}`);
  await stage.consent();
  await page.see('Signed in as alice');
  const five = { type: 'payment', amount: '5' };
  assert.deepEqual(await granted(), [five, five]);
  assert.deepEqual(await call(stage, ['photos']), ['200']);
  await page.reload();
  await page.see('Signed in as alice');
  assert.deepEqual(await granted(), [five, five]);
});

story('PAR-76 P0: what was granted reveals no token', SEVERAL, async (stage) => {
  const { page, provider } = stage;
  listResources(stage);
  provider.settings.alter = (path, body) =>
    path === '/token' && body.access_token
      ? { ...body, authorization_details: [{ type: 'payment' }, { type: 'payment', note: body.access_token }] }
      : body;
  await stage.signIn();
  assert.deepEqual(await page.run('async () => client.session.authorizationDetails'), [{ type: 'payment' }]);
});
