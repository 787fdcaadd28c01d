/** The whole way of a bound session, from the sign-in at a strict provider to the sign-out. */
import assert from 'node:assert/strict';
import { nothingKept, stored } from '../support/device.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { theft } from '../support/proofs.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const STRICT = { ...OPEN, provider: (options) => startProvider({ ...options, bound: true }) };

const CLIENT = { dpop: 'required', stepUp: 'redirect' };

const CALL = "api + 'me'";

/** A token and a proof of the network log are of no use to anyone else. */
async function checkTheft({ api, provider }) {
  const url = `${api.url}me`;
  const { accessToken } = provider.issued;
  for (const [way, headers] of Object.entries(theft(url, accessToken, api.proofs.at(-1).proof))) {
    assert.equal((await fetch(url, { headers })).status, 401, way);
  }
}

/** From here on the API refuses the tokens of the sign-ins so far. */
function demandLogin({ api, provider }) {
  const known = new Set(provider.issued.accessTokens);
  api.settings.demand = (token) =>
    known.has(token) && { error: 'insufficient_user_authentication', acr_values: '', max_age: '0' };
}

async function journey(stage, { closes }) {
  const { provider, api } = stage;
  await stage.signIn();
  assert.ok(provider.count('pushed') > 0, 'the request is pushed');
  assert.equal(await codeOf(stage, CALL), '200');
  await checkTheft(stage);

  const { refreshToken } = provider.issued;
  api.renewNonce();
  await stage.page.run('async () => void (await client.refresh())');
  assert.notEqual(provider.issued.refreshToken, refreshToken, 'the refresh token is rotated');
  assert.equal(await codeOf(stage, CALL), '200');

  demandLogin(stage);
  await stage.page.run(`async () => void client.fetch(${CALL}).catch(() => {})`).catch(() => {}); // the page leaves
  await stage.login();
  await stage.page.see('Signed in as alice');
  assert.equal(await codeOf(stage, CALL), '200');

  await stage.page.reload();
  await stage.page.see('Signed in as alice');
  assert.equal(await codeOf(stage, CALL), '200');

  if (closes) {
    await stored(stage);
    const signIns = provider.count('authorization');
    await stage.reopen();
    await stage.page.see('Signed in as alice');
    assert.equal(await codeOf(stage, CALL), '200');
    assert.equal(provider.count('authorization'), signIns, 'no sign-in');
    await checkTheft(stage);
  }

  await stage.page.run('async () => client.signOut({ everywhere: false })');
  assert.equal(await codeOf(stage, CALL), 'login_required');
  await stage.page.reload();
  await stage.page.see('Signed out');
  if (closes) {
    await nothingKept(stage);
    await stage.reopen();
    await stage.page.see('Signed out');
  }
}

const GUARDED = { guard: { scope: 'openid profile photos notes:write', dpop: 'required' } };

story(
  'DPOP-79 P0: the whole way of a bound session',
  { ...STRICT, config: { ...CLIENT, restore: 'vault' }, differs: ['lasting', 'keeper'] },
  (stage) => journey(stage, { closes: false }),
);

story(
  'DPOP-79 P0: the whole way of a bound session, with a guard',
  { ...STRICT, ...GUARDED, config: { stepUp: 'redirect' }, everyEngine: true },
  (stage) => journey(stage, { closes: false }),
);

story(
  'DPOP-79 P0: the whole way of a bound session that is kept on the device',
  { ...STRICT, config: { ...CLIENT, restore: 'vault', keep: 'device' }, restarts: true, needs: 'profile' },
  (stage) => journey(stage, { closes: true }),
);

story(
  'DPOP-79 P0: the whole way of a bound session that is kept on the device, with a guard',
  {
    ...STRICT,
    guard: { ...GUARDED.guard, keep: 'device' },
    config: { stepUp: 'redirect' },
    restarts: true,
    needs: 'profile',
  },
  (stage) => journey(stage, { closes: true }),
);
