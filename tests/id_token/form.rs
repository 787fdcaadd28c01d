//! The parts of a token and its header (RFC 7515 §4 and §7.1).

use crate::support::claims;
use crate::support::signing::jwt;
use crate::{HONEST, reason};

#[test]
fn idt_46_47_48_50_51_71_74_75_the_form_is_exact() {
    let honest = claims(&[]);
    let good = jwt(HONEST, &honest);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (header, payload) = signed.split_once('.').expect("three parts");
    let with = |header: &str| jwt(&format!(r#"{{"alg":"RS256","kid":"r1",{header}}}"#), &honest);
    let rows = [
        ("IDT-46", "a.b.c.d.e".to_owned(), Some("unsupported")),
        ("IDT-47 one part", header.to_owned(), Some("format")),
        ("IDT-47 two parts", signed.to_owned(), Some("format")),
        ("IDT-47 four parts", format!("{good}.x"), Some("format")),
        ("IDT-47 six parts", format!("{good}.x.y.z"), Some("format")),
        ("IDT-47 nothing", String::new(), Some("format")),
        ("IDT-47 only dots", "..".into(), Some("format")),
        ("IDT-47 no header", format!(".{payload}.{signature}"), Some("format")),
        ("IDT-47 no payload", jwt(HONEST, ""), Some("format")),
        ("IDT-47 no signature", format!("{signed}."), Some("format")),
        ("IDT-47 a space in front", format!(" {good}"), Some("format")),
        ("IDT-47 a space behind", format!("{good} "), Some("format")),
        ("IDT-47 a line break", format!("{header}.\n{payload}.{signature}"), Some("format")),
        ("IDT-48 padding", format!("{good}="), Some("format")),
        ("IDT-48 padding in the payload", format!("{header}.{payload}=.{signature}"), Some("format")),
        ("IDT-48 another alphabet", format!("{header}.{payload}.+/+/"), Some("format")),
        ("IDT-48 bits that no encoder sets", format!("{signed}.ab"), Some("format")),
        (
            "IDT-49 an algorithm twice",
            jwt(r#"{"alg":"RS256","alg":"RS256"}"#, &honest),
            Some("a member that comes twice"),
        ),
        ("IDT-49 escaped", jwt(r#"{"alg":"RS256","\u0061lg":"RS256"}"#, &honest), Some("a member that comes twice")),
        ("IDT-50 a header that is a list", jwt("[]", &honest), Some("format")),
        ("IDT-50 text", jwt(HONEST, r#""x""#), Some("format")),
        ("IDT-50 null", jwt(HONEST, "null"), Some("format")),
        ("IDT-50 no UTF-8", jwt(HONEST, [0xc3, 0x28]), Some("format")),
        ("IDT-51", with(r#""crit":["exp"]"#), Some("crit")),
        ("IDT-51 b64", with(r#""crit":["b64"],"b64":false"#), Some("crit")),
        ("IDT-51 empty", with(r#""crit":[]"#), Some("crit")),
        ("IDT-51 text", with(r#""crit":"x""#), Some("crit")),
        ("IDT-51 twice", with(r#""crit":["x","x"]"#), Some("crit")),
        ("IDT-71", "a".repeat(1 << 20), Some("too_large")),
        ("IDT-74 an access token", with(r#""typ":"at+jwt""#), Some("typ")),
        ("IDT-74 a logout token", with(r#""typ":"logout+jwt""#), Some("typ")),
        ("IDT-74 a proof", with(r#""typ":"dpop+jwt""#), Some("typ")),
        ("IDT-74 an event", with(r#""typ":"secevent+jwt""#), Some("typ")),
        ("IDT-75 JWT", with(r#""typ":"JWT""#), None),
        ("IDT-75 jwt", with(r#""typ":"jwt""#), None),
        ("IDT-84 typ", with(r#""typ":null"#), None),
        ("IDT-84 crit", with(r#""crit":null"#), None),
        ("IDT-84 kid", jwt(r#"{"alg":"RS256","kid":null}"#, &honest), None),
        ("IDT-84 alg", jwt(r#"{"alg":null,"kid":"r1"}"#, &honest), Some("alg")),
    ];
    for (label, token, expected) in rows {
        assert_eq!(reason(&token), expected, "{label}");
    }
}
