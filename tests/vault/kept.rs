//! Sessions that are kept on the device, so that they outlive the browser (`keep: 'device'`).

use valet_key::protocol::error::Kind;
use valet_key::vault::messages::Outcome;

use crate::hostile::provider::{Place, change};
use crate::hostile::text::string;
use crate::hostile::worker::{Mode, Port, SharedWorker};
use crate::hostile::world::poll;
use crate::proofs::binding;
use crate::support::{code, json, options};
use crate::{app, named, worker};

const CALL: &str = r#""url":"https://api.test/v1/x""#;

/// The app with sessions that outlive the browser.
fn keeping() -> String {
    options(r#""keep":"device","#)
}

/// The same for another account.
fn keeping_second() -> String {
    options(r#""keep":"device","account":"second","#)
}

/// A worker in which Alice is signed in at port 1.
fn signed_in() -> SharedWorker {
    let worker = binding();
    worker.page(1, &keeping()).sign_in_as("alice");
    worker
}

/// The worker after the browser was closed and opened again.
fn restarted(worker: &SharedWorker) -> SharedWorker {
    let next = SharedWorker::beside(worker);
    next.here.take_sent();
    next
}

/// What the device keeps, as texts.
fn kept(worker: &SharedWorker) -> Vec<String> {
    worker.here.world().device.values().map(|(text, ..)| text.clone()).collect()
}

fn call(port: Port<'_>) -> Outcome {
    port.say("fetch", CALL)
}

#[test]
fn keep_30_a_session_outlives_the_browser() {
    let mut worker = signed_in();
    let session = worker.port(1).session();
    for _ in 0..3 {
        worker = restarted(&worker);
        let port = worker.page(1, &keeping());
        assert_eq!(port.session(), session, "the same user, scope and claims");
        let sent = worker.here.take_sent();
        assert_eq!(sent.iter().filter(|url| url.ends_with("/token")).count(), 1, "{sent:?}");
        call(port).expect("the API");
        port.session();
        assert_eq!(worker.here.take_sent(), [""; 0], "one renewal for all");
        worker.here.wait(0);
    }
    let world = worker.here.world();
    let keys: Vec<_> = world.provider.proofs_at(Place::Refresh).into_iter().map(|proof| proof.jkt).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == world.provider.proofs_at(Place::Token)[0].jkt), "the key of the sign-in");
}

