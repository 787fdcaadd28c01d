/**
 * A client that an injected script creates with the app's issuer and client id.
 *
 * It has a longer list of APIs and signs in silently. No client in a browser can prevent it; it ends with the user's
 * session.
 *
 * The worker's policy allows the attacker's server, so that only the client itself can prevent a leak.
 */
import assert from 'node:assert/strict';
import { attack, attacked, call, outcome, visit, withStranger } from '../support/attacker.mjs';
import { story } from '../support/stage.mjs';

const APP = attacked("restore: 'vault',");

/** Signs the app in as Alice. */
async function signedIn(stage, clientId) {
  await visit(stage, clientId);
  assert.equal(await silently(stage, 'client', 'alice'), 'alice');
}

/** Signs in the app's client that has this name. */
function silently(stage, name, user) {
  stage.provider.user = user;
  return outcome(stage, `${name}.signIn({ mode: 'silent' })`);
}

/** A client that the script creates, signed in as a user, and the outcomes of its calls. */
async function scripts(stage, stranger, home, user, account) {
  stage.provider.user = user;
  return attack(
    stage,
    `async ({ openAs, honest, signInSilently, kept }, config, stranger, home, name, account) => {
    const options = { ...honest(config), api: [...config.api, stranger], ...(account && { account }) };
    const port = (kept[name] = await openAs(options, home));
    return [port.refused ?? (await signInSilently(port)), await port.session(), await port.fetch(stranger)];
  }`,
    stage.site.settings.config,
    stranger.url,
    home,
    user,
    account,
  );
}

/** The outcomes for the script's client at this moment: its session, and a call. */
const left = (stage, stranger, user) =>
  attack(
    stage,
    'async ({ kept }, name, url) => [await kept[name].session(), await kept[name].fetch(url)]',
    user,
    stranger.url,
  );

/** Waits until the script's client has lost its session: a separate vault receives the message a moment later. */
async function ended(stage, stranger, user) {
  await stage.page
    .until('the end of its session', async () => (await left(stage, stranger, user))[0] === null, 3000)
    .catch(() => {});
  const asked = stranger.taken.length;
  assert.deepEqual(await left(stage, stranger, user), [null, 'login_required']);
  assert.equal(stranger.taken.length, asked, 'no request with its token is sent');
}

const VAULTS = [
  ['the page’s vault', 'shared'],
  ['a shared worker of another name', 'another name'],
  ['a dedicated worker', 'dedicated'],
];

for (const [where, home] of VAULTS) {
  story(`OUT-30 P0: a client that a script created in ${where} ends when the user signs out`, APP, (stage) =>
    withStranger(stage, async (stranger) => {
      await signedIn(stage);
      // The documented limit: the script can sign in itself, bounded by the worker's policy.
      assert.deepEqual(await scripts(stage, stranger, home, 'alice'), ['ok', 'alice', 200]);
      assert.equal(await call(stage), 200, 'the app’s own client is unchanged');
      assert.equal(await outcome(stage, `client.fetch(${JSON.stringify(stranger.url)})`), 'request_blocked');
      assert.equal(await outcome(stage, 'client.signOut()'), 'ok');
      await ended(stage, stranger, 'alice');
    }),
  );

  story(`OUT-31 P0: a client that a script created in ${where} ends when another user signs in`, APP, (stage) =>
    withStranger(stage, async (stranger) => {
      await signedIn(stage);
      assert.deepEqual(await scripts(stage, stranger, home, 'alice'), ['ok', 'alice', 200]);
      // The library did not see the change of user: the sessions end, and the next sign-in is of the other user.
      assert.equal(await silently(stage, 'client', 'bob'), 'user_changed');
      await ended(stage, stranger, 'alice');
      assert.equal(await silently(stage, 'client', 'bob'), 'bob');
      assert.equal(await call(stage), 200, 'the other user has a session');
    }),
  );
}

