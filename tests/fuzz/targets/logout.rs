//! Front-channel logout: a query ends the session that it names, and no other one.

use ::url::form_urlencoded;
use valet_key::protocol::json::Value;
use valet_key::protocol::logout::names_session;

use super::{seeds as list, text};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let claims = Value::parse(r#"{"sub":"alice","sid":"session-1"}"#).expect("claims");
    assert!(!names_session(text, "https://as.test", &Value::Null), "a session without `sid` is not named");
    if names_session(text, "https://as.test", &claims) {
        let all = |name: &str| -> Vec<String> {
            let found = form_urlencoded::parse(bytes).filter(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).collect()
        };
        assert_eq!((all("iss"), all("sid")), (vec!["https://as.test".into()], vec!["session-1".into()]));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        "iss=https%3A%2F%2Fas.test&sid=session-1",
        "sid=session-1&iss=https://as.test&sid=session-2",
        "iss=https://as.test",
    ])
}
