//! Records that pages pass in: they determine no address.

use valet_key::protocol::json::Value;

use crate::hostile::text::{member, string, with_member};
use crate::hostile::worker::{Mode, SharedWorker};
use crate::support::{code, options};
use crate::{EVIL, app, record, second_account, wider, worker};

/// A record of the app's sign-in by redirect, the redirect URI with the response, and a worker that does not know the
/// sign-in: the state after the redirect.
struct Return {
    worker: SharedWorker,
    record: String,
    address: String,
    state: String,
}

impl Return {
    fn new() -> Self {
        let before = worker();
        let begun = before.page(1, &app()).begin(Mode::Redirect);
        let address = before.here.way_back(&begun.url);
        before.here.take_sent();
        let worker = SharedWorker::beside(&before);
        Self { record: record(&begun).into(), worker, address, state: begun.state }
    }

    /// Passes a record in, and returns the error's code, the requested addresses, and whether there is a session.
    fn with(&self, record: &str) -> (Option<&'static str>, Vec<String>, bool) {
        let port = self.worker.page(1, &app());
        let outcome = port.complete(&self.address, &self.state, Some(record));
        (code(&outcome), self.worker.here.take_sent(), port.is_signed_in())
    }
}

/// The requests of a valid sign-in after a redirect, in a new worker.
const HONEST: [&str; 3] =
    ["https://as.test/.well-known/openid-configuration", "https://as.test/jwks", "https://as.test/token"];

#[test]
fn a_valid_record_signs_in() {
    let back = Return::new();
    let record = back.record.clone();
    assert_eq!(back.with(&record), (None, HONEST.map(str::to_owned).to_vec(), true));
    let names: Vec<String> = match Value::parse(&record) {
        Ok(Value::Object(members)) => members.into_iter().map(|(name, _)| name.into_owned()).collect(),
        _ => panic!("{record}"),
    };
    let expected = [
        "started",
        "state",
        "nonce",
        "code_verifier",
        "issuer",
        "client_id",
        "redirect_uri",
        "scope",
        "return_to",
        "prompt",
        "restores",
        "shared",
        "acr_values",
        "max_age",
    ];
    assert_eq!(names, expected, "a record holds no address but that of the redirect page");
}

/// Forges a record from a valid one.
type Forge = Box<dyn Fn(&str) -> String>;

