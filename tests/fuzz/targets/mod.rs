//! The targets: a file for each noun of the protocol, and for the client and the vault as a whole.

mod authorization_response;
mod carried;
mod client;
mod device;
mod foreign;
mod form;
mod http;
mod id_token;
mod json;
mod jwks;
mod jwt;
mod logout;
mod metadata;
mod options;
mod resource;
mod token;
mod transaction;
mod url;
mod userinfo;
mod vault;

use valet_key::protocol::error::Error;
use valet_key::vault::messages::to_json;

use crate::Target;
use crate::hostile::text::shows;

pub(crate) const TARGETS: &[Target] = &[
    reader("authorization_response", authorization_response::run, authorization_response::seeds),
    reader("carried", carried::run, carried::seeds),
    machine("client", client::run, client::seeds),
    reader("device", device::run, device::seeds),
    reader("foreign", foreign::run, foreign::seeds),
    reader("form", form::run, form::seeds),
    reader("http", http::run, http::seeds),
    reader("id_token", id_token::run, id_token::seeds),
    reader("json", json::run, json::seeds),
    reader("jwks", jwks::run, jwks::seeds),
    reader("jwt", jwt::run, jwt::seeds),
    reader("logout", logout::run, logout::seeds),
    reader("metadata", metadata::run, metadata::seeds),
    reader("options", options::run, options::seeds),
    reader("resource", resource::run, resource::seeds),
    reader("token", token::run, token::seeds),
    reader("transaction", transaction::run, transaction::seeds),
    reader("url", url::run, url::seeds),
    reader("userinfo", userinfo::run, userinfo::seeds),
    machine("vault", vault::run, vault::seeds),
];

const fn reader(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, is_reader: true }
}

const fn machine(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { is_reader: false, ..reader(name, run, seeds) }
}

/// The bytes as text, if they are UTF-8.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn seeds<T: AsRef<[u8]>>(seeds: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    seeds.into_iter().map(|seed| seed.as_ref().to_vec()).collect()
}

/// All readable text of an error.
fn printed(error: &Error) -> String {
    format!("{error}\n{error:?}\n{}", to_json(&error.clone().into()))
}

/// Whether a text could be a token: it has the characters of tokens, is too long to occur by chance, and is not a word
/// of the client.
fn is_secret(text: &str) -> bool {
    text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Fails if a text contains a secret.
fn assert_hidden<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) {
    for secret in secrets {
        assert!(!is_secret(secret) || !shows(text, secret), "{secret} is in {text}");
    }
}

/// JSON as another parser reads it, which cannot represent some large numbers.
fn read(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()
}

/// A member of an object, as another parser reads it.
fn member<'a>(object: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}
