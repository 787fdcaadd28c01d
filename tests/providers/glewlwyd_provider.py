"""Glewlwyd, a single sign-on server in C: one user, one client, keys and a database of its own.

It is set up as an administrator does it, through its administration API.
"""

import http.cookiejar
import json
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from pathlib import Path

from jwcrypto.jwk import JWK

from loopback import folder, free_port, start, stay, told

SCOPES = ["openid", "profile", "email"]
ADMINISTRATOR = {"username": "admin", "password": "password"}  # of the database as it is delivered
SHARED = Path("/usr/share/glewlwyd")

port = free_port()
root = f"http://127.0.0.1:{port}/api"


def make_database():
    schema = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read_text()
    # As delivered, clients have one address to come back to after signing out, under a name that the plugin does not read.
    schema = schema.replace('"post_logout_redirect_uri":{"multiple":false', '"post_logout_redirect_uris":{"multiple":true')
    database = sqlite3.connect(folder / "glewlwyd.db")
    database.execute("PRAGMA synchronous=OFF")
    database.executescript(schema)
    database.close()


def make_pages():
    """Its pages; Debian has a folder in the place of their configuration."""
    pages = folder / "webapp"
    shutil.copytree(SHARED / "webapp", pages, ignore=lambda *_: ["config.json"])
    shutil.copy(SHARED / "templates/config.json", pages / "config.json")
    return pages


def make_configuration():
    quoted = {
        "external_url": f"http://{told.host}",
        "bind_address": "127.0.0.1",
        "login_url": "login.html",
        "api_prefix": "api",
        "static_files_path": f"{make_pages()}/",
        "allow_origin": told.origin,
        "allow_methods": "GET, POST, PUT, DELETE, OPTIONS",
        "allow_headers": "Origin, X-Requested-With, Content-Type, Accept, Authorization, DPoP",
        "expose_headers": "Content-Encoding, Authorization, WWW-Authenticate",
        "log_mode": "console",
        "log_level": "NONE",
        "cookie_same_site": "lax",
        "session_key": "GLEWLWYD2_SESSION_ID",
        "admin_session_authentication": "cookie",
        "profile_session_authentication": "cookie",
        "admin_scope": "g_admin",
        "profile_scope": "g_profile",
        **{f"{kind}_module_path": f"/usr/lib/glewlwyd/{kind}" for kind in ["user", "client", "plugin"]},
        "user_middleware_module_path": "/usr/lib/glewlwyd/user_middleware",
        "user_auth_scheme_module_path": "/usr/lib/glewlwyd/scheme",
        "hash_algorithm": "SHA512",
    }
    plain = {
        "port": port,
        "cookie_secure": "false",
        "add_x_frame_option_header_deny": "false",  # a silent sign-in happens in a frame
        "login_api_enabled": "true",
        "session_expiration": 86400,
    }
    types = {".html": "text/html", ".css": "text/css", ".js": "application/javascript", ".json": "application/json"}
    named = ", ".join(f'{{ extension = "{ending}" mime_type = "{kind}" }}' for ending, kind in types.items())
    lines = [f'{name} = "{value}"' for name, value in quoted.items()]
    lines += [f"{name} = {value}" for name, value in plain.items()]
    lines += [f'database = {{ type = "sqlite3" path = "{folder}/glewlwyd.db" }};', f"static_files_mime_types = ({named})"]
    file = folder / "glewlwyd.conf"
    file.write_text("\n".join(lines) + "\n")
    return file


cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
opener = urllib.request.build_opener(cookies)


def ask(method, path, body):
    request = urllib.request.Request(root + path, json.dumps(body).encode(), {"content-type": "application/json"}, method=method)
    return opener.open(request)


def plugin():
    key = json.loads(JWK.generate(kty="RSA", size=2048, alg="RS256", use="sig", kid="signing").export())
    return {
        "module": "oidc",
        "name": "oidc",
        "display_name": "OpenID Connect",
        "order_rank": 0,
        "parameters": {
            "iss": f"http://{told.host}/api/oidc",
            "jwks-private": json.dumps({"keys": [key]}),
            "default-kid": key["kid"],
            "jwks-show": True,
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "access-token-duration": 600,
            "refresh-token-duration": 86400,
            "code-duration": 60,
            "refresh-token-rolling": True,
            "refresh-token-one-use": "always",
            "allow-non-oidc": True,
            "auth-type-code-enabled": True,
            "auth-type-code-revoke-replayed": True,
            "auth-type-token-enabled": False,
            "auth-type-id-token-enabled": True,
            "auth-type-none-enabled": False,
            "auth-type-password-enabled": False,
            "auth-type-client-enabled": False,
            "auth-type-device-enabled": False,
            "auth-type-refresh-enabled": True,
            "subject-type": "public",
            "scope": [],
            "additional-parameters": [],
            "claims": [],
            "allowed-scope": SCOPES,
            "name-claim": "on-demand",
            "name-claim-scope": ["profile"],
            "email-claim": "on-demand",
            "email-claim-scope": ["email"],
            "scope-claim": "no",
            "pkce-allowed": True,
            "pkce-method-plain-allowed": False,
            "pkce-required": True,
            "pkce-required-public-client": True,
            "introspection-revocation-allowed": True,
            "introspection-revocation-allow-target-client": True,
            "introspection-revocation-auth-scope": [],
            "session-management-allowed": True,
            "front-channel-logout-allowed": True,
            "back-channel-logout-allowed": False,
            "session-cookie-name": "GLEWLWYD2_OIDC_SESSION",
            "session-cookie-expiration": 86400,
            "oauth-par-allowed": told.pushed,
            "oauth-par-required": told.pushed,
            "oauth-par-duration": 90,
            "oauth-par-request_uri-prefix": "urn:ietf:params:oauth:request_uri:",
            "oauth-as-iss-id": True,
        },
    }


make_database()
server = start(["glewlwyd", f"--config-file={make_configuration()}"])

while server.poll() is None:
    try:
        ask("POST", "/auth/", ADMINISTRATOR)
        break
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError:
        time.sleep(0.02)  # it does not listen yet

for name in SCOPES[1:]:
    ask("POST", "/scope/", {"name": name, "display_name": name, "description": name, "password_required": False, "password_max_age": 0, "scheme": {}})
ask("POST", "/mod/plugin/", plugin())
user = {"username": told.user, "name": told.name, "email": told.email, "password": told.password}
ask("POST", "/user/", {**user, "enabled": True, "scope": [*SCOPES, "g_profile"]})
client = {
    "client_id": "demo",
    "name": "Valet Key demo",
    "confidential": False,
    "enabled": True,
    "authorization_type": ["code", "refresh_token"],
    "scope": [],
    "redirect_uri": [told.page],
    "post_logout_redirect_uris": [told.page],
    "token_endpoint_auth_method": ["none"],
}
ask("POST", "/client/", client)



def replace_key():
    """Another key with the same `kid`."""
    ask("PUT", "/mod/plugin/oidc", plugin())
    ask("PUT", "/mod/plugin/oidc/reset", None)


stay(port, key=replace_key)
