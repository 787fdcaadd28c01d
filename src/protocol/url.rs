//! The parts of a URL that this crate needs (WHATWG URL, RFC 3986), without a URL parser, which costs 55 KB in the shipped
//! module.
//!
//! The browser parses URLs. This file accepts only texts that the browser's parser would leave unchanged in all parts that
//! matter for a decision, and refuses the others. So both see the same host and the same path, or the URL is not used.

use super::list::items;
use super::{form, json};

/// An absolute `https` URL (or `http` on loopback, where that is allowed) without user information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    origin: usize,
    path: usize,
}

/// Whether `http` is acceptable on loopback. On other hosts it never is (OAuth 2.1 §1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// `http` may be used for `localhost` and names below it (RFC 6761 §6.3), 127.0.0.0/8 and `[::1]`, which browsers consider
    /// trustworthy (Secure Contexts §3.1).
    Allowed,
    /// Only `https`.
    Refused,
}

impl Url {
    /// Parses an absolute URL. Returns `None` for every other scheme, for user information, for characters that a parser would
    /// drop or rewrite (white space, controls, backslash, quotes, angle brackets, anything outside ASCII), and for an empty
    /// host.
    pub fn parse(text: &str, loopback: Loopback) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`')) {
            return None;
        }
        let (rest, secure) = match text.strip_prefix("https://") {
            Some(rest) => (rest, true),
            None => (text.strip_prefix("http://")?, false),
        };
        let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let (host, port) = split_port(authority)?;
        let on_device = loopback == Loopback::Allowed && is_loopback(host);
        if !(secure || on_device) || !is_host(host) || !port.is_none_or(is_port) {
            return None;
        }
        let origin = text.len() - rest.len();
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let path = rest.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
        Some(Self { text: [text.get(..origin)?, slash, rest].concat(), origin, path: origin + slash.len() + path })
    }

    /// Whether the host is in the user's own network, as far as its spelling shows: an address of this device or of a private network
    /// (RFC 1918, RFC 3927, RFC 4193, RFC 6598), a name without a dot, or one that is only valid there (RFC 6761, RFC 6762, RFC 8375).
    pub fn is_internal(&self) -> bool {
        let authority = items(self.origin(), b'/').last().unwrap_or_default();
        let host = split_port(authority).map_or("", |(host, _)| host);
        let last = items(host, b'.').last().unwrap_or_default();
        match (host.as_bytes(), last.as_bytes()) {
            // Global unicast addresses are 2000::/3 (RFC 4291 §2.4); some of them stand for IPv4 addresses (RFC 3056, RFC 4380).
            ([b'[', b'2' | b'3', _, _, _, b':', ..], _) => TUNNELS.iter().any(|begin| host.starts_with(begin)),
            ([b'[', ..], _) => true,
            // A browser reads a name that ends in a number as an IPv4 address (WHATWG URL §3.5).
            (_, [b'0'..=b'9', ..]) => !is_public_address(host),
            _ => last.len() == host.len() || INTERNAL.iter().any(|name| last.eq_ignore_ascii_case(name)),
        }
    }

    /// The complete text. Its path is at least `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as spelled.
    pub fn origin(&self) -> &str {
        self.text.get(..self.origin).unwrap_or_default()
    }

    /// The origin as a browser spells it: in lower case, without the default port.
    pub fn canonical_origin(&self) -> String {
        let default_port = if self.text.starts_with("https") { ":443" } else { ":80" };
        let origin = self.origin();
        origin.strip_suffix(default_port).unwrap_or(origin).to_ascii_lowercase()
    }

    /// The path, starting with `/`.
    pub fn path(&self) -> &str {
        self.text.get(self.origin..self.path).unwrap_or_default()
    }

