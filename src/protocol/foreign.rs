//! Text that a server wrote and that a page may see.
//!
//! A server can quote a token, a code or a verifier in any text of its own: in `error_description`, in a header, in a claim.
//! Such a text leaves the core only after the [`Secrets`] of the exchange in which it arrived have checked it, in most cases as
//! [`ForeignText`]. A text that contains one of the secrets is left out.

use core::fmt;

use super::json::{self, Value};
use super::secret::Secret;

/// Maximum number of characters of a server's text that are shown, in UTF-16 code units, as JavaScript counts them.
const MAX_TEXT: usize = 1000;

/// Maximum number of secrets of one exchange: an access token for each entry of an API list, and those of the exchange itself. The oldest
/// are dropped first.
const MAX_SECRETS: usize = 128;

/// Minimum length of a secret in bytes. Shorter ones occur in a text by chance.
const MIN_SECRET: usize = 16;

/// Maximum number of times that a text is searched and then decoded. If the last decoding still changes the text, the text
/// counts as containing a secret.
const MAX_ENCODINGS: usize = 4;

/// The secrets that an exchange with a server must not reveal: tokens, codes, verifiers, states and nonces.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// The secrets of an exchange. Those of less than 16 characters are ignored.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all = Self::default();
        secrets.into_iter().for_each(|secret| all.add(secret));
        all
    }

    /// Adds a secret.
    pub fn add(&mut self, secret: &Secret) {
        self.add_to(MAX_SECRETS, secret);
    }

    /// Adds a secret, and drops the oldest one if there are already `most`.
    pub fn add_to(&mut self, most: usize, secret: &Secret) {
        if secret.expose().len() < MIN_SECRET || self.0.iter().any(|known| known.expose() == secret.expose()) {
            return;
        }
        if self.0.len() >= most {
            self.0.remove(0);
        }
        self.0.push(secret.clone());
    }

    /// Adds the secrets of another exchange.
    pub fn join(&mut self, others: &Self) {
        others.0.iter().for_each(|secret| self.add(secret));
    }

    /// The same secrets without the one that the server has to repeat.
    #[must_use]
    pub fn without(mut self, expected: &Secret) -> Self {
        self.0.retain(|secret| secret.expose() != expected.expose());
        self
    }

    /// Whether a text contains one of the secrets: as it is, percent-encoded (RFC 3986 §2.1), escaped as in JSON (RFC 8259 §7),
    /// or encoded several times. A text that is encoded more often than any honest one counts as containing one.
    pub fn are_in(&self, text: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        // Hidden characters could split a secret.
        let mut form: String = text.chars().filter(|c| !is_hidden(*c)).collect();
        // A secret may itself look encoded, so each secret is decoded along with the text.
        let mut secrets: Vec<(&str, String)> =
            self.0.iter().map(|secret| (secret.expose(), secret.expose().into())).collect();
        for _ in 0..MAX_ENCODINGS {
            if secrets.iter().any(|(secret, along)| form.contains(secret) || form.contains(along.as_str())) {
                return true;
            }
            let decoded_form = decoded(&form);
            if decoded_form.len() == form.len() {
                return false;
            }
            form = decoded_form;
            for (_, along) in &mut secrets {
                *along = decoded(along);
            }
        }
        true
    }

    /// Prepares a server's text for display: at most 1,000 characters, without control characters, and left out if it contains
    /// a secret.
    pub fn quote(&self, text: &str) -> ForeignText {
        if self.are_in(text) {
            return ForeignText(None);
        }
        let mut shown = String::new();
        let mut length = 0;
        for c in text.chars().filter(|c| !is_hidden(*c)) {
            length += c.len_utf16();
            if length > MAX_TEXT {
                break;
            }
            shown.push(c);
        }
        ForeignText(Some(shown))
    }

    /// The claims without those that contain a secret in their name or in their value. `claims` is the JSON text of an object.
    /// It is returned unchanged if no claim is left out, unless only its escapes make it contain a secret.
    pub fn cleared(&self, claims: &str) -> String {
        let Ok(Value::Object(mut members)) = Value::parse(claims) else { return claims.into() };
        let count = members.len();
        members.retain(|(name, value)| {
            let mut text = String::from(&**name);
            text.push(' ');
            text.push_str(&json::to_string(value));
            !self.are_in(&text)
        });
        if members.len() == count && !self.are_in(claims) {
            return claims.into();
        }
        json::to_string(&Value::Object(members))
    }
}

/// A text that a server wrote and that may be shown. It is data, never markup and never an instruction.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignText(Option<String>);

impl ForeignText {
    /// The text; empty if it was left out.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether the text contained a secret of its exchange.
    pub fn is_left_out(&self) -> bool {
        self.0.is_none()
    }

    /// The text, if it is suitable for a message: short, printable, and without `<`, which could begin markup.
    pub fn in_message(&self) -> &str {
        let text = self.as_str();
        let markup = text.bytes().any(|byte| byte == b'<');
        if is_plain(text) && !markup { text } else { "something else" }
    }
}

impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("(left out)"))
    }
}

/// Whether a text is short and consists of NQSCHAR: printable ASCII without `"` and `\` (RFC 6749 appendix A).
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}

