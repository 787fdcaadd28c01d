/** django-oidc-provider, another one for Django. */
import { storiesAt } from '../support/at_provider.mjs';

storiesAt('django-oidc-provider');
