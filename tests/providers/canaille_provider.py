"""canaille, an identity server made with Authlib: one user, two clients, keys and a database of its own."""

import secrets

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.backends.sql.backend import Base, SQLBackend
from canaille.oidc.jose import make_default_rsa_jwk

from loopback import folder, serve, told

app = create_app(
    {
        "SECRET_KEY": secrets.token_hex(),
        "SERVER_NAME": told.host,
        "PREFERRED_URL_SCHEME": "http",
        # Without HTMX: it checks a field while it is being filled in, and an answer that is late undoes the login.
        "CANAILLE": {"DATABASE": "sql", "LANGUAGE": "en", "HTMX": False},
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder}/canaille.db"},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": [make_default_rsa_jwk().as_dict(private=True)],
            "TRUSTED_DOMAINS": [],  # who comes from there is not asked whether the app may
        },
    },
    init_backend=False,
)


def keep_client(client_id):
    client = models.Client(
        client_id=client_id,
        client_name="Valet Key demo",
        client_uri=told.origin,  # the pages of this origin may call
        redirect_uris=[told.page],
        post_logout_redirect_uris=[told.page],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
        scope=["openid", "profile", "email"],
    )
    Backend.instance.save(client)
    return client


with app.app_context(), Backend.instance.session():
    Base.metadata.create_all(SQLBackend.engine)  # at once, without the history of how the tables came to be
    user = models.User(
        user_name=told.user,
        password=told.password,
        formatted_name=told.name,
        family_name=told.name.split()[-1],
        emails=[told.email],
    )
    Backend.instance.save(user)
    demo = keep_client("demo")
    demo.audience = [demo]
    Backend.instance.save(demo)
    keep_client("unaddressed")  # its ID Tokens are for nobody: `aud` is an empty list

serve(app)
