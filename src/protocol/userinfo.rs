//! What the provider says of the user when it is asked (OpenID Connect Core §5.3).

use std::sync::Arc;

use serde::Deserialize;

use super::config::{Config, Userinfo};
use super::error::{Error, OAuthError};
use super::foreign::Secrets;
use super::http::{HttpRequest, HttpResponse};
use super::json::{Mismatch, OneOrMany};
use super::jwt::object;
use super::metadata::ServerMetadata;

/// The request, to which the access token is attached as to a call of an API (OpenID Connect Core §5.3.1).
///
/// # Errors
///
/// [`Error::MetadataInvalid`] if the provider has no such endpoint.
pub fn request(metadata: &ServerMetadata) -> Result<HttpRequest, Arc<Error>> {
    let endpoint = metadata.userinfo_endpoint.as_ref();
    let url = endpoint.ok_or_else(|| Error::MetadataInvalid { member: "userinfo_endpoint".into() })?.as_str().into();
    Ok(HttpRequest::get(url))
}

/// The text of an answer: JSON, or a JWT where that was agreed on.
///
/// # Errors
///
/// [`Error::TokenRefused`] for 401 (RFC 6750 §3.1), [`Error::UserinfoInvalid`] with `status`, and those of any answer.
pub fn text(response: &HttpResponse) -> Result<&str, Arc<Error>> {
    if response.status == 401 {
        let error = Secrets::default().quote("invalid_token");
        return Err(Error::TokenRefused(OAuthError::from_code(error)).into());
    }
    let text = response.text()?;
    if response.is_ok() { Ok(text) } else { Err(invalid("status")) }
}

/// Checks whom the claims are of, to the letter, and, where they were signed, for whom (OpenID Connect Core §5.3.2). Where
/// a JWT was agreed on and JSON comes, or the other way about, there are no claims: whoever can leave a signature out
/// could have changed what was signed.
///
/// # Errors
///
/// [`Error::UserinfoInvalid`] with the claim, or with `format`.
pub fn check(
    claims: &str,
    expected: [Option<&str>; 2],
    metadata: &ServerMetadata,
    config: &Config,
) -> Result<(), Arc<Error>> {
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

/// Whom the claims are of.
#[derive(Deserialize)]
struct Subject<'a> {
    sub: Option<&'a str>,
}

/// Who signed them, and for whom.
#[derive(Deserialize)]
struct Parties<'a> {
    #[serde(borrow)]
    iss: OneOrMany<'a>,
    aud: OneOrMany<'a>,
}

fn mismatched(mismatch: Mismatch) -> Arc<Error> {
    invalid(mismatch.member)
}

#[cold]
fn invalid(reason: &'static str) -> Arc<Error> {
    Error::UserinfoInvalid { reason }.into()
}

/// What is wrong with a token, said of UserInfo.
pub fn of_userinfo(error: Arc<Error>) -> Arc<Error> {
    if let Error::IdTokenInvalid { reason } = &*error { invalid(reason) } else { error }
}
