//! Text of a server that a page may see: it contains no secret of the exchange in any encoding.

use valet_key::protocol::foreign::Secrets;
use valet_key::protocol::json::Value;
use valet_key::protocol::secret::Secret;

use super::{assert_hidden, seeds as list, text};

const SECRETS: [&str; 2] = ["accesstokennumber1", "refreshtokennumber1"];

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let secrets = Secrets::new(&SECRETS.map(Secret::new));
    let quoted = secrets.quote(text);
    assert_hidden(quoted.as_str(), SECRETS);
    assert!(quoted.as_str().encode_utf16().count() <= 1000);
    assert!(!quoted.as_str().chars().any(char::is_control));
    assert!(quoted.in_message().len() <= 256);
    assert_eq!(quoted.is_left_out(), secrets.are_in(text));
    if let Ok(Value::Object(members)) = Value::parse(text) {
        let cleared = secrets.cleared(text);
        assert_hidden(&cleared, SECRETS);
        let Ok(Value::Object(kept)) = Value::parse(&cleared) else { panic!("{cleared}") };
        assert!(kept.iter().all(|member| members.contains(member)), "{cleared}");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        "the token accesstokennumber1 is wrong",
        "%61ccesstokennumber1 %2561ccesstokennumber1 \\u0061ccesstokennumber1",
        "access\u{7}tokennumber1 \u{202e}",
        r#"{"sub":"alice","a":{"b":["refresh\u0074okennumber1"]},"accesstokennumber1":1}"#,
        r#"{"sub":"alice"}"#,
        r#"{"sub":"alice","\u00baccesstokennumber1":1}"#,
    ])
}
