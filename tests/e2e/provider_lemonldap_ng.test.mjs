/** LemonLDAP::NG, a provider in Perl. */
import { isRefused, logIn, storiesAt, visit } from '../support/at_provider.mjs';

const storyAt = storiesAt('lemonldap-ng');

// It asks none where the app is of its own house, as the apps of a portal are.
storyAt('lemonldap-ng: the user says no', { start: { asks: true } }, async (stage) => {
  await visit(stage);
  await logIn(stage);
  await stage.provider.deny(stage.page);
  await isRefused(stage);
});
