/** The event `trace`: each step of a flow, without its secrets. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';
import { app } from '../support/app.mjs';

/** The app, which keeps the steps over the redirect. */
const base = app({ exposed: true })['/www/app.js'];
const LISTENING = {
  scripts: {
    '/www/app.js': base.replace(
      'globalThis.events = [];',
      `globalThis.events = [];
      globalThis.steps = () => JSON.parse(sessionStorage.getItem('steps') ?? '[]');
      client.addEventListener('trace', (event) => {
        if (event.exchange) sessionStorage.setItem('steps', JSON.stringify([...steps(), { ...event }]));
      });`,
    ),
  },
  everyEngine: true,
};

/** The steps so far, once there is this one. */
const stepsUntil = ({ page }, step, message, count = 1) =>
  page.until(`${count} ${step} ${message}`, async () => {
    const steps = await page.run('async () => steps()');
    return steps.filter((one) => one.step === step && one.message === message).length >= count && steps;
  });

const forget = ({ page }) => page.run("async () => sessionStorage.removeItem('steps')");

const find = (steps, step, message) => steps.find((one) => one.step === step && one.message === message);

function checkSignIn(steps, issuer) {
  const request = find(steps, 'authorization', 'request');
  assert.deepEqual([request.from, request.to, request.navigates], ['client', 'authorization_server', true]);
  assert.equal(request.spec, 'RFC 6749 §4.1.1');
  const { response_type, code_challenge_method, state, nonce, code_challenge } = request.parameters;
  assert.deepEqual([response_type, code_challenge_method], ['code', 'S256']);
  assert.deepEqual([state, nonce, code_challenge], [null, null, null]);
  const response = find(steps, 'authorization', 'response');
  assert.deepEqual([response.from, response.to, response.outcome], ['authorization_server', 'client', 'ok']);
  assert.deepEqual([response.parameters.code, response.parameters.iss], [null, issuer]);
  const [asked, answered] = [find(steps, 'token', 'request'), find(steps, 'token', 'response')];
  assert.equal(asked.exchange, answered.exchange);
  assert.deepEqual(
    [asked.method, asked.parameters.grant_type, asked.parameters.code_verifier],
    ['POST', 'authorization_code', null],
  );
  assert.deepEqual([answered.status, answered.outcome, answered.parameters.access_token], [200, 'ok', null]);
  assert.ok(answered.duration >= 0 && answered.time >= asked.time);
  assert.equal(find(steps, 'id_token', 'check').outcome, 'ok');
  const at = (step, message) => steps.indexOf(find(steps, step, message));
  const order = [at('authorization', 'request'), at('authorization', 'response'), at('token', 'request')];
  assert.deepEqual(
    order,
    order.toSorted((one, other) => one - other),
  );
  assert.equal(steps.filter(({ step, message }) => step === 'token' && message === 'request').length, 1);
}

story(
  'TRACE-01 TRACE-06 P0: each step of a sign-in, a call, a renewal and a sign-out is told without its secrets',
  { ...LISTENING, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    checkSignIn(await stepsUntil(stage, 'id_token', 'check'), provider.issuer);

    await forget(stage);
    await page.run("async () => client.fetch(api + 'me?x=1')");
    const [asked, answered] = await stepsUntil(stage, 'api', 'response');
    assert.deepEqual([asked.to, asked.parameters], ['resource_server', { authorization: null }]);
    assert.ok(asked.url.endsWith('/me'), asked.url);
    assert.deepEqual([answered.status, answered.outcome], [200, 'ok']);
    await page.run("async () => client.fetch(api + 'notes', { method: 'POST', body: '{}' })");
    const refused = (await stepsUntil(stage, 'api', 'response', 2)).at(-1);
    assert.deepEqual(
      [refused.status, refused.outcome, refused.reason, refused.parameters.scope],
      [403, 'refused', 'insufficient_scope', 'notes:write'],
    );

    await forget(stage);
    await page.run('async () => client.refresh()');
    const [renewal] = await stepsUntil(stage, 'token', 'response');
    assert.deepEqual([renewal.spec, renewal.parameters.refresh_token], ['RFC 6749 §6', null]);

    await forget(stage);
    await page.run('async () => client.revoke()');
    const revocation = find(await stepsUntil(stage, 'revocation', 'response'), 'revocation', 'request');
    assert.deepEqual([revocation.parameters.token, revocation.parameters.token_type_hint], [null, 'refresh_token']);
  },
);

story('TRACE-01 P1: a sign-out at the provider is told on both pages', LISTENING, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await forget(stage);
  await page.run('async () => void client.signOut()');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Signed out'); // on the page after the redirect
  const steps = await stepsUntil(stage, 'end_session', 'response');
  const [request, response] = ['request', 'response'].map((message) => find(steps, 'end_session', message));
  assert.deepEqual(
    [request.to, request.parameters.id_token_hint, request.parameters.state],
    ['authorization_server', null, null],
  );
  assert.deepEqual([response.from, response.outcome, response.navigates], ['authorization_server', 'ok', true]);
  assert.ok(response.time >= request.time);
});

story(
  'TRACE-05 P1: the steps of the guard come with the session',
  { ...LISTENING, guard: { scope: 'openid profile' } },
  async (stage) => {
    await stage.signIn();
    checkSignIn(await stepsUntil(stage, 'id_token', 'check'), stage.provider.issuer);
  },
);

story(
  'TRACE-07 P1: without the file of the page’s part, everything but the steps works',
  { ...LISTENING, scripts: { ...LISTENING.scripts, '/pkg/trace.js': null }, everyEngine: false },
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    assert.equal(await page.run("async () => (await client.fetch(api + 'me')).status"), 200);
    assert.deepEqual(await page.run('async () => steps()'), []);
  },
);