/// The outcome of a forged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is ignored: no request, no error.
    Nothing,
    /// It is refused before any request.
    Refused(&'static str),
    /// The app's provider gets the request, and the response fails.
    Fails(&'static str),
    /// The app's provider gets the request, and the user is signed in there.
    SignsIn,
}

/// Texts instead of a whole record.
const NO_RECORDS: [&str; 7] = ["", "null", "[]", "{}", "{", r#"{"state":"a","state":"b"}"#, "\u{1}"];

#[test]
fn a_forged_record_leads_to_no_request_or_to_the_honest_provider() {
    use Outcome::{Fails, Nothing, Refused, SignsIn};
    let long = format!("\"{}\"", "x".repeat(5000));
    let rows: [(&str, &str, Outcome); 39] = [
        ("state", r#""vk.another""#, Nothing),
        ("state", r#""""#, Nothing),
        ("nonce", r#""another""#, Fails("id_token_invalid")),
        ("nonce", r#""""#, Fails("id_token_invalid")),
        ("code_verifier", r#""another""#, Fails("token_error")),
        ("code_verifier", &long, Fails("token_error")),
        ("issuer", r#""https://evil.test""#, Refused("state_mismatch")),
        ("issuer", r#""https://as.test/""#, Refused("state_mismatch")),
        ("issuer", r#""""#, Refused("state_mismatch")),
        ("client_id", r#""other-app""#, Refused("state_mismatch")),
        ("client_id", r#""""#, Refused("state_mismatch")),
        ("redirect_uri", r#""https://evil.test/cb""#, Refused("iss_mismatch")),
        ("redirect_uri", r#""https://app.test/cb/""#, Refused("iss_mismatch")),
        ("redirect_uri", r#""https://app.test/cb?x=1""#, Refused("iss_mismatch")),
        ("redirect_uri", r#""https://user@app.test/cb""#, Refused("iss_mismatch")),
        ("redirect_uri", r#""""#, Refused("iss_mismatch")),
        ("redirect_uri", r#""https://app.test/cb?""#, Fails("token_error")),
        ("scope", r#""admin""#, SignsIn),
        ("return_to", r#""/elsewhere""#, SignsIn),
        ("return_to", r#""//evil.test/""#, Nothing),
        ("return_to", r#""https://evil.test/""#, Nothing),
        ("return_to", r#""/%5cevil.test""#, Nothing),
        ("prompt", r#""none""#, SignsIn),
        ("prompt", "true", Nothing),
        ("restores", r#""yes""#, Nothing),
        ("restores", "true", SignsIn),
        ("shared", "true", SignsIn),
        ("acr_values", r#""strong""#, Fails("id_token_invalid")),
        ("max_age", r#""0""#, Fails("id_token_invalid")),
        ("max_age", r#""-99999999999999999999""#, SignsIn),
        ("started", "0", Refused("state_mismatch")),
        ("started", "9000000000000000000", Refused("state_mismatch")),
        ("started", "-9000000000000000000", Refused("state_mismatch")),
        ("started", "1e400", Nothing),
        ("started", r#""1800000000000""#, Nothing),
        ("provider", r#""https://evil.test""#, SignsIn),
        ("api", r#"["https://evil.test/"]"#, SignsIn),
        ("clientId", r#""other-app""#, SignsIn),
        ("__proto__", r#"{"issuer":"https://evil.test"}"#, SignsIn),
    ];
    let names = [
        "started",
        "state",
        "nonce",
        "code_verifier",
        "issuer",
        "client_id",
        "redirect_uri",
        "scope",
        "return_to",
        "prompt",
        "restores",
        "shared",
        "acr_values",
        "max_age",
    ];
    let mut forged: Vec<(String, Forge, Outcome)> = Vec::new();
    for (name, value, outcome) in rows {
        let (label, value) = (format!("{name}: {value:.60}"), value.to_owned());
        forged.push((label, Box::new(move |record| with_member(record, name, &value)), outcome));
    }
    for text in NO_RECORDS {
        forged.push((format!("the record {text:?}"), Box::new(move |_| text.into()), Nothing));
    }
    for name in names {
        forged.push((format!("without {name}"), Box::new(move |record| with_member(record, name, "")), Nothing));
        let another = if name == "started" { r#""text""# } else { "7" };
        forged.push((
            format!("{name} of another type"),
            Box::new(move |record| with_member(record, name, another)),
            Nothing,
        ));
        let twice = move |record: &str| format!("{},\"{name}\":\"x\"}}", record.strip_suffix('}').expect("an object"));
        forged.push((format!("{name} twice"), Box::new(twice), Nothing));
    }
    for (label, forge, outcome) in forged {
        let back = Return::new();
        let (code, sent, signed_in) = back.with(&forge(&back.record));
        let expected = match outcome {
            Nothing | SignsIn => None,
            Refused(code) | Fails(code) => Some(code),
        };
        assert_eq!(code, expected, "{label}");
        assert_eq!(signed_in, outcome == SignsIn, "{label}");
        let asked = matches!(outcome, Fails(_) | SignsIn);
        assert!(
            if asked { sent.starts_with(&HONEST.map(str::to_owned)) } else { sent.is_empty() },
            "{label}: {sent:?}"
        );
        assert!(sent.iter().all(|url| url.starts_with("https://as.test/")), "{label}: {sent:?}");
    }
}

/// The attacker's members about the provider, in every form that a record has had or could have.
fn poisoned(record: &str) -> Vec<String> {
    let metadata = format!(
        r#"{{"issuer":"https://as.test","authorization_endpoint":"{EVIL}/authorize","token_endpoint":"{EVIL}/token","jwks_uri":"{EVIL}/jwks","userinfo_endpoint":"{EVIL}/userinfo","revocation_endpoint":"{EVIL}/revoke","end_session_endpoint":"{EVIL}/logout"}}"#
    );
    let own = metadata.replace(EVIL, "https://app.test");
    let mut poisoned = Vec::new();
    for metadata in [metadata, own] {
        poisoned.extend([
            with_member(record, "metadata", &string(&metadata)),
            with_member(record, "metadata", &metadata),
            with_member(record, "server", &metadata),
            with_member(&with_member(record, "metadata", &string(&metadata)), "client_id", ""),
            with_member(&with_member(record, "metadata", &string(&metadata)), "state", r#""vk.another""#),
            with_member(record, "token_endpoint", &string(&format!("{EVIL}/token"))),
        ]);
    }
    poisoned
}

#[test]
fn metadata_in_a_record_are_ignored() {
    for number in 0..poisoned(r#"{"state":""}"#).len() {
        let back = Return::new();
        let port = back.worker.page(1, &app());
        // Twice: with another state than the record's, as in the first attack, and with its own.
        let forged = &poisoned(&back.record)[number];
        let stranger = format!("https://app.test/cb?state=vk.stranger&code=x&iss={EVIL}");
        drop(port.complete(&stranger, "vk.stranger", Some(forged)));
        drop(port.complete(&back.address, &back.state, Some(forged)));

        // The user's own sign-ins and calls after that, in this tab and in another one.
        let other = back.worker.page(2, &app());
        other.sign_in();
        let begun = port.begin(Mode::Redirect);
        let address = back.worker.here.way_back(&begun.url);
        port.complete(&address, &begun.state, begun.record.as_deref()).expect("a sign-in");
        port.say("refresh", "").expect("a renewal");
        port.say("userinfo", "").expect("claims");
        let url = port.say("end", r#""returnTo":"https://app.test/""#).expect("a sign-out");
        assert!(url.starts_with("https://as.test/logout?"), "{url}");
        let sent = back.worker.here.take_sent();
        assert!(sent.len() > 6, "{sent:?}");
        assert!(sent.iter().all(|url| url.starts_with("https://as.test/")), "{forged}: {sent:?}");
    }
}

#[test]
fn a_record_in_the_previous_format_is_ignored() {
    let back = Return::new();
    let old = with_member(&with_member(&back.record, "client_id", ""), "metadata", r#""{}""#);
    assert_eq!(back.with(&old), (None, Vec::new(), false));
    assert_eq!(back.with(&back.record), (None, HONEST.map(str::to_owned).to_vec(), true), "and does no harm");
}

#[test]
fn the_vaults_own_transaction_is_preferred() {
    let rows = [
        ("nonce", r#""another""#),
        ("code_verifier", r#""another""#),
        ("issuer", r#""https://evil.test""#),
        ("client_id", r#""other-app""#),
        ("redirect_uri", r#""https://evil.test/cb""#),
        ("return_to", r#""/elsewhere""#),
        ("max_age", r#""0""#),
        ("started", "0"),
        ("state", r#""vk.another""#),
        ("metadata", r#"{"token_endpoint":"https://evil.test/token"}"#),
    ];
    for (name, value) in rows {
        let worker = worker();
        let port = worker.page(1, &app());
        let begun = port.begin(Mode::Redirect);
        let address = worker.here.way_back(&begun.url);
        let forged = with_member(record(&begun), name, value);
        let outcome = port.complete(&address, &begun.state, Some(&forged));
        assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#), "{name}");
    }
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    assert_eq!(code(&port.complete(&address, &begun.state, None)), None, "a record that was deleted is not missed");
    assert!(port.is_signed_in());
}

#[test]
fn a_popup_sign_in_uses_no_record() {
    // What a script can make: a record of its own sign-in, with the state of the popup's.
    let forged = |worker: &SharedWorker, state: &str| {
        let own = worker.page(90, &app()).begin(Mode::Redirect);
        with_member(record(&own), "state", &string(state))
    };
    let honest = worker();
    let (port, stranger) = (honest.page(1, &app()), honest.page(2, &wider()));
    let begun = port.begin(Mode::Window);
    assert!(begun.record.is_none() && begun.is_of_window(), "no record leaves the vault");
    let address = honest.here.way_back(&begun.url);
    let forged_here = forged(&honest, &begun.state);
    let fresh = SharedWorker::beside(&honest);
    let fresh_port = fresh.page(1, &app());
    honest.here.take_sent();
    for other in [stranger, fresh_port, honest.page(3, &second_account())] {
        let outcome = other.complete(&address, &begun.state, Some(&forged_here));
        assert_eq!(outcome.as_deref(), Ok("{}"));
        assert!(!other.is_signed_in());
    }
    assert_eq!(honest.here.take_sent(), [""; 0]);
    assert_eq!(code(&port.complete(&address, &begun.state, Some(&forged_here))), None, "the state is still good");
    assert!(port.is_signed_in());
}

#[test]
fn the_reply_to_a_page_that_begins_a_sign_in() {
    let worker = worker();
    let port = worker.page(1, &options(""));
    let begun = port.begin_with(Mode::Window, "{}").expect("a request");
    let Ok(Value::Object(members)) = Value::parse(&begun) else { panic!("{begun}") };
    assert_eq!(members.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["url", "state"]);
    let redirect = port.begin_with(Mode::Redirect, "{}").expect("a request");
    let record = member(&redirect, "record").expect("a record");
    let verifier = member(&record, "code_verifier").expect("a verifier");
    assert!(!member(&redirect, "url").expect("an address").contains(&verifier));
}
