//! The key of a client, which the package's pages hold: not every engine lets a shared worker store or receive one.

use core::pin::Pin;

use js_sys::Promise;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::base64url;
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::json::Value;
use crate::protocol::public_key::{KeyAlgorithm, PublicKey, SIGNATURE};

/// Asks pages for the public key of this name, and for a signature of the data unless it is empty: one page, which makes the key if
/// there is none, or all pages of the client. The promise resolves to a JSON text.
pub(crate) type Signer = Box<dyn Fn(&str, &str, Option<u32>) -> Result<Promise, JsValue>>;

/// The response of a page. A script of the page can send anything.
#[derive(Deserialize)]
struct Signed<'a> {
    jwk: Option<&'a str>,
    /// As base64url.
    signature: Option<&'a str>,
    /// What is missing: `key`, `storage` or `part`, a file of the package. Absent if no page has responded.
    lacks: Option<&'a str>,
}

/// The future of a public key and a signature.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<(PublicKey, Vec<u8>)>>>>;

/// Asks the pages, as [`Host::sign`](crate::client::host::Host::sign) specifies.
pub(super) fn sign(signer: Option<&Signer>, name: &str, data: &str, page: Option<u32>) -> Answer {
    let asked = signer.map(|signer| signer(name, data, page));
    let is_signed = !data.is_empty();
    Box::pin(async move {
        let Some(asked) = asked else {
            return Err(Kind::Unsupported { feature: "a client with a key, outside the npm package" }.into());
        };
        let unreadable =
            || Error::from(Kind::Environment("the response to a request for a signature is not of this library"));
        let response = JsFuture::from(asked.map_err(|_| unreadable())?).await.map_err(|_| unreadable())?;
        let text = response.as_string().unwrap_or_default();
        let value = Value::parse(&text).map_err(|_| unreadable())?;
        let Signed { jwk, signature, lacks } = value.read().map_err(|_| unreadable())?;
        let key = jwk.and_then(PublicKey::from_jwk).filter(|key| key.algorithm == KeyAlgorithm::Es256);
        let signature = base64url::decode(signature.unwrap_or_default()).unwrap_or_default();
        let length = if is_signed { SIGNATURE } else { 0 };
        key.map(|key| (key, signature))
            .filter(|(_, signature)| signature.len() == length)
            .ok_or_else(|| if jwk.is_some() { unreadable() } else { missing(lacks) })
    })
}

#[cold]
fn missing(lacks: Option<&str>) -> Error {
    match lacks {
        Some("key") => Error::config(
            "tokenEndpointAuthMethod",
            "this browser has no key of this client, or its site data were cleared",
            "Call `publicKey()`, and register the key that it returns at the provider.",
        ),
        Some("storage") => Error::config(
            "tokenEndpointAuthMethod",
            "the browser keeps no key for this page",
            "Allow site data (IndexedDB) for this page, and serve it over https.",
        ),
        Some("part") => Kind::Network { url: "keys.js, a file of this package".into() }.into(),
        _ => Kind::Timeout { url: "the page, which makes the signature,".into() }.into(),
    }
}
