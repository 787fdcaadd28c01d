//! Metadata of the authorization server (RFC 8414 §2, OpenID Connect Discovery §3).

use serde::Deserialize;

use super::error::{Error, Kind, Result, WITHOUT_ISS};
use super::foreign::Secrets;
use super::json::{IfText, Value};
use super::jwt::Algorithms;
use super::list::cut;
use super::protected_resource::Resource;
use super::public_key::KeyAlgorithm;
use super::url::{Loopback, Url};

/// The part of the metadata that the client uses. Every [`Url`] in it is acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// Identical to the configured issuer; empty if only endpoints were given.
    pub issuer: String,
    /// RFC 6749 §3.1.
    pub authorization_endpoint: Url,
    /// RFC 6749 §3.2.
    pub token_endpoint: Url,
    /// RFC 8414 §2, OpenID Connect Discovery §3; always present for OpenID Connect.
    pub jwks_uri: Option<Url>,
    /// OpenID Connect Discovery §3.
    pub userinfo_endpoint: Option<Url>,
    /// The signature algorithms of ID Tokens that both the server (OpenID Connect Discovery §3) and this client support.
    pub algorithms: Algorithms,
    /// RFC 7009 §2. Kept as sent, and checked when it is used: an invalid URL must not prevent a sign-in.
    pub revocation_endpoint: Option<String>,
    /// RFC 8628 §4. Kept as sent, like `revocation_endpoint`.
    pub device_authorization_endpoint: Option<String>,
    /// RFC 7591 §3. Kept as sent, like `revocation_endpoint`.
    pub registration_endpoint: Option<String>,
    /// RP-Initiated Logout §2.1. Kept as sent, like `revocation_endpoint`.
    pub end_session_endpoint: Option<String>,
    /// RFC 9207 §3.
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client may be known by a metadata document (Client ID Metadata Document draft §5).
    pub client_id_metadata_document_supported: bool,
    /// RFC 9126 §5. Present only if it is acceptable.
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// The algorithms of keys to which the server binds tokens (RFC 9449 §5.1), as far as this client makes such keys; absent if the
    /// server does not say how it binds tokens.
    pub dpop_signing_alg_values_supported: Option<Vec<KeyAlgorithm>>,
}

/// The part of a client's configuration that metadata are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The configured issuer; empty if only endpoints are given.
    pub issuer: &'a str,
    /// Whether the client uses OpenID Connect.
    pub openid: bool,
    /// Whether `http` is acceptable on loopback.
    pub loopback: Loopback,
    /// The resource that has named this server, if the app has not.
    pub found_by: Option<&'a Resource>,
}

