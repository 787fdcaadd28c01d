//! The device authorization response: the page gets a code and addresses that a user can be sent to, and not the device code.

use valet_key::protocol::device::{Pending, Step};
use valet_key::protocol::url::Loopback;

use super::{is_secret, member, printed, read, seeds as list, text};
use crate::support::{at, config, json, metadata};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let device_code = read(text).and_then(|read| member(&read, "device_code").map(str::to_owned)).unwrap_or_default();
    let mut pending = match Pending::from_response(&json(200, text), Loopback::Refused, at(0)) {
        Ok(pending) => pending,
        Err(error) => {
            assert!(!is_secret(&device_code) || !printed(&error).contains(&device_code), "{error}");
            return;
        }
    };
    let prompt = &pending.prompt;
    assert!(prompt.user_code.len() <= 64 && prompt.user_code.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    for address in [Some(&prompt.verification_uri), prompt.verification_uri_complete.as_ref()].into_iter().flatten() {
        assert!(address.starts_with("https://"), "{address}");
    }
    assert!(device_code.len() < 16 || !format!("{prompt:?}").contains(&device_code));
    match pending.next(&metadata(), &config(), at(0)) {
        Ok(Step::Wait(milliseconds)) => assert!((1..=60_000).contains(&milliseconds), "{milliseconds}"),
        Ok(Step::Ask(_)) => panic!("no request before the first interval"),
        Err(error) => assert_eq!(error.oauth().map(|said| said.error.as_str()), Some("expired_token")),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS","user_code":"WDJB-MJHT","verification_uri":"https://as.test/device","verification_uri_complete":"https://as.test/device?user_code=WDJB-MJHT","expires_in":1800,"interval":5}"#,
        r#"{"device_code":"d","user_code":"1","verification_uri":"https://as.test/","expires_in":"0","interval":"70"}"#,
        r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg","user_code":"GmRhmhcxhwAzkoEqiMEg","verification_uri":"https://as.test/"}"#,
        r#"{"error":"unauthorized_client","error_description":"GmRhmhcxhwAzkoEqiMEg","device_code":"GmRhmhcxhwAzkoEqiMEg"}"#,
    ])
}
