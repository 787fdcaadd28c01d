/** The redirect page of sign-ins in another window or in a frame: hands the response over to the page that waits for it. */
import { createClient } from '../pkg/index.js';
import { byId } from './element.js';

// Which client hands over makes no difference: the page that waits is found by the `state`.
const client = createClient({ issuer: location.origin, clientId: 'window', restore: 'none', allowLoopbackHttp: true });
if (location.search) client.start().catch(tellEnd);
else tellEnd();

function tellEnd() {
  byId('returned').textContent = 'No page waits for this sign-in any more. You can close this window.';
}