/** The app with two more accounts: one of Alice, too, and one of Carol. */
async function accounts(stage) {
  await signedIn(stage);
  await stage.page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const config = await (await fetch('/www/config.json')).json();
    globalThis.told = [];
    for (const account of ['b', 'c']) {
      globalThis[account] = createClient({ ...config, account, restore: 'vault', scope: 'openid' });
      globalThis[account].addEventListener('change', ({ reason }) => told.push(account + ' ' + reason));
    }
  }`);
  assert.equal(await silently(stage, 'b', 'alice'), 'alice');
  assert.equal(await silently(stage, 'c', 'carol'), 'carol');
}

const sessions = ({ page }) => page.run('async () => [client, b, c].map(({ session }) => session && session.sub)');

story(
  'OUT-32 P0: a sign-out ends the same user’s sessions in all accounts, and no other sessions',
  { ...APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page } = stage;
    await accounts(stage);
    assert.deepEqual(await sessions(stage), ['alice', 'alice', 'carol']);
    assert.equal(await outcome(stage, 'client.signOut()'), 'ok');
    await page.until('the end of the other session', async () => (await sessions(stage))[1] === null);
    assert.deepEqual(await sessions(stage), [null, null, 'carol']);
    assert.equal(await outcome(stage, "b.fetch(api + 'me')"), 'login_required');
    assert.equal(await outcome(stage, "c.fetch(api + 'me')"), 200);
    assert.deepEqual(await page.run('async () => told'), ['b restored', 'c restored', 'b signed_out']);
  },
);

story(
  'OUT-33 P0: a change of user in one account ends all sessions of the previous user, and no other sessions',
  { ...APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page } = stage;
    await accounts(stage);
    assert.equal(await silently(stage, 'client', 'bob'), 'user_changed');
    await page.until('the end of the other session', async () => (await sessions(stage))[1] === null);
    assert.deepEqual(await sessions(stage), [null, null, 'carol']);
    assert.equal(await silently(stage, 'client', 'bob'), 'bob');
    assert.deepEqual(await sessions(stage), ['bob', null, 'carol']);
    assert.equal(await call(stage), 200);
    assert.equal(await outcome(stage, "c.fetch(api + 'me')"), 200);
  },
);

story(
  'OUT-34 P0: a sign-out of a client with another client id ends no other session',
  { ...APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    await accounts(stage);
    await stage.page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const config = await (await fetch('/www/config.json')).json();
    globalThis.other = createClient({ ...config, clientId: 'another', api: [], restore: 'vault', scope: 'openid' });
  }`);
    assert.equal(await silently(stage, 'other', 'alice'), 'alice');
    assert.equal(await outcome(stage, 'other.signOut()'), 'ok');
    await new Promise((next) => setTimeout(next, 1000)); // long enough for a message from one vault to another
    assert.deepEqual(await sessions(stage), ['alice', 'alice', 'carol']);
    assert.equal(await call(stage), 200);
  },
);

story(
  'OUT-35 P0: if the user is unknown, a sign-out ends all sessions of its issuer and client id',
  { ...attacked("restore: 'vault', openid: false, scope: 'read',"), homes: ['shared', 'dedicated'] },
  async (stage) => {
    await visit(stage);
    await stage.page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const config = await (await fetch('/www/config.json')).json();
    globalThis.b = createClient({ ...config, account: 'b', openid: false, restore: 'vault', scope: 'read' });
  }`);
    for (const name of ['client', 'b'])
      assert.equal(await outcome(stage, `${name}.signIn({ mode: 'silent' }).then(() => 0)`), 'ok');
    assert.equal(await outcome(stage, "b.fetch(api + 'me')"), 200);
    assert.equal(await outcome(stage, 'client.signOut()'), 'ok');
    await stage.page.until('the end of the other session', () => stage.page.run('async () => b.session === null'));
    assert.equal(await outcome(stage, "b.fetch(api + 'me')"), 'login_required');
  },
);
