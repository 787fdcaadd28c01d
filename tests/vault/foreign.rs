//! Text of a server: a text with a token, code, verifier or state of its exchange does not reach the page.

use valet_key::protocol::form;
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::json::Value;
use valet_key::vault::messages::{Failed, Outcome, to_json};

use crate::hostile::provider::{Answer, Provider, change};
use crate::hostile::text::{Spelling, member, shows, string, with_member};
use crate::hostile::worker::{Mode, SharedWorker};
use crate::hostile::world::{Waiting, World, poll};
use crate::support::{at, json};
use crate::{app, record, worker};

/// What a provider, or a script that sees the same, knows about one sign-in, by name.
#[derive(Default)]
struct Known(Vec<(&'static str, String)>);

impl Known {
    fn learn(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        let Some(value) = value.map(Into::into).filter(|value: &String| !value.is_empty()) else { return };
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| panic!("no {name} is known yet"), |(_, value)| value)
    }

    fn learn_form(&mut self, text: &str, names: &[&'static str]) {
        let form = form::parse(text).unwrap_or_default();
        for name in names {
            self.learn(name, form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()));
        }
    }

    fn learn_tokens(&mut self, answer: &Answer) {
        let Ok(HttpResponse { body, .. }) = answer else { return };
        let body = String::from_utf8_lossy(body);
        for name in ["access_token", "refresh_token", "id_token"] {
            self.learn(name, member(&body, name));
        }
    }
}

/// The place at which a server writes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A parameter of the authorization response.
    Response(&'static str),
    /// A member of the token endpoint's error response to a code.
    Refusal(&'static str),
    /// The `Content-Type` of the response at the address with this ending, to the request with the code.
    ContentType(&'static str),
    /// The `Content-Type` of the keys, after the tokens.
    LateKeys,
    /// The granted scope.
    Scope,
    /// A claim of the ID Token, in its value and in its name.
    Claim,
    /// A member of the error response to a renewal.
    RefusedRenewal(&'static str),
    /// The `Content-Type` of the response to a renewal.
    RenewalContentType,
    /// The scope after a renewal.
    RenewedScope,
    /// A claim of the ID Token of a renewal.
    RenewedClaim,
    /// A claim of UserInfo.
    Userinfo,
    /// The `Content-Type` of UserInfo.
    UserinfoContentType,
    /// `issuer` of the metadata that a new worker requests after the redirect back.
    MetadataIssuer,
    /// The `Content-Type` of these metadata.
    MetadataContentType,
    /// An address in these metadata at which no server responds.
    MetadataEndpoint,
}

/// One sign-in with a server that writes a text at a place.
struct Scene {
    place: Place,
    secret: &'static str,
    spelling: Spelling,
    known: Known,
    /// The secret that the server wrote.
    written: Option<String>,
}

/// What the page receives.
struct Shown {
    written: String,
    texts: Vec<String>,
    errors: Vec<Failed>,
    is_signed_in: bool,
}

impl Scene {
    /// The text, with the current value of the secret.
    fn text(&mut self) -> String {
        let secret = self.known.get(self.secret).to_owned();
        let text = self.spelling.of(&secret);
        self.written = Some(secret);
        text
    }

    /// The server's response to a request.
    fn answer(&mut self, world: &mut World, request: &HttpRequest) -> Answer {
        let path = request.url.strip_prefix("https://as.test").unwrap_or_default();
        let form = match &request.method {
            Method::Post(form) | Method::PostJson(form) => form.expose().to_owned(),
            Method::Get | Method::Head => String::new(),
        };
        let is_renewal = form.contains("grant_type=refresh_token");
        self.known.learn_form(&form, &["code", "code_verifier", "refresh_token"]);
        let (redeems, renews) = (path == "/token" && !is_renewal, path == "/token" && is_renewal);
        if (redeems && self.place == Place::Claim) || (renews && self.place == Place::RenewedClaim) {
            self.write_claims(&mut world.provider);
        }
        let quote = |content_type: String| Ok(HttpResponse { content_type, ..json(200, "<html>") });
        match self.place {
            Place::Refusal(name) if redeems => return Ok(refusal(name, &self.text())),
            Place::RefusedRenewal(name) if renews => return Ok(refusal(name, &self.text())),
            Place::ContentType(end) if path.ends_with(end) => return quote(self.text()),
            Place::LateKeys if path == "/jwks" => return quote(self.text()),
            Place::RenewalContentType if renews => return quote(self.text()),
            Place::UserinfoContentType if path == "/userinfo" => return quote(self.text()),
            Place::MetadataContentType if path.contains(".well-known") => return quote(self.text()),
            _ => {}
        }
        let mut answer = world.honest_answer(request);
        self.known.learn_tokens(&answer);
        match self.place {
            Place::Scope if redeems => answer = Ok(edited(answer, "scope", &string(&self.text()))),
            Place::RenewedScope if renews => answer = Ok(edited(answer, "scope", &string(&self.text()))),
            Place::Userinfo if path == "/userinfo" => {
                let text = string(&self.text());
                let nested = format!(r#"{{"nested":[{text}],"deep":{{{text}:1}}}}"#);
                answer = Ok(edited(Ok(edited(answer, "quoted", &text)), "more", &nested));
            }
            Place::MetadataIssuer if path.contains(".well-known") => {
                answer = Ok(edited(answer, "issuer", &string(&self.text())));
            }
            Place::MetadataEndpoint if path.contains(".well-known") => {
                let endpoint = format!("https://nowhere.test/?{}", self.text());
                answer = Ok(edited(answer, "token_endpoint", &string(&endpoint)));
            }
            _ => {}
        }
        answer
    }

    /// The claims of the next ID Token. The accompanying tokens have the next number.
    fn write_claims(&mut self, provider: &mut Provider) {
        let next = provider.count_tokens() + 1;
        self.known.learn("access_token", Some(format!("access-token-number-{next:08}")));
        self.known.learn("refresh_token", Some(format!("refresh-token-number-{next:08}")));
        let text = string(&self.text());
        let nested = format!(r#"{{"deep":[[{text}]]}}"#);
        let claims = if self.place == Place::Claim { &mut provider.claims } else { &mut provider.refreshed_claims };
        change(claims, &[("quoted", &text), ("more", &nested), ("honest", "\"claim\"")]);
        let name = text.trim_matches('"').to_owned();
        claims.push((name, "true".into()));
    }

    fn play(mut self) -> Shown {
        let first = worker();
        let begun = first.page(1, &app()).begin(Mode::Redirect);
        self.known.learn_form(begun.url.split_once('?').expect("a query").1, &["state", "nonce"]);
        self.known.learn("code_verifier", member(record(&begun), "code_verifier"));
        let mut address = first.here.way_back(&begun.url);
        self.known.learn_form(address.split_once('?').expect("a query").1, &["code"]);
        if let Place::Response(name) = self.place {
            address = self.written_response(name, &begun.state);
        }
        let fresh = matches!(self.place, Place::MetadataIssuer | Place::MetadataContentType | Place::MetadataEndpoint);
        let worker = if fresh { SharedWorker::beside(&first) } else { first };
        let port = worker.page(1, &app());
        let mut outcomes =
            vec![self.run(&worker, port.start_complete(&address, &begun.state, begun.record.as_deref()))];
        if port.is_signed_in() {
            outcomes.push(self.run(&worker, port.start("userinfo", "")));
            outcomes.push(self.run(&worker, port.start("refresh", "")));
            outcomes.push(self.run(&worker, port.start("userinfo", "")));
        }
        let session = port.session();
        let mut texts = vec![session.clone()];
        let mut errors = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(text) => texts.push(text),
                Err(error) => {
                    texts.extend([to_json(&error), error.error.to_string(), format!("{error:?}")]);
                    errors.push(error);
                }
            }
        }
        let world = worker.here.world();
        texts.extend(world.pages.iter().map(|(_, text)| text.clone()));
        texts.extend(world.told.iter().cloned());
        let written = self.written.expect("the server wrote its text");
        Shown { written, texts, errors, is_signed_in: !session.is_empty() }
    }

    fn run(&mut self, worker: &SharedWorker, mut future: Waiting<'_, Outcome>) -> Outcome {
        if self.place == Place::LateKeys && poll(&mut future).is_pending() {
            worker.here.world().wire.make_contiguous().reverse();
        }
        worker.here.finish_with(future, &mut |world, request| self.answer(world, request))
    }

    /// An authorization response with the text in a parameter.
    fn written_response(&mut self, name: &str, state: &str) -> String {
        let mut text = self.text();
        if name == "error_uri" {
            text.insert_str(0, "https://as.test/?");
        }
        let mut query = String::new();
        form::append(&mut query, "state", state);
        form::append(&mut query, "code", self.known.get("code"));
        for (parameter, honest) in [("error", "access_denied"), ("iss", "https://as.test")] {
            form::append(&mut query, parameter, if parameter == name { &text } else { honest });
        }
        if !query.contains(&format!("&{name}=")) {
            form::append(&mut query, name, &text);
        }
        format!("https://app.test/cb?{query}")
    }
}

fn refusal(name: &str, text: &str) -> HttpResponse {
    let text = if name == "error_uri" { format!("https://as.test/?{text}") } else { text.into() };
    let error = if name == "error" { String::new() } else { r#""error":"invalid_scope","#.into() };
    json(400, &format!(r#"{{{error}"{name}":{}}}"#, string(&text)))
}

/// A response whose JSON object has another value for a member.
fn edited(answer: Answer, name: &str, value: &str) -> HttpResponse {
    let response = answer.expect("a response");
    let body = String::from_utf8(response.body.clone()).expect("text");
    HttpResponse { body: with_member(&body, name, value).into(), ..response }
}

/// What happens with a text that contains a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The message of an error says that it was left out.
    Said,
    /// The error is about something else.
    Else,
    /// There is an error without the text.
    Error,
    /// It is left out of the session or the claims, and the user is signed in.
    SignedIn,
}

#[test]
fn a_text_with_a_secret_of_its_exchange_does_not_reach_the_page() {
    use Fate::{Else, Error, Said, SignedIn};
    let of_the_request: &[&str] = &["state", "nonce", "code", "code_verifier"];
    let of_the_response: &[&str] = &["state", "code", "code_verifier", "access_token", "refresh_token", "id_token"];
    let of_the_sign_in: &[&str] = &["state", "code", "code_verifier", "access_token", "refresh_token"];
    let of_the_session: &[&str] = &["access_token", "refresh_token", "id_token"];
    let rows: [(Place, &[&str], Fate); 23] = [
        (Place::Response("error"), of_the_request, Error),
        (Place::Response("error_description"), of_the_request, Said),
        (Place::Response("error_uri"), of_the_request, Error),
        (Place::Response("iss"), of_the_request, Else),
        (Place::Refusal("error"), of_the_request, Error),
        (Place::Refusal("error_description"), of_the_request, Said),
        (Place::Refusal("error_uri"), of_the_request, Error),
        (Place::ContentType("/token"), of_the_request, Else),
        (Place::ContentType("/jwks"), of_the_request, Else),
        (Place::LateKeys, of_the_response, Else),
        (Place::Scope, of_the_response, SignedIn),
        (Place::Claim, of_the_sign_in, SignedIn),
        (Place::RefusedRenewal("error"), of_the_session, Error),
        (Place::RefusedRenewal("error_description"), of_the_session, Said),
        (Place::RefusedRenewal("error_uri"), of_the_session, Error),
        (Place::RenewalContentType, of_the_session, Else),
        (Place::RenewedScope, of_the_session, SignedIn),
        (Place::RenewedClaim, of_the_session, SignedIn),
        (Place::Userinfo, of_the_session, SignedIn),
        (Place::UserinfoContentType, of_the_session, Else),
        (Place::MetadataIssuer, of_the_request, Error),
        (Place::MetadataContentType, of_the_request, Else),
        (Place::MetadataEndpoint, of_the_request, Error),
    ];
    let mut faults = Vec::new();
    for (place, secrets, fate) in rows {
        for secret in secrets {
            for spelling in Spelling::ALL {
                let label = format!("{place:?}: {secret}, {spelling:?}");
                let scene = Scene { place, secret, spelling, known: Known::default(), written: None };
                let shown = scene.play();
                if let Some(text) = shown.texts.iter().find(|text| shows(text, &shown.written)) {
                    faults.push(format!("{label} is shown: {text:.100}"));
                }
                let messages: Vec<String> = shown.errors.iter().map(|failed| failed.error.message()).collect();
                let kept = match fate {
                    Said => messages
                        .iter()
                        .any(|message| message.ends_with("a text of the server held a secret and was left out")),
                    Else => messages.iter().any(|message| message.contains("something else")),
                    Error => !messages.is_empty(),
                    SignedIn => shown.is_signed_in && messages.is_empty(),
                };
                if !kept {
                    faults.push(format!("{label}: {messages:?}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_text_without_a_secret_reaches_the_page() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Redirect);
    let said = "error=access_denied&error_description=not+today&error_uri=https%3A%2F%2Fas.test%2Fwhy";
    let address = format!("https://app.test/cb?state={}&iss=https%3A%2F%2Fas.test&{said}", begun.state);
    let error = port.complete(&address, &begun.state, None).expect_err("a refusal");
    assert_eq!(
        to_json(&error),
        r#"{"code":"authorization_error","fault":"user","message":"the server refused the authorization request","hint":"The user declined or lacks permission. Offer the sign-in again.","retryable":false,"returnTo":"/here?x=1#y","oauth":{"error":"access_denied","error_description":"not today","error_uri":"https://as.test/why"}}"#
    );
}

/// What an error contains for a description of the server.
fn described(description: &str) -> String {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let future = port.start_complete(&address, &begun.state, None);
    let outcome = worker.here.finish_with(future, &mut |world, request| {
        if request.url.ends_with("/token") {
            return Ok(refusal("error_description", description));
        }
        world.honest_answer(request)
    });
    let json = to_json(&outcome.expect_err("a refusal"));
    let read = Value::parse(&json).expect("JSON");
    let said = read.get("oauth").and_then(|oauth| oauth.get("error_description")).and_then(Value::as_str);
    said.unwrap_or_default().to_owned()
}

#[test]
fn a_description_is_truncated_to_1000_characters_without_controls() {
    let rows = [
        ("a million characters", "x".repeat(1_000_000), "x".repeat(1000)),
        ("of more than one byte", "é".repeat(500_000), "é".repeat(1000)),
        ("of more than one unit of UTF-16", "😀".repeat(1001), "😀".repeat(500)),
        ("controls first", format!("{}end", "\u{7}".repeat(100_000)), "end".into()),
        ("an escape sequence", "\u{1b}[2Jall is well\u{9b}1m".into(), "[2Jall is well1m".into()),
        ("lines", "one\r\ntwo\u{0}".into(), "onetwo".into()),
        ("text in another order", "\u{202e}desrever\u{2066}".into(), "desrever".into()),
    ];
    for (label, text, expected) in rows {
        assert!(described(&text) == expected, "{label}");
    }
}

/// A UserInfo response that repeats the token of its request.
fn repeating(request: &HttpRequest) -> HttpResponse {
    let shown = request.authorization.as_ref().expect("a token").expose();
    let token = shown.strip_prefix("Bearer ").expect("RFC 6750 §2.1");
    json(200, &format!(r#"{{"sub":"alice","name":"{token}"}}"#))
}

/// A UserInfo call, and what happens before its response arrives.
fn userinfo_beside(happens: impl Fn(&SharedWorker)) -> String {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    let mut future = port.start("userinfo", "");
    assert!(poll(&mut future).is_pending());
    let (sending, slot) = worker.here.world().wire.pop_front().expect("the request");
    happens(&worker);
    *slot.borrow_mut() = Some(Ok(repeating(&sending.request)));
    worker.here.finish(future).expect("claims")
}

#[test]
fn a_token_of_an_ended_session_is_a_secret_of_its_exchange() {
    let claims = userinfo_beside(|worker| drop(worker.port(1).say("end", "")));
    assert_eq!(claims, r#"{"sub":"alice"}"#, "after a sign-out");
    let claims = userinfo_beside(|worker| worker.port(1).sign_in());
    assert_eq!(claims, r#"{"sub":"alice"}"#, "after another sign-in");
}

#[test]
fn forged_responses_do_not_displace_the_secrets_of_an_exchange() {
    let claims = userinfo_beside(|worker| {
        let port = worker.port(1);
        for number in 0..50 {
            let state = format!("vk.forged-state-of-a-script-{number}");
            let address =
                format!("https://app.test/cb?code=forged-code-{number:020}&state={state}&iss=https%3A%2F%2Fas.test");
            let secrets = [("nonce", "n"), ("code_verifier", "v")]
                .map(|(name, letter)| format!(r#""{name}":"{}""#, letter.repeat(20) + &number.to_string()));
            let forged = format!(
                r#"{{"started":{},"state":"{state}",{},"issuer":"https://as.test","client_id":"spa","redirect_uri":"https://app.test/cb","scope":"","return_to":"/","prompt":"","restores":false,"shared":false,"acr_values":"","max_age":""}}"#,
                at(0).wall,
                secrets.join(","),
            );
            assert!(poll(&mut port.start_complete(&address, &state, Some(&forged))).is_pending());
        }
    });
    assert_eq!(claims, r#"{"sub":"alice"}"#);
}

#[test]
fn a_secret_split_by_control_characters_is_detected() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let future = port.start_complete(&address, &begun.state, None);
    let mut code = String::new();
    let outcome = worker.here.finish_with(future, &mut |world, request| {
        let Method::Post(form) = &request.method else { return world.honest_answer(request) };
        code = form::parse(form.expose()).expect("a form").swap_remove(1).1;
        let split: String = code.chars().flat_map(|c| [c, '\u{1}']).collect();
        Ok(refusal("error_description", &split))
    });
    assert!(code.len() > 16);
    let shown = to_json(&outcome.expect_err("a refusal"));
    assert!(!shows(&shown, &code), "{shown}");
}
