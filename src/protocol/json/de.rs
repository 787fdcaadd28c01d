//! Lets serde read a [`Value`]: `#[derive(Deserialize)]` declares the members of a wire format.
//!
//! The parser has already applied all strict rules to the text. Here, a member that is `null` counts as absent ([`Value::get`]
//! explains why), strings are borrowed, and a number is read without its fraction.

use std::borrow::Cow;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::{Value, integer};

/// A value that is missing, or that has another type than its reader expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The innermost member that is concerned; empty for the value itself.
    pub member: &'static str,
}

impl Mismatch {
    /// A mismatch whose member is not known yet.
    const HERE: Self = Self { member: "" };

    fn of(self, member: &'static str) -> Self {
        if self.member.is_empty() { Self { member } } else { self }
    }
}

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.member)
    }
}

impl core::error::Error for Mismatch {}

/// The words of serde's errors are dropped: errors name the member, and formatting would cost more than this file.
impl de::Error for Mismatch {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self::HERE
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::HERE
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::HERE
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::HERE
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::HERE
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::HERE
    }

    fn missing_field(member: &'static str) -> Self {
        Self { member }
    }

    fn duplicate_field(member: &'static str) -> Self {
        Self { member }
    }
}

impl<'de> Deserializer<'de> for &'de Value<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(spelling) => match integer(spelling) {
                Some(number) => visitor.visit_i64(number),
                None => Err(Mismatch::HERE),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items(items.iter())),
            Value::Object(_) => Err(Mismatch::HERE),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if *self == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let members = match self {
            Value::Object(members) => members,
            // The type decides whether it takes a text in the place of an object.
            Value::String(_) => return self.deserialize_any(visitor),
            _ => return Err(Mismatch::HERE),
        };
        let mut fields = Fields { rest: fields.iter(), last: "", members };
        let outcome = visitor.visit_seq(&mut fields);
        outcome.map_err(|mismatch| mismatch.of(fields.last))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self {
            Value::String(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            _ => Err(Mismatch::HERE),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// The items of an array.
struct Items<'de>(core::slice::Iter<'de, Value<'de>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

/// The members of an object for the fields of a type, in the order of the fields: derived code is smaller if it does not have
/// to match names. An absent member is read as `null`, which an `Option` accepts.
struct Fields<'de> {
    rest: core::slice::Iter<'static, &'static str>,
    last: &'static str,
    members: &'de [(Cow<'de, str>, Value<'de>)],
}

impl<'de> Fields<'de> {
    #[inline(never)] // otherwise, each field would contain a copy
    fn next(&mut self) -> &'de Value<'de> {
        self.last = self.rest.next().copied().unwrap_or_default();
        let found = self.members.iter().find(|(name, _)| name == self.last);
        found.map_or(&Value::Null, |(_, value)| value)
    }
}

impl<'de> SeqAccess<'de> for &mut Fields<'de> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        seed.deserialize(self.next()).map(Some)
    }
}

/// A text, if there is one. A value of another type counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IfText<'a>(pub Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for IfText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Reading a string can fail only because the value is not a string.
        Ok(Self(<&'a str>::deserialize(deserializer).ok()))
    }
}

