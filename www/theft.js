/** The theft that fails: what an injected script tries in this page, beside the same in a document that keeps its tokens in the page. */
import { prose } from './doctor.js';
import { byId, element } from './element.js';
import { isInPage } from './own_provider_in_page.js';
import { demoConfig } from './services_config.js';
import { TITLES, runAttempts } from './theft_attempts.js';

/** @typedef {import('./theft_attempts.js').Report} Report */

/** The line that is no theft: it works in both, since the script acts as the user. */
const LIMIT = TITLES.at(-1);

/** @param {() => { client: import('../pkg/index.d.ts').Client, options: Record<string, any> }} find what the page uses now */
export async function startTheft(find) {
  byId('theft-lines').replaceChildren(...TITLES.map(lineOf));
  byId('theft-run').addEventListener('click', async () => {
    byId('theft-run').disabled = true;
    byId('theft-lines').replaceChildren(...TITLES.map(lineOf));
    const { client, options } = find();
    await Promise.all([
      attack('worker', (tell) => runAttempts({ client, options, api: meOf(options) }, tell)),
      attack('page', (tell) => inFrame(options, tell)),
    ]);
    byId('theft-run').disabled = !client.session;
  });
}

const meOf = ({ api: [base] }) => base && new URL('me', base).href;

/** @param {string} title */
function lineOf(title) {
  const cell = (home) =>
    element(
      'td',
      { 'data-home': home },
      element('span', { class: 'quiet', 'aria-hidden': 'true' }, '–'),
      element('span', { class: 'unseen' }, 'not tried yet'),
    );
  return element('tr', {}, element('th', { scope: 'row' }, title), cell('worker'), cell('page'));
}

/** Runs all attempts in one place, and says what they found. @param {'worker' | 'page'} home */
async function attack(home, run) {
  const verdict = byId(`theft-${home}`);
  verdict.className = 'verdict';
  verdict.textContent = 'The script is at work …';
  let found = 0;
  let tried = 0;
  try {
    await run((report) => {
      tried += report.title === LIMIT ? 0 : 1;
      found += report.loot ? 1 : 0;
      show(home, report);
    });
  } catch (error) {
    verdict.textContent = `Not tried: ${error.hint ?? error.message}`;
    return;
  }
  verdict.classList.add(found ? 'bad' : 'good');
  verdict.textContent = found
    ? `A token, found in ${found} of ${tried} attempts`
    : `Nothing found in ${tried} attempts`;
}

/** @param {'worker' | 'page'} home @param {Report} report */
function show(home, { title, looked, told, works, loot }) {
  const line = byId('theft-lines').children[TITLES.indexOf(title)];
  const [kind, text] = works ? ['limit', works] : loot ? ['bad', 'a token'] : ['good', 'nothing'];
  const more = works
    ? 'the script acts as you'
    : loot
      ? `${loot.what}, ${loot.length} characters`
      : told
        ? said(told)
        : `${looked} texts read`;
  line
    .querySelector(`[data-home=${home}]`)
    .replaceChildren(element('strong', { class: kind }, text), element('small', {}, ...prose(more)));
}

/** Codes as code. @param {string} told */
const said = (told) => told.replace(/\b[a-z]+_[a-z_]+\b/g, '`$&`');

/** The same in a document that keeps its tokens in the page. */
async function inFrame({ issuer, api, allowLoopbackHttp }, tell) {
  const clientId = isInPage() ? 'page' : (await demoConfig)?.issuer === issuer && (await demoConfig).page?.clientId;
  if (!clientId) throw new TypeError('this needs another client at the provider, and only that of the demo has one');
  const options = {
    issuer,
    clientId,
    scope: 'openid profile',
    api,
    allowLoopbackHttp,
    tokens: 'page',
    restore: 'none',
    redirectUri: new URL('returned.html', location.href).href,
  };
  const frame = element('iframe', { src: 'theft_frame.html', title: 'Tokens in the page', class: 'unseen' });
  frame.tabIndex = -1;
  try {
    await new Promise((loaded) => {
      frame.addEventListener('load', loaded);
      byId('theft').append(frame);
    });
    const { port1, port2 } = new MessageChannel();
    await new Promise((done, fail) => {
      port1.onmessage = ({ data: { report, ended, error } }) => {
        if (report) tell(report);
        if (error) fail(error);
        else if (ended) done();
      };
      frame.contentWindow.postMessage({ options, api: meOf(options) }, location.origin, [port2]);
    });
    port1.close();
  } finally {
    frame.remove();
  }
}
