//! base64url without padding (RFC 7515 §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes bytes.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a text. Returns `None` for padding, white space, another alphabet, and trailing bits that no encoder sets, so that
/// no two texts represent the same bytes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    /// RFC 4648 §10, in the alphabet of §5.
    #[test]
    fn only_valid_encodings_are_decoded() {
        let rows: [(&str, &[u8]); 8] = [
            ("", b""),
            ("Zg", b"f"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg", b"foob"),
            ("Zm9vYmE", b"fooba"),
            ("Zm9vYmFy", b"foobar"),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
        ];
        for (text, bytes) in rows {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for wrong in ["Z", "Zh", "Zm9", "Zg==", "Zg=", "Zm 8", "Zm8\n", " Zm8", "+/+/", "Zm9vYh", "Zm9vé", "Zm.v"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }
}
