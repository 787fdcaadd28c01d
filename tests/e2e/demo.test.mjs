/** The page that explains: the picture of each flow, the keys, the chooser, and their accessibility. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createRequire } from 'node:module';
import { Key } from 'selenium-webdriver';
import { EXAMPLE } from '../../www/example.js';
import { flowsOf } from '../../www/grouping.js';
import { draw } from '../../www/sequence.js';
import { addressOf, nameOf } from '../../www/words.js';
import { story } from '../support/stage.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const GUARD = { scope: 'openid profile email photos notes:read notes:write offline_access' };

const DEMO = { demo: true, guard: GUARD, everyEngine: true, scripts: { '/axe.js': AXE } };

/** The names of the steps that are shown, in order. */
const steps = async ({ page }) => {
  const names = [];
  for (const button of await page.all('button', /^\d+\. /)) names.push(await button.getAccessibleName());
  return names;
};

const press = ({ page }, ...keys) =>
  page.driver
    .actions()
    .sendKeys(...keys)
    .perform();

story('the picture explains a sign-in before anything has run', DEMO, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.see('An example: nothing has run in this tab yet.');
  await page.click('button', '1. Page → provider: authorization request');
  await page.find('heading', '1. Authorization request');
  await page.see('The page sends you to the key maker with a note');
  await page.find('link', 'RFC 6749 §4.1.1');
  await page.see('not shown: the hash of the verifier');

  await press(stage, Key.ARROW_DOWN);
  await page.find('heading', '2. Authorization response');
  await press(stage, Key.ESCAPE);
  await page.find('heading', 'Why the page never sees your password');
  await press(stage, Key.ENTER);
  await page.find('heading', '2. Authorization response');

  for (const button of await page.all('button', /^(Me|Photos|Notes|Add a note|Refresh|Revoke)$/))
    assert.ok(!(await button.isEnabled()), 'a button that needs a key');
  await page.see('They need a key: sign in first.');
});

story('the picture shows what happened, across the redirect and a reload', DEMO, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.find('heading', 'Sign-in');
  const shown = await steps(stage);
  const titles = shown.map((name) => name.replace(/^\d+\. /, ''));
  for (const title of [
    'Page → provider: authorization request',
    'Provider → page: authorization response',
    'Page → provider: token request',
    'Provider → page: tokens',
    'Page: ID token check',
  ])
    assert.ok(titles.includes(title), `${title} in ${titles}`);

  await page.click('button', /^\d+\. Page → provider: token request$/);
  await page.find('heading', /^\d+\. Token request$/);
  await page.see('authorization_code');
  await page.see('not shown: the page’s own secret, made for this sign-in');
  await page.find('link', 'RFC 6749 §4.1.3');

  assert.equal(await stage.call('Photos'), 200);
  await page.find('heading', 'API call: GET /photos');
  assert.equal(await stage.call('Add a note'), 403);
  await page.see('Refused: your key does not allow this (notes:write).');
  await page.see('The page can ask you to agree to a key that does.');
  await page.find('heading', 'API call: POST /notes');
  await page.click('button', '2. API → page: refused');
  await page.see('The trunk stays shut');

  await page.reload();
  await page.see('Signed in as alice');
  await page.find('heading', 'API call: POST /notes');
  await page.click('button', /^Sign-in /);
  await page.find('button', /^\d+\. Page: ID token check$/);

  await page.click('button', 'Refresh');
  await page.find('heading', 'Refresh');
  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Signed out');
  await page.find('heading', 'Sign-out');
  await page.find('button', /^\d+\. Page → provider: sign-out request$/);
  await page.click('button', 'Clear the picture');
  await page.see('An example: nothing has run in this tab yet.');
});

story('each key says what it opens and how long, and the API can ask for more', DEMO, async (stage) => {
  const { page } = stage;
  await stage.signIn('alice', { refuse: [/photos/] });
  await page.see(/photos\s+\(not granted\)/);
  await page.see(/\d+ min \d+ s left/);
  await page.see('A copy would work for anyone (Bearer).');
  await page.see('Alice Liddell · alice');
  assert.equal(await stage.call('Photos'), 403);
  await page.click('button', 'Ask for photos');
  await stage.consent();
  await page.see('Signed in as alice');
  assert.equal(await stage.call('Photos'), 200);
  await page.click('button', 'Revoke');
  await page.see('Signed out');
  await page.find('heading', 'Revocation');
});

