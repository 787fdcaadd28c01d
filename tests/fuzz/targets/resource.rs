//! The list of APIs: a line with an address, and a line for each entry.

use ::url::Url as Parsed;
use valet_key::protocol::config::Config;

use super::{seeds as list, text};
use crate::hostile::text::string;

pub(super) fn run(bytes: &[u8]) {
    let Some((address, entries)) = text(bytes).and_then(|text| text.split_once('\n')) else { return };
    let entries: Vec<&str> = entries.lines().take(8).collect();
    let written: Vec<String> = entries.iter().map(|entry| string(entry)).collect();
    let options = format!(
        r#"{{"issuer":"https://as.test","clientId":"spa","allowLoopbackHttp":true,"api":[{}]}}"#,
        written.join(",")
    );
    let Ok(config) = Config::parse(&options) else { return };
    for entry in &entries {
        let Ok(parsed) = Parsed::parse(entry) else { continue };
        if parsed.as_str() == *entry {
            assert_eq!(config.api.permit(entry), Ok(0), "an entry is on the list");
        }
    }
    if config.api.permit(address).is_err() {
        return;
    }
    let Ok(parsed) = Parsed::parse(address) else { return };
    // The address of a page, as its browser wrote it.
    if parsed.as_str() != address {
        return;
    }
    let is_below = |entry: &Parsed| {
        parsed.origin() == entry.origin()
            && (parsed.path().starts_with(&with_slash(entry.path()))
                || with_slash(parsed.path()) == with_slash(entry.path()))
    };
    assert!(entries.iter().filter_map(|entry| Parsed::parse(entry).ok()).any(|entry| is_below(&entry)));
    let mut path = parsed.path().as_bytes().to_vec();
    loop {
        let is_dots = |segment: &[u8]| matches!(segment, b"." | b"..");
        assert!(!path.split(|byte| b"/\\;".contains(byte)).any(is_dots), "{address}");
        let decoded = decoded(&path);
        if decoded.len() == path.len() {
            return;
        }
        path = decoded;
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        "https://api.test/v1/me?x=1\nhttps://api.test/v1/\nhttps://data.test",
        "https://api.test/v1\nhttps://api.test/v1/",
        "https://api.test/v1/%2e%2e/admin\nhttps://api.test/v1/",
        "https://api.test/v1/..;/admin\nhttps://api.test/v1",
        "https://api.test.evil.test/v1/\nhttps://api.test/",
        "http://localhost:3000/a\nhttp://localhost:3000",
    ])
}

fn with_slash(path: &str) -> String {
    [path, if path.ends_with('/') { "" } else { "/" }].concat()
}

/// One round of decoding by a careless server.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path;
    while let [byte, others @ ..] = rest {
        let escaped = (*byte == b'%').then(|| others.get(..2)).flatten();
        let escaped = escaped.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)).and_then(|digits| text(digits));
        let byte_escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte_escaped.unwrap_or(*byte));
        rest = if byte_escaped.is_some() { &others[2..] } else { others };
    }
    decoded
}