/// One text or a list of them, as in `aud` (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneOrMany<'a> {
    /// A single text.
    One(&'a str),
    /// The items of a list.
    Many(Vec<IfText<'a>>),
}

impl OneOrMany<'_> {
    /// Whether a text is the single one, or one of the list.
    pub fn contains(&self, text: &str) -> bool {
        match self {
            Self::One(one) => *one == text,
            Self::Many(all) => all.contains(&IfText(Some(text))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OneOrMany<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany<'de>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<OneOrMany<'de>, E> {
        Ok(OneOrMany::One(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(OneOrMany::Many(all))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::IgnoredAny;

    use super::{IfText, Mismatch, OneOrMany};
    use crate::protocol::json::Value;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Everything<'a> {
        required: &'a str,
        text: Option<&'a str>,
        number: Option<i64>,
        small: Option<u32>,
        flag: Option<bool>,
        #[serde(borrow)]
        lenient: IfText<'a>,
        audience: Option<OneOrMany<'a>>,
        list: Option<Vec<&'a str>>,
        kind: Option<Kind>,
        presence: Option<Presence>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Other,
    }

    #[derive(Debug, PartialEq)]
    struct Presence;

    impl<'de> Deserialize<'de> for Presence {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }

    const NOTHING: Everything<'_> = Everything {
        required: "r",
        text: None,
        number: None,
        small: None,
        flag: None,
        lenient: IfText(None),
        audience: None,
        list: None,
        kind: None,
        presence: None,
    };

    fn read<T>(text: &str, then: impl Fn(Result<Everything<'_>, Mismatch>) -> T) -> T {
        then(Value::parse(text).expect("JSON").read())
    }

    #[test]
    fn members_are_read_by_name_in_any_order() {
        let text = r#"{"presence":{"x":[]},"kind":"other","list":["a","\u0062"],"audience":["a",7],"lenient":"l","flag":true,
            "small":7,"number":-1800000000.9,"text":"\ud83d\udd11","required":"r","unknown":{}}"#;
        read(text, |everything| {
            let expected = Everything {
                required: "r",
                text: Some("🔑"),
                number: Some(-1_800_000_000),
                small: Some(7),
                flag: Some(true),
                lenient: IfText(Some("l")),
                audience: Some(OneOrMany::Many(vec![IfText(Some("a")), IfText(None)])),
                list: Some(vec!["a", "b"]),
                kind: Some(Kind::Other),
                presence: Some(Presence),
            };
            assert_eq!(everything, Ok(expected));
        });
        read(r#"{"required":"r","audience":"a"}"#, |everything| {
            assert_eq!(everything, Ok(Everything { audience: Some(OneOrMany::One("a")), ..NOTHING }));
        });
    }

    #[test]
    fn a_member_that_is_null_counts_as_absent() {
        let all = ["text", "number", "small", "flag", "lenient", "audience", "list", "kind", "presence"];
        let null: String = all.map(|name| [r#"""#, name, r#"":null,"#].concat()).concat();
        for text in [r#"{"required":"r"}"#.to_owned(), format!(r#"{{{null}"required":"r"}}"#)] {
            read(&text, |everything| assert_eq!(everything, Ok(NOTHING), "{text}"));
        }
        for text in ["{}", r#"{"required":null}"#] {
            read(text, |everything| assert_eq!(everything, Err(Mismatch { member: "required" }), "{text}"));
        }
    }

    #[test]
    fn a_member_of_another_type_is_named() {
        let rows = [
            ("required", "7"),
            ("text", "7"),
            ("text", "[]"),
            ("number", "\"7\""),
            ("number", "1e400"),
            ("small", "-1"),
            ("small", "4294967296"),
            ("flag", "\"true\""),
            ("flag", "1"),
            ("audience", "7"),
            ("audience", "{}"),
            ("list", "\"a\""),
            ("list", "[7]"),
            ("list", "[null]"),
            ("kind", "\"third\""),
            ("kind", "{\"One\":null}"),
        ];
        for (name, value) in rows {
            let text = format!(r#"{{"{name}":{value}{}}}"#, if name == "required" { "" } else { r#","required":"r""# });
            read(&text, |everything| assert_eq!(everything, Err(Mismatch { member: name }), "{text}"));
        }
        read(r#"{"required":"r","lenient":[]}"#, |everything| assert_eq!(everything, Ok(NOTHING)));
        for text in ["[]", r#"["r","t",7,7,true,"l","a",["b"],"one",{}]"#, "\"r\"", "7", "null", "true"] {
            read(text, |everything| assert_eq!(everything, Err(Mismatch { member: "" }), "{text}"));
        }
    }
}
