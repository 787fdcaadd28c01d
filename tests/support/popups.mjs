/** A user's actions with a popup. */

/** Clicks, and switches to the window that opened. @returns {Promise<string>} the window of the click */
export async function follow(stage, button = 'Popup') {
  const { driver } = stage.page;
  const home = await driver.getWindowHandle();
  const before = new Set(await driver.getAllWindowHandles());
  await stage.page.click('button', button);
  const opened = await stage.page.until('another window', async () =>
    (await driver.getAllWindowHandles()).find((handle) => !before.has(handle)),
  );
  await driver.switchTo().window(opened);
  return home;
}

/** Waits until the popup is closed, and switches back. */
export async function back(stage, home) {
  const { driver } = stage.page;
  await stage.page.until('the popup to close', async () => (await driver.getAllWindowHandles()).length === 1);
  await driver.switchTo().window(home);
}
