//! Lets serde write JSON text: `#[derive(Serialize)]` declares the members of a wire format.

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::{Value, write_integer, write_string};

/// Writes a value as JSON text without white space. The types that this crate writes cannot fail: they have no floats, no enums
/// with data, and only strings as keys.
pub fn to_string(value: &impl Serialize) -> String {
    let mut text = String::new();
    // A type that cannot be written is a bug in this crate, and the tests write each type.
    let written = value.serialize(Writer::new(&mut text));
    debug_assert!(written.is_ok());
    text
}

/// The error for a value that this format does not support.
#[derive(Clone, Copy, Debug)]
pub struct Unwritable;

impl core::fmt::Display for Unwritable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not a type that is written")
    }
}

impl core::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// JSON text that is written unchanged.
pub struct Spelled<'a>(pub &'a str);

/// The name by which [`Writer`] recognizes [`Spelled`].
const SPELLED: &str = "$spelled";

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SPELLED, self.0)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(spelling) => Spelled(spelling).serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

struct Writer<'a> {
    text: &'a mut String,
    is_spelled: bool,
}

impl<'a> Writer<'a> {
    fn new(text: &'a mut String) -> Self {
        Self { text, is_spelled: false }
    }
}

type Written<T = ()> = Result<T, Unwritable>;

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = List<'a>;
    type SerializeTuple = Impossible<(), Unwritable>;
    type SerializeTupleStruct = Impossible<(), Unwritable>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeMap = List<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    fn serialize_bool(self, value: bool) -> Written {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written {
        write_integer(self.text, value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, _: u64) -> Written {
        Err(Unwritable)
    }

    fn serialize_f32(self, _: f32) -> Written {
        Err(Unwritable)
    }

    fn serialize_f64(self, _: f64) -> Written {
        Err(Unwritable)
    }

    fn serialize_char(self, _: char) -> Written {
        Err(Unwritable)
    }

    fn serialize_str(self, text: &str) -> Written {
        if self.is_spelled {
            self.text.push_str(text);
        } else {
            write_string(self.text, text);
        }
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        Err(Unwritable)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Err(Unwritable)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Written {
        value.serialize(Writer { is_spelled: name == SPELLED, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(Unwritable)
    }

    fn serialize_seq(self, _: Option<usize>) -> Written<List<'a>> {
        Ok(List::open(self.text, '[', ']'))
    }

    fn serialize_tuple(self, _: usize) -> Written<Self::SerializeTuple> {
        Err(Unwritable)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Written<Self::SerializeTupleStruct> {
        Err(Unwritable)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Written<Self::SerializeTupleVariant> {
        Err(Unwritable)
    }

    fn serialize_map(self, _: Option<usize>) -> Written<List<'a>> {
        Ok(List::open(self.text, '{', '}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Written<List<'a>> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Written<Self::SerializeStructVariant> {
        Err(Unwritable)
    }
}

/// An array or an object that is being written.
struct List<'a> {
    text: &'a mut String,
    is_empty: bool,
    end: char,
}

impl<'a> List<'a> {
    fn open(text: &'a mut String, start: char, end: char) -> Self {
        text.push(start);
        Self { text, is_empty: true, end }
    }

    fn next(&mut self) -> Writer<'_> {
        if !self.is_empty {
            self.text.push(',');
        }
        self.is_empty = false;
        Writer::new(self.text)
    }

    fn close(self) {
        self.text.push(self.end);
    }
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(self.next())
    }

    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl SerializeMap for List<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Written {
        name.serialize(self.next())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.text.push(':');
        value.serialize(Writer::new(self.text))
    }

    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for List<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        write_string(self.next().text, name);
        SerializeMap::serialize_value(self, value)
    }

    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::{Spelled, to_string};
    use crate::protocol::json::Value;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Everything<'a> {
        the_text: &'a str,
        number: i64,
        small: u16,
        flag: bool,
        absent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<&'a str>,
        list: Vec<&'a str>,
        spelled: Spelled<'a>,
        value: Value<'a>,
    }

    #[test]
    fn members_are_written_in_the_order_of_the_fields() {
        let value = Value::parse(r#" { "a" : [ 1.50 , -0 , "\u00e4\"\n" , true , null ] , "" : { } } "#).expect("JSON");
        let everything = Everything {
            the_text: "\"\\\u{1}\u{1f}é",
            number: i64::MIN,
            small: 401,
            flag: true,
            absent: None,
            skipped: None,
            list: vec!["x", ""],
            spelled: Spelled(r#"{"as": "it is"}"#),
            value,
        };
        assert_eq!(
            to_string(&everything),
            concat!(
                r#"{"theText":"\"\\\u0001\u001fé","number":-9223372036854775808,"small":401,"flag":true,"absent":null,"#,
                r#""list":["x",""],"spelled":{"as": "it is"},"#,
                r#""value":{"a":[1.50,-0,"ä\"\u000a",true,null],"":{}}}"#
            )
        );
    }
}
