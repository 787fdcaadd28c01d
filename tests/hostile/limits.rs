//! CORE: parsers and arithmetic at their limits.

use std::time::{Duration, Instant};

use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::form;
use valet_key::protocol::json::{self, Flaw, Value};
use valet_key::protocol::token::TokenResponse;
use valet_key::protocol::transaction::{RedirectPage, Transaction};
use valet_key::protocol::url::{Loopback, Url};

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Provider, change, object};
use crate::support::signing::{E1, honest_keys, identify, keys, proof_with};
use crate::support::{
    METADATA, SIGN_IN, at, claims, config, honest_query, id_token, json, metadata, options, transaction,
};

/// Stands for every credential in the seeds.
const CANARY: &str = "c4n4ry";

/// How many texts each parser gets. `VALET_KEY_FUZZ=10000000 cargo test --release --test hostile core_01` is the
/// long run.
fn runs() -> u64 {
    std::env::var("VALET_KEY_FUZZ").ok().and_then(|runs| runs.parse().ok()).unwrap_or(20_000)
}

/// Reproducible random numbers (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).expect("31 bits") % end.max(1)
    }
}

/// The texts that are inserted.
const PIECES: [&str; 32] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "&",
    "=",
    "%",
    "%00",
    "%25",
    ".",
    "..",
    "/",
    "\\u0000",
    "\\ud800",
    "e",
    "-",
    "9999999999",
    "1e999",
    "null",
    "true",
    "\u{feff}",
    "\0",
    "ü",
    "𝄞",
    "__proto__",
    "#",
    "?",
    " ",
];

/// A seed with some damage.
fn damaged(seed: &str, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.as_bytes().to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(12)).min(bytes.len());
        match chance.below(7) {
            0 => bytes.insert(at, u8::try_from(chance.below(256)).expect("an octet")),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = chance.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            4 => {
                let piece = PIECES[chance.below(PIECES.len())].repeat(1 + chance.below(3));
                bytes.splice(at..at, piece.bytes());
            }
            5 => bytes.extend_from_within(at..),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
    }
    bytes
}

