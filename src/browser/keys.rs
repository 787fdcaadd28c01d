//! Verifies signatures and computes hashes with the browser's Web Cryptography API.

use js_sys::{Array, JSON, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::jwt::{Signature, Verification};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, variadic, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    fn import_key(arguments: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn verify(algorithm: &JsValue, key: &JsValue, signature: &[u8], data: &[u8]) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn digest(algorithm: &JsValue, data: &[u8]) -> Result<Promise, JsValue>;
}

/// Verifies a signature for the protocol, and hashes the access token. If the key cannot be used, the hash is empty.
pub async fn check(question: Verification<'_>) -> (Signature, Vec<u8>) {
    let Verification { algorithm, key, data, access_token, signature } = question;
    let arguments = ["[\"jwk\",", &key, ",", algorithm.description(), ",false,[\"verify\"]]"].concat();
    let imported = async {
        let arguments: Array = JSON::parse(&arguments)?.unchecked_into();
        let key = JsFuture::from(import_key(&arguments)?).await?;
        let algorithm = arguments.get(2);
        // Ed25519 uses SHA-512 (RFC 8032 §5.1).
        let named = Reflect::get(&algorithm, &"hash".into())?;
        let function = if named.is_undefined() { "SHA-512".into() } else { named };
        let hash = JsFuture::from(digest(&function, access_token.as_bytes())?).await?;
        Ok::<_, JsValue>((algorithm, key, Uint8Array::new(&hash).to_vec()))
    };
    let Ok((algorithm, key, hash)) = imported.await else { return (Signature::Unusable, Vec::new()) };
    let Ok(promise) = verify(&algorithm, &key, signature, data.as_bytes()) else { return (Signature::Wrong, hash) };
    match JsFuture::from(promise).await {
        Ok(is_valid) if is_valid == JsValue::TRUE => (Signature::Right, hash),
        _ => (Signature::Wrong, hash),
    }
}
