//! Keys that tokens are bound to (RFC 9449): made, used and passed on with the browser's Web Cryptography API.

use core::pin::Pin;

use js_sys::{Array, JSON, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::host::ProofKey;
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::public_key::{KeyAlgorithm, PublicKey};
use crate::protocol::secret::Secret;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, variadic, js_namespace = ["crypto", "subtle"], js_name = generateKey)]
    fn generate_key(arguments: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, variadic, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    fn import_key(arguments: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = exportKey)]
    fn export_key(format: &str, key: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn sign(algorithm: &JsValue, key: &JsValue, data: &[u8]) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_name = structuredClone)]
    fn structured_clone(value: &JsValue) -> Result<JsValue, JsValue>;
}

/// How often a key is tried to be made. WebKitGTK 2.50 fails to make, or to export, one of about a hundred keys on Ed25519.
const ATTEMPTS: usize = 3;

/// A key pair. The private half is a `CryptoKey` that cannot be exported; but see `jwk`.
#[derive(Clone)]
pub struct Key {
    public: PublicKey,
    private: JsValue,
    /// The private half as a JWK, where a `CryptoKey` cannot go to the place that continues the session: the guard's folder passes
    /// texts on, and a shared worker of WebKit cannot post a `CryptoKey`.
    jwk: Option<Secret>,
}

impl ProofKey for Key {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    async fn sign(&self, data: &str) -> Result<Vec<u8>> {
        let signing = async {
            let promise = sign(&JSON::parse(description(&self.public))?, &self.private, data.as_bytes())?;
            Ok::<_, JsValue>(Uint8Array::new(&JsFuture::from(promise).await?).to_vec())
        };
        signing.await.map_err(|_| without_keys())
    }

    fn to_jwk(&self) -> Option<Secret> {
        self.jwk.clone()
    }
}

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// [`Kind::Environment`] if Web Cryptography makes none of this algorithm.
    pub(super) async fn make(algorithm: KeyAlgorithm) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            if let Ok(key) = Self::try_to_make(algorithm).await {
                return Ok(key);
            }
        }
        Err(without_keys())
    }

    fn try_to_make(algorithm: KeyAlgorithm) -> Pin<Box<dyn Future<Output = Result<Self, JsValue>>>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let pair = generate(algorithm, cfg!(feature = "guard")).await?;
            let is_clonable = structured_clone(&private_of(&pair)?).is_ok();
            let pair = if is_clonable { pair } else { generate(algorithm, true).await? };
            let public = to_jwk(&Reflect::get(&pair, &"publicKey".into())?, algorithm).await?;
            let private = private_of(&pair)?;
            let is_text = Reflect::get(&private, &"extractable".into())?.is_truthy();
            if is_text {
                let jwk = to_jwk(&private, algorithm).await?;
                return Self::import(&jwk).await.ok_or(JsValue::UNDEFINED);
            }
            let public = PublicKey::from_jwk(&public).ok_or(JsValue::UNDEFINED)?;
            Ok(Self { public, private, jwk: None })
        })
    }

    /// Takes over a key from a JWK; `None` for anything else.
    pub(super) fn import(jwk: &str) -> Pin<Box<dyn Future<Output = Option<Self>> + '_>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let public = PublicKey::from_jwk(jwk)?;
            let arguments = ["[\"jwk\",", jwk, ",", description(&public), ",false,[\"sign\"]]"].concat();
            let arguments: Array = JSON::parse(&arguments).ok()?.unchecked_into();
            let private = JsFuture::from(import_key(&arguments).ok()?).await.ok()?;
            Some(Self { public, private, jwk: Some(Secret::new(jwk)) })
        })
    }

    /// The key for a keeper: `[jwk]`, or `[public jwk, CryptoKey]`.
    #[cfg(feature = "npm")]
    pub(crate) fn to_js(&self) -> Array {
        match &self.jwk {
            Some(jwk) => Array::of1(&jwk.expose().into()),
            None => self.to_pair(),
        }
    }

    /// The key for the device: `[public jwk, CryptoKey]`. The `CryptoKey` cannot be exported.
    #[cfg(feature = "npm")]
    pub(crate) fn to_pair(&self) -> Array {
        Array::of2(&self.public.to_jwk().into(), &self.private)
    }

    /// Takes over a key from [`Key::to_js`] or [`Key::to_pair`]; `None` for anything else.
    #[cfg(feature = "npm")]
    pub(crate) async fn from_js(key: Array) -> Option<Self> {
        let jwk = key.get(0).as_string()?;
        let private = key.get(1);
        if private.is_undefined() {
            return Self::import(&jwk).await;
        }
        // What was passed on as a text is no key any more.
        if Reflect::get(&private, &"type".into()).ok()?.as_string()? != "private" {
            return None;
        }
        Some(Self { public: PublicKey::from_jwk(&jwk)?, private, jwk: None })
    }
}

/// The parameters of Web Cryptography for the keys of this one's algorithm, and for their signatures.
fn description(key: &PublicKey) -> &'static str {
    key.algorithm.signatures().description()
}

async fn generate(algorithm: KeyAlgorithm, is_extractable: bool) -> Result<JsValue, JsValue> {
    let extractable = if is_extractable { "true" } else { "false" };
    let arguments = ["[", algorithm.signatures().description(), ",", extractable, ",[\"sign\"]]"].concat();
    JsFuture::from(generate_key(&JSON::parse(&arguments)?.unchecked_into())?).await
}

fn private_of(pair: &JsValue) -> Result<JsValue, JsValue> {
    Reflect::get(pair, &"privateKey".into())
}

async fn to_jwk(key: &JsValue, algorithm: KeyAlgorithm) -> Result<String, JsValue> {
    let jwk = JsFuture::from(export_key("jwk", key)?).await?;
    Reflect::set(&jwk, &"alg".into(), &algorithm.name().into())?;
    JSON::stringify(&jwk)?.as_string().ok_or(JsValue::UNDEFINED)
}

#[cold]
fn without_keys() -> Error {
    Kind::Environment("Web Cryptography makes no keys or no signatures here").into()
}
