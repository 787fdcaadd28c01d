//! Access tokens for several APIs from one sign-in: resource indicators (RFC 8707), and scopes of their own.

use std::task::Poll;

use valet_key::protocol::error::Kind;
use valet_key::protocol::form;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::member;
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::hostile::world::poll;
use crate::support::{code, json};
use crate::{app, named, worker};

const CAL: &str = r#"{"url":"https://cal.test/","resource":"https://cal.test","scope":"cal"}"#;
const MAIL: &str = r#"{"url":"https://mail.test/","resource":"urn:mail","scope":"mail read"}"#;
const PLAIN: &str = r#""https://api.test/v1/""#;

/// The app with another API list.
fn listing(entries: &[&str]) -> String {
    app().replace(r#"["https://api.test/v1/"]"#, &format!("[{}]", entries.join(",")))
}

fn call(port: Port<'_>, url: &str) -> Outcome {
    port.say("fetch", &format!(r#""url":"{url}""#))
}

/// Calls an API, and returns the header that it got.
fn shown(port: Port<'_>, url: &str) -> String {
    call(port, url).expect("the API");
    let world = port.worker.here.world();
    world.calls.last().expect("a call").authorization.clone()
}

/// The values of a parameter in each request of a place.
fn asked(worker: &SharedWorker, place: Place, name: &str) -> Vec<String> {
    let forms = worker.here.world().provider.forms(place);
    forms.iter().map(|form| values(form, name)).collect()
}

/// The values of a parameter, with commas between them.
fn values(form: &[(String, String)], name: &str) -> String {
    let values = form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    values.collect::<Vec<_>>().join(",")
}

/// Begins a sign-in, and returns the parameters of its authorization request.
fn parameters(port: Port<'_>, options: &str) -> Vec<(String, String)> {
    let begun = Begun::read(&port.begin_with(Mode::Redirect, options).expect("a request"));
    form::parse(begun.url.split_once('?').expect("a query").1).expect("a form")
}

/// PAR-12
#[test]
fn par_12_a_resource_is_an_absolute_uri_without_a_fragment() {
    let wrong = [
        "/x",
        "",
        "x",
        "https://api.test#f",
        "https://api.test/#",
        "https:",
        "1https://x",
        "https://a b",
        "ht tp://x",
        "https://ä.test",
    ];
    for resource in wrong {
        let worker = worker();
        let list = listing(&[&format!(r#"{{"url":"https://api.test/","resource":"{resource}"}}"#)]);
        let outcome = worker.port(1).configure(&list);
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some("api[0].resource")), "{resource}");
        let outcome =
            worker.page(1, &app()).begin_with(Mode::Redirect, &format!(r#"{{"params":{{"resource":"{resource}"}}}}"#));
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some("resource")), "{resource}");
        assert_eq!(worker.here.asked(Place::Authorization), 0);
    }
    for resource in ["https://api.test", "https://api.test/v1?x=1", "urn:example:api", "api://1b2c/x", "a+b-c.d:x"] {
        worker().page(1, &listing(&[&format!(r#"{{"url":"https://api.test/","resource":"{resource}"}}"#)]));
    }
    let wrong = [
        (r#""resource":1"#, "api"),
        (r#""scope":["read"]"#, "api"),
        (r#""scope":"a\u0007b""#, "api[1].scope"),
        (r#""resources":"urn:x""#, "api"),
    ];
    for (member, expected) in wrong {
        let entry = format!(r#"{{"url":"https://x.test/",{member}}}"#);
        let outcome = worker().port(1).configure(&listing(&[PLAIN, &entry]));
        assert_eq!((code(&outcome), named(&outcome)), (Some("config_error"), Some(expected)), "{member}");
    }
}

/// PAR-13
#[test]
fn par_13_each_resource_has_a_token_of_its_own() {
    let worker = worker();
    let port = worker.page(1, &listing(&[CAL, MAIL, PLAIN]));
    let sent = parameters(port, "{}");
    assert_eq!(values(&sent, "resource"), "https://cal.test,urn:mail");
    assert_eq!(values(&sent, "scope"), "openid read cal mail");
    port.sign_in();
    assert_eq!(asked(&worker, Place::Token, "resource"), ["https://cal.test"], "that of the first entry");

    let tokens =
        [shown(port, "https://cal.test/x"), shown(port, "https://mail.test/x"), shown(port, "https://api.test/v1/x")];
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["urn:mail", ""]);
    assert_eq!(asked(&worker, Place::Refresh, "scope"), ["", ""], "all that was granted for the resource");
    assert!(tokens.iter().all(|token| tokens.iter().filter(|other| *other == token).count() == 1), "{tokens:?}");
    for (url, token) in ["https://cal.test/y", "https://mail.test/y", "https://api.test/v1/y"].iter().zip(&tokens) {
        assert_eq!(shown(port, url), *token, "{url}");
    }
    assert_eq!(worker.here.asked(Place::Refresh), 2, "each token is requested once");

    worker.here.wait(700);
    assert_ne!(shown(port, "https://mail.test/x"), tokens[1]);
    assert_ne!(shown(port, "https://cal.test/x"), tokens[0]);
    assert_eq!(asked(&worker, Place::Refresh, "resource")[2..], ["urn:mail", "https://cal.test"]);
    port.say("refresh", "").expect("a renewal");
    assert_eq!(asked(&worker, Place::Refresh, "resource")[4..], ["https://cal.test"], "that of the sign-in, now");
    shown(port, "https://mail.test/x");
    assert_eq!(asked(&worker, Place::Refresh, "resource")[5..], ["urn:mail"], "the others, before their next use");
}

/// PAR-14
#[test]
fn par_14_a_resource_that_the_server_does_not_know() {
    let refusal = || Ok(json(400, r#"{"error":"invalid_target"}"#));
    let worker_of = |port: u32, list: &str| {
        let worker = worker();
        worker.page(port, list);
        worker
    };
    let worker = worker_of(1, &listing(&[CAL]));
    let begun = worker.port(1).begin(Mode::Redirect);
    worker.here.world().provider.callback = |query| query.replace("code=", "error=invalid_target&error_description=");
    let address = worker.here.way_back(&begun.url);
    let outcome = worker.port(1).complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(code(&outcome), Some("authorization_error"));
    assert!(!worker.port(1).is_signed_in());

    let worker = worker_of(1, &listing(&[CAL]));
    worker.here.world().provider.instead.push((Place::Token, vec![refusal()]));
    let begun = worker.port(1).begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let outcome = worker.port(1).complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(code(&outcome), Some("token_error"));
    assert!(to_json(&outcome.expect_err("refused")).contains("invalid_target"));
    assert!(!worker.port(1).is_signed_in());
}

#[test]
fn par_60_a_refused_resource_affects_its_own_api_only() {
    for error in ["invalid_target", "invalid_scope", "unauthorized_client", "server_error"] {
        let worker = worker();
        let port = worker.page(1, &listing(&[PLAIN, CAL, MAIL]));
        port.sign_in();
        let token = shown(port, "https://api.test/v1/x");
        let refusal = format!(r#"{{"error":"{error}"}}"#);
        worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(json(400, &refusal))]));
        for _ in 0..3 {
            assert_eq!(code(&call(port, "https://cal.test/x")), Some("token_error"), "{error}");
        }
        assert_eq!(worker.here.asked(Place::Refresh), 1, "{error}: not again at once");
        worker.here.world().provider.instead.clear();
        assert_eq!(shown(port, "https://api.test/v1/x"), token, "{error}");
        shown(port, "https://mail.test/x");
        worker.here.wait(3);
        shown(port, "https://cal.test/x");
        assert_eq!(asked(&worker, Place::Refresh, "resource"), ["https://cal.test", "urn:mail", "https://cal.test"]);
        let hosts: Vec<_> = worker.here.world().calls.iter().map(|call| call.url.clone()).collect();
        assert_eq!(
            hosts.iter().filter(|url| url.contains("cal.test")).count(),
            1,
            "{error}: no call without its token"
        );
    }
}

#[test]
fn par_61_a_refresh_token_that_is_no_longer_valid_ends_the_session() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(json(400, r#"{"error":"invalid_grant"}"#))]));
    assert_eq!(code(&call(port, "https://cal.test/x")), Some("session_ended"));
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["https://cal.test", ""], "the second tells whether it is");
    assert!(!port.is_signed_in());
}

/// Entra ID answers so if the user has not consented to an API.
#[test]
fn par_77_invalid_grant_for_one_resource_can_be_about_this_resource() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL, MAIL]));
    port.sign_in();
    for _ in 0..2 {
        let refusal = Ok(json(400, r#"{"error":"invalid_grant","suberror":"consent_required"}"#));
        let granted = json(200, r#"{"access_token":"the-access-token-of-the-test","token_type":"Bearer"}"#);
        worker.here.world().provider.instead.push((Place::Refresh, vec![refusal, Ok(granted)]));
        assert_eq!(code(&call(port, "https://cal.test/x")), Some("token_error"));
        worker.here.world().provider.instead.clear();
        assert!(port.is_signed_in());
        worker.here.wait(3);
    }
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["https://cal.test", "", "https://cal.test", ""]);
    shown(port, "https://mail.test/x");
    shown(port, "https://api.test/v1/x");
}

#[test]
fn par_78_the_app_sees_nothing_of_a_further_token() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    worker.here.world().changes.clear();
    let deposits = worker.here.world().deposits.len();
    shown(port, "https://cal.test/x");
    assert_eq!(worker.here.world().changes, []);
    assert!(worker.here.world().deposits.len() > deposits, "the next vault has it");
}

#[test]
fn par_62_the_entry_with_the_longest_path_decides() {
    let below = r#"{"url":"https://api.test/v1/cal","resource":"https://cal.test"}"#;
    for list in [[PLAIN, below], [below, PLAIN]] {
        let worker = worker();
        let port = worker.page(1, &listing(&list));
        port.sign_in();
        let plain = shown(port, "https://api.test/v1/calendar");
        for url in ["https://api.test/v1/cal", "https://api.test/v1/cal?x", "https://api.test/v1/cal/x"] {
            assert_ne!(shown(port, url), plain, "{url}");
        }
        assert_eq!(shown(port, "https://api.test/v1/x"), plain);
        assert_eq!(worker.here.asked(Place::Refresh), 1);
    }
}

#[test]
fn par_63_an_address_has_one_target() {
    let twice = [
        (CAL, r#"{"url":"https://cal.test/","resource":"https://other.test"}"#, Some("config_error")),
        (CAL, r#""https://cal.test/""#, Some("config_error")),
        (PLAIN, r#"{"url":"https://api.test/v1","scope":"x"}"#, Some("config_error")),
        (CAL, r#"{"url":"https://cal.test","resource":"https://cal.test","scope":"more"}"#, None),
        (PLAIN, r#"{"url":"https://api.test/v1","warm":true}"#, None),
    ];
    for (one, other, expected) in twice {
        assert_eq!(code(&worker().port(1).configure(&listing(&[one, other]))), expected, "{other}");
    }
}

#[test]
fn par_64_the_resources_are_part_of_a_clients_identity() {
    let worker = worker();
    worker.page(1, &listing(&[PLAIN, CAL, MAIL])).sign_in();
    let same = [
        listing(&[PLAIN, MAIL, CAL]),
        listing(&[PLAIN, CAL, MAIL, CAL]),
        listing(&[PLAIN, CAL, &MAIL.replace("mail read", "read mail")]),
    ];
    for (number, options) in (2..).zip(same) {
        assert!(worker.page(number, &options).is_signed_in(), "{options}");
    }
    let other = [
        listing(&[CAL, PLAIN, MAIL]),
        listing(&[PLAIN, CAL, &MAIL.replace("urn:mail", "urn:other")]),
        listing(&[PLAIN, CAL, &MAIL.replace(r#","scope":"mail read""#, "")]),
        listing(&[PLAIN, CAL, &MAIL.replace("mail read", "mail read write")]),
        listing(&[PLAIN, CAL, r#""https://mail.test/""#]),
    ];
    for (number, options) in (12..).zip(other) {
        assert!(!worker.page(number, &options).is_signed_in(), "{options}");
    }
}

#[test]
fn par_65_a_provider_can_tell_apis_apart_by_their_scope() {
    let worker = worker();
    let one = r#"{"url":"https://one.test/","scope":"api://one/x api://one/y"}"#;
    let port =
        worker.page(1, &listing(&[one, PLAIN, r#"{"url":"https://two.test/","scope":"api://one/y api://one/x"}"#]));
    let sent = parameters(port, "{}");
    assert_eq!(values(&sent, "scope"), "openid read api://one/x api://one/y");
    assert_eq!(values(&sent, "resource"), "");
    port.sign_in();
    let plain = shown(port, "https://api.test/v1/x");
    let own = shown(port, "https://one.test/x");
    assert_ne!(own, plain);
    assert_eq!(shown(port, "https://two.test/x"), own, "in another order, the scope is the same");
    assert_eq!(asked(&worker, Place::Refresh, "scope"), ["api://one/x api://one/y"]);
    assert_eq!(asked(&worker, Place::Refresh, "resource"), [""]);
}

#[test]
fn par_66_without_a_refresh_token_there_is_the_token_of_the_first_resource() {
    let worker = worker();
    change(&mut worker.here.world().provider.token, &[("-refresh_token", "")]);
    let port = worker.page(1, &listing(&[CAL, MAIL]));
    port.sign_in();
    shown(port, "https://cal.test/x");
    let outcome = call(port, "https://mail.test/x");
    assert_eq!(code(&outcome), Some("unsupported"));
    assert!(to_json(&outcome.expect_err("no token")).contains("offline_access"));
    assert!(port.is_signed_in());
    assert_eq!(code(&port.say("userinfo", "")), Some("unsupported"), "the token of a resource is not sent there");
    worker.here.world().statuses.push_back(401);
    assert_eq!(code(&call(port, "https://mail.test/x")), Some("unsupported"), "nothing was sent");
    call(port, "https://cal.test/x").expect("the API's refusal");
    assert!(!port.is_signed_in(), "the token of the sign-in cannot be renewed");
    port.sign_in();
    worker.here.wait(700);
    assert_eq!(code(&call(port, "https://mail.test/x")), Some("login_required"), "the session is over");
}

#[test]
fn par_67_a_sign_out_revokes_every_token() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL, MAIL]));
    port.sign_in();
    let tokens = [shown(port, "https://cal.test/x"), shown(port, "https://mail.test/x")];
    port.say("end", "").expect("a sign-out");
    let revoked = asked(&worker, Place::Revocation, "token");
    assert_eq!(revoked.len(), 4);
    assert!(revoked[0].starts_with("refresh-token"), "first, since it makes new ones");
    for token in tokens {
        assert!(revoked.iter().any(|one| token.ends_with(one)), "{token}");
    }
}

#[test]
fn par_68_a_refused_token_is_renewed_and_the_others_are_kept() {
    let worker = worker();
    let port = worker.page(1, &listing(&[CAL, MAIL]));
    port.sign_in();
    let (cal, mail) = (shown(port, "https://cal.test/x"), shown(port, "https://mail.test/x"));
    worker.here.world().statuses.push_back(401);
    assert_ne!(shown(port, "https://mail.test/x"), mail);
    assert_eq!(shown(port, "https://cal.test/x"), cal);
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["urn:mail", "urn:mail"]);
}

#[test]
fn par_69_the_next_vault_has_every_token() {
    let worker = worker();
    let list = listing(&[CAL, MAIL, PLAIN]);
    let port = worker.page(1, &list);
    port.sign_in();
    let tokens = [shown(port, "https://cal.test/x"), shown(port, "https://mail.test/x")];
    let next = SharedWorker::after(&worker);
    let port = next.page(1, &list);
    let before = next.here.asked(Place::Refresh);
    assert_eq!([shown(port, "https://cal.test/x"), shown(port, "https://mail.test/x")], tokens);
    assert_eq!(next.here.asked(Place::Refresh), before);
    shown(port, "https://api.test/v1/x");
    assert_eq!(next.here.asked(Place::Refresh), before + 1, "the one that was not needed yet");
}

#[test]
fn par_70_userinfo_gets_a_token_that_is_for_no_resource() {
    let worker = worker();
    let port = worker.page(1, &listing(&[CAL]));
    port.sign_in();
    port.say("userinfo", "").expect("claims");
    port.say("userinfo", "").expect("claims");
    assert_eq!(asked(&worker, Place::Refresh, "resource"), [""], "requested once");
}

#[test]
fn par_71_a_client_without_a_user_gets_a_token_for_each_resource() {
    let worker = worker();
    {
        let mut world = worker.here.world();
        world.has_key = true;
        world.provider.needs_key = true;
    }
    let list = listing(&[CAL, MAIL, PLAIN, r#"{"url":"https://bare.test/","resource":"urn:bare"}"#]);
    let port = worker.page(1, &list.replacen('{', r#"{"tokenEndpointAuthMethod":"private_key_jwt","#, 1));
    port.say("signInMachine", r#""scope":"base","options":{"params":{"x":"1"}}"#).expect("a session");
    for host in ["cal", "mail", "bare"] {
        shown(port, &format!("https://{host}.test/x"));
    }
    shown(port, "https://api.test/v1/x");
    let (cal, mail) = ("https://cal.test", "urn:mail");
    assert_eq!(asked(&worker, Place::Machine, "resource"), [cal, mail, "urn:bare", ""]);
    assert_eq!(asked(&worker, Place::Machine, "scope"), ["base cal", "mail read", "base", "base"]);
    assert_eq!(asked(&worker, Place::Machine, "x"), ["1"; 4]);
    assert_eq!(worker.here.asked(Place::Refresh), 0);
}

#[test]
fn par_72_a_sign_in_on_another_device_names_the_resources() {
    let worker = worker();
    let port = worker.page(1, &listing(&[CAL, MAIL]));
    let begun = port.say("beginDevice", r#""scope":"read","options":{}"#).expect("codes");
    assert_eq!(asked(&worker, Place::Device, "resource"), ["https://cal.test,urn:mail"]);
    assert_eq!(asked(&worker, Place::Device, "scope"), ["openid read cal mail"]);
    worker.here.world().provider.consented = true;
    worker.here.wait(6);
    let number = begun.split(r#""number":"#).nth(1).and_then(|rest| rest.split([',', '}']).next()).expect("a number");
    port.say("pollDevice", &format!(r#""number":{number}"#)).expect("a session");
    assert_eq!(asked(&worker, Place::Poll, "resource"), ["https://cal.test"]);
    shown(port, "https://mail.test/x");
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["urn:mail"]);
}

#[test]
fn par_73_an_app_with_its_tokens_in_the_page_asks_for_each_of_them() {
    let worker = worker();
    let port = worker.page(1, &listing(&[CAL, MAIL]).replacen('{', r#"{"tokens":"page","#, 1));
    port.sign_in();
    let of = |members: &str| port.say("accessToken", members);
    let first = of("").expect("a token");
    assert_eq!(of(r#""url":"https://cal.test/x""#).as_ref(), Ok(&first));
    assert_ne!(of(r#""url":"https://mail.test/x""#).expect("a token"), first);
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["urn:mail"]);
    assert_eq!(code(&of(r#""url":"https://evil.test/""#)), Some("request_blocked"));
}

#[test]
fn par_74_what_the_apis_need_is_not_remembered_as_granted_in_addition() {
    let scoped = r#"{"url":"https://cal.test/","scope":"cal"}"#;
    // With a resource, it is not known what was granted for the others.
    let rows = [([PLAIN, scoped], "openid read cal write", "write"), ([CAL, PLAIN], "cal", "write more")];
    for (list, granted, expected) in rows {
        let worker = worker();
        let port = worker.page(1, &listing(&list));
        change(&mut worker.here.world().provider.token, &[("scope", &format!("\"{granted}\""))]);
        let begun = Begun::read(&port.begin_with(Mode::Window, r#"{"scope":"write more"}"#).expect("a request"));
        let address = worker.here.way_back(&begun.url);
        let (address, state) = (&address, &begun.state);
        let outcome = port.say(
            "complete",
            &format!(r#""address":"{address}","state":"{state}","pending":false,"shared":false,"scope":"read""#),
        );
        assert_eq!(member(&outcome.expect("a session"), "granted").as_deref(), Some(expected), "{list:?}");
    }
}

/// Entries of so many APIs, each with a resource of its own.
fn numbered(count: usize) -> String {
    let entry = |number| format!(r#"{{"url":"https://a{number}.test/","resource":"urn:{number}"}}"#);
    let entries: Vec<String> = (0..count).map(entry).collect();
    listing(&entries.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn par_79_an_address_that_a_server_may_take_for_that_of_another_api_is_blocked() {
    let whole = r#"{"url":"https://api.test/","resource":"urn:whole"}"#;
    let worker = worker();
    let port = worker.page(1, &listing(&[whole, r#"{"url":"https://api.test/v1/pay/","resource":"urn:pay"}"#]));
    port.sign_in();
    let of_whole = shown(port, "https://api.test/v1/x");
    for path in ["v1/payments", "v1/%70ub/pay/x", "x/v1/pay/", "v1/x?/v1/pay/", "v1/x#/v1/pay/", "v1;pay/x"] {
        assert_eq!(shown(port, &format!("https://api.test/{path}")), of_whole, "{path}");
    }
    assert_ne!(shown(port, "https://api.test/v1/pay/x%2Fy"), of_whole);
    let spelled = [
        "v1/p%61y/x",
        "%76%31/pay/x",
        "v1/%2570ay/x",
        "v1%2fpay/x",
        "/v1/pay/x",
        "V1/Pay/x",
        "v1;a=b/pay/x",
        "v1/pay;x",
        "v1/pay%2Fx",
        "v1%5cpay%5cx",
    ];
    for path in spelled {
        assert_eq!(code(&call(port, &format!("https://api.test/{path}"))), Some("request_blocked"), "{path}");
    }
}

#[test]
fn par_80_a_refusal_of_the_first_resource_keeps_the_refresh_token() {
    for error in ["invalid_target", "invalid_scope"] {
        let worker = worker();
        let port = worker.page(1, &listing(&[CAL, MAIL]));
        port.sign_in();
        worker.here.wait(595);
        let refusal = json(400, &format!(r#"{{"error":"{error}"}}"#));
        worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(refusal)]));
        call(port, "https://cal.test/x").expect("the token is still valid");
        worker.here.world().provider.instead.clear();
        shown(port, "https://mail.test/x");
        worker.here.wait(10);
        shown(port, "https://cal.test/x");
        assert_eq!(worker.here.asked(Place::Refresh), 3, "{error}");
    }
}

#[test]
fn par_81_calls_that_wait_for_a_server_wait_once() {
    let worker = worker();
    let port = worker.page(1, &numbered(6));
    port.sign_in();
    worker.here.wait(595);
    let start = |number| port.start("fetch", &format!(r#""url":"https://a{number}.test/x""#));
    let timeout = Kind::Timeout { url: "https://as.test/token".into() };
    worker.here.world().provider.instead.push((Place::Refresh, vec![Err(timeout.into())]));
    let outcomes = worker.here.finish_all((0..6).rev().map(start).collect());
    assert_eq!(worker.here.asked(Place::Refresh), 1);
    let codes: Vec<_> = outcomes.iter().map(|outcome| code(outcome).unwrap_or("ok")).collect();
    assert_eq!(codes, ["timeout", "timeout", "timeout", "timeout", "timeout", "ok"], "the first token is still valid");
    worker.here.world().provider.instead.clear();
    shown(port, "https://a5.test/x");
}

#[test]
fn par_82_no_token_of_many_is_shown() {
    let worker = worker();
    let port = worker.page(1, &numbered(100));
    port.sign_in();
    let tokens: Vec<_> = (0..100).map(|number| shown(port, &format!("https://a{number}.test/x"))).collect();
    let shown_by = |number: usize| tokens[number].trim_start_matches("Bearer ").to_owned();
    for number in [0, 1, 50, 99] {
        let token = shown_by(number);
        let refusal = json(400, &format!(r#"{{"error":"invalid_target","error_description":"{token}"}}"#));
        worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(refusal)]));
        worker.here.world().statuses.push_back(401);
        let outcome = call(port, "https://a98.test/x");
        assert_eq!(code(&outcome), Some("token_error"));
        assert!(!to_json(&outcome.expect_err("refused")).contains(&token), "{number}");
        worker.here.world().provider.instead.clear();
        worker.here.wait(3);
        shown(port, "https://a98.test/x");
    }
    let details = format!(r#"[{{"type":"a","x":"{}"}},{{"type":"b"}}]"#, shown_by(1));
    change(&mut worker.here.world().provider.refresh, &[("authorization_details", &details)]);
    port.say("refresh", "").expect("a renewal");
    assert!(port.session().contains(r#""authorizationDetails":[{"type":"b"}]"#), "{}", port.session());
}

#[test]
fn par_83_a_renewal_by_the_app_does_not_shorten_the_wait_after_a_refusal() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    let refusal = json(400, r#"{"error":"invalid_target"}"#);
    worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(refusal)]));
    assert_eq!(code(&call(port, "https://cal.test/x")), Some("token_error"));
    worker.here.world().provider.instead.clear();
    for _ in 0..3 {
        port.say("refresh", "").expect("a renewal");
        assert_eq!(code(&call(port, "https://cal.test/x")), Some("token_error"));
    }
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["https://cal.test", "", "", ""]);
}

#[test]
fn par_84_malformed_details_lose_no_renewed_token() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    change(&mut worker.here.world().provider.refresh, &[("authorization_details", "{}")]);
    shown(port, "https://cal.test/x");
    port.say("refresh", "").expect("a renewal");
    assert!(!port.session().contains("authorizationDetails"));
}

#[test]
fn par_85_a_caller_that_gives_up_keeps_no_other_from_a_token() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    let mut given_up = port.start("fetch", r#""url":"https://cal.test/x""#);
    assert!(poll(&mut given_up).is_pending());
    let waiting = port.start("fetch", r#""url":"https://cal.test/y""#);
    drop(given_up);
    worker.here.world().wire.clear();
    worker.here.finish(waiting).expect("a token of its own request");
}

#[test]
fn par_86_a_call_whose_token_is_valid_does_not_wait_for_another_token() {
    let worker = worker();
    let port = worker.page(1, &listing(&[PLAIN, CAL]));
    port.sign_in();
    worker.here.wait(592);
    let mut waiting = port.start("fetch", r#""url":"https://cal.test/x""#);
    assert!(poll(&mut waiting).is_pending());
    let mut other = port.start("fetch", r#""url":"https://api.test/v1/x""#);
    assert!(matches!(poll(&mut other), Poll::Ready(Ok(_))), "its token is valid for eight seconds");
    worker.here.finish(waiting).expect("the API");
}

/// RT-29
#[test]
fn rt_29_renewals_for_two_resources_follow_one_another() {
    let worker = worker();
    worker.here.world().provider.bind();
    let port = worker.page(1, &listing(&[PLAIN, CAL, MAIL]));
    port.sign_in();
    worker.here.world().provider.demands.nonce = "n2".into();
    let start = |url: &str| port.start("fetch", &format!(r#""url":"{url}""#));
    let mut calls: Vec<_> =
        ["https://cal.test/1", "https://mail.test/1", "https://cal.test/2", "https://mail.test/2"].map(start).into();
    let mut outcomes = 0;
    while !calls.is_empty() {
        calls.retain_mut(|call| match poll(call) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                outcome.expect("the API");
                outcomes += 1;
                false
            }
        });
        let waiting = worker.here.on_the_wire();
        assert!(waiting.iter().filter(|url| url.ends_with("/token")).count() <= 1, "one renewal at a time");
        if !waiting.is_empty() {
            worker.here.deliver();
        }
    }
    assert_eq!(outcomes, 4);
    assert_eq!(asked(&worker, Place::Refresh, "resource"), ["https://cal.test", "https://cal.test", "urn:mail"]);
    let world = worker.here.world();
    for host in ["cal", "mail"] {
        let tokens: Vec<_> =
            world.calls.iter().filter(|call| call.url.contains(host)).map(|call| &call.authorization).collect();
        assert_eq!(tokens.len(), 2);
        assert_eq!(tokens[0], tokens[1], "{host}");
    }
    assert_ne!(world.calls[0].authorization, world.calls.last().expect("a call").authorization);
}

const DETAILS: &str = r#"[{"type":"payment","amount":"10","locations":["https://bank.test"]},{"type":"x"}]"#;

/// PAR-15
#[test]
fn par_15_what_was_granted_of_a_rich_request_is_reported() {
    let granted = [
        (Some(r#"[{"type":"payment","amount":"5"}]"#), Ok(r#"[{"type":"payment","amount":"5"}]"#)),
        (Some("[]"), Ok("[]")),
        (Some("null"), Ok("")),
        (None, Ok("")),
        (Some(r#""[]""#), Err("response_invalid")),
        (Some(r#"{"type":"payment"}"#), Err("response_invalid")),
        (Some(r#"[{"type":"payment"},{"amount":"5"}]"#), Err("response_invalid")),
        (Some(r#"[{"type":1}]"#), Err("response_invalid")),
        (Some(r#"["payment"]"#), Err("response_invalid")),
    ];
    for (details, expected) in granted {
        let worker = worker();
        if let Some(details) = details {
            change(&mut worker.here.world().provider.token, &[("authorization_details", details)]);
        }
        let port = worker.page(1, &app());
        let begun = Begun::read(
            &port.begin_with(Mode::Window, &format!(r#"{{"authorizationDetails":{DETAILS}}}"#)).expect("a request"),
        );
        let sent = form::parse(begun.url.split_once('?').expect("a query").1).expect("a form");
        assert_eq!(values(&sent, "authorization_details"), DETAILS);
        let address = worker.here.way_back(&begun.url);
        let outcome = port.complete(&address, &begun.state, None);
        assert_eq!(code(&outcome), expected.err(), "{details:?}");
        let session = port.session();
        let member = session.split_once(r#""authorizationDetails":"#).map_or("", |(_, rest)| rest);
        match expected {
            Ok("") => assert_eq!(member, "", "{session}"),
            Ok(expected) => assert!(member.starts_with(expected), "{session}"),
            Err(_) => assert_eq!(session, ""),
        }
    }
}

#[test]
fn par_75_the_granted_details_follow_the_token_of_the_sign_in() {
    let worker = worker();
    let list = listing(&[PLAIN, CAL]);
    let port = worker.page(1, &list);
    change(&mut worker.here.world().provider.token, &[("authorization_details", r#"[{"type":"a"}]"#)]);
    port.sign_in();
    let has = |port: Port<'_>, text: &str| {
        assert!(port.session().contains(&format!(r#""authorizationDetails":[{text}]"#)), "{}", port.session());
    };
    port.say("refresh", "").expect("a renewal");
    has(port, r#"{"type":"a"}"#);
    change(&mut worker.here.world().provider.refresh, &[("authorization_details", r#"[{"type":"b"}]"#)]);
    shown(port, "https://cal.test/x");
    has(port, r#"{"type":"a"}"#);
    port.say("refresh", "").expect("a renewal");
    has(port, r#"{"type":"b"}"#);
    has(SharedWorker::after(&worker).page(1, &list), r#"{"type":"b"}"#);
}

#[test]
fn par_76_details_that_repeat_a_token_are_left_out() {
    let worker = worker();
    let port = worker.page(1, &app());
    let token = "access-token-number-0000000\\u0032";
    let details = format!(r#"[{{"type":"a"}},{{"type":"b","x":["{token}"]}}]"#);
    change(&mut worker.here.world().provider.token, &[("authorization_details", &details)]);
    port.sign_in();
    shown(port, "https://api.test/v1/x");
    assert!(worker.here.world().calls[0].authorization.ends_with("00000002"), "the token that the details repeat");
    assert!(port.session().contains(r#""authorizationDetails":[{"type":"a"}]"#), "{}", port.session());
}

/// PAR-16
#[test]
fn par_16_details_that_the_server_does_not_know() {
    let worker = worker();
    let port = worker.page(1, &app());
    let wrong = [r#""payment""#, r#"[{"amount":1}]"#, r#"{"type":"a"}"#, "[1]", r#"[{"type":""}]"#];
    for details in wrong {
        let outcome = port.begin_with(Mode::Redirect, &format!(r#"{{"authorizationDetails":{details}}}"#));
        let expected = (Some("config_error"), Some("authorization_details"));
        assert_eq!((code(&outcome), named(&outcome)), expected, "{details}");
    }
    let both = r#"{"authorizationDetails":[{"type":"a"}],"params":{"authorization_details":"[]"}}"#;
    assert_eq!(code(&port.begin_with(Mode::Redirect, both)), Some("config_error"));
    worker.here.world().provider.callback =
        |query| query.replace("code=", "error=invalid_authorization_details&error_description=");
    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let outcome = port.complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(code(&outcome), Some("authorization_error"));
    worker.here.world().provider.callback = str::to_owned;
    let refusal = json(400, r#"{"error":"invalid_authorization_details"}"#);
    worker.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let outcome = port.complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(code(&outcome), Some("token_error"));
    assert!(!port.is_signed_in());
}
