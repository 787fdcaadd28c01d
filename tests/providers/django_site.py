"""A Django site in a file: as a new project has it, with a page to log in at, one user, and a database of its own."""

import secrets

import django
from django.conf import settings
from django.urls import path

from loopback import folder, serve, told

APPS = ["auth", "contenttypes", "sessions", "messages"]
LOGIN = "<h1>Log in</h1><form method=post>{% csrf_token %}{{ form }}<button>Log in</button></form>"


def set_up(urls, app, **more):
    """Settles what the site is. Its models can be had from here on."""
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=urls,
        LOGIN_URL="/login/",
        STATIC_URL="/static/",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[*(f"django.contrib.{name}" for name in APPS), "corsheaders", app],
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
        MIGRATION_MODULES={name: None for name in [*APPS, app]},
        CORS_ALLOWED_ORIGINS=[told.origin],
        **more,
    )
    django.setup()


def login_page():
    from django.contrib.auth.views import LoginView

    return path("login/", LoginView.as_view(template_name="login.html"))


def make_tables_and_user():
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    first_name, last_name = told.name.split()
    return User.objects.create_user(told.user, told.email, told.password, first_name=first_name, last_name=last_name)


def serve_site():
    from django.core.wsgi import get_wsgi_application

    serve(get_wsgi_application())