type Parser = fn(&[u8]) -> Result<()>;

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// CORE-01: no parser panics, hangs, or quotes a credential in its error.
#[test]
fn core_01_damaged_texts_are_refused_with_errors() {
    let callback = honest_query().replace("c1", CANARY);
    let refusal = "error=access_denied&error_description=no%20thanks&error_uri=https%3A%2F%2Fas.test%2Fwhy&state=x";
    let record = transaction().to_record();
    let token = id_token(&claims(&[("auth_time", "1800000000"), ("azp", r#""spa""#)]));
    let answer = format!(
        r#"{{"access_token":"{CANARY}","token_type":"Bearer","expires_in":3.6e3,"refresh_token":"{CANARY}","scope":"openid read","id_token":"{CANARY}"}}"#
    );
    let refused =
        r#"{"error":"invalid_grant","error_description":"no \u00fc\ud834\udd1e","error_uri":"https://as.test/"}"#;
    let parsers: [(&str, &[&str], Parser); 9] = [
        ("metadata", &[METADATA], |bytes| {
            let mut response = json(200, "");
            response.body = bytes.to_vec();
            Discovery::from_response(config().expected(), &response).map(drop)
        }),
        ("token response", &[&answer, refused], |bytes| {
            let mut response = json(200, "");
            response.body = bytes.to_vec();
            TokenResponse::from_response(&response).map(drop)
        }),
        ("ID Token", &[&token], |bytes| {
            identify(proof_with(&text(bytes), &keys(&honest_keys())), &transaction(), 5).map(drop)
        }),
        ("claims", &[&claims(&[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ""#)])], |bytes| {
            let token = E1.sign(r#"{"alg":"ES256","kid":"e1"}"#, &text(bytes));
            identify(proof_with(&token, &keys(&honest_keys())), &transaction(), 5).map(drop)
        }),
        ("callback", &[&callback, refusal], |bytes| match AuthorizationResponse::parse(&text(bytes))? {
            Some(response) => {
                let page = format!("https://app.test/cb?{}", text(bytes));
                let bound = response.bind(transaction(), &config(), &page, RedirectPage::OfOneProvider, at(5))?;
                bound.accept(&metadata(), &config()).map(drop)
            }
            None => Ok(()),
        }),
        ("stored transaction", &[&record], |bytes| {
            if let Some(found) = Transaction::from_record(&text(bytes)) {
                assert!(Transaction::from_record(&found.to_record()).is_some(), "what was read can be kept");
            }
            Ok(())
        }),
        ("options", &[&options(r#""timeout":5000,"openid":true,"#)], |bytes| Config::parse(&text(bytes)).map(drop)),
        ("address", &["https://api.test/v1/a%7Eb;c?x=1#f", "https://api.test:8443/v1/a%7Eb/../c;d?x='1'#f"], |bytes| {
            let text = text(bytes);
            let Some(url) = Url::parse(&text, Loopback::Allowed) else { return Ok(()) };
            assert_eq!([url.origin(), url.path(), url.rest()].concat(), url.as_str());
            url.is_canonical();
            config().api.permit(&text).map(drop)
        }),
        (
            "form and JSON",
            &["a=b+c%20d&e=%C3%BC", METADATA, r#"[1.5e-3,-0,"\u00fc\ud834\udd1e\\/",{"":null}]"#],
            |bytes| {
                let text = text(bytes);
                form::parse(&text);
                if let Ok(value) = Value::parse(&text) {
                    let written = json::to_string(&value);
                    assert_eq!(Value::parse(&written).as_ref(), Ok(&value), "what was read can be written");
                }
                Ok(())
            },
        ),
    ];
    for (name, seeds, parser) in parsers {
        let mut chance = Chance(0x5eed_0000_0000_0001);
        let mut slowest = Duration::ZERO;
        assert_eq!(parser(seeds[0].as_bytes()), Ok(()), "{name}: undamaged");
        for run in 0..runs() {
            let bytes = damaged(seeds[chance.below(seeds.len())], &mut chance);
            let begun = Instant::now();
            match parser(&bytes) {
                Ok(()) => {}
                // It names the issuer in the text, which the damage may have changed arbitrarily.
                Err(error) if matches!(error.kind(), Kind::IssMismatch { .. }) => {}
                Err(error) => {
                    let words = format!("{error} {error:?} {}", error.hint());
                    assert!(!words.contains(CANARY), "{name}: {words}");
                }
            }
            slowest = slowest.max(begun.elapsed());
            assert!(slowest < Duration::from_secs(20), "{name}, run {run}: {:?}", text(&bytes));
        }
    }
}

/// An object with this many members, of which one has the name of another.
fn members(count: usize, repeated: Option<(usize, usize)>) -> String {
    let name = |place| format!("\"member {}\":0", repeated.filter(|pair| pair.1 == place).map_or(place, |pair| pair.0));
    format!("{{{}}}", (0..count).map(name).collect::<Vec<_>>().join(","))
}

#[test]
fn a_repeated_member_is_found_at_any_position() {
    for count in [2, 31, 32, 33, 34, 35, 1_000, 16_384] {
        let last = count - 1;
        assert!(Value::parse(&members(count, None)).is_ok(), "{count}");
        for pair in [(0, last), (0, 1), (last - 1, last), (count / 3, last - count / 4)] {
            let expected = if pair.0 == pair.1 { None } else { Some(Flaw::Repeated) };
            assert_eq!(Value::parse(&members(count, Some(pair))).err(), expected, "{count} {pair:?}");
        }
    }
    let spelled = members(100, None).replace("member 99", "member \\u0031\\u0037");
    assert_eq!(Value::parse(&spelled), Err(Flaw::Repeated));
    assert_eq!(Value::parse(&members(16_385, None)), Err(Flaw::Excess));
}

#[test]
fn core_04_times_near_the_maximum_do_not_overflow() {
    let edges = [0, (1 << 31) - 1, 1_i64 << 31, 1 << 53, (1 << 53) + 1, i64::MAX / 1000, i64::MAX / 1000 + 1, i64::MAX];
    for seconds in edges {
        Case::new("CORE-04").token(&[("expires_in", &seconds.to_string())]).play_to("assert");
        for now in edges {
            let mut app = App::new(&options(r#""openid":false,"#)).expect("honest options");
            let mut provider = Provider::perfect("https://as.test");
            change(&mut provider.token, &[("expires_in", &seconds.to_string())]);
            assert!(object(&provider.token).contains(&seconds.to_string()));
            app.now.wall = now;
            let url = app.begin(&mut provider, SIGN_IN).expect("an address");
            let query = provider.authorize(&url);
            assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
            let view = app.view().expect("signed in");
            let end = view.split_once("\"expiresAt\":").expect("a time").1.split(',').next().expect("its end");
            assert_eq!(end.parse(), Ok(now.saturating_add(seconds.saturating_mul(1000))), "{now} {seconds}");
            for wait in edges {
                app.wait(&mut provider, wait);
                app.call(&mut provider).expect("a token");
            }
        }
    }
}
