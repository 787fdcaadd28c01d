"""django-oidc-provider in a Django site: one client and a key of its own."""

from jwcrypto.jwk import JWK

from django_site import login_page, make_tables_and_user, serve_site, set_up
from loopback import told

set_up(__name__, "oidc_provider", OIDC_USERINFO=f"{__name__}.userinfo", OIDC_IDTOKEN_INCLUDE_CLAIMS=True)

from django.urls import include, path  # noqa: E402
from oidc_provider.models import Client, ResponseType, RSAKey  # noqa: E402


def userinfo(claims, user):
    return {**claims, "name": user.get_full_name(), "preferred_username": user.username, "email": user.email}


urlpatterns = [login_page(), path("openid/", include("oidc_provider.urls", namespace="oidc_provider"))]

make_tables_and_user()
RSAKey.objects.create(key=JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode())
client = Client(client_id="demo", name="Valet Key demo", client_type="public")
client.redirect_uris = [told.page]
client.post_logout_redirect_uris = [told.page]
client.save()
client.response_types.add(ResponseType.objects.create(value="code"))

serve_site()
