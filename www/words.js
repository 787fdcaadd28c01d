/** What roles, flows and steps mean, in words: the names of the specifications, and one sentence with the valet key. */

/** @typedef {import('./grouping.js').Step} Step */

/** In the order of the lanes: the names that the page uses, and the terms of the specifications. */
export const ROLES = {
  user: { name: 'you', term: 'user' },
  client: { name: 'page', term: 'client' },
  authorization_server: { name: 'provider', term: 'authorization server' },
  resource_server: { name: 'API', term: 'resource server' },
};

export const FLOWS = {
  sign_in: 'Sign-in',
  preparation: 'Preparation',
  call: 'API call',
  refresh: 'Refresh',
  device: 'Sign-in on another device',
  machine: 'Sign-in without a user',
  sign_out: 'Sign-out',
  revocation: 'Revocation',
};

/** What the user does at the server between two messages; the second text of each pair is for narrow screens. */
export const LOGINS = {
  authorization: {
    what: ['You sign in and agree', 'You sign in and agree'],
    note: ['The page is not there: it never sees your password.', 'The page sees no password.'],
  },
  device_authorization: {
    what: ['You enter the code on your phone, sign in and agree', 'You sign in on your phone'],
    note: ['This screen never sees your password.', 'This screen sees no password.'],
  },
};

/** By step and message, in some cases with a grant or a reason: title, sentence. */
const WORDS = {
  'metadata request': [
    'metadata request',
    'The page asks the key maker: where do I go for what, and what do you offer?',
  ],
  'metadata response': [
    'metadata',
    'The key maker names its addresses. The page checks that they come from the provider that it knows.',
  ],
  'resource_metadata request': ['metadata request', 'The page asks the car which key maker it trusts.'],
  'resource_metadata response': ['metadata', 'The car names its key maker.'],
  'keys request': ['key set request', 'The page asks for the seal of the key maker, to compare signatures with it.'],
  'keys response': [
    'key set',
    'These public keys are the seal of the key maker. They open nothing: they only show which signature is genuine.',
  ],
  'registration request': ['registration request', 'The page introduces itself: the key maker has never met it.'],
  'registration response': ['registration', 'The key maker knows the page from now on, under this client ID.'],
  'pushed_authorization request': [
    'pushed request',
    'The page tells the provider directly what it wants, so that nobody can change it on the way through your ' +
      'browser.',
  ],
  'pushed_authorization response': ['receipt', 'The key maker keeps the wish and returns a receipt for it.'],
  'authorization request': [
    'authorization request',
    'The page sends you to the key maker with a note: which valet key it wants, and for what. It also shows the hash ' +
      'of a secret, the code verifier, so that only this page can collect the key later.',
  ],
  'authorization response': [
    'authorization response',
    'You come back with a claim ticket, the code. It is not a key. It is worth nothing without the page’s own secret ' +
      '(the verifier), which is not sent with it.',
  ],
  'authorization response refused': [
    'authorization error',
    'The key maker made no key. You declined, or something in the request was not acceptable.',
  ],
  'device_authorization request': [
    'device request',
    'This screen is no place to type a password, so the page asks for a code that you can enter elsewhere.',
  ],
  'device_authorization response': [
    'user code',
    'A short code for you to enter on your phone, and a long secret one for the page to wait with.',
  ],
  'token request': [
    'token request',
    'The page exchanges the claim ticket for keys. The code verifier proves that it is the page that began.',
  ],
  'token request refresh_token': [
    'refresh request',
    'The valet key has expired, or soon will. The page asks for a new one with the refresh token, without you.',
  ],
  'token request device_code': ['token request', 'The page asks: has the user entered the code and agreed?'],
  'token request client_credentials': [
    'token request',
    'A machine asks for a key of its own. It signs the request with a private key, and there is no user.',
  ],
  'token response': [
    'tokens',
    'The keys. The access token is the valet key: it opens only what you agreed to, and only for a short time.',
  ],
  'token response authorization_pending': ['not yet', 'You have not entered the code yet. The page asks again later.'],
  'token response refused': ['refused', 'The key maker hands out no key for this request.'],
  'id_token check': [
    'ID token check',
    'The key maker also wrote down who you are, and signed it. The page checks the signature, the sender, the ' +
      'addressee and the time before it believes a word.',
  ],
  'id_token check refused': [
    'ID token refused',
    'The statement of who you are is not acceptable. The sign-in ends here.',
  ],
  'api request': ['API request', 'The page shows the valet key to the API. Your password is not part of it.'],
  'api response': ['API response', 'The key fits: the API opens what it is for.'],
  'api response refused': [
    'refused',
    'The API does not accept this key. It may have expired, or be made for something else.',
  ],
  'api response insufficient_scope': [
    'refused',
    'The trunk stays shut: the key is genuine, but it is not made for this. The page can ask you for more.',
  ],
  'socket request': ['socket opened', 'The page opens a lasting connection, and shows the valet key once.'],
  'socket response': ['socket', 'The API accepts the connection.'],
  'userinfo request': ['user info request', 'The page shows the key to the provider and asks for your profile.'],
  'userinfo response': ['user info', 'The profile, as far as you agreed to show it.'],
  'revocation request': ['revocation request', 'The page hands the key back before its time is over.'],
  'revocation response': ['revoked', 'From now on the key opens nothing, whoever holds it.'],
  'end_session request': ['sign-out request', 'The page sends you to the key maker to end your session there, too.'],
  'end_session response': ['sign-out response', 'You are back. Neither the page nor the provider knows you any more.'],
};

