"""django-oauth-toolkit in a Django site: one client and a key of its own."""

from jwcrypto.jwk import JWK

from django_site import login_page, make_tables_and_user, serve_site, set_up
from loopback import told

set_up(
    __name__,
    "oauth2_provider",
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "SCOPES": {"openid": "Know who you are", "profile": "See your name", "email": "See your e-mail address"},
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Claims",
    },
)

from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402


class Claims(OAuth2Validator):
    """What is said of a user; `sub` is the key of the row, whatever the name."""

    def get_additional_claims(self, request):
        user = request.user
        return {"name": user.get_full_name(), "preferred_username": user.username, "email": user.email}


urlpatterns = [login_page(), path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]

make_tables_and_user()
Application.objects.create(
    client_id="demo",
    name="Valet Key demo",
    client_type=Application.CLIENT_PUBLIC,
    authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    algorithm=Application.RS256_ALGORITHM,
    redirect_uris=told.page,
    post_logout_redirect_uris=told.page,
    allowed_origins=told.origin,
)

serve_site()
