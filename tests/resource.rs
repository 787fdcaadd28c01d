//! Where the token may go: the API list, decided on what the browser's parser wrote.

mod support;

use std::path::Path;

use valet_key::protocol::config::Config;
use valet_key::protocol::json::Value;
use valet_key::protocol::url::{Loopback, Url};

fn permitted(url: &str) -> bool {
    support::config().api.permit(url).is_ok()
}

#[test]
fn only_listed_addresses_are_permitted() {
    let permitted_ones = [
        "https://api.test/v1/x",
        "https://api.test/v1/",
        "https://api.test/v1",
        "https://api.test/v1?x=1",
        "https://api.test/v1/x?y=/../z#f",
        "https://api.test/v1/group%2Fproject",
        "https://api.test/v1/a.b/..c/d..",
    ];
    for url in permitted_ones {
        assert!(permitted(url), "{url}");
    }
    let blocked_ones = [
        "https://api.test.evil.com/v1/x",
        "https://api.testevil.com/v1/",
        "https://evil-api.test/v1/",
        "https://xapi.test/v1/",
        "https://evil.com/https://api.test/v1/",
        "https://evil.com/?u=https://api.test/v1/",
        "https://evil.com/#https://api.test/v1/",
        "https://api.test@evil.com/v1/",
        "https://api.test%40evil.com/v1/",
        "https://user:pw@api.test/v1/x",
        "https://api.test:8443/v1/x",
        "https://api.test:443/v1/x",
        "http://api.test/v1/x",
        "HTTPS://API.TEST/v1/x",
        "https://api.test/v10/x",
        "https://api.test/v1x",
        "https://api.test/V1/x",
        "https://api.test/",
        "https://api.test/v1/../admin",
        "https://api.test/v1/%2e%2e/admin",
        "https://api.test/v1/.%2E/admin",
        "https://api.test/v1/%2e%2e%2fadmin",
        "https://api.test/v1/..%5cadmin",
        "https://api.test/v1/..;/admin",
        "https://api.test/v1/%252e%252e/admin",
        "https://api.test/v1/x/./y",
        "https://api.test\\@evil.com/v1/",
        "https://evil.com\\@api.test/v1/",
        "https://api.test\\.evil.com/v1/",
        "https://xn--api-.test/v1/",
        "https://api.test.xn--/v1/",
        "https://api.test./v1/x",
        "https://аpi.test/v1/",
        "https:/api.test/v1/x",
        "https:api.test/v1/x",
        "https:///api.test/v1/x",
        " https://api.test/v1/x",
        "https://api.test/v1/a\tb",
        "/v1/x",
        "data:,x",
        "blob:https://api.test/v1/",
        "file:///v1/",
        "javascript:1",
        "about:blank",
        "",
        "https://",
    ];
    for url in blocked_ones {
        assert!(!permitted(url), "{url}");
    }
}

/// The test data of the WHATWG URL Standard. Whatever its parser makes of an input, the app lists that origin: then either
/// the input is exactly what the parser makes of it, or it is blocked.
#[test]
fn permitted_is_equal_or_blocked() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/urltestdata.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("left out: urltestdata.json is not here");
        return;
    };
    // The file holds halves of surrogate pairs on purpose, which a strict reader refuses.
    let text = text.replace("\\uD8", "uD8").replace("\\uDF", "uDF").replace("\\uD", "uD").replace("\\ud", "ud");
    let value = Value::parse(&text).expect("JSON");
    let (mut equal, mut blocked) = (0, 0);
    for case in value.as_array().expect("an array") {
        let member = |name| case.get(name).and_then(Value::as_str);
        let (Some(input), Some(href)) = (member("input"), member("href")) else { continue };
        if input.contains(":80") || input.contains(":443") {
            continue;
        }
        // Most of the data is about http, whose rules are those of https but for the default port.
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
        // What the parser itself writes is permitted, unless a server might read another path in it.
        assert!(
            api.permit(href).is_ok() || href.to_ascii_lowercase().contains('%') || href.contains(['"', '^', '`', '{']),
            "{href}"
        );
    }
    assert!(equal > 20 && blocked > 100, "{equal} equal, {blocked} blocked");
}
