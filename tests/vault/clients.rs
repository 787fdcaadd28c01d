//! Clients of the vault: which options share one, and how many there may be.

use crate::hostile::text::member;
use crate::hostile::worker::{Mode, SharedWorker};
use crate::hostile::world::poll;
use crate::support::code;
use crate::{ELSEWHERE, app, elsewhere, named, other_app, second_account, wider, worker};

#[test]
fn options_that_mean_the_same_share_a_client() {
    let rows = [
        ("the same text", app()),
        ("another order", r#"{"api":["https://api.test/v1/"],"clientId":"spa","issuer":"https://as.test"}"#.into()),
        ("white space", r#" { "issuer" : "https://as.test", "clientId":"spa" ,"api":[ "https://api.test/v1/"]}"#.into()),
        ("escapes", app().replace("as.test", "\\u0061s.test")),
        ("an entry without its last slash", app().replace("/v1/", "/v1")),
        ("an entry twice", app().replace('[', r#"["https://api.test/v1","#)),
        ("an entry with a member of its own", app().replace(r#"["https://api.test/v1/"]"#, r#"[{"url":"https://api.test/v1/"}]"#)),
        ("a warm entry", app().replace(r#"["https://api.test/v1/"]"#, r#"[{"url":"https://api.test/v1","warm":true}]"#)),
        (
            "defaults, spelled out",
            app().replace(
                '{',
                r#"{"openid":true,"userinfo":"json","tokens":"worker","allowLoopbackHttp":false,"account":"","timeout":10000,"idTokenHint":false,"#,
            ),
        ),
        ("another timeout", app().replace('{', r#"{"timeout":5,"#)),
        ("another hint at sign-out", app().replace('{', r#"{"idTokenHint":true,"#)),
    ];
    for (label, options) in rows {
        let worker = worker();
        worker.page(1, &app()).sign_in();
        assert_eq!(worker.page(2, &options).user().as_deref(), Some("alice"), "{label}");
        assert_eq!(worker.here.world().made.len(), 1, "{label}");
    }

    let lists =
        [r#"["https://api.test/v1/","https://api.test/v2"]"#, r#"["https://api.test/v2/","https://api.test/v1"]"#];
    let worker = worker();
    for (port, list) in (1..).zip(lists) {
        worker.page(port, &app().replace(r#"["https://api.test/v1/"]"#, list));
    }
    assert_eq!(worker.here.world().made.len(), 1, "the order of a list");
}

/// Metadata in the options of an app.
fn server(more: &str) -> String {
    format!(
        r#"{{"issuer":"https://as.test","clientId":"spa","api":["https://api.test/v1/"],"server":{{{more}"issuer":"https://as.test","authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token","jwks_uri":"https://as.test/jwks"}}}}"#
    )
}

#[test]
fn different_options_make_another_client_with_another_session() {
    let rows = [
        ("a wider API", wider()),
        ("a narrower API", app().replace("/v1/", "/v1/sub/")),
        ("another API besides", app().replace('[', r#"["https://evil.test/","#)),
        ("no API", app().replace(r#"["https://api.test/v1/"]"#, "[]")),
        ("OAuth alone", app().replace('{', r#"{"openid":false,"#)),
        ("signed UserInfo", app().replace('{', r#"{"userinfo":"signed","#)),
        ("`http` on this device", app().replace('{', r#"{"allowLoopbackHttp":true,"#)),
        ("another account", second_account()),
        ("tokens in the page", app().replace('{', r#"{"tokens":"page","#)),
        ("another client id", other_app()),
        ("another client id by a letter's case", app().replace("\"spa\"", "\"Spa\"")),
        ("another issuer", elsewhere()),
        ("another issuer by its slash", app().replace("as.test\"", "as.test/\"")),
        ("metadata of its own", server("")),
    ];
    for (label, options) in rows {
        let worker = worker();
        let (honest, other) = (worker.page(1, &app()), worker.page(2, &options));
        honest.sign_in();
        assert_eq!(other.session(), "", "{label}");
        assert_eq!(code(&other.say("refresh", "")), Some("login_required"), "{label}");
        assert!(other.say("fetch", r#""url":"https://api.test/v1/x","once":true"#).is_err(), "{label}");
        assert_eq!(worker.here.world().calls.len(), 0, "{label}");
        assert_eq!(honest.user().as_deref(), Some("alice"), "{label}");
    }
}

#[test]
fn metadata_with_one_other_address_make_another_client() {
    let same = ["", r#""response_types_supported":["code"],"unknown":1,"#];
    let other = [
        server("").replace("as.test/token", "evil.test/token"),
        server("").replace("as.test/authorize", "as.test/authorize2"),
        server("").replace("as.test/jwks", "evil.test/jwks"),
        server(r#""userinfo_endpoint":"https://as.test/userinfo","#),
        server(r#""revocation_endpoint":"https://evil.test/revoke","#),
        server(r#""end_session_endpoint":"https://as.test/logout","#),
        server(r#""authorization_response_iss_parameter_supported":true,"#),
        server(r#""id_token_signing_alg_values_supported":["ES256"],"#),
    ];
    let worker = worker();
    for (port, more) in (1..).zip(same) {
        worker.page(port, &server(more));
    }
    assert_eq!(worker.here.world().made.len(), 1);
    for (port, options) in (11..).zip(&other) {
        let made = worker.here.world().made.len();
        worker.page(port, options);
        assert_eq!(worker.here.world().made.len(), made + 1, "{options}");
    }
}

#[test]
fn a_call_carries_the_token_of_its_own_client() {
    let worker = worker();
    let (first, second) = (worker.page(1, &app()), worker.page(2, &second_account()));
    first.sign_in_as("alice");
    second.sign_in_as("bob");
    for (port, number) in [(first, "00000002"), (second, "00000004"), (first, "00000002")] {
        port.say("fetch", r#""url":"https://api.test/v1/x","credentials":false,"once":false"#).expect("a call");
        let sent = worker.here.world().calls.pop().expect("a request");
        assert_eq!(sent.authorization, format!("Bearer access-token-number-{number}"));
    }
}

#[test]
fn a_port_keeps_its_client() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    assert_eq!(code(&port.configure(&app().replace("/v1/", "/v1"))), None, "the same, spelled otherwise");
    for other in [wider(), second_account(), elsewhere(), app().replace("as.test", "evil.test")] {
        assert_eq!(named(&port.configure(&other)), Some("options"), "{other}");
    }
    for wrong in ["", "{", "[]", r#"{"issuer":"https://as.test"}"#] {
        assert_eq!(code(&port.configure(wrong)), Some("config_error"), "{wrong}");
    }
    assert_eq!(port.user().as_deref(), Some("alice"), "nothing has changed");
    assert_eq!(worker.here.world().made.len(), 1);

    // Another page's client does not belong to this port, even if it existed earlier.
    worker.page(2, &wider());
    assert_eq!(named(&port.configure(&wider())), Some("options"));

    port.say("leave", "").expect("a page that goes");
    assert_eq!(code(&port.say("session", "")), Some("unexpected"), "no client any more");
    assert_eq!(code(&port.configure(&wider())), None, "a port of that number is another one now");
}

#[test]
fn a_port_without_a_client_can_do_nothing() {
    let worker = worker();
    for op in [
        "prepare",
        "begin",
        "abandon",
        "complete",
        "session",
        "refresh",
        "userinfo",
        "accessToken",
        "fetch",
        "end",
        "frontChannel",
    ] {
        assert_eq!(code(&worker.port(1).say(op, "")), Some("unexpected"), "{op}");
    }
    for message in ["", "null", "[]", "{", r#"{"op":"session"}"#, r#"{"port":1,"op":["session"]}"#] {
        assert!(worker.say(message.into()).is_err(), "{message}");
    }
    let port = worker.page(1, &app());
    for op in ["", "Session", "tokens", "constructor"] {
        assert_eq!(code(&port.say(op, "")), Some("unexpected"), "{op}");
    }
    assert_eq!(code(&worker.port(4_294_967_295).say("session", "")), Some("unexpected"));
    for port in ["-1", "4294967297", "1.5e99", "\"1\"", "null"] {
        let outcome = worker.say(format!(r#"{{"op":"session","port":{port}}}"#));
        assert_eq!(code(&outcome), Some("unexpected"), "{port} is no other port");
    }
    assert_eq!(worker.here.take_sent(), [""; 0]);
}

/// The client of an app with this number.
fn numbered(number: u32) -> String {
    app().replace("\"spa\"", &format!("\"app-{number}\""))
}

/// 32 clients, each with a port of its number.
fn full() -> SharedWorker {
    let worker = worker();
    for number in 1..=32 {
        worker.page(number, &numbered(number));
    }
    worker
}

/// Whether a client of this number is still the first one.
fn is_kept(worker: &SharedWorker, number: u32) -> bool {
    let made = worker.here.world().made.len();
    let port = worker.port(1000 + number);
    port.configure(&numbered(number)).expect("a client");
    port.say("leave", "").expect("a page that goes");
    worker.here.world().made.len() == made
}

#[test]
fn there_is_room_for_32_clients() {
    let worker = full();
    assert_eq!(named(&worker.port(33).configure(&numbered(33))), Some("options"), "all have pages");
    assert_eq!(code(&worker.port(33).configure(&numbered(7))), None, "a further page of one of them");
    worker.port(33).say("leave", "").expect("a page that goes");

    for number in [20, 3, 9] {
        worker.port(number).say("leave", "").expect("a page that goes");
    }
    assert_eq!(code(&worker.port(33).configure(&numbered(33))), None);
    assert!(is_kept(&worker, 9) && is_kept(&worker, 20), "the oldest without a page has gone, and no other");
    assert!(!is_kept(&worker, 3));
}

#[test]
fn a_client_with_a_session_or_a_page_is_not_dropped() {
    let worker = full();
    worker.port(1).sign_in();
    for number in [1, 2] {
        worker.port(number).say("leave", "").expect("a page that goes");
    }
    assert_eq!(code(&worker.port(33).configure(&numbered(33))), None, "in the place of the second");
    assert_eq!(named(&worker.port(34).configure(&numbered(34))), Some("options"));
    assert_eq!(worker.page(101, &numbered(1)).user().as_deref(), Some("alice"));

    worker.port(101).say("end", "").expect("a sign-out");
    worker.port(101).say("leave", "").expect("a page that goes");
    assert_eq!(code(&worker.port(34).configure(&numbered(34))), None, "no session any more");
    assert_eq!(
        named(&worker.port(35).configure(&numbered(1))),
        Some("options"),
        "it has gone, and there is no room again"
    );
}

#[test]
fn a_client_that_completes_a_sign_in_is_not_dropped() {
    let worker = full();
    let port = worker.port(1);
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let mut completion = port.start_complete(&address, &begun.state, None);
    assert!(poll(&mut completion).is_pending());
    port.say("leave", "").expect("a page that goes");
    assert_eq!(named(&worker.port(33).configure(&numbered(33))), Some("options"));
    assert_eq!(code(&worker.here.finish(completion)), None);
    assert_eq!(worker.page(101, &numbered(1)).user().as_deref(), Some("alice"));
}

#[test]
fn a_provider_without_an_issuer_is_identified_by_its_endpoint() {
    let plain = |origin: &str| {
        format!(
            r#"{{"clientId":"spa","server":{{"authorization_endpoint":"{origin}/authorize","token_endpoint":"{origin}/token"}}}}"#
        )
    };
    let worker = worker();
    let (first, other) = (worker.page(1, &plain("https://as.test")), worker.page(2, &plain(ELSEWHERE)));
    let begun = first.begin(Mode::Redirect);
    let record = crate::record(&begun);
    assert_eq!(member(record, "issuer").as_deref(), Some("https://as.test/authorize"));
    let address = format!("https://app.test/cb?state={}&code=c0de", begun.state);
    worker.here.take_sent();
    assert_eq!(code(&other.complete(&address, &begun.state, Some(record))), Some("state_mismatch"));
    assert_eq!(worker.here.take_sent(), [""; 0], "the code of one provider does not reach the other");
}
