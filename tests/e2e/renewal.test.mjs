/** Expired and refused access tokens, and how calls renew them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { story } from '../support/stage.mjs';

story(
  'calls with an expired token share one renewal, with a rotated refresh token',
  { homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider, api } = stage;
    await stage.signInBriefly();
    assert.equal(provider.count('token'), 1);

    await page.run(`async () => {
    for (const name of ['me', 'photos', 'notes', 'me', 'photos']) document.querySelector('[data-path=' + name + ']').click();
  }`);
    await page.until('five responses', () => api.statuses().filter(Boolean).length === 5);
    assert.deepEqual(api.statuses(), [200, 200, 200, 200, 200]);
    assert.equal(provider.count('token'), 2, 'one renewal for all of them');
    assert.equal(provider.issued.refreshTokens.size, 2, 'rotated');
  },
);

story('`refresh()` returns a new token', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  await page.click('button', 'Refresh');
  await page.see('renewed');
  assert.equal(provider.count('token'), 2);
  assert.equal(provider.issued.accessTokens.size, 2);
  assert.equal(await stage.call('Me'), 200);
});

story('a renewal that gets a 500 keeps the session, and calls work when the provider recovers', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.signInBriefly();
  provider.fail('500', 'token');
  await page.click('button', 'Me');
  await page.find('heading', 'server_unavailable');
  await page.see('Signed in as alice');

  provider.recover();
  await page.click('button', 'Refresh');
  await page.see('renewed');
  assert.equal(await stage.call('Me'), 200);
});

story('a renewal without a response keeps the session', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.signInBriefly();
  provider.fail('unreachable', 'token');
  await page.click('button', 'Me');
  await page.find('heading', 'network_error');
  await page.see('Signed in as alice');

  provider.recover();
  assert.equal(await stage.call('Me'), 200);
});

story('a refresh token that is no longer valid ends the session', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.signInBriefly();
  provider.fail('invalid_grant', 'token');
  await page.click('button', 'Me');
  await page.find('heading', 'session_ended');
  await page.see('Signed out');

  provider.recover();
  await page.click('button', 'Sign in');
  await stage.consent(); // the client revoked the unusable token, and the provider revoked the consent with it
  await page.see('Signed in as alice');
  assert.equal(await stage.call('Me'), 200);
});

story('FETCH-27 P0: a call with a token that the API refuses is sent again with a new token', {}, async (stage) => {
  const { provider, api } = stage;
  await stage.signIn();
  api.distrust(provider.issued.accessToken);
  assert.equal(await stage.call('Me'), 200);
  assert.deepEqual(api.statuses(), [401, 200]);
  assert.equal(provider.count('token'), 2);
});

const WRITING = { config: { scope: 'openid profile notes:read notes:write' } };

story('a request body is sent again with the new token', WRITING, async (stage) => {
  const { page, provider, api } = stage;
  await stage.signIn();
  api.distrust(provider.issued.accessToken);
  await page.fill('New note', 'Said once, written once.');
  assert.equal(await stage.call('Add a note'), 201);
  await page.see('"count": 2');
  assert.deepEqual(api.statuses(), [401, 201]);
});

story('if an API refuses two tokens, the page gets its response', {}, async (stage) => {
  const { page, provider, api } = stage;
  await stage.signIn();
  api.distrust(provider.issued.accessToken);
  await page.click('button', 'Refresh');
  await page.see('renewed');
  // The API refuses the next access token, too.
  const seen = setInterval(() => api.distrust(provider.issued.accessToken), 1);
  assert.equal(await stage.call('Me').finally(() => clearInterval(seen)), 401);
  await page.see('"error": "invalid_token"');
  assert.equal(api.statuses().length, 2);
  assert.equal(provider.count('token'), 3);
  await page.see('Signed in as alice');
});

story('tokens that were revoked elsewhere end the session, without a loop', {}, async (stage) => {
  const { page, provider, api } = stage;
  await stage.signIn();
  await fetch(`${provider.issuer}/token/revocation`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'demo', token: provider.issued.refreshToken }),
  });
  await page.click('button', 'Me');
  await page.find('heading', 'session_ended');
  await page.see('Signed out');
  assert.deepEqual(api.statuses(), [401]);
  assert.equal(provider.count('token'), 2);
});

story(
  'without a refresh token, the session lasts as long as the access token',
  { accessTokenSeconds: 5, refreshTokens: false },
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    assert.equal(await stage.call('Me'), 200);
    await sleep(6000);
    await page.see('Signed out');
    await page.see('expired');
  },
);
