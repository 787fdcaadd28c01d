/** Doorkeeper, an OAuth 2 provider in Rails without OpenID Connect. */
import { storiesAt } from '../support/at_provider.mjs';

storiesAt('doorkeeper');
