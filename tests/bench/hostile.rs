//! Measures every reader of foreign text with its most expensive texts: how the cost grows with the length.
//!
//! `readings.mjs` sends the commands, here and in WebAssembly: list the readings; make the text of a reading with a
//! length; read it several times. A new reader is a new line of [`READERS`].

use core::cell::RefCell;
use core::hint::black_box;

use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::base64url;
use valet_key::protocol::config::Config;
use valet_key::protocol::device::Pending;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Error, Kind, Result};
use valet_key::protocol::foreign::Secrets;
use valet_key::protocol::form;
use valet_key::protocol::http::HttpResponse;
use valet_key::protocol::id_token::Identity;
use valet_key::protocol::json::{self, Value, integer};
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Algorithms, Signature, Unverified, Verified};
use valet_key::protocol::logout::names_session;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session_state::SessionState;
use valet_key::protocol::time::Now;
use valet_key::protocol::token::TokenResponse;
use valet_key::protocol::transaction::{RedirectPage, Transaction};
use valet_key::protocol::url::{Loopback, Url};
use valet_key::protocol::userinfo;

/// Reads a text, and returns whether that ended as expected: a text that is refused too early would measure nothing.
type Read = fn(&str) -> bool;

/// The description of the text, the bytes of its shortest form, and a function that makes one of about that many bytes.
/// The longest form has eight times as many, and is within the limits of the reader.
type Text = (&'static str, usize, fn(usize) -> String);

const KIB: usize = 1024;

/// The longest text has 16,384 members of 11 bytes, the most that an object may have.
const MEMBERS: usize = 16_384 * 11 / 8;

const READERS: &[(&str, Read, &[Text])] = &[
    (
        "JSON",
        |text| Value::parse(text).is_ok(),
        &[
            ("many members", MEMBERS, |length| object("{", length)),
            ("members that begin alike", 128 * KIB, |length| alike(2000, length)),
            ("objects of 32 members", 128 * KIB, |length| filled("[", &[&alike(60, 2240), ","].concat(), "0]", length)),
            ("nested to the limit", 128 * KIB, |length| {
                filled("[", &["[".repeat(31), "]".repeat(30) + "],"].concat(), "0]", length)
            }),
            ("escapes", 128 * KIB, |length| filled("\"", r"\ud83d\udd11\n", "\"", length)),
            ("numbers", 128 * KIB, |length| filled("[", "-1.0e-9,", "0]", length)),
            ("white space", 128 * KIB, |length| filled("[", " \t\r\n", "]", length)),
        ],
    ),
    ("JSON, refused", |text| Value::parse(text).is_err(), &[("the last member again", MEMBERS - 11, last_again)]),
    ("JSON, written", is_written, &[("escapes", 128 * KIB, |length| filled("\"", r"\u0001", "\"", length))]),
    (
        "a whole number",
        |text| integer(text) == Some(0),
        &[
            ("zeros", 128 * KIB, |length| filled("", "0", ".0e9", length)),
            ("places", 128 * KIB, |length| filled("0.", "0", "e9", length)),
            ("exponent", 128 * KIB, |length| filled("0e", "0", "9", length)),
        ],
    ),
    (
        "scope of a server",
        is_scope,
        &[
            ("many words", 16 * KIB, |length| words("", length)),
            ("words that begin alike", 16 * KIB, |length| words(&"a".repeat(200), length)),
            ("one word over and over", 16 * KIB, |length| filled("", "a ", "", length)),
            ("spaces", 16 * KIB, |length| filled("", " ", "", length)),
        ],
    ),
    ("scope of a page", is_scope_of_a_page, &[("many words", 16 * KIB, |length| words("", length))]),
    (
        "form",
        |text| form::parse(text).is_some(),
        &[
            ("escapes", 128 * KIB, |length| filled("a=", "%41", "", length)),
            ("separators", 128 * KIB, |length| filled("", "&", "", length)),
            ("128 parameters", 128 * KIB, |length| [filled("a=", "+", "&", length / 128)].concat().repeat(128)),
        ],
    ),
    ("form, written", is_appended, &[("escapes", 128 * KIB, |length| filled("", "\u{e4}", "", length))]),
    (
        "base64url",
        |text| base64url::decode(text).is_some(),
        &[("long", 128 * KIB, |length| filled("", "AAAA", "", length))],
    ),
    (
        "base64url, written",
        |text| base64url::encode(text.as_bytes()).len() > text.len(),
        &[("long", 128 * KIB, |length| filled("", "a", "", length))],
    ),
    (
        "URL",
        |text| Url::parse(text, Loopback::Refused).is_some(),
        &[
            ("path", 128 * KIB, |length| filled("https://as.test/", "a/", "", length)),
            ("host", 128 * KIB, |length| filled("https://as", ".a", ":8443", length)),
        ],
    ),
    (
        "address of a call",
        |address| config("").api.permit(address).is_ok(),
        &[
            ("nested escapes", 8 * KIB, |length| filled(&[API, "%"].concat(), "25", "", length)),
            ("escapes that end one before them", 8 * KIB, percents),
            ("escapes inside of escapes", 8 * KIB, |length| filled(API, "%2%35", "", length)),
            ("segments", 8 * KIB, |length| filled(API, "a/", "", length)),
        ],
    ),
    ("list of APIs", is_last, &[("entries that begin alike", 128 * KIB, apis)]),
    (
        "options",
        |server| Config::parse(&format!(r#"{{"clientId":"spa","openid":false,"server":{server}}}"#)).is_ok(),
        &[("members", MEMBERS, |length| object(SERVER, length))],
    ),
    (
        "metadata",
        |text| Discovery::from_response(config("").expected(), &response(text)).is_ok(),
        &[
            ("members", MEMBERS, |length| object(METADATA, length)),
            ("a list", 128 * KIB, |length| {
                let begin = [METADATA, r#""id_token_signing_alg_values_supported":["#].concat();
                filled(&begin, "\"RS255\",", "\"RS256\"]}", length)
            }),
        ],
    ),
    (
        "content type",
        |text| HttpResponse { content_type: text.into(), ..response("{}") }.text().is_ok(),
        &[("spaces", 128 * KIB, |length| filled("", " ", "application/json", length))],
    ),
    (
        "authorization response",
        |query| accepted(query).is_some_and(|accepted| accepted.is_ok()),
        &[
            ("code", 15 * KIB, |length| filled("state=s&code=", "%7e", "", length)),
            ("parameters", 15 * KIB, |length| {
                ["state=s&code=c&", &filled("a=", "+", "&", length / 120).repeat(120)].concat()
            }),
        ],
    ),
    (
        "authorization response, refused",
        |query| accepted(query).is_some_and(|accepted| accepted.is_err_and(|error| error.oauth().is_some())),
        &[("description", 15 * KIB, |length| filled("state=s&error=e&error_description=", "+", "", length))],
    ),
    (
        "fragment",
        |text| AuthorizationResponse::parse(text).is_ok(),
        &[("separators", 15 * KIB, |length| filled("state=s#", "&", "", length))],
    ),
    (
        "transaction record",
        |text| Transaction::from_record(text).is_some(),
        &[
            ("members", MEMBERS, |length| object(RECORD, length)),
            ("path", 128 * KIB, |length| filled(&RECORD.replace("\"/\",", "\"/a"), "%2f", "\"}", length)),
        ],
    ),
    (
        "token response",
        |text| TokenResponse::from_response(&response(text)).is_ok(),
        &[
            ("members", MEMBERS, |length| object(TOKENS, length)),
            ("token", 128 * KIB, |length| filled(&TOKENS.replace("\"a\",", "\"a"), "a", "\"}", length)),
        ],
    ),
    (
        "device authorization response",
        |text| Pending::from_response(&response(text), Loopback::Refused, NOW).is_ok(),
        &[
            ("members", MEMBERS, |length| object(DEVICE, length)),
            ("address", 128 * KIB, |length| filled(&DEVICE.replace("/\",", "/"), "%2f", "\"}", length)),
        ],
    ),
    (
        "token response, refused",
        |text| TokenResponse::from_response(&response(text)).is_err_and(|error| error.oauth().is_some()),
        &[("description", 128 * KIB, |length| {
            filled(r#"{"error":"e","error_description":""#, r"\u0007", "\"}", length)
        })],
    ),
    (
        "JWT",
        |token| Unverified::parse(token, Algorithms::ALL).is_ok(),
        &[
            ("claims", 32 * KIB, |length| jwt(HEADER, &filled("", "a", "", decoded(length)))),
            ("members of the header", 29 * KIB, |length| jwt(&object(r#"{"alg":"ES256","#, decoded(length)), "{}")),
        ],
    ),
    (
        "JWT, refused",
        |token| Unverified::parse(token, Algorithms::ALL).is_err(),
        &[("dots", 32 * KIB, |length| filled("", ".", "", length))],
    ),
    (
        "key set",
        is_key_found,
        &[
            ("100 keys of many members", 128 * KIB, |length| {
                let other = object(r#"{"kty":"OKP","#, length / 100) + ",";
                ["{\"keys\":[", &other.repeat(99), KEY, "}]}"].concat()
            }),
            ("operations", 128 * KIB, |length| {
                filled(&["{\"keys\":[", KEY, ",\"key_ops\":["].concat(), "\"verifx\",", "\"verify\"]}]}", length)
            }),
            ("a long key", 128 * KIB, |length| {
                filled(&["{\"keys\":[", KEY, ",\"x\":\""].concat(), "AAAA", "\"}]}", length)
            }),
        ],
    ),
    (
        "ID Token",
        |claims| identity(claims).is_some(),
        &[
            ("claims", MEMBERS, |length| object(CLAIMS, length)),
            ("audiences", 23 * KIB, |length| filled(AUDIENCES, "\"spb\",", "\"spa\"]}", length)),
        ],
    ),
    (
        "ID Token of a renewal",
        is_renewed,
        &[
            ("claims", MEMBERS, |length| object(CLAIMS, length)),
            ("audiences", 23 * KIB, |length| filled(AUDIENCES, "\"spb\",", "\"spa\"]}", length)),
        ],
    ),
    ("session, shown", is_shown, &[("claims", MEMBERS, |length| object(CLAIMS, length))]),
    (
        "front-channel logout",
        |query| names_session(query, ISSUER, &Value::Object(vec![("sid".into(), Value::String("1".into()))])),
        &[("parameters", 128 * KIB, |length| {
            ["iss=https%3A%2F%2Fas.test&sid=1&", &filled("a=", "+", "&", length / 120).repeat(120)].concat()
        })],
    ),
    (
        "UserInfo",
        |claims| is_userinfo(claims, "json"),
        &[("claims", MEMBERS, |length| object("{\"sub\":\"alice\",", length))],
    ),
    (
        "UserInfo, signed",
        |claims| is_userinfo(claims, "signed"),
        &[("audiences", 128 * KIB, |length| filled(AUDIENCES, "\"spb\",", "\"spa\"]}", length))],
    ),
    (
        "text that is shown",
        |text| !secrets().quote(text).is_left_out(),
        &[
            ("plain", 128 * KIB, |length| filled("", "a", "", length)),
            ("escapes of escapes", 128 * KIB, |length| filled("", "%252561", "", length)),
            ("almost a secret", 128 * KIB, |length| filled("", &["s".repeat(999), "S".into()].concat(), "", length)),
        ],
    ),
    (
        "claims that are shown",
        |claims| secrets().cleared(claims).len() < claims.len(),
        &[("members, one with a secret", MEMBERS, |length| {
            object(&format!(r#"{{"secret":"{}1","#, "s".repeat(999)), length)
        })],
    ),
    (
        "an error's message",
        |text| {
            Error::from(Kind::NotJson { url: ISSUER.into(), content_type: secrets().quote(text) }).message().len() > 20
        },
        &[("words of others", 128 * KIB, |length| filled("", "e", "", length))],
    ),
];

const ISSUER: &str = "https://as.test";
const API: &str = "https://api.test/v1/";
const HEADER: &str = r#"{"alg":"ES256"}"#;
const NOW: Now = Now { wall: 1_800_000_000_000, monotonic: 0 };

// Objects up to a member that follows.
const SERVER: &str =
    r#"{"authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token","#;
const METADATA: &str = r#"{"issuer":"https://as.test","jwks_uri":"https://as.test/jwks","authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token","#;
const RECORD: &str = r#"{"started":1800000000000,"state":"s","nonce":"n","code_verifier":"v","issuer":"https://as.test","client_id":"spa","redirect_uri":"https://app.test/","scope":"openid","prompt":"","restores":false,"shared":false,"acr_values":"","max_age":"","return_to":"/","#;
const TOKENS: &str = r#"{"token_type":"Bearer","access_token":"a","#;
const DEVICE: &str =
    r#"{"device_code":"device-code-of-a-test","user_code":"A","expires_in":9,"verification_uri":"https://as.test/","#;
const CLAIMS: &str =
    r#"{"iss":"https://as.test","sub":"alice","nonce":"n","iat":1800000000,"exp":1800000600,"aud":"spa","#;

/// Claims up to one of the audiences.
const AUDIENCES: &str =
    r#"{"iss":"https://as.test","sub":"alice","nonce":"n","iat":1800000000,"exp":1800000600,"azp":"spa","aud":["#;

/// A key up to its last member.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","y":"AA""#;

/// The same text repeatedly, between a beginning and an end.
fn filled(begin: &str, item: &str, end: &str, length: usize) -> String {
    let room = length.saturating_sub(begin.len() + end.len());
    [begin, &item.repeat(room / item.len()), end].concat()
}

/// An object with members of 11 bytes after others.
fn object(begin: &str, length: usize) -> String {
    let count = (length - begin.len()) / 11;
    let members: Vec<String> = (0..count).map(|place| format!("\"{place:06}\":0")).collect();
    [begin, &members.join(","), "}"].concat()
}

/// The same, but the last member has the name of the first.
fn last_again(length: usize) -> String {
    let mut text = object("{", length);
    text.pop();
    text + r#","000000":0}"#
}

/// An object whose names have a common prefix.
fn alike(name: usize, length: usize) -> String {
    let name = "a".repeat(name);
    let members: Vec<String> = (0..length / (name.len() + 10)).map(|place| format!("\"{name}{place:05}\":0")).collect();
    ["{", &members.join(","), "}"].concat()
}

/// Different words, in reverse order.
fn words(begin: &str, length: usize) -> String {
    let words: Vec<String> = (0..length / (begin.len() + 7)).rev().map(|place| format!("{begin}{place:06}")).collect();
    words.join(" ")
}

/// `%%%…` and then digits: each two of them complete the last `%` to an escape, so that the digits after them complete
/// the `%` before it.
fn percents(length: usize) -> String {
    let count = (length - API.len()) / 3;
    [API, &"%".repeat(count), &"25".repeat(count)].concat()
}

fn apis(length: usize) -> String {
    let path = "a".repeat(length / 64);
    let entries: Vec<String> = (0..64).map(|place| format!("{API}{path}{place}/")).collect();
    entries.join("\",\"")
}

/// A token with a signature of the right length.
fn jwt(header: &str, claims: &str) -> String {
    [&base64url::encode(header.as_bytes()), ".", &base64url::encode(claims.as_bytes()), ".", &"A".repeat(86)].concat()
}

/// Bytes that make a token of the given length.
fn decoded(length: usize) -> usize {
    (length - 128) / 4 * 3
}

fn response(body: &str) -> HttpResponse {
    let (url, content_type) = ("https://as.test/".into(), "application/json".into());
    HttpResponse {
        url,
        status: 200,
        content_type,
        challenge: String::new(),
        dpop_nonce: String::new(),
        date: None,
        retry_after: None,
        body: body.into(),
        secrets: Secrets::default(),
    }
}

fn config(more: &str) -> Config {
    let options = format!(r#"{{"issuer":"{ISSUER}","clientId":"spa","api":["{API}"]{more}}}"#);
    Config::parse(&options).expect("options")
}

fn metadata() -> ServerMetadata {
    let found = Discovery::from_response(config("").expected(), &response(&[METADATA, "\"\":0}"].concat()));
    found.expect("metadata")
}

fn transaction() -> Box<Transaction> {
    Transaction::from_record(&[RECORD, "\"\":0}"].concat()).expect("a transaction")
}

fn proof(claims: &str) -> Option<Verified> {
    let token = jwt(HEADER, claims);
    Unverified::parse(&token, Algorithms::ALL).ok()?.accept((Signature::Right, vec![0; 32])).ok()
}

/// As many secrets as an exchange has, longer than most.
fn secrets() -> Secrets {
    let all: Vec<Secret> = (0..32).map(|place| Secret::new("s".repeat(999) + &place.to_string())).collect();
    Secrets::new(&all)
}

fn is_written(text: &str) -> bool {
    Value::parse(text).is_ok_and(|value| json::to_string(&value) == text)
}

fn is_appended(text: &str) -> bool {
    let mut form = String::new();
    form::append(&mut form, "a", text);
    form.len() == 2 + 3 * text.len()
}

fn is_scope(scope: &str) -> bool {
    let text = [TOKENS, "\"scope\":\"", scope, "\"}"].concat();
    TokenResponse::from_response(&response(&text)).is_ok_and(|tokens| tokens.scope.is_some())
}

fn is_scope_of_a_page(scope: &str) -> bool {
    let sign_in = SignIn { scope, ..SignIn::new("https://app.test/") };
    sign_in.check(&config(""), "https://app.test").is_ok_and(|checked| checked.len() > scope.len())
}

/// A call to the last API of a list.
fn is_last(apis: &str) -> bool {
    let config = Config::parse(&format!(r#"{{"issuer":"{ISSUER}","clientId":"spa","api":["{apis}"]}}"#));
    let last = apis.rsplit("\",\"").next().unwrap_or_default();
    config.is_ok_and(|config| config.api.permit(last).is_ok())
}

fn accepted(query: &str) -> Option<Result<(), Error>> {
    let response = AuthorizationResponse::parse(query).ok()??;
    let (config, page) = (config(""), ["https://app.test/?", query].concat());
    let bound = response.bind(transaction(), &config, &page, RedirectPage::OfOneProvider, NOW);
    Some(bound.and_then(|bound| bound.accept(&metadata(), &config)).map(drop))
}

fn is_key_found(set: &str) -> bool {
    let mut keys = Keys::default();
    let token = jwt(HEADER, "{}");
    let Ok(token) = Unverified::parse(&token, Algorithms::ALL) else { return false };
    keys.receive(Ok(response(set))).is_ok() && keys.select(&token, "").is_ok()
}

fn identity(claims: &str) -> Option<Identity> {
    Identity::from_sign_in(proof(claims)?, &transaction(), &config(""), NOW).ok()
}

fn is_renewed(claims: &str) -> bool {
    let (Some(earlier), Some(token)) = (identity(claims), proof(claims)) else { return false };
    Identity::from_refresh(token, &earlier, &config(""), NOW).is_ok()
}

fn is_shown(claims: &str) -> bool {
    let mut session = SessionState::default();
    let tokens = TokenResponse::from_response(&response(&[TOKENS, "\"\":0}"].concat())).expect("tokens");
    let (signed_in, _) = session.sign_in(tokens, Ok(proof(claims)), &transaction(), &config(""), NOW);
    signed_in.is_ok() && session.view(NOW).is_some_and(|view| view.to_json().len() > claims.len())
}

fn is_userinfo(claims: &str, kind: &str) -> bool {
    let config = config(&format!(r#","userinfo":"{kind}""#));
    userinfo::check(claims, [Some("alice"), None], &metadata(), &config).is_ok()
}

thread_local! {
    /// The reading function of the current text, and the text.
    static CURRENT: RefCell<(Read, String)> = const { RefCell::new((|_| false, String::new())) };
}

fn readings() -> impl Iterator<Item = (&'static str, Read, Text)> {
    READERS.iter().flat_map(|(name, read, texts)| texts.iter().map(|text| (*name, *read, *text)))
}

/// A line for each reading: the bytes of its shortest text, and its name.
fn list() -> String {
    let lines: Vec<String> =
        readings().map(|(name, _, (shape, least, _))| format!("{least} {name}: {shape}\n")).collect();
    lines.concat()
}

/// Makes the text of a reading, and returns its length in bytes.
fn make(reading: usize, length: usize) -> usize {
    let (_, read, (_, _, make)) = readings().nth(reading).expect("a reading of the list");
    let text = make(length);
    let length = text.len();
    CURRENT.set((read, text));
    length
}

/// Reads the text several times, and returns whether each reading ended as expected.
fn read(times: usize) -> bool {
    CURRENT.with_borrow(|(read, text)| (0..times).all(|_| black_box(read(black_box(text)))))
}

/// The functions that are called in WebAssembly.
#[cfg(target_arch = "wasm32")]
mod exported {
    use super::CURRENT;

    /// Stores the list as the text, and returns its length in bytes.
    #[unsafe(no_mangle)]
    extern "C" fn list() -> usize {
        CURRENT.with_borrow_mut(|(_, text)| {
            *text = super::list();
            text.len()
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn text() -> *const u8 {
        CURRENT.with_borrow(|(_, text)| text.as_ptr())
    }

    #[unsafe(no_mangle)]
    extern "C" fn make(reading: usize, length: usize) -> usize {
        super::make(reading, length)
    }

    #[unsafe(no_mangle)]
    extern "C" fn read(times: usize) -> bool {
        super::read(times)
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {}

/// Prints the list, and then a line for each line of standard input: `make READING LENGTH`, `read TIMES`.
#[cfg(not(target_arch = "wasm32"))]
fn main() {
    println!("{}", list());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [reading, length] => println!("{}", make(reading, length)),
            [times] => {
                let begun = std::time::Instant::now();
                let is_as_expected = read(times);
                println!("{} {is_as_expected}", begun.elapsed().as_secs_f64() * 1000.0);
            }
            _ => println!("not understood"),
        }
    }
}