impl ServerMetadata {
    /// Checks metadata, whether fetched or given in the options. `secrets` are those of the exchange in which it arrived.
    ///
    /// # Errors
    ///
    /// [`Kind::IssuerMismatch`] (RFC 8414 §3.3), [`Kind::MetadataInvalid`], [`Kind::UrlRejected`] for an endpoint that is
    /// not `https`, [`Kind::Unsupported`] for a server that does not support S256, the code flow, or signatures with key
    /// pairs.
    pub fn parse(value: &Value<'_>, expected: Expected<'_>, secrets: &Secrets) -> Result<Self> {
        let members: Members<'_> = value.read().map_err(|mismatch| missing(mismatch.member))?;
        let issuer = match members.issuer {
            Some(issuer) if issuer == expected.issuer || expected.issuer.is_empty() => issuer,
            Some(issuer) => {
                let (expected, received) = (expected.issuer.into(), secrets.quote(issuer));
                return Err(Kind::IssuerMismatch { expected, received }.into());
            }
            None if expected.issuer.is_empty() => "",
            None => return Err(missing("issuer")),
        };
        requires(members.response_types_supported, &["code"], "a server without the authorization code flow")?;
        if expected.found_by.is_some() && members.code_challenge_methods_supported.is_none() {
            return Err(Kind::Unsupported { feature: "a server that does not say that it supports PKCE" }.into());
        }
        requires(members.code_challenge_methods_supported, &["S256"], "a server without PKCE by S256")?;
        let algorithms = match members.id_token_signing_alg_values_supported.filter(|_| expected.openid) {
            Some(list) => Algorithms::of(&list).ok_or(Kind::Unsupported { feature: "its ID Tokens' algorithms" })?,
            None => Algorithms::ALL,
        };
        let may_be_asked = |url: &Url| expected.found_by.is_none_or(|resource| resource.may_lead_to(url));
        let endpoint = |member, text: Option<&str>| {
            let text = text.filter(is_there).ok_or_else(|| missing(member))?;
            let url = acceptable(text, expected.loopback).filter(|url| may_be_asked(url));
            url.ok_or_else(|| Error::from(Kind::UrlRejected { member: member.into() }))
        };
        let authorization_endpoint = endpoint("authorization_endpoint", members.authorization_endpoint)?;
        let token_endpoint = endpoint("token_endpoint", members.token_endpoint)?;
        let names_itself = members.authorization_response_iss_parameter_supported == Some(true);
        // Without `iss`, nothing else shows that the code for which the token endpoint is asked comes from the same server.
        let is_one_server = |url: &Url| expected.found_by.is_none() || url.origin() == authorization_endpoint.origin();
        if !names_itself && !is_one_server(&token_endpoint) {
            return Err(Kind::Unsupported { feature: WITHOUT_ISS }.into());
        }
        let kept = |text: Option<&str>| {
            let is_asked = |text: &&str| {
                acceptable(text, expected.loopback)
                    .is_none_or(|url| may_be_asked(&url) && (names_itself || is_one_server(&url)))
            };
            text.filter(is_there).filter(is_asked).map(Into::into)
        };
        let jwks_uri = expected.openid.then(|| endpoint("jwks_uri", members.jwks_uri.0)).transpose()?;
        let userinfo_endpoint = members.userinfo_endpoint.filter(is_there);
        let userinfo_endpoint = userinfo_endpoint.map(|text| endpoint("userinfo_endpoint", Some(text))).transpose()?;
        let userinfo_endpoint = userinfo_endpoint.filter(|url| names_itself || is_one_server(url));
        let must_push = members.require_pushed_authorization_requests == Some(true);
        let pushed = members.pushed_authorization_request_endpoint.filter(is_there);
        let is_needed = must_push || pushed.is_some();
        let pushed = is_needed.then(|| endpoint("pushed_authorization_request_endpoint", pushed)).transpose()?;
        let pushed_authorization_request_endpoint = pushed.filter(|url| names_itself || is_one_server(url));
        if must_push && pushed_authorization_request_endpoint.is_none() {
            return Err(Kind::Unsupported { feature: WITHOUT_ISS }.into());
        }
        let dpop_signing_alg_values_supported = members.dpop_signing_alg_values_supported.map(|list| {
            let is_listed = |algorithm: &KeyAlgorithm| list.iter().any(|item| item.0 == Some(algorithm.name()));
            KeyAlgorithm::ALL.into_iter().filter(is_listed).collect()
        });
        Ok(Self {
            issuer: issuer.into(),
            authorization_endpoint: authorization_endpoint.clone(),
            token_endpoint,
            jwks_uri,
            userinfo_endpoint,
            algorithms,
            revocation_endpoint: kept(members.revocation_endpoint),
            device_authorization_endpoint: kept(members.device_authorization_endpoint),
            registration_endpoint: kept(members.registration_endpoint),
            end_session_endpoint: kept(members.end_session_endpoint),
            authorization_response_iss_parameter_supported: names_itself,
            client_id_metadata_document_supported: members.client_id_metadata_document_supported == Some(true),
            pushed_authorization_request_endpoint,
            dpop_signing_alg_values_supported,
        })
    }
}

/// The members that are read.
#[derive(Deserialize)]
struct Members<'a> {
    issuer: Option<&'a str>,
    authorization_endpoint: Option<&'a str>,
    token_endpoint: Option<&'a str>,
    #[serde(borrow)]
    jwks_uri: IfText<'a>,
    userinfo_endpoint: Option<&'a str>,
    revocation_endpoint: Option<&'a str>,
    device_authorization_endpoint: Option<&'a str>,
    registration_endpoint: Option<&'a str>,
    end_session_endpoint: Option<&'a str>,
    response_types_supported: Option<Vec<IfText<'a>>>,
    code_challenge_methods_supported: Option<Vec<IfText<'a>>>,
    id_token_signing_alg_values_supported: Option<Vec<IfText<'a>>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    client_id_metadata_document_supported: Option<bool>,
    pushed_authorization_request_endpoint: Option<&'a str>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_signing_alg_values_supported: Option<Vec<IfText<'a>>>,
}

/// Some servers write `""` for an endpoint that they do not have.
fn is_there(address: &&str) -> bool {
    !address.is_empty()
}

#[cold]
pub(super) fn missing(member: &str) -> Error {
    Kind::MetadataInvalid { member: member.into() }.into()
}

/// Parses an endpoint: `https`, no user information, no fragment (RFC 6749 §3.1 and §3.2).
pub(super) fn acceptable(text: &str, loopback: Loopback) -> Option<Url> {
    Url::parse(text, loopback).filter(|url| cut(url.rest(), b'#').1.is_none())
}

/// Checks that a list, if it is present, contains one of the values. An absent list is accepted.
fn requires(list: Option<Vec<IfText<'_>>>, any: &[&str], feature: &'static str) -> Result<()> {
    let Some(items) = list else { return Ok(()) };
    let found = items.iter().any(|item| item.0.is_some_and(|text| any.contains(&text)));
    if found { Ok(()) } else { Err(Kind::Unsupported { feature }.into()) }
}