    /// Query and fragment, with their `?` and `#`; empty if there are none.
    pub fn rest(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    /// Whether the browser's parser would serialize origin and path exactly like this. A path with dot segments, literal or
    /// encoded, is not canonical, and neither is a path in which a server might find such a segment by further decoding.
    pub fn is_canonical(&self) -> bool {
        let default_port = if self.text.starts_with("https") { ":443" } else { ":80" };
        let query = self.rest().bytes().take_while(|byte| *byte != b'#');
        !self.origin().bytes().any(|byte| byte.is_ascii_uppercase())
            && !self.origin().ends_with(default_port)
            && !self.path().bytes().any(|byte| matches!(byte, b'{' | b'}' | b'^'))
            && !query.into_iter().any(|byte| byte == b'\'')
            && !has_dot_segment(self.path())
    }

    /// The path as a careless server may read it: decoded, in lower case, without empty segments and without parameters of segments. Each
    /// segment ends with a slash.
    pub fn loose_path(&self) -> Vec<u8> {
        let mut loose = Vec::new();
        for segment in decoded(self.path()).split(|byte| matches!(byte, b'/' | b'\\')) {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            if !name.is_empty() {
                loose.extend(name.to_ascii_lowercase());
                loose.push(b'/');
            }
        }
        loose
    }

    /// The URL with a form added to its query (RFC 6749 §3.1: an existing query is kept).
    pub fn with_query(&self, form: &str) -> String {
        let mut text = self.text.clone();
        text.push(if self.rest().is_empty() { '?' } else { '&' });
        text.push_str(form);
        text
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let bracket = authority.bytes().position(|byte| byte == b']').map_or(0, |at| at + 1);
    let colon = authority.bytes().skip(bracket).position(|byte| byte == b':');
    let Some(colon) = colon else { return Some((authority, None)) };
    let (host, port) = authority.split_at_checked(bracket + colon)?;
    Some((host, port.get(1..)))
}

fn is_port(port: &str) -> bool {
    let digits = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    digits && json::integer(port).is_some_and(|port| port < 65_536)
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix("localhost");
    let address = host.strip_prefix("127.");
    host == "[::1]"
        || name.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        || address
            .is_some_and(|rest| items(rest, b'.').count() == 3 && items(rest, b'.').all(|part| octet(part).is_some()))
}

/// The last labels of names that are only valid in the user's own network. The empty one is that of a name with a dot at its end.
const INTERNAL: [&str; 12] = [
    "",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localdomain6",
    "localhost",
    "private",
];

/// IPv6 addresses that stand for IPv4 addresses.
const TUNNELS: [&str; 3] = ["[2001:0:", "[2001::", "[2002:"];

/// A part of a plain IPv4 address.
fn octet(part: &str) -> Option<i64> {
    let is_plain = part == "0" || !part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
    json::integer(part).filter(|octet| is_plain && *octet < 256)
}

/// Whether a host is a plain IPv4 address that is not for a private network. Other spellings of an address count as private.
fn is_public_address(host: &str) -> bool {
    let octets: Vec<i64> = items(host, b'.').filter_map(octet).collect();
    let [a, b, _, _] = octets.as_slice() else { return false };
    items(host, b'.').count() == 4
        && !matches!(
            (a, b),
            (0 | 10 | 127 | 224..=255, _)
                | (100, 64..=127)
                | (169, 254)
                | (172, 16..=31)
                | (192, 0 | 88 | 168)
                | (198, 18 | 19)
        )
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Looks for `.` and `..` between separators, after every round of decoding that a careless server might add. Dots and
/// separators are not hexadecimal digits, so no further round changes them: the text after the last round contains all of them.
fn has_dot_segment(path: &str) -> bool {
    decoded(path).split(|byte| matches!(byte, b'/' | b'\\' | b';')).any(|segment| matches!(segment, b"." | b".."))
}

/// The text after every round of decoding.
fn decoded(path: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        decoded.push(byte);
        // A decoded byte can complete the escape before it.
        while let [.., b'%', high, low] = *decoded.as_slice()
            && let (Some(high), Some(low)) = (form::hex(Some(high)), form::hex(Some(low)))
        {
            decoded.truncate(decoded.len() - 3);
            decoded.push(high << 4 | low);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::{Loopback, Url, has_dot_segment};
    use crate::protocol::form;

    #[test]
    fn only_https_and_loopback_are_urls() {
        let rows = [
            ("https://as.test", Some("https://as.test/")),
            ("https://as.test?x=1", Some("https://as.test/?x=1")),
            ("https://as.test:8443/a#f", Some("https://as.test:8443/a#f")),
            ("http://localhost:9000/a", Some("http://localhost:9000/a")),
            ("http://[::1]:9000/", Some("http://[::1]:9000/")),
            ("http://app.localhost:5173/", Some("http://app.localhost:5173/")),
            ("http://a.b.localhost/", Some("http://a.b.localhost/")),
            ("http://127.0.0.2/", Some("http://127.0.0.2/")),
            ("http://127.255.0.10:9000/", Some("http://127.255.0.10:9000/")),
            ("http://127.1/", None),
            ("http://127.0.0.256/", None),
            ("http://127.0.0.01/", None),
            ("http://127.0.0.1.evil.test/", None),
            ("http://128.0.0.1/", None),
            ("http://evillocalhost/", None),
            ("http://app.localhost.evil.test/", None),
            ("http://as.test/", None),
            ("http://localhost.evil.test/", None),
            ("HTTPS://as.test/", None),
            ("https:as.test", None),
            ("https:/as.test", None),
            ("https:///as.test", None),
            ("https://", None),
            ("https://u:p@as.test/", None),
            ("https://as.test\\@evil.test/", None),
            ("https://as.test:/", None),
            ("https://as.test:0443/", None),
            ("https://as.test:99999/", None),
            ("https://as%2etest/", None),
            ("https://аs.test/", None),
            (" https://as.test/", None),
            ("https://as.test/\n", None),
            ("javascript:alert(1)//", None),
            ("data:text/html,x", None),
            ("blob:https://app.test/x", None),
        ];
        for (text, expected) in rows {
            let url = Url::parse(text, Loopback::Allowed);
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{text}");
        }
        assert_eq!(Url::parse("http://localhost/", Loopback::Refused), None);
    }

    #[test]
    fn a_url_is_split_into_its_parts() {
        let url = Url::parse("https://as.test:8443/a/b?x=/y#/z", Loopback::Refused).expect("well formed");
        assert_eq!((url.origin(), url.path(), url.rest()), ("https://as.test:8443", "/a/b", "?x=/y#/z"));
        assert_eq!(url.with_query("s=1"), "https://as.test:8443/a/b?x=/y#/z&s=1");
    }

    /// One round of decoding, as a server does it.
    fn decoded(path: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        let mut rest = path;
        while let [byte, after @ ..] = rest {
            let escape = match rest {
                [b'%', high, low, after @ ..] => {
                    form::hex(Some(*high)).zip(form::hex(Some(*low))).map(|it| (it, after))
                }
                _ => None,
            };
            decoded.push(escape.map_or(*byte, |((high, low), _)| high << 4 | low));
            rest = escape.map_or(after, |(_, after)| after);
        }
        decoded
    }

    #[test]
    fn a_dot_segment_of_any_round_of_decoding_is_found() {
        fn in_any_round(path: &[u8]) -> bool {
            let is_dots = |segment: &[u8]| segment == b"." || segment == b"..";
            let decoded = decoded(path);
            path.split(|byte| b"/\\;".contains(byte)).any(is_dots) || (decoded != path && in_any_round(&decoded))
        }
        const ALPHABET: &[u8] = b"%25eEc./;";
        let mut paths = vec![String::new()];
        for length in 0..6 {
            let longer: Vec<String> = paths.iter().filter(|path| path.len() == length).cloned().collect();
            for path in longer {
                paths.extend(ALPHABET.iter().map(|byte| [path.as_str(), &char::from(*byte).to_string()].concat()));
            }
        }
        paths.extend(
            ["/%25252e/", "/%2%352e%2%35252f", "/%25%32%65%3b", "/%2%2%35%35e/", "%%3%322%3525c"].map(String::from),
        );
        let mut found = 0;
        for path in paths {
            assert_eq!(has_dot_segment(&path), in_any_round(path.as_bytes()), "{path}");
            found += usize::from(has_dot_segment(&path));
        }
        assert!(found > 10_000, "{found}");
    }
}
