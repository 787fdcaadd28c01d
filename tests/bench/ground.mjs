/** The page for benchmarks: its own script may call the API, too, and no spy runs. */
import { caller } from '../support/caller.mjs';
import { replaceApi } from '../support/quick_api.mjs';
import { Stage } from '../support/stage.mjs';

/**
 * @template T
 * @param {import('../support/stage.mjs').StageOptions} options
 * @param {(stage: Stage) => Promise<T>} play
 * @returns {Promise<T>}
 */
export async function onGround(options, play) {
  const stage = await Stage.open({ ...caller(), ...options });
  try {
    await replaceApi(stage);
    const { settings } = stage.site;
    if (settings.pinned) settings.pinned.api = settings.config.api;
    settings.before = ''; // the tests' spy wraps the functions that are measured here
    settings.policies = {
      page: `default-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self' ${settings.connect.join(' ')}`,
    };
    await stage.page.driver.manage().setTimeouts({ script: 300_000 });
    return await play(stage);
  } finally {
    await stage.close();
  }
}
