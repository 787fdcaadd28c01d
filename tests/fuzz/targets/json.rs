//! JSON: a parsed value is written the same way, and text that our parser refuses is refused by another parser, too.

use serde::de::IgnoredAny;
use valet_key::protocol::json::{Flaw, Value, integer, to_string};

use super::{seeds as list, text};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    // The other parser checks the syntax only.
    let is_json = serde_json::from_str::<IgnoredAny>(text.strip_prefix('\u{feff}').unwrap_or(text)).is_ok();
    match Value::parse(text) {
        Ok(value) => {
            assert!(is_json, "accepted here alone");
            let written = to_string(&value);
            let again = Value::parse(&written);
            assert_eq!(again.as_ref(), Ok(&value));
            assert_eq!(again.as_ref().map(to_string), Ok(written.clone()));
            hold(&value, 0);
        }
        Err(Flaw::Syntax) => assert!(!is_json, "refused here alone"),
        Err(Flaw::Excess | Flaw::Encoding | Flaw::Repeated) => {}
    }
    assert_eq!(Value::parse(&to_string(&text)), Ok(Value::String(text.into())));
    number(text);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    // Objects that become long when the input is lengthened.
    let objects = ('a'..='p').map(|name| format!(r#"{{     "{name}":0      ,"z":0}}"#).into_bytes());
    let mut seeds: Vec<Vec<u8>> = objects.collect();
    seeds.extend(list([
        r#"{"a":[1,-2.5e3,true,false,null],"b":{"c":"\u00e4\ud83d\udd11\n"}}"#,
        "\u{feff} [ \"a\" , {} , [] ] ",
        r#"{"a":1,"a":2}"#,
        r#""\ud800""#,
        "1800000000.75e-2",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ]));
    seeds
}

/// Checks that no name occurs twice, and that the nesting is within the limit.
fn hold(value: &Value<'_>, depth: usize) {
    assert!(depth <= 64);
    match value {
        Value::Array(items) => items.iter().for_each(|item| hold(item, depth + 1)),
        Value::Object(members) => {
            let names: std::collections::BTreeSet<&str> = members.iter().map(|(name, _)| &**name).collect();
            assert_eq!(names.len(), members.len(), "a name comes twice");
            for (_, value) in members {
                hold(value, depth + 1);
            }
        }
        _ => {}
    }
}

/// A whole number has the value that every parser reads.
#[allow(clippy::cast_precision_loss, reason = "compared with as much precision as there is")]
fn number(spelling: &str) {
    let whole = integer(spelling);
    if let Ok(exact) = spelling.parse::<i64>()
        && exact != i64::MIN
        && !spelling.starts_with('+')
    {
        assert_eq!(whole, Some(exact));
    }
    if let (Ok(Value::Number(_)), Some(whole), Ok(float)) = (Value::parse(spelling), whole, spelling.parse::<f64>()) {
        assert!((whole as f64 - float.trunc()).abs() <= 1.0 + float.abs() * 1e-9, "{spelling}: {whole}, not {float}");
    }
}
