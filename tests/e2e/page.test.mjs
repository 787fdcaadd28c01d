/** The page itself: its form, its words, its manners. */
import assert from 'node:assert/strict';
import { Key } from 'selenium-webdriver';
import { story } from '../support/stage.mjs';

story('another provider can be typed in, and taken back', { differs: ['lasting'] }, async (stage) => {
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
  await page.see('Signed out');

  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
  assert.equal(await stage.call('Notes'), 200);
  assert.equal(await stage.call('Photos'), 403);

  site.settings.config = own;
  await page.click('button', /Use another provider/);
  await page.click('button', 'Back to the demo’s own');
  await page.find('checkbox', 'offline_access');
  if (stage.lacks('lasting')) {
    await page.click('button', 'Sign in');
    await stage.consent(); // this page asks for more than was allowed before
  }
  await page.see('Signed in as alice'); // the same client, which has one session
});

story('what a server says is text, never markup', {}, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.check('notes:write');
  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
  await page.fill('New note', '<img src=x alt="not an image">');
  assert.equal(await stage.call('Add a note'), 201);
  await page.see('<img src=x alt=');
  assert.deepEqual(await page.all('img', 'not an image'), []);
});

story('the keyboard is enough', {}, async (stage) => {
  const { page } = stage;
  const press = (...keys) =>
    page.driver
      .actions()
      .sendKeys(...keys)
      .perform();
  const focus = () => page.run('async () => document.activeElement.textContent.trim()');
  await stage.visit();
  for (let steps = 0; (await focus()) !== 'Sign in'; steps += 1) {
    assert.ok(steps < 10, 'the button is not in the order of focus');
    await press(Key.TAB);
  }
  await press(Key.ENTER);
  await page.find('heading', 'Sign in');
  await press('alice', Key.TAB, 'wonderland', Key.ENTER);
  await page.find('heading', 'Allow access?');
  await press(Key.ENTER);
  await page.see('Signed in as alice');
});

/** A popup, since other windows have a least width: some engines give it the size it asks for, some give it any later. */
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

story('nothing sticks out of a narrow screen', {}, async (stage) => {
  const { page } = stage;
  await narrowWindow(stage);
  await stage.signIn();
  await stage.call('Photos');
  const [wide, screen] = await page.run('async () => [document.documentElement.scrollWidth, innerWidth]');
  assert.ok(screen < 340, `a screen of ${screen}`); // no window of WebKit is narrower than 334
  assert.ok(wide <= screen, `${wide} on ${screen}`);
});

story('each control has a name', {}, async (stage) => {
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
