//! The ID Token: a valid one with one change, refused by name (OpenID Connect Core §3.1.3.7, RFC 8725).

#[path = "../support/mod.rs"]
mod support;

mod algorithms;
mod asked;
mod claims;
mod form;
mod keys;
mod signatures;

use support::signing::{self, E1, honest_keys, identify, proof_with};
use support::{claims, transaction};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::jwks::Keys;

const HONEST: &str = r#"{"alg":"RS256","kid":"r1"}"#;

/// The reason of a refusal.
fn why<T>(result: Result<T>) -> Option<&'static str> {
    result.err().map(|error| if let Kind::IdTokenInvalid { reason } = error.kind() { reason } else { error.code() })
}

/// The reason for which a valid client refuses a token.
fn reason(token: &str) -> Option<&'static str> {
    reason_with(token, &honest_keys())
}

/// The same with the keys of a provider.
fn reason_with(token: &str, keys: &str) -> Option<&'static str> {
    why(identify(proof_with(token, &signing::keys(keys)), &transaction(), 5))
}

/// The reason for which the signature of a token is refused, whatever its claims.
fn reason_of(keys: &Keys, token: &str) -> Option<&'static str> {
    why(proof_with(token, keys))
}

fn by_e1(header: &str) -> String {
    E1.sign(header, &claims(&[]))
}
