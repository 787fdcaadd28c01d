/** The demo page: its form, its texts and its accessibility. */
import assert from 'node:assert/strict';
import { Key } from 'selenium-webdriver';
import { story } from '../support/stage.mjs';

story(
  'the demo signs in through the guard, with the scopes that are ticked',
  { demo: true, guard: { scope: 'openid profile email photos notes:read notes:write offline_access' } },
  async (stage) => {
    const { page, provider } = stage;
    await page.goto(stage.site.url);
    await page.see('Signed out');
    await page.check('photos', false);
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    assert.equal(await stage.call('Notes'), 200);
    assert.equal(await stage.call('Photos'), 403);
    assert.equal(provider.issued.authorizations[0].scope, 'openid profile email notes:read');
  },
);

story(
  'a user can enter another provider, and return to the demo’s provider',
  { demo: true, differs: ['lasting'] },
  async (stage) => {
    const { page, site, provider, api } = stage;
    const own = site.settings.config;
    site.settings.config = null;
    await page.goto(site.url);
    await page.see('No provider yet');

    await page.fill('Issuer', provider.issuer);
    await page.fill('Client id', 'demo');
    await page.fill('Scope', 'openid profile notes:read');
    await page.fill('API addresses', api.url);
    await page.click('button', 'Use it');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    assert.equal(await stage.call('Notes'), 200);
    assert.equal(await stage.call('Photos'), 403);

    site.settings.config = own;
    await page.click('button', 'Back to the demo’s own');
    await page.find('checkbox', /offline_access/);
    await page.see(/Signed (in|out)/);
    if (stage.lacks('lasting') && (await page.text()).includes('Signed out')) {
      await page.click('button', 'Sign in');
      await stage.consent(); // this page requests more scopes than the user has allowed
    }
    await page.see('Signed in as alice'); // the same client, which has one session
  },
);

story('text of a server is shown as text, not as markup', { demo: true }, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.check(/notes:write/);
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
  await page.fill('New note', '<img src=x alt="not an image">');
  assert.equal(await stage.call('Add a note'), 201);
  await page.see('<img src=x alt=');
  assert.deepEqual(await page.all('img', 'not an image'), []);
});

story('a sign-in works with the keyboard alone', { demo: true }, async (stage) => {
  const { page } = stage;
  const press = (...keys) =>
    page.driver
      .actions()
      .sendKeys(...keys)
      .perform();
  const focus = () => page.run('async () => document.activeElement.textContent.trim()');
  await stage.visit();
  for (let steps = 0; (await focus()) !== 'Sign in'; steps += 1) {
    assert.ok(steps < 10, 'the Tab key does not reach the button');
    await press(Key.TAB);
  }
  await press(Key.ENTER);
  await page.find('heading', 'Sign in');
  await press('alice', Key.TAB, 'wonderland', Key.ENTER);
  await page.find('heading', 'Allow access?');
  await press(Key.ENTER);
  await page.see('Signed in as alice');
});

/**
 * Opens a popup, since other windows have a minimum width. Some engines apply the requested size at once, others apply
 * any size later.
 */
async function narrowWindow({ page, site }) {
  const size = { width: 320, height: 700 };
  await page.goto(site.url);
  await page.run(
    `async () => addEventListener('click', () => open('about:blank', '', 'popup,width=320,height=700'), { once: true })`,
  );
  const [first] = await page.driver.getAllWindowHandles();
  await page.click('heading', 'Session');
  const popup = await page.until('the popup', async () =>
    (await page.driver.getAllWindowHandles()).find((handle) => handle !== first),
  );
  await page.driver.switchTo().window(popup);
  await page.driver.manage().window().setRect(size);
}

story('the page fits a narrow screen', { demo: true }, async (stage) => {
  const { page } = stage;
  await narrowWindow(stage);
  await stage.signIn();
  await stage.call('Photos');
  const [wide, screen] = await page.run('async () => [document.documentElement.scrollWidth, innerWidth]');
  assert.ok(screen < 340, `a screen of ${screen}`); // no window of WebKit is narrower than 334
  assert.ok(wide <= screen, `${wide} on ${screen}`);
});

story('each control has an accessible name', { demo: true }, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  const nameless = [];
  for (const element of await page.driver.findElements({ css: 'button, input, summary, [role], section, progress' })) {
    if (!(await element.isDisplayed())) continue;
    const name = await element.getAccessibleName();
    if (!name && !/^(status|alert|timer)$/.test(await element.getAriaRole()))
      nameless.push(await element.getAttribute('outerHTML'));
  }
  assert.deepEqual(nameless, []);
});