story('the chooser runs each flow, and shows why two are refused', DEMO, async (stage) => {
  const { page, provider, site } = stage;
  site.settings.registerKey = (jwk) => provider.registerKey('job', jwk);
  await stage.visit();
  await page.click('button', 'Try the implicit grant');
  await page.see('the implicit grant shows tokens in addresses');
  await page.click('button', 'Try the password grant');
  await page.see('users enter their password at the provider');
  await page.click('button', 'Ask as a machine');
  await page.see('The job has an access token for notes:read');
  await page.find('heading', 'Sign-in without a user');
  await page.click('button', 'Show a code');
  await page.see(/[A-Z]{4}-[A-Z]{4}/);
  await page.find('img', 'The address and the code, as a QR code');
  await page.find('heading', 'Sign-in on another device');
  await page.click('button', 'Stop waiting');
  await page.see('Stopped.');
});

/** What axe finds, in both schemes. */
async function check({ page }, state) {
  for (const scheme of ['light', 'dark']) {
    const found = await page.run(
      `async (scheme) => {
        document.documentElement.style.setProperty('color-scheme', scheme);
        await import('/axe.js');
        for (const animation of document.getAnimations()) animation.finish();
        const { violations } = await axe.run();
        return violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary).join('; '));
      }`,
      scheme,
    );
    assert.deepEqual(found, [], `${state}, ${scheme}`);
  }
}

story('axe finds nothing in any state, in light and dark', DEMO, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await check(stage, 'signed out');
  await page.click('button', '3. Page → provider: token request');
  await page.click('button', 'Try the implicit grant');
  await page.click('button', 'Ask as a machine');
  await page.see('invalid_client');
  await page.click('button', 'Show a code');
  await page.see(/[A-Z]{4}-[A-Z]{4}/);
  await check(stage, 'a step, a refusal and a code');
  await page.click('button', 'Stop waiting');

  await page.click('button', 'Sign in');
  await stage.login();
  await stage.deny();
  await page.find('heading', 'authorization_error');
  await check(stage, 'an error');

  await page.click('button', 'Sign in');
  await stage.consent();
  await page.see('Signed in as alice');
  await check(stage, 'a session');
  await stage.call('Photos');
  await check(stage, 'photos');
  await stage.call('Add a note');
  await page.click('button', '2. API → page: refused');
  await check(stage, 'a refusal');

  await page.driver.manage().window().setRect({ width: 375, height: 800 });
  await page.find('button', '1. Page → API: API request');
  await check(stage, 'a narrow screen');
});

const REFUSED = { ...EXAMPLE[6], id: 9, status: 403, outcome: 'refused', reason: 'insufficient_scope' };

/** A drawing in lines: lanes, then rows and the block in which the user signs in. */
function outline({ width, height, lanes, rows, logins }) {
  return [
    `${width} × ${height}, lanes at ${lanes.map(({ x }) => x).join(' ')}`,
    ...logins.map(({ x, y, width, height }) => `login ${x} ${y} ${width} × ${height}`),
    ...rows.map(
      ({ number, mark, head, texts, looks }) =>
        `${number} ${mark.x},${mark.y} → ${head.x},${head.y} ${[...looks, ...texts.map(({ text }) => text)].join(' | ')}`,
    ),
  ];
}

const WIDE = [
  '800 × 566, lanes at 100 300 500 700',
  'login 30 98 540 × 64',
  '1 300,40 → 497,68 authorization request | your browser | scope: openid photos',
  '2 500,198 → 297,226 response | authorization response | your browser | code',
  '3 300,272 → 497,272 token request | code, code_verifier',
  '4 500,324 → 303,324 response | tokens | access, id_token',
  '5 300,366 → 303,384 ID token check | iss, aud, nonce',
  '6 300,428 → 697,428 API request | GET /photos',
  '7 700,480 → 303,480 response | API response | 200',
  '8 700,532 → 303,532 response | refused | refused | 403 · insufficient_scope',
];

