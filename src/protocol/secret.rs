//! A value that must not be displayed: token, code, verifier, state.

use core::fmt;

/// A credential. It has no `Display`, its `Debug` prints a placeholder, and only [`Secret::expose`] returns its value.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential, in the line that receives it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, in the line that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
