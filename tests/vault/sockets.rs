//! Sockets that carry the access token: where they may go, and how.

use valet_key::protocol::json::Value;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::member;
use crate::hostile::worker::Port;
use crate::proofs::binding;
use crate::support::code;
use crate::{app, named, worker};

/// The app with an API that takes sockets in this way.
fn taking(socket: &str) -> String {
    let entry = format!(r#"[{{"url":"https://api.test/v1/","socket":{socket}}},"https://plain.test/"]"#);
    app().replace(r#"["https://api.test/v1/"]"#, &entry)
}

const BY_PROTOCOL: &str = r#"{"protocol":"bearer.{token}"}"#;
const BY_MESSAGE: &str = r#"{"message":"{\"auth\":\"{token}\"}"}"#;

fn open(port: Port<'_>, url: &str) -> Outcome {
    port.say("socket", &format!(r#""url":"{url}""#))
}

/// The current access token, as the API gets it with a call.
fn token(port: Port<'_>) -> String {
    port.say("fetch", r#""url":"https://api.test/v1/x""#).expect("the API");
    let world = port.worker.here.world();
    let shown = world.calls.last().expect("a call").authorization.strip_prefix("Bearer ");
    shown.expect("a token").into()
}

/// SOCK-01 SOCK-02
#[test]
fn sock_01_02_a_socket_goes_only_where_the_list_says() {
    let worker = worker();
    let port = worker.page(1, &taking(BY_PROTOCOL));
    port.sign_in();
    open(port, "wss://api.test/v1/chat?room=1").expect("on the list");
    let wrong = [
        "wss://evil.test/v1/",
        "wss://api.test/v2/",
        "wss://api.test/v1/../v2/",
        "wss://api.test/v1/%2e%2e/v2/",
        "wss://api.test:444/v1/",
        "wss://u:p@api.test/v1/",
        "ws://api.test/v1/",
        "wss://plain.test/",
        "https://api.test/v1/",
        "wss:api.test/v1/",
        "WSS://api.test/v1/",
        "",
        "wss",
    ];
    for url in wrong {
        assert_eq!(code(&open(port, url)), Some("request_blocked"), "{url}");
    }
}

/// SOCK-03
#[test]
fn sock_03_the_place_of_the_token_is_named_once() {
    let wrong = [
        "{}",
        r#"{"protocol":"bearer"}"#,
        r#"{"protocol":"{token}.{token}"}"#,
        r#"{"protocol":"bearer {token}"}"#,
        r#"{"protocol":"bearer,{token}"}"#,
        r#"{"protocol":"ü{token}"}"#,
        r#"{"message":""}"#,
        r#"{"protocol":"{token}","message":"{token}"}"#,
        r#"{"message":"{Token}"}"#,
    ];
    for socket in wrong {
        let outcome = worker().port(1).configure(&taking(socket));
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some("api[0].socket")), "{socket}");
    }
    for socket in [r#""protocol""#, r#"{"protocol":1}"#, r#"{"message":["{token}"]}"#, "true"] {
        let outcome = worker().port(1).configure(&taking(socket));
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some("api")), "{socket}");
    }
    let twice = r#"[{"url":"https://api.test/","socket":{"protocol":"a{token}"}},{"url":"https://api.test","socket":{"protocol":"b{token}"}}]"#;
    let outcome = worker().port(1).configure(&app().replace(r#"["https://api.test/v1/"]"#, twice));
    assert_eq!(named(&outcome), Some("api[1].url"));
}

/// SOCK-04
#[test]
fn sock_04_only_the_options_say_how_the_token_travels() {
    let worker = worker();
    let port = worker.page(1, &taking(BY_PROTOCOL));
    port.sign_in();
    let opening = open(port, "wss://api.test/v1/").expect("an opening");
    let token = token(port);
    assert_eq!(opening, format!(r#"{{"protocol":"bearer.{token}","message":null,"sub":"alice"}}"#));

    for other in [BY_MESSAGE, r#"{"protocol":"other.{token}"}"#, "null"] {
        assert!(!worker.page(2, &taking(other)).is_signed_in(), "{other} is another client");
        worker.port(2).say("leave", "").expect("nothing");
    }

    let by_message = worker.page(3, &taking(BY_MESSAGE));
    by_message.sign_in();
    let opening = open(by_message, "wss://api.test/v1/").expect("an opening");
    let message = member(&opening, "message").expect("a message");
    let message = Value::parse(&message).expect("JSON");
    assert_eq!(message.get("auth").and_then(Value::as_str), Some(&*self::token(by_message)));
    assert_eq!(member(&opening, "protocol"), None);
}

/// SOCK-05
#[test]
fn sock_05_a_bound_token_is_not_sent_without_a_proof() {
    let worker = binding();
    let port = worker.page(1, &taking(BY_PROTOCOL));
    port.sign_in();
    let outcome = open(port, "wss://api.test/v1/");
    assert_eq!(code(&outcome), Some("unsupported"));
    assert!(to_json(&outcome.expect_err("an error")).contains("one-time ticket"));
}

/// SOCK-06
#[test]
fn sock_06_a_token_that_no_subprotocol_may_contain_is_not_sent() {
    for (socket, expected) in [(BY_PROTOCOL, Some("unsupported")), (BY_MESSAGE, None)] {
        let worker = worker();
        let port = worker.page(1, &taking(socket));
        change(&mut worker.here.world().provider.token, &[("access_token", r#""a/b+c==""#)]);
        port.sign_in();
        let outcome = open(port, "wss://api.test/v1/");
        assert_eq!(code(&outcome), expected, "{socket}");
        assert!(!outcome.is_err_and(|error| to_json(&error).contains("a/b")), "no error quotes the token");
    }
}

/// SOCK-09 SOCK-11
#[test]
fn sock_09_11_the_token_is_valid_and_there_is_a_session() {
    let worker = worker();
    let port = worker.page(1, &taking(BY_PROTOCOL));
    assert_eq!(code(&open(port, "wss://api.test/v1/")), Some("login_required"));
    port.sign_in();
    let first = token(port);
    worker.here.wait(700);
    let opening = open(port, "wss://api.test/v1/").expect("an opening");
    assert_eq!(worker.here.asked(Place::Refresh), 1);
    assert!(!opening.contains(&first) && opening.contains(&token(port)));
    port.say("end", "").expect("nothing");
    assert_eq!(code(&open(port, "wss://api.test/v1/")), Some("login_required"));
}

#[test]
fn a_socket_to_an_api_with_its_own_resource_gets_the_token_of_that_resource() {
    let worker = worker();
    let bound = r#"{"url":"https://cal.test/","resource":"https://cal.test","socket":{"protocol":"{token}"}}"#;
    let list = format!(r#"["https://api.test/v1/",{bound}]"#);
    let port = worker.page(1, &app().replace(r#"["https://api.test/v1/"]"#, &list));
    port.sign_in();
    let opening = open(port, "wss://cal.test/").expect("an opening");
    assert_eq!(worker.here.asked(Place::Refresh), 1, "one token for the resource");
    assert!(!opening.contains(&token(port)), "not the token of the sign-in");
    port.say("fetch", r#""url":"https://cal.test/""#).expect("the API");
    let shown = worker.here.world().calls.last().expect("a call").authorization.clone();
    assert_eq!(member(&opening, "protocol").as_deref(), shown.strip_prefix("Bearer "));
}
