"""FastMCP: an MCP server and its OAuth provider in memory, which registers clients and shows its users no page."""

import socket
import threading

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.dependencies import get_access_token
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from loopback import stay, told

SCOPES = ["mcp:tools"]

mcp = FastMCP(
    "fastmcp",
    auth=InMemoryOAuthProvider(
        base_url=f"http://{told.host}",
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES, default_scopes=SCOPES),
        revocation_options=RevocationOptions(enabled=True),
    ),
)


@mcp.tool
def whoami() -> str:
    """The client that the token was issued to."""
    return get_access_token().client_id


app = mcp.http_app(
    path="/mcp",
    middleware=[
        # The settings that FastMCP's documentation recommends. With them, a page cannot read `WWW-Authenticate`.
        Middleware(
            CORSMiddleware,
            allow_origins=[told.origin],
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=["mcp-protocol-version", "mcp-session-id", "Authorization", "Content-Type"],
            expose_headers=["mcp-session-id"],
        )
    ],
)

# The socket listens at once: an early request waits until the server has started.
listening = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
threading.Thread(target=server.run, args=([listening],), daemon=True).start()
stay(listening.getsockname()[1])