const NARROW = [
  '300 × 372, lanes at 38 113 188 263',
  'login 10 86 206 × 52',
  '1 113,48 → 185,68 ',
  '2 188,160 → 110,180 response',
  '3 113,212 → 185,212 ',
  '4 188,244 → 116,244 response',
  '5 113,272 → 116,286 ',
  '6 113,314 → 260,314 ',
  '7 263,346 → 116,346 response',
];

test('the drawing of a list of steps: lanes, arrows and texts', () => {
  assert.deepEqual(outline(draw([...EXAMPLE, REFUSED], 800)), WIDE);
  assert.deepEqual(outline(draw(EXAMPLE, 300)), NARROW);
  assert.deepEqual(
    draw(EXAMPLE, 300).rows.flatMap(({ texts }) => texts),
    [],
    'a narrow drawing has numbers only',
  );
});

test('each step has a name, and the section that defines it an address', () => {
  assert.equal(nameOf(EXAMPLE[2]), 'Page → provider: token request');
  assert.equal(nameOf(REFUSED), 'API → page: refused');
  assert.equal(addressOf('RFC 6749 §4.1.3'), 'https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.3');
  assert.match(
    addressOf('OpenID Connect Core §3.1.3.7'),
    /^https:\/\/openid\.net\/specs\/openid-connect-core-1_0\.html#/,
  );
});

test('the steps of a tab are grouped by flow, and polls are counted', () => {
  const step = (step, message, exchange, more) => ({
    ...EXAMPLE[0],
    page: 1,
    step,
    message,
    exchange,
    parameters: {},
    ...more,
  });
  const grant = (type) => ({ parameters: { grant_type: type } });
  const device = grant('urn:ietf:params:oauth:grant-type:device_code');
  const pending = { outcome: 'refused', reason: 'authorization_pending' };
  const flows = flowsOf([
    step('metadata', 'request', 1),
    step('metadata', 'response', 1),
    step('metadata', 'request', 1),
    step('metadata', 'response', 1),
    step('authorization', 'request', 2),
    step('authorization', 'response', 2),
    step('token', 'request', 3, grant('authorization_code')),
    step('keys', 'request', 4),
    step('token', 'response', 3),
    step('keys', 'response', 4),
    step('id_token', 'check', 5),
    step('api', 'request', 6),
    step('api', 'request', 7),
    step('api', 'response', 6),
    step('api', 'response', 7),
    step('token', 'request', 8, grant('refresh_token')),
    step('token', 'response', 8),
    step('device_authorization', 'request', 9),
    step('device_authorization', 'response', 9),
    ...[10, 11, 12].flatMap((exchange) => [
      step('token', 'request', exchange, device),
      step('token', 'response', exchange, pending),
    ]),
    step('token', 'request', 13, device),
    step('token', 'response', 13),
    step('revocation', 'request', 14),
    step('revocation', 'response', 14),
  ]);
  assert.deepEqual(
    flows.map(({ kind, steps }) => [kind, steps.length]),
    [
      ['sign_in', 9],
      ['call', 2],
      ['call', 2],
      ['refresh', 2],
      ['device', 4],
      ['revocation', 2],
    ],
  );
  assert.equal(flows[4].steps[2].count, 4, 'one request stands for all of them');
  assert.equal(flows[0].steps[0].count, 2, 'and one for both that read the metadata');
});

story('a storage with anything in it does not keep the page from starting', DEMO, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const wrong = [
    '[null]',
    '{}',
    '7',
    '{',
    '[{"id":1,"page":1,"time":"x"}]',
    '[{"id":1,"page":1,"time":1,"parameters":null}]',
  ];
  for (const text of wrong) {
    await page.run(
      "async (text) => ['demo:steps', 'demo:settings'].forEach((key) => sessionStorage.setItem(key, text))",
      text,
    );
    await page.reload();
    await page.see('Signed out');
    await page.see('An example');
  }
});
