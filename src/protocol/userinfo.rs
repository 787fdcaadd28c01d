//! The UserInfo request and response (OpenID Connect Core §5.3).

use serde::Deserialize;

use super::config::{Config, Userinfo};
use super::error::{Error, Kind, OAuthError, Result};
use super::foreign::Secrets;
use super::http::{HttpRequest, HttpResponse};
use super::json::{Mismatch, OneOrMany};
use super::jwt::object;
use super::metadata::ServerMetadata;
use super::trace::Step;

/// The request. The access token is attached in the same way as for a request to an API (OpenID Connect Core §5.3.1).
///
/// # Errors
///
/// [`Kind::MetadataInvalid`] if the provider has no such endpoint.
pub fn request(metadata: &ServerMetadata) -> Result<HttpRequest> {
    let endpoint = metadata.userinfo_endpoint.as_ref();
    let url = endpoint.ok_or_else(|| Kind::MetadataInvalid { member: "userinfo_endpoint".into() })?.as_str().into();
    Ok(HttpRequest::get(Step::Userinfo, url))
}

/// The text of a response: JSON, or a JWT if the provider is registered to send one.
///
/// # Errors
///
/// [`Kind::TokenRefused`] for 401 (RFC 6750 §3.1), [`Kind::UserinfoInvalid`] with `status`, and those of
/// [`HttpResponse::text`].
pub fn text(response: &HttpResponse) -> Result<&str> {
    if response.status == 401 {
        let error = Secrets::default().quote("invalid_token");
        return Err(Kind::TokenRefused(OAuthError::from_code(error)).into());
    }
    let text = response.text()?;
    if response.is_ok() { Ok(text) } else { Err(invalid("status")) }
}

/// Checks that the claims are about exactly the expected user and, if they were signed, that they come from the issuer and are
/// for this client (OpenID Connect Core §5.3.2). If the response should be a JWT and is JSON, or the other way around, there
/// are no claims: an attacker who can remove a signature could have changed the signed claims as well.
///
/// # Errors
///
/// [`Kind::UserinfoInvalid`] with the claim, or with `format`.
pub fn check(claims: &str, expected: [Option<&str>; 2], metadata: &ServerMetadata, config: &Config) -> Result<()> {
    let value = object(claims).map_err(of_userinfo)?;
    let Subject { sub } = value.read().map_err(mismatched)?;
    if sub.is_none() || expected.iter().any(|expected| expected.is_some() && *expected != sub) {
        return Err(invalid("sub"));
    }
    if config.userinfo == Userinfo::Signed {
        let Parties { iss, aud } = value.read().map_err(mismatched)?;
        if !(iss.contains(&metadata.issuer) && aud.contains(&config.client_id)) {
            return Err(invalid("aud"));
        }
    }
    Ok(())
}

/// The user that the claims are about.
#[derive(Deserialize)]
struct Subject<'a> {
    sub: Option<&'a str>,
}

/// The issuer of signed claims, and the clients that they are for.
#[derive(Deserialize)]
struct Parties<'a> {
    #[serde(borrow)]
    iss: OneOrMany<'a>,
    aud: OneOrMany<'a>,
}

fn mismatched(mismatch: Mismatch) -> Error {
    invalid(mismatch.member)
}

#[cold]
fn invalid(reason: &'static str) -> Error {
    Kind::UserinfoInvalid { reason }.into()
}

/// Turns an error about a token into the same error about UserInfo.
pub fn of_userinfo(error: Error) -> Error {
    if let Kind::IdTokenInvalid { reason } = error.kind() { invalid(reason) } else { error }
}
