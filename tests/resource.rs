//! The addresses that may receive the token: the API list, compared with what the browser's parser wrote.

mod support;

use std::path::Path;

use valet_key::protocol::config::Config;
use valet_key::protocol::json::Value;
use valet_key::protocol::url::{Loopback, Url};

fn permitted(url: &str) -> bool {
    support::config().api.permit(url).is_ok()
}

/// Addresses as the browser's parser writes them; `call.test.mjs` and `addresses.test.mjs` have those that it rewrites.
#[test]
fn fetch_01_to_18_only_listed_addresses_are_permitted() {
    let permitted_ones = [
        ("FETCH-01", "https://api.test/v1/x"),
        ("FETCH-01", "https://api.test/v1/"),
        ("FETCH-15", "https://api.test/v1"),
        ("FETCH-15", "https://api.test/v1?x=1"),
        ("FETCH-01", "https://api.test/v1/x?y=/../z#f"),
        ("FETCH-14", "https://api.test/v1/group%2Fproject"),
        ("FETCH-14", "https://api.test/v1/a.b/..c/d.."),
    ];
    for (id, url) in permitted_ones {
        assert!(permitted(url), "{id}: {url}");
    }
    let blocked_ones = [
        ("FETCH-02", "https://api.test.evil.com/v1/x"),
        ("FETCH-02", "https://api.testevil.com/v1/"),
        ("FETCH-02", "https://evil-api.test/v1/"),
        ("FETCH-02", "https://xapi.test/v1/"),
        ("FETCH-03", "https://evil.com/https://api.test/v1/"),
        ("FETCH-03", "https://evil.com/?u=https://api.test/v1/"),
        ("FETCH-03", "https://evil.com/#https://api.test/v1/"),
        ("FETCH-04", "https://api.test@evil.com/v1/"),
        ("FETCH-04", "https://api.test%40evil.com/v1/"),
        ("FETCH-04", "https://user:pw@api.test/v1/x"),
        ("FETCH-05", "https://api.test:8443/v1/x"),
        ("FETCH-05", "https://api.test:443/v1/x"),
        ("FETCH-05", "http://api.test/v1/x"),
        ("FETCH-08", "https://evil.com/x"),
        ("FETCH-09", "HTTPS://API.TEST/v1/x"),
        ("FETCH-09", "https:\\\\api.test\\v1\\x"),
        ("FETCH-09", "https:///api.test/v1/x"),
        ("FETCH-09", " https://api.test/v1/x"),
        ("FETCH-09", "https://api.test/v1/x\n"),
        ("FETCH-09", "https://api.test/v1/a\tb"),
        ("FETCH-10", "https:/api.test/v1/x"),
        ("FETCH-10", "https:api.test/v1/x"),
        ("FETCH-10", "https:evil.com"),
        ("FETCH-10", "https://app.test/api.test/v1/x"),
        ("FETCH-12", "https://аpi.test/v1/"),
        ("FETCH-12", "https://ａｐｉ.test/v1/"),
        ("FETCH-12", "https://a\u{ad}pi.test/v1/"),
        ("FETCH-12", "https://ⓐpi.test/v1/"),
        ("FETCH-12", "https://a\u{200d}pi.test/v1/"),
        ("FETCH-12", "https://xn--pi-7kc.test/v1/"),
        ("FETCH-13", "https://xn--api-.test/v1/"),
        ("FETCH-13", "https://api.test.xn--/v1/"),
        ("FETCH-13", "https://api.test./v1/x"),
        ("FETCH-14", "https://api.test/v1/../admin"),
        ("FETCH-14", "https://api.test/v1/%2e%2e/admin"),
        ("FETCH-14", "https://api.test/v1/.%2E/admin"),
        ("FETCH-14", "https://api.test/v1/%2e%2e%2fadmin"),
        ("FETCH-14", "https://api.test/v1/..%5cadmin"),
        ("FETCH-14", "https://api.test/v1/..;/admin"),
        ("FETCH-14", "https://api.test/v1/%252e%252e/admin"),
        ("FETCH-14", "https://api.test/v1/x/./y"),
        ("FETCH-14", "https://api.test/"),
        ("FETCH-15", "https://api.test/v10/x"),
        ("FETCH-15", "https://api.test/v1x"),
        ("FETCH-15", "https://api.test/V1/x"),
        ("FETCH-16", "https://api.test\\@evil.com/v1/"),
        ("FETCH-16", "https://evil.com\\@api.test/v1/"),
        ("FETCH-16", "https://api.test\\.evil.com/v1/"),
        ("FETCH-16", "https://api.test/@evil.com/v1/"),
        ("FETCH-16", "https://evil.com/@api.test/v1/"),
        ("FETCH-17", "https://app.test/v1/x"),
        ("FETCH-17", "/v1/x"),
        ("FETCH-18", "data:,x"),
        ("FETCH-18", "blob:https://api.test/v1/"),
        ("FETCH-18", "file:///v1/"),
        ("FETCH-18", "javascript:1"),
        ("FETCH-18", "about:blank"),
        ("FETCH-18", ""),
        ("FETCH-18", "https://"),
    ];
    for (id, url) in blocked_ones {
        assert!(!permitted(url), "{id}: {url}");
    }
}

