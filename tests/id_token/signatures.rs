//! Algorithms and signatures (RFC 7515 §5.2, RFC 7518 §3, RFC 8725).

use ring::digest;
use ring::signature::{self, Ed25519KeyPair, KeyPair as _};
use valet_key::protocol::jwt::{Algorithms, Unverified};

use crate::support::signing::{self, base64url, honest_keys, jwt, r1, set};
use crate::support::{METADATA, claims, discover, transaction};
use crate::{by_e1, reason, reason_of, reason_with, why};

/// The algorithms of RSA keys (RFC 7518 §3.3, §3.5), and how the tests compute them.
const RSA: [(&str, &dyn signature::RsaEncoding); 6] = [
    ("RS256", &signature::RSA_PKCS1_SHA256),
    ("RS384", &signature::RSA_PKCS1_SHA384),
    ("RS512", &signature::RSA_PKCS1_SHA512),
    ("PS256", &signature::RSA_PSS_SHA256),
    ("PS384", &signature::RSA_PSS_SHA384),
    ("PS512", &signature::RSA_PSS_SHA512),
];

#[test]
fn idt_02_a_flipped_bit_is_detected() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    assert_eq!(reason(&token), None);
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let mut octets = signing::octets(&format!(r#"{{"s":"{signature}"}}"#), "s").expect("base64url");
    octets[40] ^= 1;
    assert_eq!(reason(&format!("{signed}.{}", base64url(octets))), Some("signature"));
}

#[test]
fn idt_03_04_05_09_68_unsafe_algorithms_are_refused() {
    let oct = set(&[r#"{"kty":"oct","kid":"o1","k":"c2VjcmV0"}"#.into(), r1(r#""kid":"r1","#)]);
    let rows = [
        ("IDT-03", r#"{"alg":"HS256"}"#),
        ("IDT-03 with the public key", r#"{"alg":"HS256","kid":"r1"}"#),
        ("IDT-04 none", r#"{"alg":"none"}"#),
        ("IDT-04 None", r#"{"alg":"None"}"#),
        ("IDT-04 NONE", r#"{"alg":"NONE"}"#),
        ("IDT-04 nOnE", r#"{"alg":"nOnE"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"ES384","kid":"e1"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"PS256","kid":"r1"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"EdDSA"}"#),
        ("IDT-09 absent", "{}"),
        ("IDT-09 a number", r#"{"alg":1}"#),
        ("IDT-09 a list", r#"{"alg":["RS256"]}"#),
        ("IDT-09 small letters", r#"{"alg":"rs256"}"#),
        ("IDT-09 two glued together", r#"{"alg":"RS256RS384"}"#),
        ("IDT-09 halves of two", r#"{"alg":"256RS"}"#),
        ("IDT-68", r#"{"alg":"HS256","kid":"o1"}"#),
    ];
    for (label, header) in rows {
        let token = jwt(header, claims(&[]));
        assert_eq!(reason_with(&token, &oct), Some("alg"), "{label} {header}");
        let unsigned = format!("{}.", token.rsplit_once('.').expect("three parts").0);
        assert_eq!(reason_with(&unsigned, &oct), Some("alg"), "{label} {header} without a signature");
    }
}

/// OpenID Connect Core §3.1.3.6, for an access token that is `a`.
#[test]
fn idt_38_at_hash_is_of_the_hash_function_of_the_signature() {
    let halves = [&digest::SHA256, &digest::SHA384, &digest::SHA512]
        .map(|function| digest::digest(function, b"a"))
        .map(|hash| base64url(&hash.as_ref()[..hash.as_ref().len() / 2]));
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let edwards = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url(pair.public_key()));
    let judged = |token: &str| {
        let token = Unverified::parse(token, Algorithms::ALL)?;
        let keys = signing::keys(&set(&[r1(""), edwards.clone()]));
        let answer = signing::check(&keys.select(&token, "a")?);
        signing::identify(token.accept(answer).map(Some), &transaction(), 5)
    };
    for (row, (alg, padding)) in RSA.into_iter().enumerate() {
        for (column, half) in halves.iter().enumerate() {
            let claims = claims(&[("at_hash", &format!("\"{half}\""))]);
            let token = signing::sign_rsa(padding, &format!(r#"{{"alg":"{alg}"}}"#), claims);
            let expected = (row % 3 != column).then_some("at_hash");
            assert_eq!(why(judged(&token)), expected, "{alg} {half}");
        }
    }
    for (column, half) in halves.iter().enumerate() {
        let claims = claims(&[("at_hash", &format!("\"{half}\""))]);
        let signed = format!("{}.{}", base64url(r#"{"alg":"EdDSA"}"#), base64url(claims));
        let token = format!("{signed}.{}", base64url(pair.sign(signed.as_bytes())));
        assert_eq!(why(judged(&token)), (column != 2).then_some("at_hash"), "EdDSA {half}");
    }
}

#[test]
fn every_algorithm_of_a_list_is_accepted_and_no_other() {
    let set = set(&[r1("")]);
    for (alg, padding) in RSA {
        let token = signing::sign_rsa(padding, &format!(r#"{{"alg":"{alg}"}}"#), claims(&[]));
        for (listed, expected) in [(alg, None), ("EdDSA", Some("alg"))] {
            let list = format!(r#"["none","{listed}","HS256"]"#);
            let metadata = discover(&METADATA.replace(r#"["RS256", "ES256"]"#, &list)).expect("one of ours");
            let parsed = valet_key::protocol::jwt::Unverified::parse(&token, metadata.algorithms);
            let outcome = parsed.and_then(|token| {
                let signature = signing::check(&signing::keys(&set).select(&token, "a")?);
                token.accept(signature)
            });
            assert_eq!(why(outcome), expected, "{alg} {listed}");
        }
    }
}

#[test]
fn idt_72_signatures_have_their_length() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let rows: [(&str, Vec<u8>); 8] = [
        ("zeros", vec![0; 64]),
        ("r is 0", [[0; 32], [1; 32]].concat()),
        ("s is 0", [[1; 32], [0; 32]].concat()),
        ("r is n", [order, [1; 32]].concat()),
        ("s is n", [[1; 32], order].concat()),
        ("63 octets", vec![1; 63]),
        ("65 octets", vec![1; 65]),
        ("DER", [&[0x30, 0x44, 2, 32][..], &[1; 32], &[2, 32], &[1; 32]].concat()),
    ];
    for (label, octets) in rows {
        assert_eq!(reason(&format!("{signed}.{}", base64url(octets))), Some("signature"), "IDT-72 {label}");
    }
}

/// RFC 8017 §8.1.2 and §8.2.2: engines differ in whether they take a signature that is shorter or longer than the modulus.
#[test]
fn idt_83_an_rsa_signature_of_another_length_than_the_modulus_is_refused_without_a_check() {
    let keys = signing::keys(&set(&[r1("")]));
    for (alg, padding) in RSA {
        let token = signing::sign_rsa(padding, &format!(r#"{{"alg":"{alg}"}}"#), claims(&[]));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let octets = signing::octets(&format!(r#"{{"s":"{signature}"}}"#), "s").expect("base64url");
        let rows: [(&str, Vec<u8>, Option<&str>); 7] = [
            ("as signed", octets.clone(), None),
            ("a zero in front", [&[0][..], &octets].concat(), Some("signature")),
            ("a zero behind", [&octets[..], &[0]].concat(), Some("signature")),
            ("without its first octet", octets[1..].to_vec(), Some("signature")),
            ("without its last octet", octets[..255].to_vec(), Some("signature")),
            ("one octet", vec![1], Some("signature")),
            ("twice", [&octets[..], &octets].concat(), Some("signature")),
        ];
        for (label, octets, expected) in rows {
            let token = format!("{signed}.{}", base64url(octets));
            let token = Unverified::parse(&token, Algorithms::ALL).expect("well formed");
            // A refusal here needs no check by the browser.
            let question = keys.select(&token, "a").map(drop);
            assert_eq!(why(question), expected, "{alg} {label}");
        }
    }
    // The first octet of one in 256 signatures is zero. It belongs to the signature and must not be removed.
    let padding: &dyn signature::RsaEncoding = &signature::RSA_PKCS1_SHA256;
    let with_zero = (0..4000).find_map(|number| {
        let token = signing::sign_rsa(padding, r#"{"alg":"RS256"}"#, claims(&[("x", &number.to_string())]));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let octets = signing::octets(&format!(r#"{{"s":"{signature}"}}"#), "s").expect("base64url");
        (octets[0] == 0).then(|| (signed.to_owned(), octets))
    });
    let (signed, octets) = with_zero.expect("one in 256");
    for (octets, expected) in [(&octets[..], None), (&octets[1..], Some("signature"))] {
        assert_eq!(reason_with(&format!("{signed}.{}", base64url(octets)), &set(&[r1("")])), expected);
    }
}

/// Characters of a token, and other characters.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\"";

#[test]
fn idt_79_no_changed_token_is_accepted() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    let keys = signing::keys(&honest_keys());
    assert_eq!(reason_of(&keys, &token), None);
    // A random generator with a fixed seed: each run makes the same ten thousand changes.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).expect("small")
    };
    for run in 0..10_000 {
        let mut octets = token.clone().into_bytes();
        let (place, letter) = (draw(octets.len()), LETTERS[draw(LETTERS.len())]);
        match draw(3) {
            0 if octets[place] == letter => octets[place] = b'~',
            0 => octets[place] = letter,
            1 => octets.insert(place, letter),
            _ => drop(octets.remove(place)),
        }
        let changed = String::from_utf8(octets).expect("ASCII");
        assert!(reason_of(&keys, &changed).is_some(), "IDT-79 run {run}: {changed}");
    }
}
