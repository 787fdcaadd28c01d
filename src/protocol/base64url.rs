//! base64url without padding (RFC 7515 §2).
//!
//! By hand, because the `base64` crate's is made for speed and costs more than the rest of a JWT's reading; tests hold
//! both directions against the crate.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Spells octets.
pub fn encode(octets: &[u8]) -> String {
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let bits = (0..3).fold(0, |bits, place| bits << 8 | usize::from(chunk.get(place).copied().unwrap_or(0)));
        for place in 0..=chunk.len() {
            let value = bits >> (18 - 6 * place) & 63;
            text.push(ALPHABET.get(value).copied().unwrap_or(b'A').into());
        }
    }
    text
}

/// Reads octets. `None` for padding, white space, another alphabet, and bits that no encoder sets, so that no two
/// texts stand for the same octets.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 2);
    // The bits read so far that do not make an octet yet, and how many.
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    // Six bits over are a lone character; the bits that are over otherwise must be zero.
    (bits == 0 && count < 6).then_some(octets)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{decode, encode};

    #[test]
    fn encoding_agrees_with_the_crate() {
        for length in 0..70 {
            let octets: Vec<u8> = (0..length).map(|place: u8| place.wrapping_mul(37).wrapping_add(length)).collect();
            assert_eq!(encode(&octets), URL_SAFE_NO_PAD.encode(&octets), "{octets:?}");
        }
    }

    #[test]
    fn decoding_agrees_with_the_crate() {
        const ALPHABET: &[u8] = b"AQZaz09-_+/= \n.";
        let mut texts = vec![String::new()];
        for length in 0..5 {
            let longer: Vec<String> = texts.iter().filter(|text| text.len() == length).cloned().collect();
            for text in longer {
                texts.extend(ALPHABET.iter().map(|byte| format!("{text}{}", char::from(*byte))));
            }
        }
        assert!(texts.len() > 800_000);
        for text in texts {
            assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok(), "{text:?}");
        }
    }
}
