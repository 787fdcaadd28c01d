//! JSON Web Tokens in compact form (RFC 7515 §7.1, RFC 7519).

use super::base64url;

/// Larger than any honest token.
pub const MAX_JWT: usize = 256 * 1024;

/// A token taken apart: header and payload as JSON texts. Nothing in it is trusted yet.
#[derive(Debug)]
pub struct Jwt {
    /// The JOSE header.
    pub header: String,
    /// The claims.
    pub payload: String,
}

impl Jwt {
    /// Splits and decodes three parts of strict base64url. `None` for anything else.
    pub fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || base64url::decode(signature)?.is_empty() {
            return None;
        }
        let text = |part| String::from_utf8(base64url::decode(part)?).ok();
        Some(Self { header: text(header)?, payload: text(payload)? })
    }
}
