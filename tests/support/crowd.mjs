/** Many tabs that call at the same moment, with an expired access token. */

/**
 * A page of {@link import('./caller.mjs').caller} is signed in already, with a token that lasts some seconds.
 * @param {import('./stage.mjs').Stage} stage
 * @param {{ tabs: number, calls: number, next: number }} how many, and how many seconds the next token lasts
 * @returns {Promise<{ refreshes: number, answers: number, alive: number }>} refreshes for all calls, calls with status
 *   200, and tabs whose call had status 200 after that token had expired, too
 */
export async function crowd(stage, { tabs, calls, next }) {
  const { browser, page, provider, site } = stage;
  const handles = [await page.driver.getWindowHandle()];
  while (handles.length < tabs) {
    handles.push(await browser.newTab());
    await page.goto(site.url);
    await page.see('Signed in as alice');
  }
  /** The statuses of simultaneous calls of all tabs. A timer would fire in time only in the tab in front. */
  const all = async (each) => {
    for (const handle of handles) {
      await page.driver.switchTo().window(handle);
      await page.run(
        `async (each) => {
        const call = () => client.fetch(api + 'me').then(({ status }) => status, ({ code }) => code);
        globalThis.answers = new Promise((done) => {
          const crowd = new BroadcastChannel('crowd');
          crowd.onmessage = () => {
            crowd.close();
            done(Promise.all(Array.from({ length: each }, call)));
          };
        });
      }`,
        each,
      );
    }
    await expired(page);
    await page.run(`async () => new BroadcastChannel('crowd').postMessage('go')`);
    const statuses = [];
    for (const handle of handles) {
      await page.driver.switchTo().window(handle);
      statuses.push(await page.run('async () => answers'));
    }
    return statuses;
  };
  const before = provider.count('token');
  provider.settings.accessTokenSeconds = next;
  const answers = (await all(calls)).flat().filter((status) => status === 200).length;
  const refreshes = provider.count('token') - before;
  const alive = (await all(1)).flat().filter((status) => status === 200).length;
  return { refreshes, answers, alive };
}

/** Waits until the page's access token has expired. */
const expired = (page) =>
  page.run(
    'async () => new Promise((done) => setTimeout(done, Math.max(0, client.session.expiresAt - Date.now()) + 500))',
  );
