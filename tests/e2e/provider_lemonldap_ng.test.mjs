/** LemonLDAP::NG, a provider in Perl. */
import { isRefused, logIn, storiesAt, visit } from '../support/at_provider.mjs';

const storyAt = storiesAt('lemonldap-ng');

// It does not ask for consent if the app belongs to the same organization, as the apps of a portal do.
storyAt('lemonldap-ng: a refused consent is reported as an error', { start: { asks: true } }, async (stage) => {
  await visit(stage);
  await logIn(stage);
  await stage.provider.deny(stage.page);
  await isRefused(stage);
});
