//! Texts: JSON for messages and responses, and the detection of secrets in a text.

use valet_key::protocol::json::{Value, to_string};

/// Whether a text contains a secret: as it is, percent-encoded, or with JSON escapes, up to several times.
pub(crate) fn shows(text: &str, secret: &str) -> bool {
    forms(text).iter().any(|form| form.contains(secret))
}

/// A text as it is, and after each round of decoding.
pub(crate) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    for at in 0..8 {
        let decoded = decoded(&forms[at]);
        if decoded == forms[at] {
            break;
        }
        forms.push(decoded);
    }
    forms
}

fn decoded(text: &str) -> String {
    let hexadecimal = |digits: Option<&str>| {
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let next = rest.get(1..2).filter(|next| ["/", "\\", "\""].contains(next));
        let (character, length) = match (c, hexadecimal(rest.get(1..3)), hexadecimal(rest.get(2..6)), next) {
            ('%', Some(byte), ..) => (byte, 3),
            ('\\', _, Some(unit), _) if rest.starts_with("\\u") => (unit, 6),
            ('\\', _, _, Some(escaped)) => (escaped.chars().next().unwrap_or_default(), 2),
            _ => (c, c.len_utf8()),
        };
        decoded.push(character);
        rest = &rest[length..];
    }
    decoded
}

/// A text as JSON.
pub(crate) fn string(text: &str) -> String {
    to_string(&text)
}

/// A member of a JSON object, if it exists and is a string.
pub(crate) fn member(json: &str, name: &str) -> Option<String> {
    Value::parse(json).ok()?.get(name)?.as_str().map(str::to_owned)
}

/// A JSON object with another value for a member, or, with an empty value, without it. A text that is not an object
/// stays unchanged.
pub(crate) fn with_member(object: &str, name: &str, value: &str) -> String {
    let Ok(Value::Object(members)) = Value::parse(object) else { return object.into() };
    let mut edited: Vec<(String, String)> = Vec::new();
    for (key, kept) in members {
        edited.push((key.into_owned(), to_string(&kept)));
    }
    match edited.iter_mut().find(|(key, _)| key == name) {
        Some((_, kept)) => value.clone_into(kept),
        None => edited.push((name.into(), value.into())),
    }
    let kept = edited.iter().filter(|(_, value)| !value.is_empty());
    let members: Vec<String> = kept.map(|(name, value)| format!("{}:{value}", string(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// A way in which a server can encode a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    AsItIs,
    InASentence,
    PercentEncoded,
    PercentEncodedTwice,
    EscapedAsInJson,
}

impl Spelling {
    pub(crate) const ALL: [Self; 5] =
        [Self::AsItIs, Self::InASentence, Self::PercentEncoded, Self::PercentEncodedTwice, Self::EscapedAsInJson];

    pub(crate) fn of(self, secret: &str) -> String {
        let each = |spell: fn(u8) -> String| secret.bytes().map(spell).collect::<Vec<_>>().concat();
        match self {
            Self::AsItIs => secret.into(),
            Self::InASentence => format!("this one: {secret}, thank you"),
            Self::PercentEncoded => each(|byte| format!("%{byte:02X}")),
            Self::PercentEncodedTwice => each(|byte| format!("%25{byte:02x}")),
            Self::EscapedAsInJson => each(|byte| format!("\\u{byte:04x}")),
        }
    }
}
