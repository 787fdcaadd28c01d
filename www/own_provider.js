/** Your own provider: its settings, what is wrong with them, and the sign-in there. */
import { findingsFor, prose, reportOf } from './doctor.js';
import { byId, element } from './element.js';
import { endInPage, isOfPage, keepInPage, startInPage } from './own_provider_in_page.js';
import { fieldsIn, flawOf, linkTo } from './own_provider_link.js';
import { PROFILES, blanksOf } from './own_provider_profiles.js';
import { forgetSettings, optionsOf, settingsFrom } from './settings.js';

/** @typedef {import('./settings.js').Settings} Settings */

/**
 * @param {Settings | null} settings what the page uses now
 * @param {(chosen: Settings) => Promise<unknown>} use signs in at another provider
 */
export function startOwnProvider(settings, use) {
  const form = byId('settings');
  byId('redirect').textContent = location.origin + location.pathname;
  byId('redirect-origin').textContent = location.origin;
  if (settings) {
    const { issuer, clientId, unguarded, scope, api } = settings;
    fill({ issuer, clientId: unguarded?.clientId ?? clientId, scope, api: api.join(' ') });
  }
  byId('profile-field').append(...PROFILES.map(({ name }) => element('option', {}, name)));
  byId('profile-field').addEventListener('change', showProfile);
  showLink();
  form.addEventListener('input', showLink);
  offerLink();
  addEventListener('hashchange', offerLink);
  keepInPage();

  byId('check').addEventListener('click', () => form.reportValidity() && attempt(check));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(async () => use(await chosen()));
  });
  byId('own').addEventListener('click', async () => {
    await endInPage();
    forgetSettings();
    location.reload();
  });
  for (const [button, problem] of [
    ['in-page', 'provider-problem'],
    ['services-start', 'services-problem'],
  ])
    byId(button).addEventListener('click', () => attempt(async () => use(await startInPage()), problem));
  byId('copy-link').addEventListener('click', ({ target }) =>
    attempt(async () => {
      await navigator.clipboard.writeText(linkTo(fields()));
      target.textContent = 'Copied';
    }),
  );
}

/** @returns {import('./own_provider_link.js').Fields} */
function fields() {
  const text = (name) => byId('settings').elements[name].value.trim();
  return { issuer: text('issuer'), clientId: text('clientId'), scope: text('scope'), api: text('api') };
}

/** @param {Partial<import('./own_provider_link.js').Fields>} values */
function fill(values) {
  for (const name of ['issuer', 'clientId', 'scope', 'api'])
    if (values[name] !== undefined) byId('settings').elements[name].value = values[name];
}

/** What the form says, if it is acceptable. @returns {Promise<Settings>} */
async function chosen() {
  const blanks = blanksOf(fields().issuer);
  const flaw = blanks.length ? `the issuer has ${blanks.join(' and ')} in place of a name of yours` : flawOf(fields());
  if (flaw) throw new TypeError(flaw);
  const settings = settingsFrom(new FormData(byId('settings')));
  return isOfPage(settings.issuer) ? { ...(await startInPage()), ...settings } : settings;
}

async function check() {
  const options = optionsOf(await chosen());
  const redirectUri = location.origin + location.pathname;
  byId('findings').replaceChildren(element('p', { class: 'quiet' }, `Asking ${new URL(options.issuer).host} …`));
  byId('findings').replaceChildren(...reportOf(await findingsFor({ ...options, redirectUri })));
}

/** Does something that may fail, and says so in place. */
async function attempt(action, problem = 'provider-problem') {
  byId(problem).textContent = '';
  try {
    await action();
  } catch (error) {
    const { code, hint, message } = error;
    byId(problem).replaceChildren(
      ...(code ? [element('code', {}, code), ': '] : []),
      `${message}. `.replace(/[.]{2} $/, '. '),
      ...(hint ? prose(hint) : []),
    );
  }
}

function showProfile() {
  const profile = PROFILES.find(({ name }) => name === byId('profile-field').value);
  byId('profile-help').replaceChildren(...(profile ? prose(`At ${profile.name}: ${profile.setting}`) : []));
  if (!profile) return;
  fill({ issuer: profile.issuer, scope: profile.scope, clientId: '', api: '' });
  showLink();
}

function showLink() {
  byId('provider-link').textContent = fields().issuer ? linkTo(fields()) : '';
  byId('copy-link').disabled = !fields().issuer;
  byId('copy-link').textContent = 'Copy the link';
}

/** Shows what a link brings. Nothing is sent anywhere before the user has agreed. */
function offerLink() {
  const found = fieldsIn(location.hash);
  byId('from-link').hidden = !found;
  if (!found) return;
  const end = () => {
    history.replaceState(history.state, '', location.pathname + location.search);
    byId('from-link').hidden = true;
  };
  const button = (name, act, kind = '') => {
    const made = element('button', { type: 'button', class: kind }, name);
    made.addEventListener('click', () => {
      act();
      end();
    });
    return made;
  };
  const take = () => {
    fill(found);
    showLink();
    byId('issuer-field').focus();
  };
  byId('from-link').replaceChildren(
    ...('flaw' in found
      ? [element('p', {}, `This link is not used: ${found.flaw}.`), button('All right', () => {})]
      : [
          element('p', {}, 'This link brings the settings of another provider:'),
          element('p', {}, element('code', { class: 'issuer' }, found.issuer)),
          element('p', {}, 'Nothing has been sent there. Go on only if you know whose provider it is.'),
          element(
            'p',
            { class: 'buttons' },
            button('Fill in the form', take, 'main'),
            button('Ignore it', () => {}),
          ),
        ]),
  );
  byId('provider').scrollIntoView();
}
