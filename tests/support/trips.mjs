/** What a page of {@link import('./caller.mjs').caller} asks of the servers on its way, in trips that wait for each other. */
import { between, Rounds } from './distance.mjs';
import { pathOf } from './loopback.mjs';

/** The page, which comes first, and the call, which ends it. */
const WAY = ['site GET /www/', 'api GET /me'];

/** Up to the question that is answered by the way back. @param {import('./stage.mjs').Stage} stage */
export async function toConsent(stage) {
  await stage.visit();
  await stage.page.click('button', 'Sign in');
  await stage.login();
  await stage.page.find('heading', 'Allow access?');
}

/** Clicks without waiting for what comes of it. @param {import('./stage.mjs').Stage} stage @param {string} name */
export function press({ page }, name) {
  return page.run(
    `async (name) => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === name);
    setTimeout(() => button.click());
  }`,
    name,
  );
}

/** From the callback's page to the first answer of the API: what was asked in each trip. From {@link toConsent} on. */
export async function callbackTrips(stage) {
  const rounds = roundsOf(stage);
  await press(stage, 'Allow');
  return rounds.between(...WAY);
}

/** The same for a reload of the page. */
export async function reloadTrips(stage) {
  const rounds = roundsOf(stage);
  await stage.page.run('async () => void setTimeout(() => location.reload())');
  return rounds.between(...WAY);
}

/** What is asked between a click on “Sign in” and the page's way to the provider, which this waits for. */
export async function beforeNavigation(stage) {
  const asked = [];
  for (const name of ['site', 'provider', 'api']) {
    between(stage[name].server, (request) => void asked.push(`${name} ${request.method} ${pathOf(request)}`));
  }
  await stage.page.click('button', 'Sign in'); // as a user does: what counts trips without a user's click is another file
  await stage.page.until('the way to the provider', () => asked.includes('provider GET /auth'));
  return asked.slice(0, asked.indexOf('provider GET /auth')).filter((name) => name !== 'site POST /spy');
}

const roundsOf = ({ site, provider, api }) => new Rounds({ site, provider, api });
