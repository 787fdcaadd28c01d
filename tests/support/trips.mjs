/** The requests of a page of {@link import('./caller.mjs').caller}, in sequential round trips. */
import { between, Rounds } from './distance.mjs';
import { pathOf } from './loopback.mjs';

/** The page, which comes first, and the call, which comes last. */
const WAY = ['site GET /www/', 'api GET /me'];

/** Up to the consent page, after which the provider redirects back. @param {import('./stage.mjs').Stage} stage */
export async function toConsent(stage) {
  await stage.visit();
  await stage.page.click('button', 'Sign in');
  await stage.login();
  await stage.page.find('heading', 'Allow access?');
}

/** Clicks without waiting for the result. @param {import('./stage.mjs').Stage} stage @param {string} name */
export function press({ page }, name) {
  return page.run(
    `async (name) => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === name);
    setTimeout(() => button.click());
  }`,
    name,
  );
}

/**
 * From the redirect page to the first response of the API: the requests of each round trip. Starts after {@link
 * toConsent}.
 */
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

/** The requests between a click on “Sign in” and the navigation to the provider, for which this waits. */
export async function beforeNavigation(stage) {
  const asked = [];
  for (const name of ['site', 'provider', 'api']) {
    between(stage[name].server, (request) => void asked.push(`${name} ${request.method} ${pathOf(request)}`));
  }
  await stage.page.click('button', 'Sign in'); // as a user would; the trips without a click are counted in another file
  await stage.page.until('the redirect to the provider', () => asked.includes('provider GET /auth'));
  return asked.slice(0, asked.indexOf('provider GET /auth')).filter((name) => name !== 'site POST /spy');
}

const roundsOf = ({ site, provider, api }) => new Rounds({ site, provider, api });
