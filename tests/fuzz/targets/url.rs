//! URLs: another parser of the URL Standard reads the same host and path, or the URL is refused.

use ::url::{Host, Url as Parsed};
use valet_key::protocol::url::{Loopback, Url};

use super::{seeds as list, text};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for loopback in [Loopback::Allowed, Loopback::Refused] {
        let Some(url) = Url::parse(text, loopback) else { continue };
        assert_eq!(Url::parse(url.as_str(), loopback).as_ref(), Some(&url));
        assert_eq!([url.origin(), url.path(), url.rest()].concat(), url.as_str());
        assert!(url.path().starts_with('/') && !url.path().contains(['?', '#']));
        assert!(loopback == Loopback::Allowed || url.origin().starts_with("https://"));
        let again = Url::parse(url.as_str(), loopback).expect("an accepted URL");
        assert_eq!(again.is_canonical(), url.is_canonical());
        // A URL that the browser's parser refuses is never requested.
        let Ok(parsed) = Parsed::parse(text) else { continue };
        assert!(parsed.username().is_empty() && parsed.password().is_none());
        // The browser writes a numeric host in another form. No URL that a browser wrote has the other forms.
        if !matches!(parsed.host(), Some(Host::Domain(_))) && parsed.as_str() != url.as_str() {
            continue;
        }
        let origin = parsed.origin().ascii_serialization();
        let default_port = if parsed.scheme() == "https" { ":443" } else { ":80" };
        let spelled = url.origin().to_ascii_lowercase();
        assert_eq!(spelled.strip_suffix(default_port).unwrap_or(&spelled), origin);
        if url.is_canonical() {
            assert_eq!(url.as_str(), parsed.as_str());
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        "https://as.test",
        "https://as.test:8443/a/b?x=1&y='#f",
        "http://localhost:9000/cb",
        "http://[::1]:9000/",
        "https://AS.test:443/a/../b/%2e%2e/{c}^",
        "https://127.0.0.1/",
        "https://xn--ls8h.test/~a;b=c/%252e/",
        "https://u:p@as.test\\@evil.test/",
    ])
}