/// Whether a character is hidden: control characters, which terminals interpret, and marks that reorder text.
fn is_hidden(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Removes one level of encoding: `%2d`, `\u002d` and `\/` become the ASCII characters that they represent.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let mut ahead = rest.clone();
        let stands_for = match c {
            '%' => code_unit(&mut ahead, 2),
            '\\' => match ahead.next() {
                Some('u') => code_unit(&mut ahead, 4),
                Some(escaped @ ('/' | '\\' | '"')) => Some(escaped),
                _ => None,
            },
            _ => None,
        };
        match stands_for {
            Some(character) => {
                // Hidden characters could split a secret.
                out.extend(Some(character).filter(|c| !is_hidden(*c)));
                rest = ahead;
            }
            None => out.push(c),
        }
    }
    out
}

/// The ASCII character that `count` hexadecimal digits represent. Secrets are ASCII only (RFC 6749 appendix A).
fn code_unit(digits: &mut core::str::Chars<'_>, count: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..count {
        code = code * 16 + digits.next()?.to_digit(16)?;
    }
    char::from_u32(code).filter(char::is_ascii)
}

#[cfg(test)]
mod tests {
    use super::{Secret, Secrets};

    const TOKEN: &str = "s3cr3t-t0k3n+of/enough=length";

    fn secrets() -> Secrets {
        Secrets::new(&[Secret::new(TOKEN), Secret::new("short")])
    }

    #[test]
    fn a_text_with_a_secret_is_left_out_however_it_is_encoded() {
        let spelled = |write: fn(u8) -> String| TOKEN.bytes().map(write).collect::<Vec<_>>().concat();
        let percent = spelled(|byte| format!("%{byte:02x}"));
        let escaped = spelled(|byte| format!("\\u{byte:04X}"));
        let rows = [
            ("as it is", TOKEN.into()),
            ("inside other text", format!("the token {TOKEN} is wrong")),
            ("percent-encoded where it must be", TOKEN.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D")),
            ("percent-encoded as a whole", percent.clone()),
            ("percent-encoded twice", percent.replace('%', "%25")),
            ("escaped as in JSON", TOKEN.replace('/', "\\/")),
            ("escaped as a whole", escaped.clone()),
            ("escaped, then percent-encoded", escaped.replace('\\', "%5c")),
            ("between control characters", TOKEN.replace('t', "t\u{7}")),
            ("encoded more often than is looked through", "%2525252525252525252541".into()),
        ];
        for (label, text) in rows {
            assert!(secrets().quote(&text).is_left_out(), "{label}: {text}");
            assert_eq!(secrets().quote(&text).as_str(), "", "{label}");
        }
        let looks_encoded = Secrets::new(&[Secret::new("refresh%2Ftoken/of-some-length")]);
        for text in ["refresh%2Ftoken\\/of-some-length", "refresh%252Ftoken%2Fof-some-length"] {
            assert!(looks_encoded.are_in(text), "{text}");
        }
        for text in ["", "short", "the token is wrong", "100 % of \\users, \\u00", "%zz%2", &TOKEN[1..]] {
            assert_eq!(secrets().quote(text).as_str(), text);
        }
    }

    #[test]
    fn quoted_text_is_truncated_and_without_control_characters() {
        let text = secrets().quote(&"é\u{1b}[31m\u{202e}\n".repeat(100_000));
        assert_eq!(text.as_str().chars().count(), 1000);
        assert!(text.as_str().starts_with("é[31mé"));
        assert_eq!(secrets().quote(&"🗝".repeat(1000)).as_str(), "🗝".repeat(500), "as JavaScript counts");
    }

    #[test]
    fn the_newest_secrets_are_kept() {
        let numbered: Vec<Secret> = (0..140).map(|number| Secret::new(format!("secret-number-{number:08}"))).collect();
        let mut secrets = Secrets::new(&numbered);
        assert!(!secrets.are_in(numbered[11].expose()) && secrets.are_in(numbered[12].expose()));
        secrets.add(&numbered[139]);
        assert!(secrets.are_in(numbered[12].expose()), "one that is known takes no room");
    }

    #[test]
    fn claims_that_hold_a_secret_are_left_out() {
        let claims = format!(r#"{{"sub":"alice","a":"{TOKEN}","b":{{"c":["x {TOKEN} y"]}},"{TOKEN}":1,"n":1.50}}"#);
        assert_eq!(secrets().cleared(&claims), r#"{"sub":"alice","n":1.50}"#);
        for hidden in ["\\u0000", "\\u202e", "\u{202e}"] {
            let split = format!(r#"{{"sub":"alice","a":"{}"}}"#, TOKEN.replace('t', &format!("t{hidden}")));
            assert_eq!(secrets().cleared(&split), r#"{"sub":"alice"}"#, "{hidden}");
        }
        let honest = r#"{ "sub" : "alice" }"#;
        assert_eq!(secrets().cleared(honest), honest);
        // The last digit of an escape is the first character of a secret.
        let secrets = Secrets::new(&[Secret::new("accesstokennumber1")]);
        let joined = r#"{"sub":"alice","x\u00baccesstokennumber1":1}"#;
        assert_eq!(secrets.cleared(joined), r#"{"sub":"alice","xºccesstokennumber1":1}"#);
    }
}
