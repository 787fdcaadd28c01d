/** The provider's questions to the user: login and consent. */
import { consentPage, loginPage } from './provider_pages.mjs';
import { claimsOf, passwordFits } from './users.mjs';

export class Interaction {
  #provider;
  #request;
  #response;
  #details;
  #origins;
  #settings;

  static async of(provider, request, response, { origins, settings }) {
    const interaction = new Interaction();
    interaction.#provider = provider;
    interaction.#request = request;
    interaction.#response = response;
    interaction.#origins = origins;
    interaction.#settings = settings;
    interaction.#details = await provider.interactionDetails(request, response);
    return interaction;
  }

  async show({ user, mistake } = {}) {
    const { prompt, params, session } = this.#details;
    const { clientName } = await this.#provider.Client.find(params.client_id);
    const page =
      prompt.name === 'login'
        ? loginPage({ provider: this.#settings.name, clientName, user: user ?? params.login_hint, mistake })
        : consentPage({
            provider: this.#settings.name,
            clientName,
            name: claimsOf(session.accountId).name,
            scopes: this.#scopes(),
          });
    this.#response.writeHead(mistake ? 401 : 200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // The response to the form is a redirect that ends at the app, and Chromium checks `form-action` against each
      // step.
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' ${this.#origins.join(' ')}`,
    });
    this.#response.end(page);
  }

  /** Answers as a user does who logs in and consents to everything, without showing a page. */
  async agree(user) {
    if (this.#details.prompt.name === 'login') return this.#finish({ login: { accountId: user } });
    return this.#consent(this.#scopes());
  }

  /** @param {URLSearchParams} form */
  async submit(form) {
    if (form.has('cancel')) {
      return this.#finish({ error: 'access_denied', error_description: 'The user said no.' });
    }
    if (this.#details.prompt.name === 'login') return this.#login(form);
    return this.#consent(form.getAll('scope'));
  }

  #login(form) {
    const user = form.get('user')?.trim().toLowerCase();
    if (!passwordFits(user, form.get('password'))) {
      return this.show({ user, mistake: 'That user and password do not fit together.' });
    }
    return this.#finish({ login: { accountId: user } });
  }

  async #consent(allowed) {
    const { params, session } = this.#details;
    // Always a new grant, so that the page lists everything that applies, not only what is added to an older grant.
    const grant = new this.#provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    for (const scope of this.#scopes()) {
      if (scope === 'openid' || allowed.includes(scope)) grant.addOIDCScope(scope);
      else grant.rejectOIDCScope(scope);
    }
    const refused = this.#scopes().filter((scope) => !allowed.includes(scope));
    for (const resource of [params.resource ?? []].flat()) {
      grant.addResourceScope(resource, allowed.join(' '));
      if (refused.length) grant.rejectResourceScope(resource, refused.join(' '));
    }
    for (const detail of JSON.parse(params.authorization_details ?? '[]'))
      grant.addRar(this.#settings.grantable(detail));
    return this.#finish({ consent: { grantId: await grant.save() } });
  }

  #scopes() {
    return (this.#details.params.scope ?? '').split(' ').filter(Boolean);
  }

  #finish(result) {
    return this.#provider.interactionFinished(this.#request, this.#response, result, {
      mergeWithLastSubmission: !result.login && !result.error,
    });
  }
}
