//! Signatures, checked by the browser's Web Cryptography.

use js_sys::{Array, JSON, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::jwt::{Signature, Verification};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, variadic, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    fn import_key(arguments: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn verify(algorithm: &JsValue, key: &JsValue, signature: &[u8], data: &[u8]) -> Result<Promise, JsValue>;
}

/// Answers a question of the protocol's.
pub async fn check(question: Verification<'_>) -> Signature {
    let Verification { algorithm, key, data, signature } = question;
    let arguments = ["[\"jwk\",", &key, ",", algorithm.description(), ",false,[\"verify\"]]"].concat();
    let imported = async {
        let arguments: Array = JSON::parse(&arguments)?.unchecked_into();
        let key = JsFuture::from(import_key(&arguments)?).await?;
        Ok::<_, JsValue>((arguments.get(2), key))
    };
    let Ok((algorithm, key)) = imported.await else { return Signature::Unusable };
    let Ok(answer) = verify(&algorithm, &key, signature, data.as_bytes()) else { return Signature::Wrong };
    match JsFuture::from(answer).await {
        Ok(answer) if answer == JsValue::TRUE => Signature::Right,
        _ => Signature::Wrong,
    }
}
