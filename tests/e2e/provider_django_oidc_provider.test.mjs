/** django-oidc-provider, a provider in Python. */
import { storiesAt } from '../support/at_provider.mjs';

storiesAt('django-oidc-provider');
