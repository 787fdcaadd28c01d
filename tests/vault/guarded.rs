//! The guard and the vault that it serves, each a worker with the options of the same file.

use valet_key::protocol::base64url;
use valet_key::protocol::form;
use valet_key::vault::guard;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::{member, shows, string};
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::support::{code, json};
use crate::{app, named, worker};

const FOLDER: &str = "https://app.test/valet-key/";
const CALLBACK: &str = "https://app.test/valet-key/callback.html";

/// A guard and a vault of the same browser.
struct Guarded {
    guard: SharedWorker,
    vault: SharedWorker,
}

/// What a page says.
fn page_options(more: &str) -> String {
    format!(r#"{{{more}"guard":"{FOLDER}"}}"#)
}

/// The content of the file.
fn file(more: &str) -> String {
    app().replace('{', &format!(r#"{{{more}"scope":"read","#))
}

fn pinned(worker: &SharedWorker, file: &str) -> Outcome {
    worker.say(format!(r#"{{"op":"pin","options":{},"folder":"{FOLDER}"}}"#, string(file)))
}

impl Guarded {
    fn new() -> Self {
        Self::with(&file(""))
    }

    fn with(file: &str) -> Self {
        let vault = worker();
        let guard = SharedWorker::beside(&vault);
        for worker in [&vault, &guard] {
            pinned(worker, file).expect("options");
            worker.page(1, &page_options(""));
        }
        Self { guard, vault }
    }

    /// A guard that has lost its memory.
    fn restarted(self) -> Self {
        let guard = SharedWorker::beside(&self.vault);
        pinned(&guard, &file("")).expect("options");
        guard.page(1, &page_options(""));
        Self { guard, ..self }
    }

    fn page(&self) -> Port<'_> {
        self.vault.port(1)
    }

    /// What the guard does.
    fn tell(&self, members: &str) -> String {
        let (vault, here) = (self.guard.vault.clone(), self.guard.here.clone());
        let message = format!(r#"{{{members},"port":1}}"#);
        let done = self.guard.here.finish(guard::perform(&vault, &here, &message));
        done.expect("an outcome")
    }

    /// A page begins a sign-in. Returns what it knows, and the authorization request that the guard makes.
    fn leave(&self, mode: Mode, options: &str) -> (Begun, String) {
        let begun = Begun::read(&self.page().begin_with(mode, options).expect("a departure"));
        let onward = self.depart(&begun);
        (begun, member(&onward, "to").expect("an authorization request"))
    }

    fn depart(&self, begun: &Begun) -> String {
        let (to, carried) = begun.url.split_once('?').expect("a departure");
        assert_eq!(to, format!("{FOLDER}guard/go"));
        self.tell(&format!(r#""carried":"{carried}""#))
    }

    fn arrive(&self, address: &str) -> Onward {
        let onward = self.tell(&format!(r#""address":{}"#, string(address)));
        let get = |name| member(&onward, name);
        Onward { to: get("to"), flow: get("flow"), record: get("record"), failure: get("failure") }
    }

    /// Redeems what has arrived, and hands it over to the vault.
    fn hand_over(&self, address: &str, onward: &Onward, flow: &str) -> Outcome {
        self.hand_over_with(address, onward, flow, "")
    }

    /// The same with further members of the page's message.
    fn hand_over_with(&self, address: &str, onward: &Onward, flow: &str, more: &str) -> Outcome {
        let handover = onward
            .record
            .as_ref()
            .map(|record| self.tell(&format!(r#""address":{},"record":{}"#, string(address), string(record))));
        self.complete_with(flow, handover.as_deref(), more)
    }

    /// Signs in with a redirect.
    fn sign_in(&self) {
        let (begun, request) = self.leave(Mode::Redirect, "{}");
        let address = self.vault.here.way_back(&request);
        let outcome = self.hand_over(&address, &self.arrive(&address), &begun.state);
        assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
        assert!(self.page().is_signed_in());
    }

    fn complete(&self, flow: &str, handover: Option<&str>) -> Outcome {
        self.complete_with(flow, handover, "")
    }

    fn complete_with(&self, flow: &str, handover: Option<&str>, more: &str) -> Outcome {
        let handover = handover.map_or(String::new(), |text| format!(r#""handover":{},"#, string(text)));
        let flow = string(flow);
        self.page()
            .say("complete", &format!(r#"{more}{handover}"address":"","state":{flow},"pending":true,"shared":false"#))
    }
}

/// Where the guard sends the browser.
struct Onward {
    to: Option<String>,
    flow: Option<String>,
    record: Option<String>,
    failure: Option<String>,
}

/// The value of a parameter of a URL.
fn param(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    form::parse(query)?.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The address at which the provider's response arrives.
fn response(state: &str, rest: &str) -> String {
    format!("{CALLBACK}?state={state}&{rest}")
}

#[test]
fn a_sign_in_through_the_guard_shows_the_page_no_state_and_no_verifier() {
    let here = Guarded::new();
    let (begun, request) = here.leave(Mode::Redirect, r#"{"loginHint":"alice"}"#);
    assert_eq!(param(&request, "redirect_uri").as_deref(), Some(CALLBACK));
    assert_eq!(param(&request, "scope").as_deref(), Some("openid read"));
    assert_eq!(param(&request, "login_hint").as_deref(), Some("alice"));
    for name in ["state", "nonce", "code_challenge"] {
        let value = param(&request, name).expect("a parameter");
        assert!(!shows(&format!("{begun:?}"), &value), "{name}");
    }
    assert_eq!(begun.record.as_deref().and_then(|record| member(record, "nonce")), None);

    let address = here.vault.here.way_back(&request);
    let onward = here.arrive(&address);
    assert_eq!(onward.to.as_deref(), Some("/here?x=1#y"));
    assert_eq!(onward.flow.as_deref(), Some(begun.state.as_str()));
    here.vault.here.take_sent();
    let outcome = here.hand_over(&address, &onward, &begun.state);
    assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
    assert_eq!(
        here.vault.here.take_sent(),
        ["https://as.test/token", "https://as.test/jwks"],
        "both at once, and none by the vault"
    );
    assert_eq!(here.page().user().as_deref(), Some("alice"));
    // A second arrival finds nothing, and returns to the app.
    let onward = here.arrive(&address);
    assert_eq!((onward.to.as_deref(), onward.record), (Some("/here?x=1#y"), None));
}

#[test]
fn a_page_asks_for_a_part_of_the_scope_and_not_for_more() {
    let here = Guarded::with(&file("").replace(r#""scope":"read""#, r#""scope":"read write""#));
    for (asked, more, granted, expected) in [
        ("", "", "", "openid read write"),
        ("read", "", "", "openid read"),
        ("admin read", "", "", "openid read"),
        ("admin", "", "", "openid read write"),
        ("read", "write", "", "openid read write"),
        ("read", "", "write", "openid read write"),
        // A page without a scope of its own asks for all of it, and for no part.
        ("", "write", "", "openid read write"),
        ("", "", "write", "openid read write"),
    ] {
        let members = format!(
            r#""redirectUri":"","scope":"{asked}","granted":"{granted}","returnTo":"/","options":{{"scope":"{more}"}},"inWindow":false,"shared":false"#
        );
        let begun = Begun::read(&here.page().say("begin", &members).expect("a departure"));
        let request = member(&here.depart(&begun), "to").expect("a request");
        assert_eq!(param(&request, "scope").as_deref(), Some(expected), "{asked} {more} {granted}");
    }
}

#[test]
fn a_page_without_a_scope_of_its_own_remembers_none() {
    for (base, expected) in [("", None), ("profile", Some("read"))] {
        let here = Guarded::new();
        let (begun, request) = here.leave(Mode::Redirect, "{}");
        let address = here.vault.here.way_back(&request);
        let onward = here.arrive(&address);
        let outcome = here.hand_over_with(&address, &onward, &begun.state, &format!(r#""scope":"{base}","#));
        assert_eq!(member(&outcome.expect("a session"), "granted").as_deref(), expected, "{base}");
    }
}

#[test]
fn the_vault_checks_everything_that_the_guard_hands_over() {
    let here = Guarded::new();
    let (begun, request) = here.leave(Mode::Redirect, "{}");
    let address = here.vault.here.way_back(&request);
    let onward = here.arrive(&address);
    let other = Guarded { vault: SharedWorker::beside(&here.vault), guard: SharedWorker::beside(&here.vault) };
    pinned(&other.vault, &file("").replace("\"spa\"", "\"other-app\"")).expect("options");
    other.vault.page(1, &page_options(""));
    let record = onward.record.clone().expect("a transaction");
    let handover = here.tell(&format!(r#""address":{},"record":{}"#, string(&address), string(&record)));
    assert_eq!(code(&other.complete(&begun.state, Some(&handover))), Some("state_mismatch"), "of another client");
    let nonce = member(&record, "nonce").expect("a nonce");
    assert_eq!(
        code(&here.complete(&begun.state, Some(&handover.replace(&nonce, &nonce.to_uppercase())))),
        Some("id_token_invalid")
    );
    assert!(!here.page().is_signed_in());
}

#[test]
fn a_refusal_reaches_the_app_through_the_vault_even_if_the_transaction_is_lost() {
    for is_lost in [false, true] {
        let mut here = Guarded::new();
        let (begun, request) = here.leave(Mode::Redirect, "{}");
        if is_lost {
            here = here.restarted();
        }
        let state = param(&request, "state").expect("a state");
        let address = response(&state, "error=access_denied&iss=https%3A%2F%2Fas.test");
        let onward = here.arrive(&address);
        assert_eq!(onward.to.as_deref(), Some("/here?x=1#y"), "no second request");
        let outcome = here.hand_over(&address, &onward, &begun.state);
        assert_eq!(code(&outcome), Some("authorization_error"));
        let failed = outcome.expect_err("a refusal");
        assert_eq!(failed.return_to.as_deref(), Some("/here?x=1#y"));
        assert_eq!(here.vault.here.world().provider.count(Place::Token), 0, "nothing is redeemed");
    }
}

#[test]
fn a_lost_transaction_is_asked_for_once_more_and_not_a_third_time() {
    let mut here = Guarded::new();
    let (begun, first) =
        here.leave(Mode::Redirect, r#"{"prompt":"login","acrValues":"high","params":{"audience":"a"}}"#);
    here = here.restarted();
    here.vault.here.wait(20);
    let address = here.vault.here.way_back(&first);
    let onward = here.arrive(&address);
    assert_eq!((&onward.flow, &onward.record), (&None, &None), "the code is dropped");
    let second = onward.to.expect("a second request");
    assert!(second.starts_with("https://as.test/authorize?"));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(param(&first, name), param(&second, name), "{name}");
    }
    assert_eq!(param(&second, "prompt"), None, "the user authenticates once");
    assert_eq!(param(&second, "max_age").as_deref(), Some("20"));
    assert_eq!(param(&second, "acr_values").as_deref(), Some("high"));
    assert_eq!(param(&second, "audience").as_deref(), Some("a"));

    here = here.restarted();
    let address = here.vault.here.way_back(&second);
    let onward = here.arrive(&address);
    assert_eq!(onward.to.as_deref(), Some("/here?x=1#y"));
    assert_eq!(onward.flow.as_deref(), Some(begun.state.as_str()));
    assert_eq!(code(&here.hand_over(&address, &onward, &begun.state)), Some("state_mismatch"));
    assert_eq!(here.vault.here.world().provider.count(Place::Token), 0, "no code is redeemed");
}

#[test]
fn the_second_request_completes_the_sign_in() {
    let mut here = Guarded::new();
    let (begun, first) = here.leave(Mode::Redirect, "{}");
    here = here.restarted();
    let second = here.arrive(&here.vault.here.way_back(&first)).to.expect("a second request");
    let address = here.vault.here.way_back(&second);
    let onward = here.arrive(&address);
    let outcome = here.hand_over(&address, &onward, &begun.state);
    assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
    assert!(here.page().is_signed_in());
}

#[test]
fn a_response_that_names_no_sign_in_of_this_client_leads_nowhere() {
    let here = Guarded::new();
    let foreign = base64url::encode(
        br#"{"flow":"f","to":"//evil.test","scope":"","restores":false,"second":false,"started":1,"params":""}"#,
    );
    let states = ["", "vk.x", "other", "vk.x.e30", &format!("vk.x.{foreign}")].map(String::from);
    for address in states.map(|state| response(&state, "code=c")).into_iter().chain([
        format!("{CALLBACK}?code=c"),
        format!("{CALLBACK}?error=server_error"),
        format!("{CALLBACK}?%"),
        CALLBACK.into(),
    ]) {
        let Onward { to, flow, record, failure } = here.arrive(&address);
        assert_eq!((to, flow, record, failure), (None, None, None, None), "{address}");
    }
    assert_eq!(here.tell(r#""carried":"nonsense""#), "{}");
}

#[test]
fn a_late_response_is_refused_without_a_second_request() {
    let mut here = Guarded::new();
    let (begun, request) = here.leave(Mode::Redirect, "{}");
    here = here.restarted();
    here.vault.here.wait(3601);
    let address = here.vault.here.way_back(&request);
    let onward = here.arrive(&address);
    assert_eq!(code(&here.hand_over(&address, &onward, &begun.state)), Some("state_mismatch"));
}

#[test]
fn an_error_without_a_state_belongs_to_the_only_sign_in() {
    let here = Guarded::new();
    let (begun, _) = here.leave(Mode::Redirect, "{}");
    let address = format!("{CALLBACK}?error=server_error");
    let onward = here.arrive(&address);
    let outcome = here.hand_over(&address, &onward, &begun.state);
    assert_eq!(code(&outcome), Some("authorization_error"));
}

#[test]
fn a_sign_in_in_another_window_ends_on_the_closing_page() {
    let here = Guarded::new();
    let (begun, request) = here.leave(Mode::Window, r#"{"prompt":"none"}"#);
    assert!(begun.is_of_window() && begun.record.is_none());
    let address =
        response(&param(&request, "state").expect("a state"), "error=login_required&iss=https%3A%2F%2Fas.test");
    let onward = here.arrive(&address);
    assert_eq!(onward.to, Some(format!("{FOLDER}guard/done")));
    assert_eq!(code(&here.hand_over(&address, &onward, &begun.state)), Some("login_required"));
}

#[test]
fn a_return_path_always_has_a_fragment() {
    let here = Guarded::new();
    for (path, expected) in [("/", "/#-"), ("/a?b=c", "/a?b=c#-"), ("/a#", "/a#-"), ("/a#b", "/a#b")] {
        let outcome = here.page().say(
            "begin",
            &format!(
                r#""redirectUri":"","scope":"","returnTo":"{path}","options":{{}},"inWindow":false,"shared":false"#
            ),
        );
        let begun = Begun::read(&outcome.expect("a departure"));
        let request = member(&here.depart(&begun), "to").expect("a request");
        assert_eq!(here.arrive(&here.vault.here.way_back(&request)).to.as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn a_long_return_path_is_lost_only_with_the_transaction() {
    let long = format!("/{}", "x".repeat(2000));
    let here = Guarded::new();
    let members =
        format!(r#""redirectUri":"","scope":"","returnTo":"{long}","options":{{}},"inWindow":false,"shared":false"#);
    let begun = Begun::read(&here.page().say("begin", &members).expect("a departure"));
    let request = member(&here.depart(&begun), "to").expect("a request");
    let address = here.vault.here.way_back(&request);
    assert_eq!(here.arrive(&address).to, Some(format!("{long}#-")));
    assert!(here.restarted().arrive(&address).to.is_some_and(|to| to.starts_with("https://as.test")));
}

#[test]
fn an_error_without_a_state_ends_no_sign_in_in_another_window() {
    let here = Guarded::new();
    here.leave(Mode::Window, "{}");
    assert_eq!(here.arrive(&format!("{CALLBACK}?error=server_error")).to, None);
}

/// The guard may have been ended, and knows nothing of a sign-out then.
#[test]
fn the_vault_refuses_a_sign_in_that_began_before_a_sign_out() {
    let ends: [fn(&Guarded, &Begun); 2] = [
        |here, _| drop(here.page().say("end", "")),
        |here, begun| drop(here.page().say("abandon", &format!(r#""state":{}"#, string(&begun.state)))),
    ];
    for end in ends {
        let here = Guarded::new();
        let (begun, request) = here.leave(Mode::Redirect, "{}");
        end(&here, &begun);
        let here = here.restarted();
        let second = here.arrive(&here.vault.here.way_back(&request)).to.expect("a second request");
        let address = here.vault.here.way_back(&second);
        let onward = here.arrive(&address);
        assert_eq!(here.hand_over(&address, &onward, &begun.state).as_deref(), Ok("{}"));
        assert!(!here.page().is_signed_in());
    }
}

/// The app may have another client, but no page of the app is the redirect page of a guard.
#[test]
fn a_guard_shares_its_redirect_page_with_no_other_client() {
    let here = Guarded::new();
    change(&mut here.vault.here.world().provider.metadata, &[("-authorization_response_iss_parameter_supported", "")]);
    let members = r#""redirectUri":"","scope":"","returnTo":"/","options":{},"inWindow":false,"shared":true"#;
    here.page().say("begin", members).expect("a departure");

    let ordinary = SharedWorker::beside(&here.vault);
    assert_eq!(
        named(
            &ordinary
                .page(1, &app())
                .say("begin", &members.replace(r#""redirectUri":"""#, r#""redirectUri":"https://app.test/cb""#))
        ),
        Some("redirectUri"),
        "without a guard, the page is shared"
    );
}

/// A page can give up one sign-in after another.
#[test]
fn the_vault_remembers_a_limited_number_of_ended_sign_ins() {
    let here = Guarded::new();
    let (first, request) = here.leave(Mode::Redirect, "{}");
    let give_up = |begun: &Begun| here.page().say("abandon", &format!(r#""state":{}"#, string(&begun.state)));
    give_up(&first).expect("an end");
    for _ in 0..1024 {
        give_up(&here.page().begin(Mode::Window)).expect("an end");
    }
    let address = here.vault.here.way_back(&request);
    let outcome = here.hand_over(&address, &here.arrive(&address), &first.state);
    assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
}

#[test]
fn a_sign_out_ends_the_sign_ins_of_the_guard() {
    let here = Guarded::new();
    let (begun, request) = here.leave(Mode::Redirect, "{}");
    let news = r#"{"news":"ended","provider":"https://as.test","clientId":"spa","signIns":"end"}"#;
    assert_eq!(here.guard.hear(&news.replace("spa", "other")).as_deref(), Ok("false"));
    assert_eq!(here.guard.hear(news).as_deref(), Ok("true"), "what waits for the vault is to be forgotten, too");
    let address = here.vault.here.way_back(&request);
    let onward = here.arrive(&address);
    assert_eq!((onward.to.as_deref(), &onward.record), (Some("/here?x=1#y"), &None));
    assert_eq!(here.hand_over(&address, &onward, &begun.state).as_deref(), Ok("{}"));
}

#[test]
fn the_time_that_a_token_response_waits_for_the_vault_counts() {
    let expiries = [0, 50].map(|seconds| {
        let here = Guarded::new();
        let (begun, request) = here.leave(Mode::Redirect, "{}");
        let address = here.vault.here.way_back(&request);
        let record = here.arrive(&address).record.expect("a transaction");
        let handover = here.tell(&format!(r#""address":{},"record":{}"#, string(&address), string(&record)));
        here.vault.here.wait(seconds);
        here.complete(&begun.state, Some(&handover)).expect("a sign-in");
        let session = here.page().session();
        let (_, expiry) = session.split_once(r#""expiresAt":"#).expect("a time");
        expiry.split([',', '}']).next().map(String::from)
    });
    assert_eq!(expiries[0], expiries[1]);
}

#[test]
fn a_failure_to_leave_reaches_the_app_through_the_vault() {
    let here = Guarded::new();
    let begun = Begun::read(&here.page().begin_with(Mode::Redirect, "{}").expect("a departure"));
    here.guard.here.world().provider.instead.push((
        Place::Metadata,
        vec![Ok(json(503, "{}")), Ok(json(503, "{}")), Ok(json(503, "{}")), Ok(json(503, "{}"))],
    ));
    let onward = here.depart(&begun);
    assert_eq!(member(&onward, "to").as_deref(), Some("/here?x=1#y"));
    assert_eq!(member(&onward, "flow").as_ref(), Some(&begun.state));
    let failure = member(&onward, "failure").expect("an error");
    assert_eq!(member(&failure, "code").as_deref(), Some("server_unavailable"));
    assert_eq!(member(&failure, "returnTo").as_deref(), Some("/here?x=1#y"));
}

#[test]
fn the_vault_reports_flaws_of_a_sign_in_before_the_page_leaves() {
    let here = Guarded::new();
    for (options, option) in [(r#"{"maxAge":"soon"}"#, "max_age"), (r#"{"state":"x"}"#, "state")] {
        assert_eq!(named(&here.page().begin_with(Mode::Redirect, options)), Some(option));
    }
}

#[test]
fn a_page_may_repeat_the_options_of_the_file_and_change_none() {
    let here = Guarded::new();
    let may = [
        "",
        r#""issuer":"https://as.test","clientId":"spa","#,
        r#""api":["https://api.test/v1/"],"#,
        r#""api":[],"account":"","scope":"","#,
        r#""scope":"read openid","#,
        r#""scope":"openid","#,
        r#""redirectUri":"https://app.test/valet-key/callback.html","#,
        r#""timeout":500,"idTokenHint":false,"openid":true,"tokens":"worker","#,
    ];
    for (port, more) in (10..).zip(may) {
        assert_eq!(here.vault.port(port).configure(&page_options(more)).as_deref(), Ok(""), "{more}");
        assert_eq!(
            here.vault.port(port).begin(Mode::Redirect).url.split('?').next(),
            Some("https://app.test/valet-key/guard/go")
        );
    }
    let may_not = [
        (r#""issuer":"https://evil.test","#, "issuer"),
        (r#""clientId":"other","#, "clientId"),
        (r#""api":["https://api.test/"],"#, "api"),
        (r#""api":["https://api.test/v1/","https://evil.test/"],"#, "api"),
        (r#""account":"second","#, "account"),
        (r#""scope":"read write","#, "scope"),
        (r#""scope":"profile","#, "scope"),
        (r#""redirectUri":"https://app.test/","#, "redirectUri"),
        (r#""tokens":"page","#, "tokens"),
        (r#""allowLoopbackHttp":true,"#, "allowLoopbackHttp"),
        (r#""openid":false,"#, "openid"),
        (r#""userinfo":"signed","#, "userinfo"),
        (r#""sever":{},"#, "sever"),
        (r#""timeout":"soon","#, "timeout"),
    ];
    for (port, (more, option)) in (100..).zip(may_not) {
        assert_eq!(named(&here.vault.port(port).configure(&page_options(more))), Some(option), "{more}");
    }
    for options in [app(), "{}".into(), r#"{"guard":"https://app.test/other/"}"#.into()] {
        assert_eq!(named(&here.vault.port(200).configure(&options)), Some("guard"), "{options}");
    }
}

#[test]
fn the_file_of_a_guard_is_checked_and_other_workers_refuse_the_option() {
    for (text, option) in [
        ("", "options.json"),
        ("[]", "options.json"),
        (r#"{"issuer":"https://as.test"}"#, "options.json: clientId"),
        (r#"{"issuer":"https://as.test","clientId":"spa","scope":1}"#, "options.json: scope"),
        (r#"{"issuer":"https://as.test","clientId":"spa","redirectUri":"/"}"#, "options.json: redirectUri"),
        (r#"{"issuer":"https://as.test","clientId":"spa","tokens":"page"}"#, "options.json: tokens"),
    ] {
        assert_eq!(named(&pinned(&worker(), text)), Some(option), "{text}");
    }
    assert_eq!(
        named(&worker().port(1).configure(&page_options(r#""issuer":"https://as.test","clientId":"spa","#))),
        Some("guard")
    );
}

/// In Chromium, a worker lives for a while after its last page.
#[test]
fn a_changed_file_is_read_when_no_page_is_open() {
    let here = Guarded::new();
    here.sign_in();
    let changed = file("").replace("/v1/", "/v2/");

    assert!(pinned(&here.vault, &changed).is_ok());
    assert!(here.page().is_signed_in(), "a page is open");
    here.page().say("leave", "").expect("a leave");
    assert!(pinned(&here.vault, &file("")).is_ok());
    assert!(here.vault.page(2, &page_options("")).is_signed_in(), "the same options");
    here.vault.port(2).say("leave", "").expect("a leave");

    here.vault.here.take_sent();
    assert_eq!(pinned(&here.vault, &changed).as_deref(), Ok(""), "nothing is deposited");
    assert_eq!(here.vault.here.take_sent(), ["https://as.test/revoke"; 2]);
    let page = here.vault.page(3, &page_options(r#""api":["https://api.test/v2/"],"#));
    assert!(!page.is_signed_in());
}

#[test]
fn a_deposit_of_another_client_is_not_continued() {
    let here = Guarded::new();
    here.sign_in();
    let deposit = here.vault.here.world().deposits.last().cloned().expect("a deposit");
    for (options, is_signed_in) in [(file(""), true), (file("").replace("/v1/", "/v2/"), false)] {
        let next = SharedWorker::beside(&here.vault);
        pinned(&next, &options).expect("options");
        drop(next.say(format!(r#"{{"op":"recall","deposit":{}}}"#, string(&deposit))));
        assert_eq!(next.page(1, &page_options("")).is_signed_in(), is_signed_in, "{options}");
    }
}

#[test]
fn each_sign_in_has_a_name_and_a_state_of_its_own() {
    let here = Guarded::new();
    let names = [(); 3].map(|()| {
        let (begun, request) = here.leave(Mode::Redirect, "{}");
        [begun.state, param(&request, "state").expect("a state")]
    });
    let names = names.concat();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name}");
    }
}

#[test]
fn the_text_of_a_token_response_that_the_guard_received_shows_no_secret() {
    let here = Guarded::new();
    let (begun, request) = here.leave(Mode::Redirect, "{}");
    let address = here.vault.here.way_back(&request);
    let secret = param(&address, "code").expect("a code");
    let refusal = json(400, &format!(r#"{{"error":"invalid_grant","error_description":"used: {secret}"}}"#));
    here.vault.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
    let outcome = here.hand_over(&address, &here.arrive(&address), &begun.state);
    let told = to_json(&outcome.expect_err("a refusal"));
    assert!(told.contains("invalid_grant") && !told.contains(&secret), "{told}");
}

#[test]
fn dpop_50_the_guard_binds_the_code_to_a_key_that_goes_to_the_vault() {
    let guarded = Guarded::new();
    let here = &guarded.vault.here;
    {
        let mut world = here.world();
        world.provider.bind();
        world.provider.take_pushed();
    }
    let (begun, request) = guarded.leave(Mode::Redirect, "{}");
    assert_eq!(here.asked(Place::Pushed), 1, "the vault has only checked the request");
    let address = here.way_back(&request);
    guarded.hand_over(&address, &guarded.arrive(&address), &begun.state).expect("a session");
    guarded.page().say("refresh", "").expect("a renewal");
    let world = here.world();
    let places = [Place::Pushed, Place::Token, Place::Refresh];
    let keys: Vec<_> =
        places.iter().flat_map(|place| world.provider.proofs_at(*place)).map(|proof| proof.jkt).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(world.proof_keys.len(), 1);
}

/// No page is there that could sign.
#[test]
fn par_53_the_guard_pushes_no_request_of_a_client_with_a_key() {
    let guarded = Guarded::with(&file(r#""tokenEndpointAuthMethod":"private_key_jwt","#));
    guarded.vault.here.world().has_key = true;
    guarded.vault.here.world().provider.take_pushed();
    let (begun, request) = guarded.leave(Mode::Redirect, "{}");
    let address = guarded.vault.here.way_back(&request);
    guarded.hand_over(&address, &guarded.arrive(&address), &begun.state).expect("a session");
    assert_eq!(guarded.vault.here.asked(Place::Pushed), 0);
}

/// TRACE-05
#[test]
fn trace_05_the_steps_of_the_guard_come_with_the_session() {
    let browser = Guarded::new();
    browser.page().say("trace", "").expect("steps");
    let told = || -> Vec<String> {
        let steps = browser.vault.here.world().traced.drain(..).map(|(_, text)| text).collect::<Vec<_>>();
        let get = |text: &str, name| member(text, name).unwrap_or_default();
        steps.iter().map(|text| [get(text, "step"), get(text, "message")].join(" ")).collect()
    };
    for time in ["first", "second"] {
        browser.sign_in();
        let told = told();
        let count = |step| told.iter().filter(|told| *told == step).count();
        for step in ["authorization request", "authorization response", "token request", "token response"] {
            assert_eq!(count(step), 1, "{time}: {step} in {told:?}");
        }
        let at = |step| told.iter().position(|told| told == step);
        assert!(at("authorization request") < at("token request"), "{told:?}");
        assert!(at("token response") < at("id_token check"), "{told:?}");
    }
}

/// TRACE-13
#[test]
fn trace_13_a_token_of_the_vault_in_the_notes_of_the_guard_is_not_told() {
    let browser = Guarded::new();
    browser.page().say("trace", "").expect("steps");
    browser.sign_in();
    let secrets = browser.vault.here.world().provider.secrets.clone();
    let tokens: Vec<String> = secrets.into_iter().filter(|secret| secret.contains("token-number")).collect();
    let [access, refresh] = &tokens[..] else { panic!("two tokens: {tokens:?}") };
    change(&mut browser.vault.here.world().provider.token, &[("scope", &format!("{access:?}"))]);
    let (begun, request) = browser.leave(Mode::Redirect, "{}");
    let address = format!("{}&error_description={refresh}", browser.vault.here.way_back(&request));
    drop(browser.hand_over(&address, &browser.arrive(&address), &begun.state));
    // The guard itself knows the `state` of another sign-in that waits.
    let (_, waiting) = browser.leave(Mode::Redirect, "{}");
    let state = form::parse(waiting.split_once('?').expect("a query").1).expect("a form");
    let state = state.into_iter().find(|(name, _)| name == "state").expect("a state").1;
    change(&mut browser.vault.here.world().provider.token, &[("scope", &format!("{state:?}"))]);
    let (begun, request) = browser.leave(Mode::Redirect, "{}");
    let address = browser.vault.here.way_back(&request);
    drop(browser.hand_over(&address, &browser.arrive(&address), &begun.state));
    let world = browser.vault.here.world();
    assert!(world.traced.len() > 10);
    let secrets: Vec<&String> = tokens.iter().chain([&state]).collect();
    assert!(!world.traced.iter().any(|(_, text)| secrets.iter().any(|secret| shows(text, secret))));
}
