/** A user who walks away is signed out, in all tabs (`valet-key/idle`). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPEN } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** The app, which signs out after an hour, and remembers the events. */
const WATCHING = {
  ...OPEN,
  scripts: {
    '/www/app.js': OPEN.scripts['/www/app.js'].replace(
      'const client = make();',
      `import { signOutWhenIdle } from '../pkg/idle.js';
      const client = make();
      globalThis.told = [];
      const idle = (globalThis.idle = signOutWhenIdle(client, { after: 3600, warning: 30, everywhere: false }));
      for (const type of ['countdown', 'active', 'idle']) idle.addEventListener(type, ({ remaining }) => told.push([type, remaining]));
      client.addEventListener('change', ({ session }) => {
        document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
      });`,
    ),
  },
};

/** Sets the time of the last activity, as if so many seconds had passed since, and lets the tabs notice. */
const letPass = ({ page }, seconds) =>
  page.run(
    `async (seconds) => {
      const [key, time] = ['valet-key:active', String(Date.now() - seconds * 1000)];
      localStorage.setItem(key, time);
      dispatchEvent(new StorageEvent('storage', { key, newValue: time }));
    }`,
    seconds,
  );

/** What the tab has told, once there is an event of this kind. */
const toldUntil = ({ page }, kind) =>
  page.until(kind, async () => {
    const told = await page.run('async () => told');
    return told.some(([type]) => type === kind) && told;
  });

story(
  'a user who does nothing is warned and signed out, in all tabs',
  { ...WATCHING, differs: ['lasting'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    const { remaining, told } = await page.run('async () => ({ remaining: idle.remaining, told })');
    assert.ok(remaining > 3500 && remaining <= 3600 && !told.length, `${remaining}`);
    const [first, second] = await stage.openBeside();

    await letPass(stage, 3600 - 20);
    const [[type, left]] = await toldUntil(stage, 'countdown');
    assert.ok(type === 'countdown' && left <= 20 && left > 0, `${type} ${left}`);
    await page.driver.switchTo().window(first);
    await toldUntil(stage, 'countdown');

    // The user is active in the second tab.
    await page.driver.switchTo().window(second);
    await page.click('heading', 'Session');
    await toldUntil(stage, 'active');
    await page.driver.switchTo().window(first);
    await toldUntil(stage, 'active');
    assert.ok((await page.run('async () => idle.remaining')) > 3500);

    await page.driver.switchTo().window(second);
    await letPass(stage, 3601);
    await page.see('Signed out');
    await page.driver.switchTo().window(first);
    await page.see('Signed out');
    assert.equal(await page.run('async () => String(idle.remaining)'), 'Infinity');
    assert.ok(provider.count('revocation') > 0);
  },
);

story('a page that is opened too late signs the user out', WATCHING, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.reload();
  await page.see('Signed in as alice');
  await letPass(stage, 10);
  await page.reload();
  await stage.restored();
  await page.run(`async () => {
    idle.stop();
    localStorage.setItem('valet-key:active', String(Date.now() - 3_601_000));
  }`);
  await page.reload();
  await page.see('Signed out');
  await toldUntil(stage, 'idle');
});

story(
  'a session that the page restores is no sign of the user',
  { ...WATCHING, homes: ['dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    const before = provider.count('authorization');
    await page.run(`async () => {
      idle.stop();
      localStorage.setItem('valet-key:active', String(Date.now() - 3_601_000));
    }`);
    await page.reload();
    await page.until('the restored session', () => provider.count('authorization') > before);
    await page.see('Signed out');
    await toldUntil(stage, 'idle');
  },
);

story('an app can say that the user is active, and end the observation', WATCHING, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await letPass(stage, 3595);
  await toldUntil(stage, 'countdown');
  await page.run('async () => idle.active()');
  await toldUntil(stage, 'active');
  await page.run('async () => { idle.stop(); told.length = 0; }');
  await letPass(stage, 4000);
  assert.deepEqual(await page.run('async () => [told, client.session.sub]'), [[], 'alice']);
  const wrong = await page.run(`async () => {
    const { signOutWhenIdle } = await import('../pkg/idle.js');
    return [0, -1, NaN, Infinity, '60', undefined].map((after) => {
      try {
        return signOutWhenIdle(client, { after });
      } catch (error) {
        return error.code;
      }
    });
  }`);
  assert.deepEqual(wrong, Array(6).fill('config_error'));
});

story('a clock that was set back, or a key that is no time, does not stop the countdown', WATCHING, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  for (const time of ['String(Date.now() + 86_400_000)', "'Infinity'", "'soon'"]) {
    await page.run(`async () => localStorage.setItem('valet-key:active', ${time})`);
    const before = await page.run('async () => idle.remaining');
    await sleep(300);
    const after = await page.run('async () => idle.remaining');
    assert.ok(after <= before - 0.25, `${time}: ${before} ${after}`);
  }
});
