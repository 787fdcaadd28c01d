//! The steps of a flow, as pages that listen receive them.

use std::mem;

use valet_key::protocol::json::Value;

use crate::hostile::provider::{Place, change};
use crate::hostile::text::shows;
use crate::hostile::worker::{Mode, Port, SharedWorker};
use crate::hostile::world::ApiAnswer;
use crate::proofs::binding;
use crate::support::{json, options};
use crate::{app, other_app, second_account, worker};

/// A page that listens.
fn listening<'a>(worker: &'a SharedWorker, options: &str) -> Port<'a> {
    let port = worker.page(1, options);
    port.say("trace", "").expect("steps");
    port
}

/// The steps since the last time, as JSON texts.
fn steps(worker: &SharedWorker) -> Vec<String> {
    worker.here.world().traced.drain(..).map(|(_, text)| text).collect()
}

/// A step in short: `token request sent`.
fn brief(text: &str) -> String {
    let value = Value::parse(text).expect("JSON");
    let get = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    [get("step"), get("message"), get("outcome"), get("reason")].join(" ").trim_end().into()
}

fn briefs(worker: &SharedWorker) -> Vec<String> {
    steps(worker).iter().map(|text| brief(text)).collect()
}

/// A parameter of the first message of this kind.
fn parameter(steps: &[String], begin: &str, name: &str) -> Option<String> {
    let text = steps.iter().find(|text| brief(text).starts_with(begin)).expect("the step");
    let value = Value::parse(text).expect("JSON");
    let parameters = value.get("parameters").expect("parameters");
    parameters.get(name).and_then(Value::as_str).map(Into::into)
}

