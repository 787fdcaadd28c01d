/** Doorkeeper, a provider of plain OAuth 2 in Rails. */
import { storiesAt } from '../support/at_provider.mjs';

storiesAt('doorkeeper');
