//! Forms: a parsed form is written the same way, and other parsers read the same.

use ::url::form_urlencoded;
use valet_key::protocol::form::{append, parse};

use super::{seeds as list, text};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(parameters) = parse(text) else { return };
    let theirs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    assert_eq!(parameters, theirs);
    let mut written = String::new();
    for (name, value) in &parameters {
        append(&mut written, name, value);
    }
    assert_eq!(parse(&written), Some(parameters));
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written}");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list(["code=c1&state=s&iss=https%3A%2F%2Fas.test", "a=b+c&&=&%c3%a4=%f0%9f%94%91", "a=%zz", "a=b=c", "%ff"])
}
