/** Sign-in on another device: the code that a page shows, and what it gets when the user has finished there. */
import assert from 'node:assert/strict';
import { generate } from 'lean-qr';
import { toSvgSource } from 'lean-qr/extras/svg';
import { OPEN } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** In the page: begins, and keeps the promise of the session. Returns what the page would show. */
const BEGIN = `async (options) => {
  const abort = new AbortController();
  client.addEventListener('change', ({ reason }) => (globalThis.marked = [reason, ...Object.values(localStorage)]));
  const { session, qrCode, ...shown } = await client.signIn({ mode: 'device', signal: abort.signal, ...options });
  Object.assign(globalThis, { abort, qrCode, ended: session.then(({ sub }) => sub, (error) => (error instanceof ValetKeyError ? error.oauth?.error : error.name)) });
  return shown;
}`;

/** The dark modules of a QR code. */
const path = (svg) => / d="([^"]+)"/.exec(svg)[1];

const ENDED = 'async () => ended';

/** Goes to the provider in another tab, which stands for another device. Returns a function that goes back. */
async function otherDevice({ page, browser }, url) {
  const first = await page.driver.getWindowHandle();
  await browser.newTab();
  await page.goto(url);
  await page.find('heading', 'Is this your code?');
  return () => page.driver.switchTo().window(first);
}

/** The user confirms the code there, and signs in. */
async function signInThere(stage) {
  const { page } = stage;
  await page.click('button', 'Continue');
  await stage.login();
  await stage.consent();
  await page.find('heading', 'Your device is signed in');
}

story('DEV-20 P0: a user signs in on another device', { ...OPEN, everyEngine: true }, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  const shown = await page.run(BEGIN);
  assert.match(shown.userCode, /^\w{4}-\w{4}$/);
  assert.equal(new URL(shown.verificationUri).origin, provider.issuer);
  assert.ok(shown.expiresAt > Date.now());
  const svg = await page.run('async () => qrCode()');
  assert.equal(path(svg), path(toSvgSource(generate(shown.verificationUriComplete))), 'it holds the address');
  const size = await page.run(
    `async (svg) => {
    const image = new Image();
    image.src = 'data:image/svg+xml,' + encodeURIComponent(svg);
    await image.decode();
    return image.naturalWidth;
  }`,
    svg,
  );
  assert.ok(size > 0);
  const back = await otherDevice(stage, shown.verificationUriComplete);
  await page.see(shown.userCode);
  await signInThere(stage);
  await back();
  assert.equal(await page.run(ENDED), 'alice');
  assert.deepEqual(
    await page.run('async () => marked'),
    ['signed_in', '1'],
    'the app may reload as soon as it hears of it',
  );
  assert.equal(await page.run('async () => (await client.fetch(api + "me")).status'), 200);
  assert.equal(await page.run('async () => client.session.sub'), 'alice');
  await page.reload();
  await page.see('Signed in as alice');
  assert.equal(provider.count('device'), 1);
  assert.equal(provider.issued.deviceCodes.size, 1);
  assert.deepEqual(await stage.tokensFound(), []);
});

story('DEV-21 P1: a user who declines on the other device is not signed in', OPEN, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const { verificationUriComplete } = await page.run(BEGIN);
  const back = await otherDevice(stage, verificationUriComplete);
  await page.click('button', 'Stop');
  await page.see('This code is not valid');
  await back();
  assert.equal(await page.run(ENDED), 'access_denied');
  assert.equal(await page.run('async () => client.session'), null);
});

story(
  'DEV-22 P1: a reload continues the sign-in, as long as the vault lives',
  { ...OPEN, differs: ['lasting'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    const before = await page.run(BEGIN);
    await page.reload();
    await page.see('Signed out');
    const after = await page.run(BEGIN);
    if (stage.lacks('lasting')) assert.notEqual(after.userCode, before.userCode);
    else assert.deepEqual(after, before);
    const back = await otherDevice(stage, after.verificationUriComplete);
    await signInThere(stage);
    await back();
    assert.equal(await page.run(ENDED), 'alice');
    assert.equal(provider.count('device'), stage.lacking.get('lasting') ? 2 : 1);
  },
);

story('DEV-23 P1: an app ends the sign-in with its signal, and the provider is asked no more', OPEN, async (stage) => {
  const { page, provider } = stage;
  provider.settings.alter = (path, body) => (path === '/device/auth' ? { ...body, interval: 1 } : body);
  await stage.visit();
  await page.run(BEGIN);
  await page.until('a request for tokens', () => provider.count('token') > 0);
  await page.run('async () => abort.abort(new DOMException("enough", "AbortError"))');
  assert.equal(await page.run(ENDED), 'AbortError');
  const before = provider.count('token');
  const again = page.run(BEGIN);
  await page.run('async () => new Promise((resolve) => setTimeout(resolve, 3500))');
  assert.ok((await again).userCode);
  assert.equal(provider.count('device'), 2, 'the next sign-in is a new one');
  const codes = provider.issued.polls.slice(before).map(({ device_code: code }) => code);
  assert.ok(codes.length > 0, 'it asks for its own');
  assert.ok(!codes.includes(provider.issued.polls[0].device_code), 'and nobody asks for the first');
  const refused = await page.run(
    `async () => client.signIn({ mode: 'device', signal: AbortSignal.abort() }).catch(({ name }) => name)`,
  );
  assert.equal(refused, 'AbortError');
  assert.equal(provider.count('device'), 2);
});

story('DEV-24 P0: a page gets no address but https', OPEN, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  for (const name of ['verification_uri', 'verification_uri_complete']) {
    for (const address of ['javascript:alert(1)', 'http://evil.test/', 'data:text/html,x']) {
      provider.settings.alter = (path, body) => (path === '/device/auth' ? { ...body, [name]: address } : body);
      const code = await page.run(
        `async () => client.signIn({ mode: 'device' }).then(() => 'shown', ({ code }) => code)`,
      );
      assert.equal(code, 'url_rejected', `${name} ${address}`);
    }
  }
  assert.equal(provider.count('token'), 0);
});

story(
  'DEV-25 P1: without its tokens, a page does not leave for a provider that has no session in this browser',
  { ...OPEN, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    const { verificationUriComplete } = await page.run(BEGIN);
    const back = await otherDevice(stage, verificationUriComplete);
    await signInThere(stage);
    await back();
    assert.equal(await page.run(ENDED), 'alice');
    await page.reload();
    await page.see('Signed out');
    assert.equal(provider.count('authorization'), 0);
  },
);