#[test]
fn keep_31_nothing_is_kept_where_it_would_be_no_key() {
    let begin = |worker: &SharedWorker, options: &str| {
        let port = worker.page(1, options);
        let (redirect, window) = (port.begin_with(Mode::Redirect, "{}"), port.begin_with(Mode::Window, "{}"));
        let device = port.say("beginDevice", r#""scope":"read","options":{}"#);
        let codes = [&redirect, &window, &device].map(|outcome| code(outcome).map(str::to_owned));
        assert_eq!(worker.here.asked(Place::Device) + worker.here.asked(Place::Pushed), 0);
        codes.map(Option::unwrap_or_default)
    };
    assert_eq!(begin(&worker(), &keeping()), ["unsupported"; 3], "the server binds no tokens");
    let without_store = binding();
    without_store.here.world().keeps_nothing = true;
    assert_eq!(begin(&without_store, &keeping()), ["config_error"; 3], "the browser stores no key");
    for more in [r#""keep":"device","dpop":"off","#, r#""keep":"device","tokens":"page","#, r#""keep":"disk","#] {
        let outcome = worker().port(1).configure(&options(more));
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some("keep")), "{more}");
    }
    let in_page = binding();
    in_page.page(1, &options(r#""keep":"device","tokens":"page","dpop":"required","#)).sign_in();
    assert_eq!(kept(&in_page).len(), 1);
    let in_memory = binding();
    in_memory.page(1, &app()).sign_in();
    assert_eq!(kept(&in_memory), [""; 0], "by name only");
}

#[test]
fn keep_32_a_sign_out_leaves_nothing_on_the_device() {
    type End = fn(Port<'_>);
    let ends: [(&str, End); 4] = [
        ("after the session was used", |port| {
            port.session();
            port.say("end", "").expect("a sign-out");
        }),
        ("first of all", |port| {
            port.say("end", "").expect("a sign-out");
        }),
        ("before the vault heard of it", |port| {
            port.worker.here.world().sent.clear();
            let options = string(&keeping());
            port.worker.say(format!(r#"{{"op":"configure","port":9,"had":0,"options":{options}}}"#)).expect("a client");
            assert_eq!(port.worker.here.take_sent(), [""; 0], "no page waits for the provider");
            port.worker.port(9).say("prepare", "").expect("metadata");
        }),
        ("at the provider", |port| {
            port.say("frontChannel", r#""query":"iss=https%3A%2F%2Fas.test&sid=one""#).expect("an end");
        }),
    ];
    for (when, end) in ends {
        let worker = binding();
        change(&mut worker.here.world().provider.claims, &[("sid", r#""one""#)]);
        worker.page(1, &keeping()).sign_in();
        let next = restarted(&worker);
        let port = next.page(1, &keeping());
        end(port);
        assert_eq!(kept(&next), [""; 0], "{when}");
        let revoked = next.here.world().provider.forms(Place::Revocation);
        let is_refresh_token =
            |form: &Vec<(String, String)>| form.iter().any(|(_, value)| value.starts_with("refresh-token"));
        assert!(revoked.iter().any(is_refresh_token), "{when}: {revoked:?}");
        assert!(!restarted(&next).page(1, &keeping()).is_signed_in(), "{when}");
    }
}

#[test]
fn keep_33_another_user_leaves_nothing_of_the_earlier_one() {
    let worker = signed_in();
    worker.page(2, &keeping()).sign_in_as("bob");
    let next = restarted(&worker);
    assert_eq!(next.page(1, &keeping()).user().as_deref(), Some("bob"));

    // In a client with another list of APIs, while no vault has the session of Alice.
    let next = restarted(&signed_in());
    let other = next.page(1, &keeping().replace("/v1/", "/v2/"));
    assert!(!other.is_signed_in(), "the session of a client is for this client alone");
    other.sign_in_as("bob");
    assert_eq!(kept(&next).len(), 1);
    assert!(!kept(&next)[0].contains("alice"));
}

#[test]
fn keep_34_a_session_that_the_provider_has_ended_is_gone_everywhere() {
    let next = restarted(&signed_in());
    next.here.world().provider.instead.push((Place::Refresh, vec![Ok(json(400, r#"{"error":"invalid_grant"}"#))]));
    let port = next.page(1, &keeping());
    assert!(!port.is_signed_in());
    assert_eq!(kept(&next), [""; 0]);
    assert_eq!(code(&call(port)), Some("login_required"));
}

#[test]
fn keep_35_without_a_response_the_session_waits() {
    let next = restarted(&signed_in());
    let lost = Kind::Network { url: "https://as.test/token".into() };
    next.here.world().provider.instead.push((Place::Refresh, vec![Err(lost.into())]));
    let port = next.page(1, &keeping());
    assert_eq!(port.user().as_deref(), Some("alice"), "as far as the device knows");
    assert_eq!(code(&call(port)), Some("network_error"));
    assert_eq!(kept(&next).len(), 1);
    next.here.world().provider.instead.clear();
    call(port).expect("the API");
}

#[test]
fn keep_36_the_device_keeps_no_access_token_and_no_id_token() {
    let worker = signed_in();
    call(worker.port(1)).expect("the API");
    let secrets = worker.here.world().provider.secrets.clone();
    // The nonce is a claim, and cannot be used again.
    let secrets: Vec<_> =
        secrets.into_iter().filter(|secret| secret.contains("token") || secret.contains('.')).collect();
    let texts = kept(&worker).join("");
    let found: Vec<_> = secrets.iter().filter(|secret| texts.contains(*secret)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("refresh-token"));
    // After a renewal, it is the new one.
    worker.port(1).say("refresh", "").expect("a renewal");
    assert!(!kept(&worker).join("").contains(found[0].as_str()));
}

/// DPOP-22
#[test]
fn keep_37_what_a_script_writes_there_is_no_other_clients_and_no_access_token() {
    let first = signed_in();
    let (name, (text, key, sub)) =
        first.here.world().device.first_key_value().map(|(n, v)| (n.clone(), v.clone())).expect("one");
    let token =
        r#"\"access_tokens\":[{\"target\":0,\"text\":\"evil\",\"received\":1,\"lifetime\":null,\"refused\":false}]"#;
    let form = r#"\"form\":\"grant_type=x\""#;
    let forged = [
        ("", None, None),
        (r#"{"options":"{}","session":"{}"}"#, key.clone(), Some(false)),
        (&text.replace("https://as.test", "https://evil.test"), key.clone(), Some(false)),
        (&text.replace("https://api.test/v1/", "https://evil.test/"), key.clone(), Some(false)),
        (&text, None, Some(false)),
        (&text.replace(r#"\"access_tokens\":[]"#, token), key.clone(), Some(true)),
        (&text.replace(r#"\"form\":null"#, form), key, Some(true)),
    ];
    for (text, key, expected) in forged {
        let worker = binding();
        if expected.is_some() {
            worker.here.world().device.insert(name.clone(), (text.to_owned(), key, sub.clone()));
        }
        let port = worker.page(1, &keeping());
        assert!(!port.is_signed_in(), "no refresh token of this provider, and so no session: {text:.80}");
        let forms = worker.here.world().provider.forms(Place::Refresh);
        assert_eq!(forms.len(), usize::from(expected == Some(true)), "{text:.80}");
        assert!(worker.here.world().calls.is_empty());
        port.sign_in();
        call(port).expect("the API");
    }
}

#[test]
fn keep_38_each_account_is_kept_by_itself() {
    let worker = signed_in();
    worker.page(2, &keeping_second()).sign_in_as("bob");
    let next = restarted(&worker);
    let (first, second) = (next.page(1, &keeping()), next.page(2, &keeping_second()));
    assert_eq!([first, second].map(|port| port.user().unwrap_or_default()), ["alice", "bob"]);
    first.say("end", "").expect("a sign-out");
    let last = restarted(&next);
    assert!(!last.page(1, &keeping()).is_signed_in());
    assert_eq!(last.page(2, &keeping_second()).user().as_deref(), Some("bob"));
}

#[test]
fn keep_39_keep_is_part_of_a_clients_identity() {
    let worker = signed_in();
    assert!(!worker.page(2, &app()).is_signed_in());
    assert!(worker.page(3, &options(r#""keep":"device","dpop":"auto","#)).is_signed_in());
}

/// The same app with another list of APIs, as another release of it has.
fn other_release() -> String {
    keeping().replace("/v1/", "/v2/")
}

#[test]
fn keep_42_a_client_that_keeps_nothing_leaves_the_session_of_another() {
    let worker = signed_in();
    assert!(!worker.page(2, &other_release()).is_signed_in());
    worker.port(1).say("refresh", "").expect("a renewal");
    assert_eq!(restarted(&worker).page(1, &keeping()).user().as_deref(), Some("alice"));
    let next = restarted(&worker);
    assert!(!next.page(1, &other_release()).is_signed_in());
    next.port(1).say("refresh", "").expect_err("nobody is signed in");
    assert_eq!(kept(&next).len(), 1);
}

/// A page that was left right after `signOut` is opened again, with other options or without `keep`.
#[test]
fn keep_43_a_sign_out_that_no_vault_has_heard_of_counts_whatever_the_options() {
    for options in [other_release(), app(), keeping()] {
        let next = restarted(&signed_in());
        let text = string(&options);
        next.say(format!(r#"{{"op":"configure","port":9,"had":0,"options":{text}}}"#)).expect("a client");
        assert_eq!(kept(&next), [""; 0], "{options}");
    }
}

const SIGNED_OUT: &str =
    r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice","signIns":"end"}"#;

#[test]
fn keep_44_a_sign_out_counts_while_a_session_is_being_read() {
    type End = fn(&SharedWorker);
    let ends: [End; 2] = [
        |worker| drop(worker.port(2).say("end", "")),
        |worker| {
            worker.here.world().device.clear(); // by the vault that tells it
            worker.hear(SIGNED_OUT).expect("news");
        },
    ];
    for end in ends {
        let next = restarted(&signed_in());
        let (port, _) = (next.page(1, &keeping()), next.page(2, &app()));
        next.port(2).sign_in_as("alice");
        next.here.world().device_polls = 3;
        let mut waking = port.start("session", "");
        assert!(poll(&mut waking).is_pending());
        end(&next);
        assert_eq!(next.here.finish(waking).as_deref(), Ok(""));
        assert_eq!(kept(&next), [""; 0]);
    }
    // A sign-in that was being completed at that time is over, too.
    let next = restarted(&signed_in());
    let port = next.page(1, &keeping());
    let begun = port.begin(Mode::Window);
    let address = next.here.way_back(&begun.url);
    next.here.world().device_polls = 3;
    let mut waking = port.start("session", "");
    assert!(poll(&mut waking).is_pending());
    let mut completing = port.start_complete(&address, &begun.state, None);
    assert!(poll(&mut completing).is_pending());
    next.hear(SIGNED_OUT).expect("news");
    let outcomes = next.here.finish_all(vec![waking, completing]);
    assert_eq!(code(&outcomes[1]), Some("cancelled"));
    assert!(!port.is_signed_in());
}

#[test]
fn keep_45_another_user_who_signs_in_elsewhere_leaves_nothing_of_the_earlier_one() {
    let next = restarted(&signed_in());
    next.page(1, &app()).sign_in_as("bob");
    assert_eq!(kept(&next), [""; 0], "in a client that keeps nothing");
    // While the session of the earlier user is being read.
    for polls in [2, 4] {
        let next = restarted(&signed_in());
        let port = next.page(1, &keeping());
        let begun = port.begin(Mode::Window);
        next.here.world().provider.user = "bob";
        let address = next.here.way_back(&begun.url);
        next.here.world().device_polls = polls;
        let (waking, completing) = (port.start("session", ""), port.start_complete(&address, &begun.state, None));
        next.here.finish_all(vec![waking, completing]);
        assert_eq!(port.user().as_deref(), Some("bob"));
        assert!(!kept(&next).join("").contains("alice"));
    }
}

#[test]
fn keep_46_another_file_of_a_guard_leaves_nothing() {
    let file = |client_id: &str| {
        format!(
            r#"{{"issuer":"https://as.test","clientId":"{client_id}","api":["https://api.test/v1/"],"keep":"device","dpop":"required"}}"#
        )
    };
    let worker = signed_in();
    let deposit = worker.here.world().deposits.last().cloned().expect("a deposit");
    let next = restarted(&worker);
    next.say(format!(r#"{{"op":"recall","deposit":{}}}"#, string(&deposit))).expect("a session");
    let options = string(&file("other"));
    next.say(format!(r#"{{"op":"pin","folder":"https://app.test/valet/","options":{options}}}"#)).expect("options");
    assert_eq!(kept(&next), [""; 0]);
}

#[test]
fn keep_47_a_planted_text_says_nothing_about_another_user() {
    let first = signed_in();
    let found = first.here.world().device.first_key_value().map(|(name, kept)| (name.clone(), kept.clone()));
    let (name, (text, key, sub)) = found.expect("one");
    let planted = [
        (r#"\"sub\":\"alice\""#, r#"\"sub\":null"#),
        (r#"\"sub\":\"alice\""#, r#"\"sub\":\"bob\""#),
        (r#"\"issuer\":\"https://as.test\""#, r#"\"issuer\":\"https://evil.test\""#),
        (r#"\"shown\":\"{"#, r#"\"shown\":\"x{"#),
        (r#"\"shown\":\"{"#, r#"\"shown\":\"{},{"#),
        (r#"\"claims\":\"{"#, r#"\"claims\":\"[{"#),
    ];
    for (from, to) in planted {
        let other = text.replace(from, to);
        assert_ne!(other, text, "{from}");
        let next = restarted(&signed_in());
        next.here.world().device.insert(name.clone(), (other, key.clone(), sub.clone()));
        assert_eq!(next.page(1, &keeping()).session(), "", "{to}");
    }
}

#[test]
fn keep_48_a_vault_with_a_deposit_keeps_it_from_the_start() {
    let worker = signed_in();
    worker.here.world().device.clear();
    let next = SharedWorker::after(&worker);
    assert_eq!(kept(&next).len(), 1, "so that no other vault uses it");
}
