//! `application/x-www-form-urlencoded` (RFC 6749 appendix B), for queries and token requests.

use super::list::{cut, items};

/// Maximum number of parameters; more than any honest response has.
const MAX_PARAMETERS: usize = 128;

/// Appends `name=value` to a form, with the separator unless it is the first parameter.
pub fn append(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() && !matches!(form.as_bytes().last(), Some(b'?' | b'&')) {
        form.push('&');
    }
    encode(form, name);
    form.push('=');
    encode(form, value);
}

/// Appends `name=value` to a form, unless the value is empty.
pub fn append_some(form: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        append(form, name, value);
    }
}

/// Appends a text, with all characters except unreserved ones as `%XX` (RFC 3986 §2.3). A space becomes `%20`, which every
/// decoder understands in a query and in a body.
pub fn encode(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(half)).copied().unwrap_or_default());
            }
        }
    }
}

/// The decoded parameters of a query; `None` if there are too many.
///
/// A name or a value that is not percent-encoded UTF-8 is `None`. That is an error only for a caller that needs it, because
/// other scripts add parameters of their own to the URLs of pages.
pub fn parameters(query: &str) -> Option<Vec<(Option<String>, Option<String>)>> {
    let mut parameters = Vec::new();
    for parameter in items(query, b'&') {
        if parameter.is_empty() {
            continue;
        }
        if parameters.len() == MAX_PARAMETERS {
            return None;
        }
        let (name, value) = cut(parameter, b'=');
        parameters.push((decode(name), decode(value.unwrap_or_default())));
    }
    Some(parameters)
}

/// Like [`parameters`], but returns `None` if any name or value cannot be decoded.
pub fn parse(query: &str) -> Option<Vec<(String, String)>> {
    parameters(query)?.into_iter().map(|(name, value)| name.zip(value)).collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The value of one hexadecimal digit.
pub(super) fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{append, parameters, parse};

    #[test]
    fn appended_parameters_are_read_back() {
        let pairs = [("scope", "openid a+b"), ("näme", "ü&=%"), ("empty", ""), ("emoji", "🔑")];
        let mut form = String::new();
        for (name, value) in pairs {
            append(&mut form, name, value);
        }
        let expected: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parse(&form), Some(expected));
        assert!(form.starts_with("scope=openid%20a%2Bb&n%C3%A4me="), "{form}");
    }

    #[test]
    fn undecodable_parameters_are_refused() {
        let some = |text: &str| Some(text.to_owned());
        for text in ["%", "%4", "%zz", "%ff", "Acc%E8s", "%c3%28"] {
            let query = ["a=1&", text, "=b&c=", text].concat();
            let expected = vec![(some("a"), some("1")), (None, some("b")), (some("c"), None)];
            assert_eq!(parameters(&query), Some(expected), "{text}");
            assert_eq!(parse(&query), None, "{text}");
        }
    }

    #[test]
    fn too_many_parameters_are_refused() {
        assert_eq!(parse(&"a=1&".repeat(128)).map(|p| p.len()), Some(128));
        assert_eq!(parse(&"a=1&".repeat(129)), None);
    }
}
