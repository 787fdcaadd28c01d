//! Settings that belong to a single page, and operations that its calls wait for.

use crate::hostile::provider::Place;
use crate::hostile::worker::Mode;
use crate::hostile::world::poll;
use crate::support::{code, options};
use crate::{app, worker};

#[test]
fn each_page_has_its_own_id_token_hint_option() {
    let with = |hint: &str| options(&format!(r#""idTokenHint":{hint},"#));
    let silent = with("false");
    for (options, hint) in [(app(), true), (with("true"), true), (with("null"), true), (silent.clone(), false)] {
        let worker = worker();
        worker.page(1, &app()).sign_in();
        worker.page(2, &silent);
        let port = worker.page(3, &options);
        let url = port.say("end", r#""returnTo":"https://app.test/""#).expect("an address");
        assert!(url.starts_with("https://as.test/logout?client_id=spa&post_logout_redirect_uri="), "{url}");
        assert_eq!(url.contains("&id_token_hint=ey"), hint, "{url}");
        assert_eq!(worker.here.world().made.len(), 1);
    }
}

#[test]
fn each_page_has_its_own_timeout() {
    let worker = worker();
    let short = worker.page(1, &options(r#""timeout":5,"#));
    let (usual, long) = (worker.page(2, &app()), worker.page(3, &options(r#""timeout":60000,"#)));
    let mut timeouts = Vec::new();
    let mut note = |label: &'static str| {
        let sent: Vec<_> = worker.here.world().sent.drain(..).collect();
        timeouts.push((label, sent.iter().map(|sending| sending.timeout).collect::<Vec<_>>()));
    };
    long.say("prepare", "").expect("metadata");
    note("metadata");
    short.sign_in();
    note("keys and tokens");
    usual.say("refresh", "").expect("a renewal");
    note("a renewal");
    long.say("userinfo", "").expect("claims");
    note("UserInfo");
    short.say("end", "").expect("a sign-out");
    note("revocation");
    let expected = [
        ("metadata", vec![60_000]),
        ("keys and tokens", vec![5, 5]),
        ("a renewal", vec![10_000]),
        ("UserInfo", vec![60_000]),
        ("revocation", vec![5, 5]),
    ];
    assert_eq!(timeouts, expected);
}

#[test]
fn operations_on_the_session_wait_for_a_sign_in_that_is_being_completed() {
    let worker = worker();
    let (port, other) = (worker.page(1, &app()), worker.page(2, &app()));
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let mut completion = port.start_complete(&address, &begun.state, None);
    let mut session = other.start("session", "");
    assert!(poll(&mut completion).is_pending());
    let mut call = other.start("fetch", r#""url":"https://api.test/v1/x","credentials":false,"once":false"#);
    for waiting in [&mut session, &mut call] {
        assert!(poll(waiting).is_pending());
    }
    assert_eq!(worker.here.world().calls.len(), 0);
    let mut outcomes = worker.here.finish_all(vec![completion, session, call]);
    assert_eq!(code(&outcomes.pop().expect("a call")), None);
    assert!(outcomes.pop().expect("a session").expect("a view").contains(r#""sub":"alice""#));
    assert_eq!(worker.here.world().calls.len(), 1);
}

#[test]
fn operations_that_wait_for_a_sign_in_continue_when_it_fails() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let refusal = crate::support::json(400, r#"{"error":"invalid_grant"}"#);
    worker.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
    let mut completion = port.start_complete(&address, &begun.state, None);
    assert!(poll(&mut completion).is_pending());
    let waiting =
        [("session", ""), ("fetch", r#""url":"https://api.test/v1/x""#)].map(|(op, members)| port.start(op, members));
    let mut all = vec![completion];
    all.extend(waiting);
    let outcomes = worker.here.finish_all(all);
    assert_eq!(code(&outcomes[0]), Some("token_error"));
    assert_eq!(outcomes[1].as_deref(), Ok(""));
    assert_eq!(code(&outcomes[2]), Some("login_required"));
}

#[test]
fn only_a_page_with_the_option_sends_a_request_ahead_of_the_token() {
    let warm = app().replace(r#"["https://api.test/v1/"]"#, r#"[{"url":"https://api.test/v1/","warm":true}]"#);
    let worker = worker();
    let (port, warm) = (worker.page(1, &app()), worker.page(2, &warm));
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let mut waiting = vec![port.start_complete(&address, &begun.state, None)];
    assert!(poll(&mut waiting[0]).is_pending());
    let mut asked = Vec::new();
    for (number, url, expected) in [
        (port, "https://api.test/v1/x", false),
        (warm, "https://api.test/v1/x", true),
        (warm, "https://evil.test/v1/x", false),
        (warm, "https://api.test/other", false),
        (warm, "https://api.test/v1/../other", false),
    ] {
        let mut call = number.start("fetch", &format!(r#""url":"{url}","credentials":false,"once":true"#));
        assert!(poll(&mut call).is_pending(), "{url} waits for the sign-in");
        waiting.push(call);
        if expected {
            asked.push(worker.last_call());
        }
    }
    assert_eq!(worker.here.world().asked_ahead, asked, "before any token is there");
    let outcomes = worker.here.finish_all(waiting);
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    assert_eq!(codes, [None, None, None, Some("request_blocked"), Some("request_blocked"), Some("request_blocked")]);
    warm.say("fetch", r#""url":"https://api.test/v1/x","credentials":false,"once":true"#).expect("a call");
    assert_eq!(worker.here.world().asked_ahead, asked, "a call that does not wait asks nothing ahead");
}

#[test]
fn a_call_that_the_api_refuses_is_sent_once_more_if_it_can_be() {
    for (once, statuses, sent) in
        [(false, vec![401, 200], 2), (true, vec![401], 1), (false, vec![401, 401], 2), (false, vec![403], 1)]
    {
        let worker = worker();
        let port = worker.page(1, &app());
        port.sign_in();
        worker.here.world().statuses = statuses.into();
        port.say("fetch", &format!(r#""url":"https://api.test/v1/x","credentials":false,"once":{once}"#))
            .expect("a response");
        let world = worker.here.world();
        assert_eq!(world.calls.len(), sent);
        if let [first, second] = &world.calls[..] {
            assert_ne!(first.authorization, second.authorization);
            assert_eq!(first.call, second.call);
        }
    }
}

#[test]
fn only_pages_of_a_client_get_its_events() {
    let worker = worker();
    worker.page(1, &app());
    worker.page(2, &app());
    worker.page(3, &crate::wider());
    worker.page(4, &app()).say("leave", "").expect("a page that goes");
    worker.port(1).sign_in();
    let told: Vec<(u32, bool)> = worker
        .here
        .world()
        .pages
        .drain(..)
        .map(|(port, text)| (port.number, text.contains(r#""sub":"alice""#)))
        .collect();
    assert_eq!(told, [(1, true), (2, true)]);
}

#[test]
fn a_token_is_returned_only_if_the_options_keep_it_in_the_page() {
    let worker = worker();
    let hidden = worker.page(1, &app());
    let (shown, same) = [2, 3].map(|number| worker.page(number, &options(r#""tokens":"page","#))).into();
    assert_eq!(code(&shown.say("accessToken", "")), Some("login_required"));
    hidden.sign_in();
    assert_eq!(code(&hidden.say("accessToken", "")), Some("unexpected"));
    assert_eq!(code(&shown.say("accessToken", "")), Some("login_required"), "the other client has no token for it");

    let begun = shown.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let mut completion = shown.start_complete(&address, &begun.state, None);
    assert!(poll(&mut completion).is_pending());
    let mut token = same.start("accessToken", "");
    assert!(poll(&mut token).is_pending(), "it waits for a sign-in, too");
    let outcomes = worker.here.finish_all(vec![completion, token]);
    assert_eq!(outcomes[1].as_deref(), Ok("access-token-number-00000004"));
}
