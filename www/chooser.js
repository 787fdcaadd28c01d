/** Which flow for whom: what each is for, why, and a button that runs it here; or that shows why it is refused. */
import { createClient } from '../pkg/index.js';
import { byId, element } from './element.js';
import { linesOf } from './problem.js';
import { addressOf } from './words.js';

/**
 * @typedef {object} Means
 * @property {import('./settings.js').Settings} settings
 * @property {() => void} signIn
 * @property {(client: import('../pkg/index.d.ts').Client) => void} watch draws what a client does
 */

const FLOWS = [
  {
    who: 'A page in a browser',
    flow: 'Authorization code with PKCE',
    why:
      'Anyone can read the code of a page, so no fixed secret can be hidden in it. The page makes a new secret for ' +
      'each sign-in. First it shows only a fingerprint of it (a hash); to collect the key, it shows the secret itself.',
    spec: 'RFC 7636 §1',
    button: 'Run it in this page',
    run: ({ signIn }) => signIn(),
  },
  {
    who: 'A television or a kiosk',
    flow: 'Device authorization',
    why: 'A screen in a hall is no place to type a password. It shows a code, and you sign in on your own phone.',
    spec: 'RFC 8628 §1',
    button: 'Show a code',
    run: device,
  },
  {
    who: 'A job without a user',
    flow: 'Client credentials, by a key',
    why: 'No person is there to agree. The program proves who it is with a private signing key of its own.',
    spec: 'RFC 6749 §4.4',
    button: 'Ask as a machine',
    run: machine,
  },
  {
    who: 'Refused: a token in the address',
    flow: 'Implicit grant',
    why:
      'It puts the key itself into the address, where history, logs and other scripts can read it. RFC 9700 says ' +
      'not to use it, and OAuth 2.1 leaves it out.',
    spec: 'RFC 9700 §2.1.2',
    button: 'Try the implicit grant',
    run: ({ settings }) => refused({ ...client(settings), responseType: 'token' }),
    refused: true,
  },
  {
    who: 'Refused: your password in the app',
    flow: 'Password grant',
    why:
      'You type your password into the app, so the app sees it, and there is no step for a second check, such as a ' +
      'code on your phone. RFC 9700 forbids it, and OAuth 2.1 leaves it out.',
    spec: 'RFC 9700 §2.4',
    button: 'Try the password grant',
    run: ({ settings }) => refused({ ...client(settings), username: 'alice', password: 'not a real one' }),
    refused: true,
  },
];

/** @param {() => Means | undefined} means `undefined` without a provider */
export function showChooser(means) {
  byId('chooser').replaceChildren(...FLOWS.map((flow) => choice(flow, means)));
}

function choice({ who, flow, why, spec, button, run, refused }, means) {
  const act = element('button', { type: 'button' }, button);
  const outcome = element('div', { class: 'outcome', 'aria-live': 'polite' });
  act.addEventListener('click', async () => {
    act.disabled = true;
    try {
      const now = means();
      if (now) await run(now, outcome);
      else outcome.replaceChildren(element('p', { class: 'quiet' }, 'This needs a provider: choose one below.'));
    } catch (error) {
      outcome.replaceChildren(element('div', { class: 'refusal' }, ...linesOf(error, 'h4')));
    } finally {
      act.disabled = false;
    }
  });
  return element(
    'article',
    { class: refused ? 'card choice refused' : 'card choice' },
    element('p', { class: 'who' }, who),
    element('h3', {}, flow),
    element(
      'p',
      { class: 'why' },
      why,
      ' ',
      element('a', { href: addressOf(spec), target: '_blank', rel: 'noopener' }, spec),
    ),
    element('p', { class: 'buttons' }, act),
    outcome,
  );
}

/** What a client of this provider has in any flow. Those without a redirect need no guard. */
const client = ({ issuer, clientId, scope, api, allowLoopbackHttp }) => ({
  issuer,
  clientId,
  scope,
  api,
  allowLoopbackHttp,
});

async function refused(options) {
  const made = createClient(options);
  await made.signIn();
}

/** Shows a code, and waits until it is entered elsewhere. */
async function device({ settings, watch }, outcome) {
  const screen = createClient({ ...client(settings), account: 'screen', restore: 'none' });
  watch(screen);
  const stop = new AbortController();
  const cancel = element('button', { type: 'button' }, 'Stop waiting');
  cancel.addEventListener('click', () => stop.abort());
  const { userCode, verificationUri, verificationUriComplete, qrCode, session } = await screen.signIn({
    mode: 'device',
    signal: stop.signal,
  });
  const image = element('img', {
    class: 'qr',
    alt: 'The address and the code, as a QR code',
    width: '132',
    height: '132',
  });
  qrCode().then(
    (svg) => (image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`),
    () => image.remove(),
  );
  const address = element(
    'a',
    { href: verificationUriComplete ?? verificationUri, target: '_blank', rel: 'noopener' },
    verificationUri,
  );
  outcome.replaceChildren(
    element(
      'div',
      { class: 'device' },
      image,
      element(
        'div',
        {},
        element('p', {}, 'Open ', address, ' on another device, and enter'),
        element('p', { class: 'user-code' }, userCode),
        cancel,
      ),
    ),
  );
  const ended = await session.catch((error) => {
    if (stop.signal.aborted) return null;
    throw error;
  });
  const said = ended ? `This screen has a key for ${ended.claims.name ?? ended.sub}, for ${ended.scope}.` : 'Stopped.';
  outcome.replaceChildren(element('p', {}, said));
  if (!ended) return;
  const back = element('button', { type: 'button' }, 'Give the key back');
  back.addEventListener('click', async () => {
    await screen.revoke();
    outcome.replaceChildren(element('p', {}, 'The key is given back.'));
  });
  outcome.append(back);
}

/**
 * Signs in as the app itself. The provider has to know its key: that of the demo registers it, and at another one an administrator
 * does, so a first attempt shows what to register.
 */
async function machine({ settings, watch }, outcome) {
  const job = createClient({
    ...client(settings),
    clientId: 'job',
    scope: settings.own ? 'notes:read' : settings.scope,
    tokenEndpointAuthMethod: 'private_key_jwt',
    restore: 'none',
  });
  watch(job);
  const key = await job.publicKey();
  if (settings.own) await fetch('register_key', { method: 'POST', body: JSON.stringify(key) });
  try {
    const { scope } = await job.signIn({ mode: 'machine' });
    outcome.replaceChildren(
      element('p', {}, `The job has an access token for ${scope || 'its API'}, and there is no user.`),
      element(
        'p',
        {},
        'It signed with a private key that never leaves this browser. The provider knows the public half.',
      ),
    );
  } catch (error) {
    outcome.replaceChildren(
      element('div', { class: 'refusal' }, ...linesOf(error, 'h4')),
      element('p', {}, 'The provider does not know this key yet. An administrator registers it once, as client “job”.'),
      element(
        'details',
        {},
        element('summary', {}, 'The public key'),
        element('pre', { tabindex: '0' }, JSON.stringify({ keys: [key] }, null, 2)),
      ),
    );
  }
}
