//! JSON as servers send it (RFC 8259), read as hostile input (RFC 7515 §4, RFC 7519 §4).
//!
//! A repeated member, nesting that is deeper than in any honest response, and text that is not Unicode are refused for the
//! whole document, whether or not the affected part is read. Numbers keep their spelling, so they lose no precision.

mod de;
mod ser;

use std::borrow::Cow;

use serde::Deserialize;

use super::list::repetitions;

pub use de::{IfText, Mismatch, OneOrMany};
pub use ser::{Spelled, Unwritable, to_string};

/// Maximum depth of nesting: deeper than any response of an honest server, and far from a stack overflow.
const MAX_DEPTH: usize = 32;

/// Maximum number of members of an object; more than any honest object has.
const MAX_MEMBERS: usize = 16_384;

/// Up to this number, members are compared with each other as they are read. If there are more, they are sorted at the end.
const FEW_MEMBERS: usize = 32;

/// The reason why a text is not acceptable as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The text is not JSON, or ends too early.
    Syntax,
    /// The text is nested too deeply, or an object has too many members.
    Excess,
    /// A string contains half of a surrogate pair.
    Encoding,
    /// An object has the same member twice.
    Repeated,
}

/// A JSON value that borrows from its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, in its original spelling.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object, with its members in their original order. No name occurs twice.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Value<'a> {
    /// Parses one JSON text. A byte order mark at its start is ignored, as RFC 8259 §8.1 allows.
    pub fn parse(text: &'a str) -> Result<Self, Flaw> {
        let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 };
        let value = reader.value(0)?;
        reader.white_space();
        if reader.at == reader.text.len() { Ok(value) } else { Err(Flaw::Syntax) }
    }

    /// A member of an object; `None` for any other value.
    ///
    /// A member that is `null` counts as absent: many servers write every member that they know, with `null` for those that do
    /// not apply (Keycloak, `PingFederate`, authentik). No specification that this client follows gives `null` another meaning.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let (_, value) = members.iter().find(|(key, _)| key == name)?;
        (*value != Self::Null).then_some(value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// A number without its fraction; `None` if it does not fit into 64 bits.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Number(spelling) = self { integer(spelling) } else { None }
    }

    /// Deserializes the value as a type.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] names the member that is missing or of another type.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Mismatch> {
        T::deserialize(self)
    }
}

/// Writes a string with its quotes. Escapes the characters that JSON requires to be escaped, and no others.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                out.push(if c < '\u{10}' { '0' } else { '1' });
                out.push(char::from_digit(c as u32 & 15, 16).unwrap_or('0'));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Writes an integer. The formatting code of `core` would be larger than everything in this file.
pub fn write_integer(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    write_digits(out, value.unsigned_abs());
}

fn write_digits(out: &mut String, value: u64) {
    if value > 9 {
        write_digits(out, value / 10);
    }
    out.push(char::from(b'0' + (value % 10) as u8));
}

/// The whole part of a decimal number, computed without a float: `3600.7` is 3600, `1.8e9` is 1800000000. `None` if the text is
/// not a number, or if the number does not fit into 64 bits.
pub fn integer(spelling: &str) -> Option<i64> {
    let digits = spelling.strip_prefix('-').unwrap_or(spelling);
    let mut value = 0_i64;
    // The number of decimal places that are part of the value so far, and the exponent.
    let (mut fraction, mut exponent) = (None, 0_i64);
    let mut rest = digits.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'0'..=b'9' if fraction.is_some_and(|places| places > 9) => {}
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                fraction = fraction.map(|places: i64| places + 1);
            }
            b'.' => fraction = Some(0),
            b'e' | b'E' => {
                let sign = rest.clone().next();
                if matches!(sign, Some(b'+' | b'-')) {
                    rest.next();
                }
                for byte in rest.by_ref() {
                    exponent = exponent.checked_mul(10)?.checked_add(i64::from(byte.checked_sub(b'0')?))?;
                }
                if sign == Some(b'-') {
                    exponent = -exponent;
                }
            }
            _ => return None,
        }
    }
    let mut shift = exponent.checked_sub(fraction.unwrap_or(0))?;
    while shift != 0 && value != 0 {
        value = if shift > 0 { value.checked_mul(10)? } else { value / 10 };
        shift -= shift.signum();
    }
    (!digits.is_empty()).then_some(if digits.len() < spelling.len() { -value } else { value })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn took(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn since(&self, start: usize) -> Result<&'a str, Flaw> {
        self.text.get(start..self.at).ok_or(Flaw::Syntax)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Flaw> {
        if depth > MAX_DEPTH {
            return Err(Flaw::Excess);
        }
        self.white_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(Flaw::Syntax),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Flaw> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Flaw::Syntax);
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Flaw> {
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        self.at += 1;
        self.white_space();
        if self.took(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.white_space();
            if self.peek() != Some(b'"') {
                return Err(Flaw::Syntax);
            }
            let name = self.string()?;
            if members.len() < FEW_MEMBERS && members.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Flaw::Repeated);
            }
            if members.len() == MAX_MEMBERS {
                return Err(Flaw::Excess);
            }
            self.white_space();
            if !self.took(b':') {
                return Err(Flaw::Syntax);
            }
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.white_space();
            match self.take() {
                Some(b',') => {}
                Some(b'}') => break,
                _ => return Err(Flaw::Syntax),
            }
        }
        if members.len() > FEW_MEMBERS {
            let names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            if repetitions(&names).contains(&true) {
                return Err(Flaw::Repeated);
            }
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, Flaw> {
        let mut items = Vec::new();
        self.at += 1;
        self.white_space();
        if self.took(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.white_space();
            match self.take() {
                Some(b',') => {}
                Some(b']') => return Ok(Value::Array(items)),
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Flaw::Syntax) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Value<'a>, Flaw> {
        let start = self.at;
        self.took(b'-');
        if !self.took(b'0') {
            self.digits()?;
        }
        if self.took(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.took(b'+') {
                self.took(b'-');
            }
            self.digits()?;
        }
        self.since(start).map(Value::Number)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Flaw> {
        self.at += 1;
        let mut start = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            match self.take() {
                Some(b'"') => {
                    let end = self.at - 1;
                    let last = self.text.get(start..end).ok_or(Flaw::Syntax)?;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(last),
                        Some(mut text) => {
                            text.push_str(last);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let end = self.at - 1;
                    let before = self.text.get(start..end).ok_or(Flaw::Syntax)?;
                    let text = unescaped.get_or_insert_default();
                    text.push_str(before);
                    let c = self.escape()?;
                    text.push(c);
                    start = self.at;
                }
                Some(0x20..) => {}
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Flaw> {
        Ok(match self.take() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                let code = if first & 0xfc00 == 0xd800 {
                    if !(self.took(b'\\') && self.took(b'u')) {
                        return Err(Flaw::Encoding);
                    }
                    let second = self.unit()?;
                    if second & 0xfc00 != 0xdc00 {
                        return Err(Flaw::Encoding);
                    }
                    0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).ok_or(Flaw::Encoding)?
            }
            _ => return Err(Flaw::Syntax),
        })
    }

    fn unit(&mut self) -> Result<u32, Flaw> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.take().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Flaw::Syntax)?;
            value = value * 16 + digit;
        }
        Ok(value)
    }
}