#[test]
fn fetch_41_an_entry_is_an_address_not_a_pattern() {
    let options = |entry: &str| {
        format!(r#"{{"issuer":"https://as.test","clientId":"spa","api":["https://api.test/","{entry}"]}}"#)
    };
    for entry in ["https://api2.test", "https://api2.test/v1", "https://api2.test:8443/v1/"] {
        assert!(Config::parse(&options(entry)).is_ok(), "{entry}");
    }
    let entries = [
        "*",
        "https://*",
        "https://*/",
        "https://*.test",
        "https://api.test/*",
        "/.*/",
        "http://api.test",
        "http://localhost/",
        "https://u@api.test",
        "https://api.test/#x",
        "https://api.test/?x",
        "https://api.test/a/../b/",
        "https://API.test/",
        "https://api.test:443/",
        "ftp://api.test/",
        "api.test",
        "",
    ];
    for entry in entries {
        let error = Config::parse(&options(entry)).expect_err(entry);
        assert_eq!(error.code(), "config_error", "{entry}");
    }
}

/// The test data of the WHATWG URL Standard. The app lists the origin of the parsed input: then the input either equals
/// its parsed form, or it is blocked.
#[test]
fn an_address_equals_its_parsed_form_or_is_blocked() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/urltestdata.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("left out: urltestdata.json is not here");
        return;
    };
    // The file contains halves of surrogate pairs on purpose, which a strict parser refuses.
    let text = text.replace("\\uD8", "uD8").replace("\\uDF", "uDF").replace("\\uD", "uD").replace("\\ud", "ud");
    let value = Value::parse(&text).expect("JSON");
    let (mut equal, mut blocked) = (0, 0);
    for case in value.as_array().expect("an array") {
        let member = |name| case.get(name).and_then(Value::as_str);
        let (Some(input), Some(href)) = (member("input"), member("href")) else { continue };
        if input.contains(":80") || input.contains(":443") {
            continue;
        }
        // Most of the data is about http, whose rules equal those of https except for the default port.
        let secure = |url: &str| url.strip_prefix("http:").map_or(url.to_owned(), |rest| format!("https:{rest}"));
        let (input, href) = (&secure(input), &secure(href));
        let Some(origin) = Url::parse(href, Loopback::Allowed).map(|url| url.origin().to_owned()) else { continue };
        let options =
            format!(r#"{{"issuer":"https://as.test","clientId":"spa","allowLoopbackHttp":true,"api":["{origin}"]}}"#);
        let api = Config::parse(&options).expect(&origin).api;
        if api.permit(input).is_ok() {
            let ours = Url::parse(input, Loopback::Allowed).expect("permitted");
            assert_eq!(ours.as_str(), href, "as the parser writes it");
            equal += 1;
        } else {
            blocked += 1;
        }
        // An address that the parser writes is permitted, unless a server might read another path in it.
        assert!(
            api.permit(href).is_ok() || href.to_ascii_lowercase().contains('%') || href.contains(['"', '^', '`', '{']),
            "{href}"
        );
    }
    assert!(equal > 20 && blocked > 100, "{equal} equal, {blocked} blocked");
}

#[test]
fn a_list_of_apis_may_have_a_hundred_entries() {
    for (count, expected) in [(100, None), (101, Some("config_error"))] {
        let entries: Vec<String> = (0..count).map(|number| format!("\"https://api{number}.test/\"")).collect();
        let options = format!(r#"{{"issuer":"https://as.test","clientId":"spa","api":[{}]}}"#, entries.join(","));
        assert_eq!(support::code(&Config::parse(&options)), expected, "{count} entries");
    }
}

#[test]
fn each_reason_to_block_a_call_has_a_hint_of_its_own() {
    let list = support::config().api;
    let hints: Vec<&str> = ["http://api.test/v1/", "https://api.test/v1/%2e%2e/v2", "https://evil.test/v1/"]
        .iter()
        .map(|url| list.permit(url).expect_err(url).hint())
        .collect();
    for (index, hint) in hints.iter().enumerate() {
        assert!(!hints[index + 1..].contains(hint), "{hint}");
        assert!(hint.contains('`'), "it names something concrete: {hint}");
    }
}
