//! The browser host in a page: what needs a window.

#![cfg(all(feature = "browser", target_arch = "wasm32"))]

mod host;
#[path = "../support/known.rs"]
mod known;

use host::client;
use valet_key::browser::Restore;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn show(path: &str) {
    let history = web_sys::window().expect("a page").history().expect("a history");
    history.replace_state_with_url(&JsValue::NULL, "", Some(path)).expect("a path of this origin");
}

fn address() -> String {
    let location = web_sys::window().expect("a page").location();
    [location.search(), location.hash()].map(|part| part.expect("a part")).concat()
}

#[wasm_bindgen_test]
async fn the_response_is_removed_from_the_address_and_the_rest_kept() {
    let before = {
        let location = web_sys::window().expect("a page").location();
        location.pathname().expect("a path")
    };
    show("?tab=2&code=c&state=vk.s&iss=https%3A%2F%2Fas.test&x=a+b#/route");
    client().start(Restore::No).await.expect("ignored: nothing is pending");
    assert_eq!(address(), "?tab=2&x=a+b#/route");
    show("?tab=2&code=c&state=s#/route");
    client().start(Restore::No).await.expect("of another flow of the app");
    assert_eq!(address(), "?tab=2&code=c&state=s#/route");
    show(&before);
}