/** The end of a grant type is enough to tell it apart (RFC 8628 §3.4 uses a URN). */
export const grantOf = (step) => step.parameters?.grant_type?.split(':').at(-1);

/** @param {Step} step @returns {{ title: string, sentence: string }} */
export function wordsFor(step) {
  const base = `${step.step} ${step.message}`;
  const keys = [step.reason, grantOf(step), step.outcome].map((detail) => `${base} ${detail}`);
  const key = [...keys, base].find((one) => Object.hasOwn(WORDS, one));
  const [title, sentence] = WORDS[key] ?? [base.replaceAll('_', ' '), ''];
  if (step.outcome === 'failed')
    return { title: 'no usable response', sentence: 'No answer came, or the page cannot use it.' };
  return { title, sentence };
}

/** As in `Page → provider: token request`. @param {Step} step */
export function nameOf(step) {
  const from = capitalized(ROLES[step.from].name);
  const way = step.from === step.to ? from : `${from} → ${ROLES[step.to].name}`;
  const count = step.count > 1 ? `, ${step.count} times` : '';
  const { title } = wordsFor(step);
  const isSaid = step.outcome !== 'refused' || /refused|error|not yet/.test(title);
  return `${way}: ${title}${isSaid ? '' : ', refused'}${count}`;
}

/** How long something took. @param {number} milliseconds */
export function spell(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
}

export const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const OPENID = {
  'OpenID Connect Core': 'openid-connect-core-1_0',
  'OpenID Connect Discovery': 'openid-connect-discovery-1_0',
  'OpenID Connect Dynamic Client Registration': 'openid-connect-registration-1_0',
  'OpenID Connect RP-Initiated Logout': 'openid-connect-rpinitiated-1_0',
  'RP-Initiated Logout': 'openid-connect-rpinitiated-1_0',
};

/** The address of a section such as `RFC 6749 §4.1.3`. @param {string} spec */
export function addressOf(spec) {
  const [, name, section] = /^(.*?)(?: §([\w.]+))?$/.exec(spec);
  const [, number] = /^RFC (\d+)$/.exec(name) ?? [];
  if (number) return `https://www.rfc-editor.org/rfc/rfc${number}.html${section ? `#section-${section}` : ''}`;
  const page = Object.hasOwn(OPENID, name) && OPENID[name];
  return page && `https://openid.net/specs/${page}.html${section ? `#rfc.section.${section}` : ''}`;
}
