/** The redirect page: which authorization responses it accepts, which it ignores, and what it leaves in the address. */
import assert from 'node:assert/strict';
import { IDLE, app } from '../support/app.mjs';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

const APP = { scripts: app({ buttons: { Popup: "client.signIn({ mode: 'popup' })" } }) };

/** A sign-in is pending; the test knows its `state`, as an observer might. */
async function pending(stage) {
  const { page, provider } = stage;
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  return { code: 'made-up', state: [...provider.issued.states].at(-1), iss: provider.issuer };
}

/** A valid authorization response that no app has processed: the redirect page stays idle until it is loaded again. */
async function answered(stage, meanwhile = async () => {}) {
  const { page, site } = stage;
  await pending(stage);
  const { scripts } = site.settings;
  site.settings.scripts = { ...scripts, ...IDLE };
  await stage.login();
  await stage.consent();
  await page.see('Idle');
  await meanwhile();
  site.settings.scripts = scripts;
}

const trace = (page) =>
  page.run("async () => events.filter(([step]) => step === 'callback').map(([, outcome]) => outcome)");

story('CB-28 P0: a response in the fragment is ignored, and the pending sign-in continues', APP, async (stage) => {
  const { page, provider, site } = stage;
  const answer = new URLSearchParams(await pending(stage));
  await page.goto(`${site.url}#${answer}`);
  await page.see('Signed out');
  assert.equal(provider.count('token'), 0);
  assert.equal(
    (await stage.keys('sessionStorage')).filter((key) => key.startsWith('valet-key:tx:')).length,
    1,
    'still pending',
  );
  await page.goto(provider.issuer); // leaves the document, which a new fragment would not
});

for (const [what, address] of [
  [
    'CB-30 P0: a response with a code in the query and another in the fragment',
    (answer) => `?${new URLSearchParams(answer)}#${new URLSearchParams({ ...answer, code: 'other' })}`,
  ],
  ['CB-31 P0: an access token in the fragment', ({ state }) => `#access_token=evil&token_type=bearer&state=${state}`],
  ['CB-31 P0: an access token in the query', ({ state }) => `?access_token=evil&token_type=bearer&state=${state}`],
  ['CB-34 P1: a JARM response that was not requested', ({ state }) => `?response=e30.e30.e30&state=${state}`],
]) {
  story(`${what} is refused`, APP, async (stage) => {
    const { page, provider, site } = stage;
    await page.goto('about:blank');
    await page.goto(`${site.url}${address(await pending(stage))}`);
    await page.see('Told: response_invalid');
    assert.equal(provider.count('token'), 0);
    assert.equal(await page.url(), site.url, 'the address holds none of its parameters');
    await stage.signIn();
  });
}

story(
  'CB-37 P0: if two tabs with the same storage receive the same response, one of them sends the code',
  APP,
  async (stage) => {
    const { page, provider } = stage;
    const { driver } = page;
    const first = await driver.getWindowHandle();
    let second;
    await answered(stage, async () => {
      await page.click('button', 'Again');
      second = await page.until('another tab', async () =>
        (await driver.getAllWindowHandles()).find((handle) => handle !== first),
      );
      await driver.switchTo().window(second);
      await page.see('Idle');
    });
    for (const tab of [first, second]) {
      await driver.switchTo().window(tab);
      await page.run('async () => void setTimeout(() => location.reload(), 1500)');
    }
    const outcomes = [];
    for (const tab of [first, second]) {
      await driver.switchTo().window(tab);
      await page.see('Signed in as alice');
      outcomes.push(...(await page.until('an outcome', async () => (await trace(page)).length > 0 && trace(page))));
    }
    assert.deepEqual(outcomes.sort(), ['completed', 'ignored']);
    assert.equal(provider.count('token'), 1);
  },
);

