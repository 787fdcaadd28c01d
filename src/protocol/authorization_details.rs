//! Rich authorization requests (RFC 9396): permissions that a scope cannot express.

use serde::{Serialize, Serializer};

use super::error::{Error, Kind, Result};
use super::foreign::Secrets;
use super::json::{Spelled, Value, to_string};

/// The name of the parameter and of the response's member (RFC 9396 §2 and §7).
pub(super) const NAME: &str = "authorization_details";

/// What was granted: a JSON array of objects, each with a `type` (RFC 9396 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationDetails(String);

impl AuthorizationDetails {
    /// Reads the member of a token response; `None` if the response has none. Items that contain a secret are left out.
    ///
    /// # Errors
    ///
    /// [`Kind::ResponseInvalid`]
    pub(super) fn from_response(response: &Value<'_>, secrets: &Secrets) -> Result<Option<Self>> {
        let Some(value) = response.get(NAME).filter(|value| **value != Value::Null) else { return Ok(None) };
        let items = items(value).ok_or_else(|| Kind::ResponseInvalid { part: ["`", NAME, "`"].concat() })?;
        let mut shown = String::from("[");
        for item in items.iter().map(to_string).filter(|item| !secrets.are_in(item)) {
            shown.push_str(if shown.len() > 1 { "," } else { "" });
            shown.push_str(&item);
        }
        shown.push(']');
        Ok(Some(Self(shown)))
    }

    /// Reads what [`AuthorizationDetails::as_json`] has returned; `None` for any other text.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let value = Value::parse(text).ok()?;
        items(&value).map(|_| Self(text.into()))
    }

    /// The JSON array.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Serialize for AuthorizationDetails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Spelled(&self.0).serialize(serializer)
    }
}

/// Checks the value of the request parameter.
///
/// # Errors
///
/// [`Kind::Config`]
pub(super) fn check(text: &str) -> Result<()> {
    match Value::parse(text) {
        Ok(value) if items(&value).is_some() => Ok(()),
        _ => Err(Error::config(
            NAME,
            "not an array of objects that each have a `type`",
            "Set `authorizationDetails` to an array such as `[{ type: 'payment_initiation' }]`, with the types of the provider.",
        )),
    }
}

/// The items, if each of them is an object with a type.
fn items<'a, 'b>(value: &'a Value<'b>) -> Option<&'a [Value<'b>]> {
    let has_type = |item: &Value<'_>| {
        matches!(item, Value::Object(_))
            && item.get("type").and_then(Value::as_str).is_some_and(|name| !name.is_empty())
    };
    value.as_array().filter(|items| items.iter().all(has_type))
}