fn call(port: Port<'_>) {
    port.say("fetch", r#""url":"https://api.test/v1/x?y=1#z""#).expect("the API");
}

/// TRACE-01
#[test]
fn trace_01_each_message_of_a_flow_is_told_in_order() {
    let worker = worker();
    let port = listening(&worker, &app());
    port.sign_in();
    let told = steps(&worker);
    let expected = [
        "metadata request sent",
        "metadata response ok",
        "authorization request sent",
        "authorization response ok",
        "keys request sent",
        "token request sent",
    ];
    let short: Vec<String> = told.iter().map(|text| brief(text)).collect();
    assert_eq!(short[..6], expected);
    let mut rest = short[6..].to_vec();
    rest.sort(); // keys and tokens arrive in any order
    assert_eq!(rest, ["id_token check ok", "keys response ok", "token response ok"]);
    assert_eq!(short.last().map(String::as_str), Some("id_token check ok"));
    let shown = |begin, name| parameter(&told, begin, name);
    assert_eq!(shown("authorization request", "response_type").as_deref(), Some("code"));
    assert_eq!(shown("authorization request", "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(shown("token request", "grant_type").as_deref(), Some("authorization_code"));
    assert_eq!(shown("token response", "token_type").as_deref(), Some("Bearer"));
    assert_eq!(shown("metadata response", "issuer").as_deref(), Some("https://as.test"));
    for (begin, name) in [
        ("authorization request", "state"),
        ("authorization request", "nonce"),
        ("authorization request", "code_challenge"),
        ("authorization response", "code"),
        ("token request", "code_verifier"),
        ("token response", "access_token"),
    ] {
        assert_eq!(shown(begin, name), None, "{name}");
        let text = told.iter().find(|text| brief(text).starts_with(begin)).expect("the step");
        assert!(text.contains(&format!(r#""{name}":null"#)), "{text}");
    }

    call(port);
    let told = steps(&worker);
    assert_eq!(told.iter().map(|text| brief(text)).collect::<Vec<_>>(), ["api request sent", "api response ok"]);
    assert!(told[0].contains(r#""url":"https://api.test/v1/x","#) && told[0].contains(r#""authorization":null"#));
    assert!(told[1].contains(r#""status":200"#) && told[1].contains(r#""duration":"#));
    let number = |text: &str| Value::parse(text).expect("JSON").get("exchange").map(|number| format!("{number:?}"));
    assert_eq!(number(&told[0]), number(&told[1]));

    port.say("refresh", "").expect("a renewal");
    let told = steps(&worker);
    assert_eq!(parameter(&told, "token request", "grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(parameter(&told, "token request", "refresh_token"), None);

    port.say("userinfo", "").expect("claims");
    assert_eq!(briefs(&worker)[..2], ["userinfo request sent", "userinfo response ok"]);

    port.say("end", r#""returnTo":"https://app.test/""#).expect("a sign-out");
    let told = briefs(&worker);
    assert!(told.contains(&"revocation request sent".into()), "{told:?}");
    assert!(told.contains(&"revocation response ok".into()), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("end_session request sent"));
}

/// Members of a response that repeat a secret.
fn repeating(secret: &str) -> Vec<(String, String)> {
    let quoted = format!("{secret:?}");
    let names = ["scope", "token_type", "error_description", "iss", "issuer", "client_id", secret];
    names.iter().map(|name| ((*name).into(), quoted.clone())).collect()
}

/// TRACE-02
#[test]
fn trace_02_a_secret_that_a_server_repeats_is_not_told() {
    let worker = worker();
    let port = listening(&worker, &app());
    for number in 0..3 {
        let earlier = worker.here.world().provider.secrets.len();
        let begun = port.begin(Mode::Window);
        let address = worker.here.way_back(&begun.url);
        // The `state`, the nonce and the code: what the server knows of this sign-in.
        let secret = worker.here.world().provider.secrets[earlier..].get(number).cloned().expect("a secret");
        let honest = mem::replace(&mut worker.here.world().provider.token, repeating(&secret));
        drop(port.complete(&address, &begun.state, None));
        worker.here.world().provider.token = honest;
    }
    port.sign_in();
    for is_refusal in [false, true] {
        let secrets = worker.here.world().provider.secrets.clone();
        let token = secrets.iter().rev().find(|secret| secret.contains("token-number")).expect("a token");
        let mut members = repeating(token);
        members.extend(is_refusal.then(|| ("error".into(), format!("{token:?}"))));
        worker.here.world().provider.refresh = members;
        drop(port.say("refresh", ""));
    }
    let told = steps(&worker);
    assert!(told.iter().filter(|text| brief(text).starts_with("token response")).count() > 5, "{told:?}");
    let secrets = worker.here.world().provider.secrets.clone();
    for (text, secret) in told.iter().flat_map(|text| secrets.iter().map(move |secret| (text, secret))) {
        assert!(!shows(text, secret), "{secret}: {text}");
    }
}

/// TRACE-03
#[test]
fn trace_03_a_token_in_a_challenge_is_not_told() {
    let worker = worker();
    let port = listening(&worker, &app());
    port.sign_in();
    call(port);
    let token = worker.here.world().calls.last().expect("a call").authorization.replace("Bearer ", "");
    for ends in [false, true] {
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="read {token}", acr_values="{token}""#);
        worker.here.world().answers.push_back(ApiAnswer { status: 403, challenge, ..ApiAnswer::default() });
        let waiting = port.start("fetch", r#""url":"https://api.test/v1/x""#);
        if ends {
            port.say("end", "").expect("a sign-out");
        }
        drop(worker.here.finish(waiting));
    }
    let told = steps(&worker);
    assert!(told.iter().any(|text| brief(text) == "api response refused insufficient_scope"), "{told:?}");
    assert!(!told.iter().any(|text| shows(text, &token)));
}

/// TRACE-04
#[test]
fn trace_04_only_pages_of_the_client_that_listen_are_told() {
    let worker = worker();
    let quiet = worker.page(1, &app());
    let other = worker.page(2, &other_app());
    other.say("trace", "").expect("steps");
    quiet.sign_in();
    call(quiet);
    assert_eq!(briefs(&worker), [""; 0]);
    worker.page(3, &app()).say("trace", "").expect("steps");
    call(quiet);
    let ports: Vec<u32> = worker.here.world().traced.drain(..).map(|(port, _)| port.number).collect();
    assert_eq!(ports, [3, 3]);
    worker.port(3).say("leave", "").expect("nothing");
    call(quiet);
    assert_eq!(briefs(&worker), [""; 0]);
}

/// TRACE-08
#[test]
fn trace_08_failures_have_their_codes() {
    let worker = worker();
    let port = listening(&worker, &app());
    port.sign_in();
    steps(&worker);
    worker.here.world().statuses.extend([500, 404]);
    call(port);
    call(port);
    let told = briefs(&worker);
    assert_eq!(told, ["api request sent", "api response failed", "api request sent", "api response refused"]);
}

/// The steps in which one of these secrets is.
fn leaks(worker: &SharedWorker, secrets: &[String]) -> Vec<String> {
    let is_leak = |text: &String| secrets.iter().any(|secret| shows(text, secret));
    steps(worker).into_iter().filter(is_leak).collect()
}

/// The access tokens and refresh tokens so far.
fn tokens(worker: &SharedWorker) -> Vec<String> {
    let secrets = worker.here.world().provider.secrets.clone();
    secrets.into_iter().filter(|secret| secret.contains("token-number")).collect()
}

/// TRACE-09
#[test]
fn trace_09_a_redirect_that_repeats_a_token_or_the_challenge_is_not_told() {
    let worker = worker();
    worker.here.world().provider.take_pushed();
    let port = listening(&worker, &app());
    port.sign_in();
    let mut secrets = tokens(&worker);
    for number in 0..3 {
        let begun = port.begin(Mode::Window);
        let form = worker.here.world().provider.last_form(Place::Pushed);
        secrets.extend(form.into_iter().filter(|(name, _)| name == "code_challenge").map(|(_, value)| value));
        let repeated = if number == 0 { &secrets[0] } else { secrets.last().expect("a challenge") };
        let address = format!("{}&error_description={repeated}&{repeated}=1", worker.here.way_back(&begun.url));
        drop(port.complete(&address, &begun.state, None));
    }
    assert_eq!(leaks(&worker, &secrets), [""; 0]);
}

/// TRACE-10
#[test]
fn trace_10_a_code_of_a_device_in_an_address_is_not_told() {
    for (member, code) in [("user_code", "WDJB-MJHT"), ("device_code", "Ab3-9xQ")] {
        let worker = worker();
        let port = listening(&worker, &app());
        let address = format!(r#""https://as.test/activate/{code}""#);
        let members = [(member, &*format!("{code:?}")), ("verification_uri", &*address)];
        change(&mut worker.here.world().provider.device, &members);
        drop(port.say("beginDevice", r#""scope":"read","options":{}"#));
        assert_eq!(leaks(&worker, &[code.into()]), [""; 0], "{member}");
    }
}

/// TRACE-11
#[test]
fn trace_11_an_endpoint_with_a_token_of_a_kept_session_is_not_told() {
    let keeping = options(r#""keep":"device","#);
    let worker = binding();
    worker.page(1, &keeping).sign_in_as("alice");
    let tokens = tokens(&worker);
    let worker = SharedWorker::beside(&worker);
    for token in tokens.iter().filter(|token| token.starts_with("refresh")) {
        let at = |path: &str| format!(r#""https://as.test/{path}/{token}?scope={token}&{token}=1""#);
        let members = [("revocation_endpoint", &*at("revoke")), ("end_session_endpoint", &*at("logout"))];
        change(&mut worker.here.world().provider.metadata, &members);
    }
    let port = listening(&worker, &keeping);
    assert!(port.is_signed_in());
    let url = port.say("end", r#""returnTo":"https://app.test/""#);
    assert_eq!(leaks(&worker, &tokens), [""; 0]);
    assert!(url.is_ok_and(|url| !tokens.iter().any(|token| shows(&url, token))), "no page is sent there");
}

/// TRACE-12
#[test]
fn trace_12_a_secret_of_another_sign_in_or_client_is_not_told() {
    let worker = worker();
    let port = listening(&worker, &app());
    port.sign_in();
    let tokens = tokens(&worker);
    let other = worker.page(2, &second_account());
    other.say("trace", "").expect("steps");
    for token in &tokens {
        let refusal = json(400, &format!(r#"{{"error":"invalid_request","error_description":"{token}"}}"#));
        worker.here.world().provider.instead = vec![(Place::Device, vec![Ok(refusal)])];
        drop(other.say("beginDevice", r#""scope":"read","options":{}"#));
    }
    assert_eq!(leaks(&worker, &tokens), [""; 0]);

    let earlier = worker.here.world().provider.secrets.len();
    let begun = port.begin(Mode::Window);
    worker.here.way_back(&begun.url);
    let pending: Vec<String> = worker.here.world().provider.secrets[earlier..].to_vec();
    // The code is not known here before it comes back.
    let pending: Vec<String> = pending.into_iter().filter(|secret| !secret.contains("code")).collect();
    assert!(!pending.is_empty());
    for secret in &pending {
        worker.here.world().provider.refresh = repeating(secret);
        drop(port.say("refresh", ""));
    }
    assert_eq!(leaks(&worker, &pending), [""; 0]);
}
