//! The errors of this crate. Each one says what happened, whose turn it is, and what to do about it.

use core::fmt;
use std::sync::Arc;

use super::dpop::{self, Flaw, WITHOUT_ALGORITHM};
use super::foreign::ForeignText;

/// Whose turn it is after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The app's developer: an option or a call is wrong.
    App,
    /// The provider or the API: a response is wrong or missing.
    Server,
    /// The user: they made a decision, or they have to sign in.
    User,
    /// The browser, or the network between browser and server.
    Browser,
    /// This library.
    Library,
}

impl Fault {
    /// The spelling in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Server => "server",
            Self::User => "user",
            Self::Browser => "browser",
            Self::Library => "library",
        }
    }
}

/// The error response of a server (RFC 6749 §4.1.2.1 and §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// The registered code, such as `access_denied`.
    pub error: ForeignText,
    /// A text for developers, in the server's words.
    pub error_description: Option<ForeignText>,
    /// A page about the error; absent unless it is an acceptable URL.
    pub error_uri: Option<ForeignText>,
}

impl OAuthError {
    /// An error code without a description.
    pub fn from_code(error: ForeignText) -> Self {
        Self { error, error_description: None, error_uri: None }
    }

    /// Whether one of the texts contained a secret and was left out.
    fn lacks_a_text(&self) -> bool {
        let Self { error, error_description, error_uri } = self;
        [Some(error), error_description.as_ref(), error_uri.as_ref()]
            .into_iter()
            .flatten()
            .any(ForeignText::is_left_out)
    }
}

/// The result of a fallible function of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Every error of this crate: what happened ([`Error::kind`], [`Error::code`], [`Error::message`]), whose turn it is
/// ([`Error::fault`]), and what to do about it ([`Error::hint`]).
///
/// A clone is cheap, and is the same error: several callers can wait for one failure. The size is that of a pointer, so that a
/// result stays as small as its value, which makes the shipped module smaller by a tenth.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Arc<Kind>);

