//! UserInfo: the page gets only claims of the signed-in user, without the secrets of the exchange.

use serde_json::Value;
use valet_key::protocol::config::Config;
use valet_key::protocol::userinfo;

use super::{member, read, seeds as list, text};
use crate::support::{json, metadata, options};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let response = json(200, text);
    let Ok(claims) = userinfo::text(&response) else { panic!("any text is one, here") };
    for kind in ["json", "signed"] {
        let config = Config::parse(&options(&format!(r#""userinfo":"{kind}","#))).expect("the honest app's options");
        if userinfo::check(claims, [Some("alice"), None], &metadata(), &config).is_err() {
            continue;
        }
        let Some(read) = read(claims) else { return };
        assert_eq!(member(&read, "sub"), Some("alice"));
        if kind == "signed" {
            assert_eq!(member(&read, "iss"), Some("https://as.test"));
            let ours = |aud: &Value| aud.as_str() == Some("spa");
            assert!(
                read.get("aud").is_some_and(|aud| ours(aud) || aud.as_array().is_some_and(|all| all.iter().any(ours)))
            );
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        r#"{"sub":"alice","name":"Alice","address":{"country":"CH"}}"#,
        r#"{"iss":"https://as.test","aud":["spa"],"sub":"alice"}"#,
        r#"{"sub":"bob","aud":"spa"}"#,
    ])
}
