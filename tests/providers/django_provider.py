"""django-oauth-toolkit in a Django site that is one file: one user, one client, a key and a database of its own."""

import secrets

import django
from django.conf import settings
from jwcrypto.jwk import JWK

from loopback import folder, serve, told

APPS = ["auth", "contenttypes", "sessions", "messages"]
LOGIN = "<h1>Log in</h1><form method=post>{% csrf_token %}{{ form }}<button>Log in</button></form>"

settings.configure(
    SECRET_KEY=secrets.token_hex(),
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login/",
    STATIC_URL="/static/",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), "corsheaders", "oauth2_provider"],
    # Those of a new Django project, and the one for calls from pages.
    MIDDLEWARE=[
        "corsheaders.middleware.CorsMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    "django.template.loaders.app_directories.Loader",
                    ("django.template.loaders.locmem.Loader", {"login.html": LOGIN}),
                ],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        }
    ],
    # Tables at once, without the history of how they came to be.
    MIGRATION_MODULES={app: None for app in [*APPS, "oauth2_provider"]},
    CORS_ALLOWED_ORIGINS=[told.origin],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "SCOPES": {"openid": "Know who you are", "profile": "See your name", "email": "See your e-mail address"},
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Claims",
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402: models can be had from here on
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402


class Claims(OAuth2Validator):
    """What is said of a user; `sub` is the key of the row, whatever the name."""

    def get_additional_claims(self, request):
        user = request.user
        return {"name": user.get_full_name(), "preferred_username": user.username, "email": user.email}


urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]

call_command("migrate", run_syncdb=True, verbosity=0)
first_name, last_name = told.name.split()
User.objects.create_user(told.user, told.email, told.password, first_name=first_name, last_name=last_name)
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

serve(get_wsgi_application())