/// The kinds of [`Error`]. None of them contains a token, code, verifier, state, query or body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Kind {
    /// The server refused the authorization request (RFC 6749 §4.1.2.1).
    AuthorizationRefused(OAuthError),
    /// A sign-out or another sign-in has superseded the operation, or the caller has aborted it.
    Cancelled,
    /// An option is wrong or missing; `hint` says what to write instead.
    Config { option: String, problem: &'static str, hint: &'static str },
    /// A token that has to be bound to a key is not, or cannot be used (RFC 9449).
    Dpop { flaw: Flaw, url: String, said: Option<OAuthError> },
    /// The browser lacks a feature, or a script or a policy keeps the client from using it.
    Environment(&'static str),
    /// No metadata was found.
    DiscoveryFailed { url: String },
    /// No metadata of a resource was found (RFC 9728 §3).
    NoResourceMetadata { url: String },
    /// A parameter occurs twice (RFC 6749 §3.1).
    DuplicateParameter { name: String },
    /// The ID Token violates a rule of OpenID Connect Core §3.1.3.7; `reason` names the claim or the part.
    IdTokenInvalid { reason: &'static str },
    /// `iss` names another server than the one that the request was sent to, or is missing although it is required
    /// (RFC 9207 §2.4).
    IssMismatch { expected: String, received: Option<ForeignText> },
    /// The metadata names another issuer than the one that it was fetched for (RFC 8414 §3.3).
    IssuerMismatch { expected: String, received: ForeignText },
    /// No user is signed in, or the token cannot be renewed.
    LoginRequired,
    /// The metadata lacks a member, or the member has the wrong form.
    MetadataInvalid { member: String },
    /// The provider cannot sign the user in without interaction, which the request forbids (OpenID Connect Core §3.1.2.6).
    InteractionRequired(OAuthError),
    /// There is no response, or it cannot be read.
    Network { url: String },
    /// The response is not JSON.
    NotJson { url: String, content_type: ForeignText },
    /// The metadata of a resource are those of another one (RFC 9728 §3.3).
    OtherResource { expected: String, received: ForeignText },
    /// The response arrived at another page than the one that the authorization request named (RFC 9700 §4.4.2.2).
    OtherPage { redirect_uri: String },
    /// The server refused to register the app (RFC 7591 §3.2.2).
    RegistrationRefused(OAuthError),
    /// The request may not carry the token.
    RequestBlocked { reason: &'static str, hint: &'static str },
    /// The response has the wrong form; `part` names the member, the parameter, or the status.
    ResponseInvalid { part: String },
    /// The server responded with 429 or 5xx.
    ServerUnavailable { url: String, status: u16, retry_after: Option<u32> },
    /// The refresh token is no longer accepted (RFC 6749 §5.2, `invalid_grant`).
    SessionEnded,
    /// The response does not belong to a pending transaction of this browser (RFC 6749 §10.12).
    StateMismatch { reason: &'static str },
    /// There was no response before the deadline.
    Timeout { url: String },
    /// The server refused the token request (RFC 6749 §5.2), or UserInfo refused the token (RFC 6750 §3.1).
    TokenRefused(OAuthError),
    /// The response, or a part of it, is too large.
    TooLarge { part: &'static str },
    /// The server refused an authorization request, and its response has no `state` that identifies the request.
    Unbound(OAuthError),
    /// A state that this library considered impossible.
    Unexpected(&'static str),
    /// The app has no client ID, and the provider registers none by itself.
    Unregistered { issuer: String, redirect_uri: String },
    /// The server needs a feature that this client does not support.
    Unsupported { feature: &'static str },
    /// An endpoint is not an acceptable URL.
    UrlRejected { member: String },
    /// The provider silently (`prompt=none`) signed in another user than the one of the session.
    UserChanged,
    /// The access token is for another API than the resource that it was requested for (RFC 8707 §2).
    WrongAudience { resource: String },
    /// The UserInfo response violates a rule of OpenID Connect Core §5.3; `reason` names the claim or the part.
    UserinfoInvalid { reason: &'static str },
}

/// The words of a message about a response that identifies the user and grants no access.
pub(super) const ID_TOKEN_ALONE: &str = "`access_token` beside its `id_token`";

const UNSPECIFIED: &str = "Look at the response in the network panel: it violates the specification.";

/// The words of a message about a registration that a page cannot use.
pub(super) const WITH_SECRET: &str = "a registration with a secret, which a page cannot keep";

/// The words of a message about a server that an API names, and that cannot be told apart from another one.
pub(super) const WITHOUT_ISS: &str = "a server with endpoints at several origins that sends no `iss`";

/// The words of a message about a session on the device at a server that does not bind its refresh token to a key.
pub(super) const WITHOUT_BINDING: &str = "`keep: 'device'` at a server that binds no tokens to a key";

/// The words of a message about a socket whose token needs a proof.
pub(super) const WITH_BOUND_SOCKET: &str = "a socket with a token that is bound to a key (DPoP)";

/// The words of a message about a token with a character that no subprotocol may have.
pub(super) const WITH_ODD_TOKEN: &str = "a subprotocol with the characters of this token";

/// The words of a message about an API that needs an access token of its own.
pub(super) const WITHOUT_REFRESH_TOKEN: &str =
    "there is no refresh token with which to request the access token for this API";

/// What a developer enters in the form of a provider.
const BY_HAND: &str = "Register a public client (single-page app) at the provider: no client secret; grant types authorization code and \
     refresh token; PKCE with S256; `redirectUri` as redirect URI and as post-logout redirect URI; its origin for CORS. Then set `clientId`, \
     and in `connect` also `issuer`.";

/// The members of the metadata of a resource, and the parameter of its challenge.
const OF_RESOURCE: [&str; 4] = ["authorization_servers", "resource", "resource_metadata", "scopes_supported"];

const NO_RESPONSE: &str = "Check that the server runs and that its CORS settings (`Access-Control-Allow-Origin`, often “allowed web origins”) \
     allow this page's origin; and for bound tokens (DPoP) `dpop` in `Access-Control-Allow-Headers`. A policy of worker.js must \
     allow it in `connect-src`. Redirects are not followed.";

const MISCONFIGURED: &str = "Check the settings of this client at the provider, and any proxy in between.";

impl Error {
    /// An option that is missing or wrong. `problem` says what is wrong, as a clause that follows the option's name. `hint` says
    /// what to do, as a sentence with an example or with the place to look.
    #[cold]
    pub fn config(option: &str, problem: &'static str, hint: &'static str) -> Self {
        Kind::Config { option: option.into(), problem, hint }.into()
    }

    /// The browser's random number generator does not return random bytes.
    #[cold]
    pub fn no_entropy() -> Self {
        Kind::Environment("`crypto.getRandomValues` gives no random bytes").into()
    }

    /// A state that this library considered impossible.
    #[cold]
    pub fn unexpected(what: &'static str) -> Self {
        Kind::Unexpected(what).into()
    }

    /// What happened, with its details.
    pub fn kind(&self) -> &Kind {
        &self.0
    }

    /// The code of the error: stable and in `snake_case`, listed in `pkg/index.d.ts`.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            Kind::AuthorizationRefused(_) | Kind::Unbound(_) => "authorization_error",
            Kind::Cancelled => "cancelled",
            Kind::Config { .. } | Kind::Environment(_) | Kind::Unregistered { .. } => "config_error",
            Kind::DiscoveryFailed { .. } | Kind::NoResourceMetadata { .. } => "discovery_failed",
            Kind::Dpop { .. } => "dpop_error",
            Kind::DuplicateParameter { .. } => "duplicate_parameter",
            Kind::IdTokenInvalid { .. } => "id_token_invalid",
            Kind::IssMismatch { .. } | Kind::OtherPage { .. } => "iss_mismatch",
            Kind::IssuerMismatch { .. } => "issuer_mismatch",
            Kind::LoginRequired | Kind::InteractionRequired(_) => "login_required",
            Kind::MetadataInvalid { .. } | Kind::OtherResource { .. } => "metadata_invalid",
            Kind::Network { .. } => "network_error",
            Kind::NotJson { .. } => "not_json",
            Kind::RegistrationRefused(_) => "registration_error",
            Kind::RequestBlocked { .. } => "request_blocked",
            Kind::ResponseInvalid { .. } | Kind::WrongAudience { .. } => "response_invalid",
            Kind::ServerUnavailable { .. } => "server_unavailable",
            Kind::SessionEnded => "session_ended",
            Kind::StateMismatch { .. } => "state_mismatch",
            Kind::Timeout { .. } => "timeout",
            Kind::TokenRefused(_) => "token_error",
            Kind::TooLarge { .. } => "too_large",
            Kind::Unexpected(_) => "unexpected",
            Kind::Unsupported { .. } => "unsupported",
            Kind::UrlRejected { .. } => "url_rejected",
            Kind::UserChanged => "user_changed",
            Kind::UserinfoInvalid { .. } => "userinfo_invalid",
        }
    }

    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        match self.kind() {
            Kind::Config { .. }
            | Kind::RequestBlocked { .. }
            | Kind::Unregistered { .. }
            | Kind::Unsupported { feature: WITHOUT_REFRESH_TOKEN } => Fault::App,
            Kind::AuthorizationRefused(said) | Kind::TokenRefused(said) | Kind::Unbound(said)
                if matches!(said.error.as_str(), "access_denied" | "expired_token") =>
            {
                Fault::User
            }
            Kind::Cancelled
            | Kind::Dpop { flaw: Flaw::KeyLost, .. }
            | Kind::InteractionRequired(_)
            | Kind::LoginRequired
            | Kind::SessionEnded
            | Kind::UserChanged => Fault::User,
            Kind::Environment(_) | Kind::Network { .. } | Kind::StateMismatch { .. } => Fault::Browser,
            Kind::Unexpected(_) => Fault::Library,
            _ => Fault::Server,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            Kind::Network { .. } | Kind::Timeout { .. } | Kind::ServerUnavailable { .. } | Kind::NotJson { .. } => true,
            Kind::AuthorizationRefused(said) | Kind::Unbound(said) => {
                matches!(said.error.as_str(), "server_error" | "temporarily_unavailable")
            }
            _ => false,
        }
    }

    /// The error response of the server, if there was one.
    pub fn oauth(&self) -> Option<&OAuthError> {
        match self.kind() {
            Kind::AuthorizationRefused(said)
            | Kind::InteractionRequired(said)
            | Kind::RegistrationRefused(said)
            | Kind::TokenRefused(said)
            | Kind::Unbound(said) => Some(said),
            Kind::Dpop { said, .. } => said.as_ref(),
            _ => None,
        }
    }

    /// Seconds to wait before the next attempt, if the server specified them.
    pub fn retry_after(&self) -> Option<u32> {
        if let Kind::ServerUnavailable { retry_after, .. } = self.kind() { *retry_after } else { None }
    }

    /// One clause about what happened, in lower case, with public values only. It does not contain `error_description`, since
    /// anyone can put text into a redirect URL.
    pub fn message(&self) -> String {
        let parts: [&str; 4] = match self.kind() {
            Kind::AuthorizationRefused(said) => {
                ["the server refused the authorization request", left_out(said), "", ""]
            }
            Kind::Cancelled => ["superseded by a sign-out or another sign-in", "", "", ""],
            Kind::Config { option, problem, .. } => ["option `", option, "`: ", problem],
            Kind::Environment(problem) => [problem, "", "", ""],
            Kind::Dpop { flaw, url, .. } => {
                let [before, after] = flaw.message();
                [before, url, after, ""]
            }
            Kind::DiscoveryFailed { url } => ["no metadata at ", url, "", ""],
            Kind::NoResourceMetadata { url } => {
                ["the API at ", url, " does not say which server its users sign in at", ""]
            }
            Kind::DuplicateParameter { name } => ["`", name, "` occurs twice in the authorization response", ""],
            Kind::IdTokenInvalid { reason } => ["the ID Token is not acceptable: ", reason, "", ""],
            Kind::IssMismatch { expected, received: Some(received) } if expected.is_empty() => [
                "response from issuer ",
                received.in_message(),
                ", and this client has no `issuer` to compare it with",
                "",
            ],
            Kind::IssMismatch { expected, received: Some(received) } => {
                ["response from issuer ", received.in_message(), ", expected ", expected]
            }
            Kind::IssMismatch { expected, received: None } => {
                ["response without `iss`, which ", expected, " has to send here", ""]
            }
            Kind::IssuerMismatch { expected, received } => {
                ["metadata of issuer ", received.in_message(), ", expected ", expected]
            }
            Kind::InteractionRequired(_) => ["the provider has to ask the user", "", "", ""],
            Kind::LoginRequired => ["no user is signed in", "", "", ""],
            Kind::MetadataInvalid { member } => ["the server's metadata: `", member, "` is missing or malformed", ""],
            Kind::Network { url } => ["no response from ", url, "", ""],
            Kind::NotJson { url, content_type } => ["no JSON at ", url, ", but ", content_type.in_message()],
            Kind::OtherPage { redirect_uri } => {
                ["the response arrived at another page than `redirectUri`, which is ", redirect_uri, "", ""]
            }
            Kind::OtherResource { expected, received } => {
                ["metadata of the API ", received.in_message(), ", expected ", expected]
            }
            Kind::RegistrationRefused(said) => ["the server refused to register this app", left_out(said), "", ""],
            Kind::RequestBlocked { reason, .. } => ["the call was not sent: ", reason, "", ""],
            Kind::ResponseInvalid { part } => ["the response's ", part, " is missing or malformed", ""],
            Kind::ServerUnavailable { url, .. } => [url, " cannot respond at the moment", "", ""],
            Kind::SessionEnded => ["the session is over", "", "", ""],
            Kind::StateMismatch { reason } => ["the response belongs to no pending sign-in: ", reason, "", ""],
            Kind::Timeout { url } => [url, " did not respond in time", "", ""],
            Kind::TokenRefused(said) => {
                ["the server refused the token, or the request for one", left_out(said), "", ""]
            }
            Kind::TooLarge { part } => ["the ", part, " is too large", ""],
            Kind::Unbound(_) => [
                "the server refused an authorization request; its response has no `state`, so it may be of another one",
                "",
                "",
                "",
            ],
            Kind::Unexpected(what) => ["unexpected: ", what, "", ""],
            Kind::Unregistered { issuer, redirect_uri } => [
                "option `clientId`: missing, and apps are registered by hand at ",
                issuer,
                ", with the page ",
                redirect_uri,
            ],
            Kind::Unsupported { feature: feature @ WITHOUT_REFRESH_TOKEN } => [feature, "", "", ""],
            Kind::Unsupported { feature } => ["not supported by this client: ", feature, "", ""],
            Kind::UrlRejected { member } => ["`", member, "` is not an acceptable https URL", ""],
            Kind::UserChanged => ["another user is signed in at the provider; the session is over", "", "", ""],
            Kind::WrongAudience { resource } => ["the access token is not for ", resource, " alone", ""],
            Kind::UserinfoInvalid { reason } => ["UserInfo is not acceptable: ", reason, "", ""],
        };
        parts.concat()
    }

    /// What to do about the error, in a sentence or two.
    pub fn hint(&self) -> &'static str {
        match self.kind() {
            Kind::AuthorizationRefused(said) | Kind::TokenRefused(said) | Kind::Unbound(said) => {
                after_refusal(&said.error)
            }
            Kind::Cancelled => "Ignore it: the newer call decides.",
            Kind::Config { hint, .. } | Kind::RequestBlocked { hint, .. } => hint,
            Kind::Dpop { flaw, .. } => flaw.hint(),
            Kind::Environment(_) => "Look for a script that replaces `crypto` or talks to the worker.",
            Kind::DiscoveryFailed { .. } => {
                "Open the address in a tab. If it leads elsewhere or nowhere, check `issuer`, or pass the metadata as `server`."
            }
            Kind::NoResourceMetadata { .. } => {
                "The API has to publish its metadata for pages of all origins (RFC 9728), or to name it in `WWW-Authenticate` and \
                 list that header in `Access-Control-Expose-Headers`. Or pass `issuer` and `clientId` to `connect`."
            }
            Kind::OtherResource { .. } => {
                "If it is the API that you mean, call `connect` with the address that it names."
            }
            Kind::WrongAudience { .. } => {
                "The server ignores `resource` (RFC 8707), so other APIs would accept the token, too. Set up the API at the server, or \
                 use `createClient` if you trust the API with such a token."
            }
            Kind::DuplicateParameter { .. } | Kind::StateMismatch { .. } => {
                "Sign in again. A stale tab, a bookmark or another user's link are the usual causes."
            }
            Kind::IdTokenInvalid { reason } => match *reason {
                "exp" | "iat" | "nbf" => {
                    "The clocks of this device and of the server differ by more than five minutes. Correct the wrong one."
                }
                "acr" | "auth_time" => "Check that the provider supports `acrValues` and `maxAge`.",
                "aud" | "azp" => "Check `clientId`, and that the provider issues ID Tokens for this client.",
                _ => MISCONFIGURED,
            },
            Kind::RegistrationRefused(said) if said.error.as_str() == "invalid_redirect_uri" => {
                "Set `redirectUri` to a page that the provider accepts. For a page on this device, try `registration: { application_type: 'native' }`."
            }
            Kind::RegistrationRefused(said) if said.error.as_str() == "invalid_client_metadata" => {
                "Read `oauth.error_description`, and change `registration` in `createClient`."
            }
            Kind::RegistrationRefused(_) | Kind::Unregistered { .. } => BY_HAND,
            Kind::Unsupported { feature } => without(feature),
            Kind::UserinfoInvalid { .. } => MISCONFIGURED,
            Kind::OtherPage { .. } => {
                "Register the page's final address at the provider and set `redirectUri` to it, to the last slash and with its query. \
                 For a server that drops the query, set `exactRedirectUri` in `connect`."
            }
            Kind::IssMismatch { expected, .. } if expected.is_empty() => {
                "Set `issuer`, in the options or in `server`, to the issuer that the provider sends."
            }
            Kind::IssuerMismatch { received, .. } if received.as_str().contains('{') => {
                "This address serves several tenants. Set `issuer` to the address of your own tenant."
            }
            Kind::IssMismatch { .. } | Kind::IssuerMismatch { .. } => {
                "Check that `issuer` is spelled exactly as the server spells it, to the last slash."
            }
            Kind::InteractionRequired(_) | Kind::LoginRequired | Kind::SessionEnded | Kind::UserChanged => {
                "Call `signIn()`."
            }
            Kind::MetadataInvalid { member } | Kind::UrlRejected { member }
                if OF_RESOURCE.contains(&member.as_str()) =>
            {
                "Correct it at the API (RFC 9728), or pass `issuer` and `clientId` to `connect`."
            }
            Kind::MetadataInvalid { .. } | Kind::UrlRejected { .. } => {
                "Correct it at the provider. Its metadata can also be passed as `server`."
            }
            Kind::Network { .. } => NO_RESPONSE,
            Kind::NotJson { .. } => "Open the address in a tab: HTML there means a wrong path or a proxy's error page.",
            Kind::ResponseInvalid { part } => match part.as_str() {
                ID_TOKEN_ALONE => {
                    "Some providers give an access token only where a scope of an API is asked for: add one to `scope`."
                }
                "expires_in" => "Set a lifetime of access tokens at the provider: a positive number of seconds.",
                _ => UNSPECIFIED,
            },
            Kind::TooLarge { .. } => UNSPECIFIED,
            Kind::ServerUnavailable { .. } | Kind::Timeout { .. } => "Try again later. The session is kept.",
            Kind::Unexpected(_) => "Please report it.",
        }
    }
}

/// The hint for a refusal of the server, by its error code.
fn after_refusal(error: &ForeignText) -> &'static str {
    match error.as_str() {
        "access_denied" => "The user declined or lacks permission. Offer the sign-in again.",
        "invalid_scope" => {
            "Check `scope`, also in the entries of `api`, against what this client may ask for at the provider."
        }
        "invalid_target" => "Check `resource` in the entries of `api`: spell it exactly as the provider does.",
        "invalid_authorization_details" => {
            "Check `authorizationDetails`: the provider does not know a `type`, or does not allow it for this client."
        }
        "invalid_grant" => {
            "The code is used up or expired, `redirectUri` differs, or the user has not agreed to this API. Sign in again."
        }
        "expired_token" => "The codes have expired. Call `signIn()` again for new ones.",
        "invalid_request" => {
            "Read `oauth.error_description`. Often `redirectUri` is not registered at the provider, to the letter."
        }
        "unauthorized_client" | "unsupported_grant_type" | "invalid_client" | "unsupported_response_type" => {
            "Check at the provider that this client is a public one (single-page app) or has the key of `publicKey()`, and may use this grant type."
        }
        _ => "Read `oauth.error_description`, or the provider's log.",
    }
}

/// The hint for a feature that is not supported.
fn without(feature: &'static str) -> &'static str {
    match feature {
        WITH_SECRET => BY_HAND,
        WITHOUT_ISS => {
            "The server has to send `iss` (RFC 9207). If you trust it, pass `issuer` and `clientId` to `connect`."
        }
        WITHOUT_ALGORITHM => dpop::WITH_ALGORITHM,
        WITHOUT_BINDING => {
            "Remove `keep`. If the server binds tokens (DPoP) and its metadata do not say so, set `dpop: 'required'`."
        }
        WITH_BOUND_SOCKET => {
            "Get a one-time ticket for the socket with `client.fetch`, and open it with the browser's `WebSocket`; or set `dpop: 'off'`."
        }
        WITH_ODD_TOKEN => "Let the API take the token in the first message: `socket: { message: '…{token}…' }`.",
        WITHOUT_REFRESH_TOKEN => {
            "Add `offline_access` to `scope`, or allow refresh tokens for this client at the provider. If the session had one, call \
             `signIn()`."
        }
        _ => MISCONFIGURED,
    }
}

/// The part of a message that reports that texts were left out.
fn left_out(said: &OAuthError) -> &'static str {
    if said.lacks_a_text() { "; a text of the server held a secret and was left out" } else { "" }
}

impl From<Kind> for Error {
    #[cold]
    fn from(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl core::error::Error for Error {}