story('CB-35 P0: processing a response again after reload, Back and Forward changes nothing', APP, async (stage) => {
  const { page, provider, site } = stage;
  await answered(stage);
  const answer = new URL(await page.url()).search;
  await page.reload();
  await page.see('Signed in as alice');
  await page.goto(`${site.url}${answer}`);
  await page.see('Signed in as alice');
  await page.back();
  await page.forward();
  await page.see('Signed in as alice');
  const refused = provider.requests.filter(({ path, status }) => path === '/token' && status !== 200);
  assert.deepEqual(refused, [], 'the code was not sent again');
  assert.equal(await page.url(), site.url);
});

story('CB-48 CB-49 P0: the address keeps all parameters that are not part of the response', APP, async (stage) => {
  const { page, site } = stage;
  await stage.browser.newTab(); // whose history is empty: a browser counts 50 entries at most
  const length = () => page.run('async () => history.length');
  await page.goto(`${site.url}?tab=2#/start?x=1`);
  await page.see('Signed out');
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  const [state] = stage.provider.issued.states;
  const before = await length();
  await page.goto(
    `${site.url}?tab=2&error=access_denied&state=${state}&iss=${encodeURIComponent(stage.provider.issuer)}&error_description=no#/start?x=1`,
  );
  await page.see('Told: authorization_error');
  assert.equal(await page.url(), `${site.url}?tab=2#/start?x=1`);
  assert.equal(await length(), before + 1, 'one entry for the navigation itself');
});

story(
  'CB-50 P0: the `Referer` header reveals no address with a code',
  { ...APP, headers: { 'referrer-policy': 'no-referrer' } },
  async (stage) => {
    const { page } = stage;
    const stranger = await startStranger();
    try {
      stage.site.settings.policies = { page: "default-src 'self'; img-src * data:; frame-ancestors 'none'" };
      stage.site.settings.scripts['/www/app.js'] =
        `new Image().src = ${JSON.stringify(stranger.url)}; ${stage.site.settings.scripts['/www/app.js']}`;
      await answered(stage);
      await page.reload();
      await page.see('Signed in as alice');
      await page.until('a request of the page', async () => stranger.taken.length > 0);
      const codes = [...stage.provider.issued.codes, ...stage.provider.issued.states];
      assert.deepEqual(
        codes.filter((code) => stranger.taken.some((request) => request.includes(code))),
        [],
      );
    } finally {
      await stranger.close();
    }
  },
);

story(
  'CB-55 P1: a response in a frame of another site is ignored, and the frame sends no message',
  {
    ...APP,
    policies: { page: "default-src 'self'; worker-src 'self'; connect-src 'self'" },
  },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.visit();
    await page.goto(provider.issuer.replace('localhost', '127.0.0.1')); // another site
    await page.run(
      `async (address) => {
    globalThis.heard = [];
    addEventListener('message', ({ data }) => heard.push(data));
    const frame = document.createElement('iframe');
    frame.src = address;
    document.body.append(frame);
  }`,
      `${site.url}?code=c&state=vk.x.w`,
    );
    await page.until(
      'the page in the frame',
      async () => site.requests.filter(({ path }) => path === '/www/app.js').length > 1,
    );
    await new Promise((next) => setTimeout(next, 4000)); // longer than the time limit for a response in a frame
    assert.deepEqual(await page.run('async () => heard'), []);
    assert.equal(provider.count('token'), 0);
  },
);

story(
  'a page that starts a sign-in on every load is stopped with `redirect_loop` and the cause',
  {
    scripts: app({
      then: 'if (!session) client.signIn().catch((error) => tell(error.code + " because of " + error.cause?.code));',
    }),
  },
  async (stage) => {
    const { page, provider, site } = stage;
    await page.goto(site.url);
    await stage.login();
    provider.fail('500', 'token');
    await stage.consent();
    await page.see('Told: redirect_loop because of server_unavailable', 20_000);
    assert.equal(provider.count('authorization'), 5);
    provider.recover();
    await page.click('button', 'Sign in'); // a click does not count as a loop
    await page.see('Signed in as alice');
  },
);
