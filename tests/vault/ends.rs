//! Ends of sessions: which sessions a sign-out, a change of user and the messages of other vaults end.

use crate::hostile::provider::{Place, change};
use crate::hostile::text::string;
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::support::{code, json, options};
use crate::{ELSEWHERE, app, elsewhere, named, other_app, second_account, wider, worker};

/// OAuth without OpenID Connect, where no ID Token names the user.
fn plain() -> String {
    options(r#""openid":false,"#)
}

/// Every client of these tests, signed in as a user.
struct Everyone {
    worker: SharedWorker,
    clients: Vec<(&'static str, u32)>,
}

impl Everyone {
    fn signed_in(worker: SharedWorker, users: [(&'static str, String, &'static str); 8]) -> Self {
        let mut clients = Vec::new();
        for (number, (label, options, user)) in (1..).zip(users) {
            {
                let mut world = worker.here.world();
                world.provider.user = user;
                world.others[0].user = user;
            }
            worker.page(number, &options).sign_in();
            clients.push((label, number));
        }
        worker.take_told();
        worker.here.deliver_all();
        worker.here.take_sent();
        Self { worker, clients }
    }

    fn new(worker: SharedWorker) -> Self {
        Self::signed_in(
            worker,
            [
                ("the client", app(), "alice"),
                ("another API", wider(), "alice"),
                ("another account, same user", second_account(), "alice"),
                ("another account, another user", options(r#""account":"third","#), "bob"),
                ("OAuth alone", plain(), "alice"),
                ("OAuth alone, another user", plain().replace("/v1/", "/"), "bob"),
                ("another client id", other_app(), "alice"),
                ("another issuer", elsewhere(), "alice"),
            ],
        )
    }

    fn signed_out(&self) -> Vec<&str> {
        let out = self.clients.iter().filter(|(_, number)| !self.worker.port(*number).is_signed_in());
        out.map(|(label, _)| *label).collect()
    }
}

#[test]
fn a_sign_out_ends_the_sessions_of_the_user_with_all_clients_of_the_registration() {
    let everyone = Everyone::new(worker());
    let worker = &everyone.worker;
    worker.port(1).say("end", "").expect("a sign-out");
    let expected =
        ["the client", "another API", "another account, same user", "OAuth alone", "OAuth alone, another user"];
    assert_eq!(everyone.signed_out(), expected, "a session without `sub` may be this user's");

    worker.here.deliver_all();
    let sent = worker.here.take_sent();
    assert_eq!(sent, ["https://as.test/revoke"; 10], "each refresh token and each access token");
    let told = r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice","signIns":"end"}"#;
    assert_eq!(worker.take_told(), [told]);
}

#[test]
fn a_sign_out_from_a_session_without_a_user_ends_all_of_the_registration() {
    let everyone = Everyone::new(worker());
    everyone.worker.port(5).say("end", "").expect("a sign-out");
    let left = ["another client id", "another issuer"];
    let out = everyone.signed_out();
    assert!(out.len() == 6 && !left.iter().any(|label| out.contains(label)), "{out:?}");
    let told = r#"{"news":"ended","provider":"https://as.test","clientId":"spa","signIns":"end"}"#;
    assert_eq!(everyone.worker.take_told(), [told]);
}

#[test]
fn a_sign_out_where_no_user_is_signed_in_ends_all_of_the_registration() {
    let everyone = Everyone::new(worker());
    everyone.worker.port(1).say("end", "").expect("a sign-out");
    let bobs = "another account, another user";
    assert!(!everyone.signed_out().contains(&bobs));
    everyone.worker.port(1).say("end", "").expect("a sign-out");
    assert!(everyone.signed_out().contains(&bobs), "the page cannot say whose session it meant");
}

#[test]
fn pages_of_every_ended_client_get_an_event() {
    let everyone = Everyone::new(worker());
    everyone.worker.page(11, &app());
    everyone.worker.here.world().pages.clear();
    everyone.worker.port(2).say("end", "").expect("a sign-out");
    let world = everyone.worker.here.world();
    let mut told: Vec<u32> = world.pages.iter().map(|(port, _)| port.number).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3, 5, 6, 11]);
    assert!(
        world.pages.iter().all(|(_, text)| text == r#"{"session":null,"reason":"signed_out"}"#),
        "{:?}",
        world.pages
    );
}

#[test]
fn a_change_of_user_ends_the_sessions_of_the_previous_user() {
    let everyone = Everyone::new(worker());
    let worker = &everyone.worker;
    worker.port(1).sign_in_as("bob");
    let expected = ["another API", "another account, same user", "OAuth alone", "OAuth alone, another user"];
    assert_eq!(everyone.signed_out(), expected);
    let told = worker.take_told();
    let ended = r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice"}"#;
    assert_eq!(told, [ended, &signed_in("https://as.test", "spa", "", "bob")]);
}

/// POP-28: the user did not see the change, so both sessions end.
#[test]
fn pop_28_a_silent_sign_in_of_another_user_ends_the_sessions_of_the_previous_user() {
    let everyone = Everyone::new(worker());
    let worker = &everyone.worker;
    let port = worker.port(1);
    let under_way = worker.port(2).begin(Mode::Window);
    let begun = Begun::read(&port.begin_with(Mode::Window, r#"{"prompt":"none"}"#).expect("a request"));
    let address = worker.here.way_back(&begun.url);
    worker.here.world().provider.user = "bob";
    assert_eq!(code(&port.complete(&address, &begun.state, None)), Some("user_changed"));
    let expected =
        ["the client", "another API", "another account, same user", "OAuth alone", "OAuth alone, another user"];
    assert_eq!(everyone.signed_out(), expected);
    let ended = r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice"}"#;
    assert_eq!(worker.take_told(), [ended]);
    let address = worker.here.way_back(&under_way.url);
    assert_eq!(code(&worker.port(2).complete(&address, &under_way.state, None)), None, "other sign-ins go on");
}

#[test]
fn another_sign_in_of_the_same_user_ends_no_session() {
    let everyone = Everyone::new(worker());
    everyone.worker.port(1).sign_in_as("alice");
    assert_eq!(everyone.signed_out(), [""; 0]);
    let told = everyone.worker.take_told();
    assert_eq!(told, [signed_in("https://as.test", "spa", "", "alice")]);
}

#[test]
fn a_failed_sign_in_ends_no_session() {
    let everyone = Everyone::new(worker());
    let worker = &everyone.worker;
    let port = worker.port(1);
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    worker.here.world().provider.user = "bob";
    change(&mut worker.here.world().provider.claims, &[("nonce", "\"another\"")]);
    assert_eq!(code(&port.complete(&address, &begun.state, None)), Some("id_token_invalid"));
    assert_eq!(everyone.signed_out(), [""; 0]);
    assert_eq!(worker.take_told(), [""; 0]);
}

#[test]
fn a_wrong_return_target_ends_no_session() {
    let everyone = Everyone::new(worker());
    let port = everyone.worker.port(1);
    for page in ["https://evil.test/", "https://app.test.evil.test/", "https://app.test:8443/", "javascript:1", "/out"]
    {
        let outcome = port.say("end", &format!(r#""returnTo":"{page}""#));
        assert_eq!(named(&outcome), Some("postLogoutRedirectUri"), "{page}");
    }
    assert_eq!(everyone.signed_out(), [""; 0]);
    assert_eq!(everyone.worker.take_told(), [""; 0]);
}

/// Two workers of one browser, with the same sessions.
fn two() -> (Everyone, Everyone) {
    let first = Everyone::new(worker());
    let second = Everyone::new(SharedWorker::beside(&first.worker));
    (first, second)
}

#[test]
fn a_vault_ends_the_sessions_that_ended_in_another_one() {
    let (first, second) = two();
    first.worker.port(1).say("end", "").expect("a sign-out");
    for news in first.worker.take_told() {
        second.worker.hear(&news).expect("news");
    }
    assert_eq!(second.signed_out(), first.signed_out());
    assert_eq!(second.worker.take_told(), [""; 0], "what was heard is not told again");
    second.worker.here.deliver_all();
    assert_eq!(second.worker.here.take_sent(), ["https://as.test/revoke"; 20]);

    let (first, second) = two();
    first.worker.port(5).say("end", "").expect("a sign-out");
    first.worker.take_told().iter().for_each(|news| drop(second.worker.hear(news)));
    assert_eq!(second.signed_out(), first.signed_out(), "also without a `sub`");
}

#[test]
fn a_vault_ends_its_session_if_another_vault_has_another_user() {
    let (first, second) = two();
    first.worker.port(1).sign_in_as("bob");
    let told = first.worker.take_told();
    second.worker.hear(&told[1]).expect("news");
    assert_eq!(second.signed_out(), ["the client", "another API"], "those of the account, by who signed in");
    second.worker.hear(&told[0]).expect("news");
    let expected =
        ["the client", "another API", "another account, same user", "OAuth alone", "OAuth alone, another user"];
    assert_eq!(second.signed_out(), expected, "and the others, by who is gone");

    let (first, second) = two();
    first.worker.port(1).sign_in_as("alice");
    first.worker.take_told().iter().for_each(|news| drop(second.worker.hear(news)));
    assert_eq!(second.signed_out(), [""; 0], "the same user");
}

/// What a vault tells the others when a user has signed in.
fn signed_in(provider: &str, client_id: &str, account: &str, sub: &str) -> String {
    format!(
        r#"{{"news":"signedIn","provider":"{provider}","clientId":"{client_id}","account":"{account}","sub":"{sub}"}}"#
    )
}

#[test]
fn invalid_messages_between_vaults_are_ignored() {
    let rows = [
        String::new(),
        "{}".into(),
        r#"{"news":"there"}"#.into(),
        r#"{"news":"Ended","provider":"https://as.test","clientId":"spa"}"#.into(),
        r#"{"news":7}"#.into(),
        r#"{"news":["ended"]}"#.into(),
        r#"{"news":"ended"}"#.into(),
        r#"{"news":"ended","provider":"https://as.test"}"#.into(),
        r#"{"news":"ended","clientId":"spa"}"#.into(),
        r#"{"news":"ended","provider":["https://as.test"],"clientId":"spa"}"#.into(),
        r#"{"news":"ended","provider":"https://evil.test","clientId":"spa"}"#.into(),
        r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"carol"}"#.replace("spa", "none"),
        r#"{"news":"signedIn"}"#.into(),
        r#"{"news":"signedIn","sub":"bob"}"#.into(),
        signed_in("https://as.test", "spa", "another", "bob"),
        signed_in("https://as.test", "another", "", "bob"),
        signed_in("https://evil.test", "spa", "", "bob"),
        signed_in("https://as.test", "spa", "", "alice"),
        r#"{"news":"named","query":"iss=https%3A%2F%2Fas.test"}"#.into(),
        r#"{"news":"named","query":"iss=https%3A%2F%2Fas.test&sid=guessed"}"#.into(),
        r#"{"0":"e","1":"n"}"#.into(),
    ];
    let everyone = Everyone::new(worker());
    for news in &rows {
        assert_eq!(everyone.worker.hear(news).as_deref(), Ok(""), "{news}");
        assert_eq!(everyone.signed_out(), [""; 0], "{news}");
    }
    assert_eq!(everyone.worker.here.take_sent(), [""; 0]);
}

#[test]
fn forged_messages_between_vaults_can_only_end_sessions() {
    let rows = [
        r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice"}"#.into(),
        r#"{"news":"ended","provider":"https://as.test","clientId":"spa"}"#.into(),
        signed_in("https://as.test", "spa", "", "mallory"),
        signed_in("https://as.test", "spa", "", ""),
        signed_in("https://as.test", "spa", "", "mallory")
            .replace('}', r#","port":1,"session":{},"options":"{}","identity":{}}"#),
    ];
    for news in rows {
        let everyone = Everyone::new(worker());
        let made = everyone.worker.here.world().made.len();
        assert_eq!(everyone.worker.hear(&news).as_deref(), Ok(""), "{news}");
        assert!(everyone.signed_out().contains(&"the client"), "{news}");
        let mut sent = everyone.worker.here.take_sent();
        sent.dedup();
        assert_eq!(sent, ["https://as.test/revoke"], "{news}");
        let world = everyone.worker.here.world();
        assert_eq!((world.made.len(), world.told.len()), (made, 0), "{news}");
        let last = world.pages.last().expect("pages were told");
        assert_eq!(last.1, r#"{"session":null,"reason":"signed_out"}"#, "{news}");
    }
}

#[test]
fn messages_between_vaults_hold_no_secret() {
    let (first, second) = two();
    change(&mut first.worker.here.world().provider.claims, &[("sid", "\"s1\"")]);
    let mut told = Vec::new();
    for port in [first.worker.port(1), second.worker.port(5)] {
        port.sign_in();
        port.say("refresh", "").expect("a renewal");
        port.worker.port(1).sign_in_as("bob");
        port.say("end", r#""returnTo":"https://app.test/""#).expect("a sign-out");
        port.say("frontChannel", r#""query":"iss=https%3A%2F%2Fas.test&sid=s1""#).expect("an answer");
        told.extend(port.worker.take_told());
    }
    assert!(told.len() > 6, "{told:?}");
    let world = first.worker.here.world();
    assert!(world.provider.secrets.len() > 40);
    for text in told {
        assert!(!world.provider.secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
}

/// Signs in with a `sid` in the ID Token.
fn sign_in_named(port: Port<'_>, sid: &str) {
    {
        let mut world = port.worker.here.world();
        change(&mut world.provider.claims, &[("sid", &string(sid))]);
        change(&mut world.others[0].claims, &[("sid", &string(sid))]);
    }
    port.sign_in();
}

#[test]
fn a_front_channel_logout_ends_the_named_sessions() {
    let worker = worker();
    let ports = [(1, app(), "s1"), (2, wider(), "s1"), (3, elsewhere(), "s1"), (4, second_account(), "s2")];
    for (number, options, sid) in &ports {
        worker.here.world().provider.user = if *sid == "s1" { "alice" } else { "bob" };
        sign_in_named(worker.page(*number, options), sid);
    }
    let beside = SharedWorker::beside(&worker);
    worker.here.world().provider.user = "alice";
    sign_in_named(beside.page(1, &app()), "s1");
    worker.take_told();
    let named = |port: Port<'_>, query: &str| {
        let answer = port.say("frontChannel", &format!(r#""query":{}"#, string(query))).expect("an answer");
        answer == "true"
    };
    for query in [
        "",
        "iss=https%3A%2F%2Fas.test",
        "sid=s1",
        "iss=https%3A%2F%2Fas.test&sid=s",
        "iss=https%3A%2F%2Fas.test&sid=s1&sid=s1",
        "iss=https%3A%2F%2Fas.test%2F&sid=s1",
    ] {
        assert!(!named(worker.port(1), query), "{query}");
    }
    assert_eq!([1, 2, 3, 4].map(|number| worker.port(number).is_signed_in()), [true; 4]);
    worker.take_told();

    assert!(named(worker.port(3), "iss=https%3A%2F%2Fas.test&sid=s1"), "on whatever page the provider's frame is");
    assert_eq!([1, 2, 3, 4].map(|number| worker.port(number).is_signed_in()), [false, false, true, true]);
    worker.take_told().iter().for_each(|news| drop(beside.hear(news)));
    assert!(!beside.port(1).is_signed_in(), "in the other workers, too");
}

#[test]
fn an_ended_session_is_revoked_at_its_own_provider() {
    let worker = worker();
    worker.page(1, &elsewhere()).sign_in();
    worker.here.take_sent();
    worker.port(1).say("end", "").expect("a sign-out");
    assert_eq!(worker.here.take_sent(), [format!("{ELSEWHERE}/revoke"), format!("{ELSEWHERE}/revoke")]);
    let world = worker.here.world();
    let seen = world.others[0].requests.iter().filter(|seen| seen.place == Some(Place::Revocation));
    let forms: Vec<&str> = seen.map(|seen| seen.body.as_str()).collect();
    assert!(forms[0].contains("token_type_hint=refresh_token") && forms[1].contains("token_type_hint=access_token"));
}

#[test]
fn pages_hear_of_a_session_that_the_provider_ends() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    worker.here.world().pages.clear();
    let refusal = json(400, r#"{"error":"invalid_grant"}"#);
    worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(refusal)]));
    assert_eq!(code(&port.say("refresh", "")), Some("session_ended"));
    let told: Vec<String> = worker.here.world().pages.drain(..).map(|(_, text)| text).collect();
    assert_eq!(told, [r#"{"session":null,"reason":"ended"}"#]);
}
