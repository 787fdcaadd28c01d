//! The hint of every `config_error` of the core: it says what to write, and where.

use std::collections::BTreeMap;

use valet_key::Options;
use valet_key::protocol::config::Config;
use valet_key::protocol::error::{Error, Kind};
use valet_key::vault::messages::Outcome;

use crate::hostile::provider::change;
use crate::hostile::worker::{Mode, SharedWorker};
use crate::{app, options, wider, worker};

/// What a hint can point to: a name or a value as code, a file, the user's tabs, or the provider.
const CONCRETE: [&str; 4] = ["`", "index.d.ts", "tabs", "at the provider"];

/// The hints by their problems.
#[derive(Default)]
struct Hints(BTreeMap<&'static str, &'static str>);

impl Hints {
    /// Notes an error with its label. The hint must contain `expected`.
    fn note(&mut self, label: &str, error: &Error, expected: &str) {
        let Kind::Config { problem, hint, .. } = error.kind() else { panic!("{label}: {error}") };
        assert_eq!(*hint, error.hint(), "{label}");
        assert!(hint.contains(expected), "{label}: {error}: {hint}");
        assert!(CONCRETE.iter().any(|place| hint.contains(place)), "{label}: {hint}");
        assert!(hint.starts_with(char::is_uppercase) && hint.ends_with('.'), "{label}: a sentence: {hint}");
        assert!(!problem.contains(hint.trim_end_matches('.')), "{label}: the hint repeats the message: {hint}");
        self.0.insert(problem, hint);
    }

    fn note_outcome(&mut self, label: &str, outcome: Outcome, expected: &str) {
        self.note(label, &outcome.expect_err(label).error, expected);
    }
}

/// The options of an app with others in the place of its own.
fn with(api: &str) -> String {
    app().replace(r#"["https://api.test/v1/"]"#, api)
}

fn issuer(issuer: &str) -> String {
    app().replace(r#""https://as.test""#, issuer)
}

fn options_of_a_client(hints: &mut Hints) {
    let entries = (0..101).map(|number| format!(r#""https://api.test/{number}/""#)).collect::<Vec<_>>().join(",");
    let server = r#"{"clientId":"spa","openid":true,"server":{"authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token"}}"#;
    let rows = [
        ("[]".into(), "`clientId`"),
        (options(r#""openid":"yes","#), "`true`"),
        (options(r#""timeout":"5 s","#), "`10000`"),
        (options(r#""timeout":0,"#), "`10000`"),
        (options(r#""restore":"always","#), "`'none'`"),
        (options(r#""restore":true,"#), "`'none'`"),
        (options(r#""tokens":"tab","#), "`'page'`"),
        (options(r#""userinfo":"jwt","#), "`'signed'`"),
        (options(r#""account":7,"#), "quotes"),
        (options(r#""client_id":"spa","#), "index.d.ts"),
        (options(r#""scope":"read","#), "`signIn`"),
        (options(r#""clientSecret":"x","#), "public"),
        (app().replace("\"spa\"", "\"\""), "client ID"),
        (app().replace("\"spa\"", "\"https://app.test\""), "`client_id`"),
        (issuer("null"), "`https://login.example.com`"),
        (issuer(r#""as.test""#), "`https://login.example.com`"),
        (issuer(r#""http://localhost:9000""#), "`allowLoopbackHttp: true`"),
        (issuer(r#""https://as.test/?x=1""#), "/.well-known/openid-configuration"),
        (issuer(r#""https://as.test/{tenantid}/v2.0""#), "tenant"),
        (server.into(), "`openid: false`"),
        (with(r#""https://api.test/""#), "`['https://api.example.com/v1/']`"),
        (with(r#"[{"url":7}]"#), "`['https://api.example.com/v1/']`"),
        (with(&format!("[{entries}]")), "`https://api.example.com/`"),
        (with(r#"["http://localhost:3000/"]"#), "`allowLoopbackHttp: true`"),
        (with(r#"["https://api.test/*"]"#), "`*`"),
        (with(r#"["https://api.test/v1/../"]"#), "`..`"),
    ];
    for (options, expected) in rows {
        hints.note(&options, &Config::parse(&options).expect_err(&options), expected);
    }
    let built = Options::builder("spa").server("not JSON").build().expect_err("metadata");
    hints.note("metadata as text", &built, "/.well-known/openid-configuration");
}

fn options_of_a_sign_in(hints: &mut Hints) {
    let long = format!(r#"{{"loginHint":"{}"}}"#, "x".repeat(8200));
    let rows = [
        (r#"{"acr_values":"a"}"#, "`params`"),
        (r#"{"loginHint":"a","params":{"login_hint":"a"}}"#, "Keep the option"),
        (r#"{"params":{"audience":7}}"#, "`{ audience: 'my-api' }`"),
        (r#"{"params":{"state":"vk.mine"}}"#, "Remove it from `params`"),
        (r#"{"maxAge":"soon"}"#, "`3600`"),
        (r#"{"loginHint":"\ud800"}"#, "`toWellFormed()`"),
        (&long, "`loginHint`"),
        ("[]", "`signIn`"),
    ];
    let worker = worker();
    let port = worker.page(1, &app());
    for (options, expected) in rows {
        hints.note_outcome(options, port.begin_with(Mode::Redirect, options), expected);
    }

    let here = r#""https://app.test/cb""#;
    let rows = [
        (r#""https://app.test/#/cb""#, "", "/", "`#`"),
        (r#""http://app.test/cb""#, "", "/", "`https://app.example.com/`"),
        (r#""https://evil.test/cb""#, "", "/", "`location.origin`"),
        (r#""https://app.test/cb?x=%E8""#, "", "/", "`encodeURIComponent()`"),
        ("7", "", "/", "quotes"),
        (here, r#"a\"b"#, "/", "`email profile`"),
        (here, "", "//evil.test", "one slash"),
    ];
    for (page, scope, return_to, expected) in rows {
        let members = format!(r#""redirectUri":{page},"scope":"{scope}","returnTo":"{return_to}","options":{{}}"#);
        hints.note_outcome(&members, port.say("begin", &members), expected);
    }
    let silent = [("-authorization_response_iss_parameter_supported", "")];
    let worker = crate::worker();
    change(&mut worker.here.world().provider.metadata, &silent);
    let shared = r#""redirectUri":"https://app.test/cb","scope":"","returnTo":"/","options":{},"shared":true"#;
    hints.note_outcome("a shared page", worker.page(1, &app()).say("begin", shared), "`redirectUri`");
}

fn calls(hints: &mut Hints) {
    let worker = worker();
    let port = worker.page(1, &app());
    hints.note_outcome("other options", port.configure(&wider()), "`createClient`");
    let outcome = port.say("end", r#""returnTo":"https://evil.test/""#);
    hints.note_outcome("a page after a sign-out", outcome, "`location.origin`");

    let plain = options(r#""openid":false,"#);
    let port = worker.page(2, &plain);
    port.sign_in();
    hints.note_outcome("an unknown user", port.say("userinfo", ""), "`userinfo({ sub })`");

    let full = SharedWorker::new();
    for number in 1..=32 {
        full.page(number, &app().replace("spa", &format!("spa-{number}")));
    }
    hints.note_outcome("too many clients", full.port(33).configure(&app()), "tabs");
}

#[test]
fn every_problem_of_an_option_has_a_hint_of_its_own() {
    let mut hints = Hints::default();
    options_of_a_client(&mut hints);
    options_of_a_sign_in(&mut hints);
    calls(&mut hints);
    let mut problems: BTreeMap<&str, &str> = BTreeMap::new();
    for (problem, hint) in &hints.0 {
        if let Some(other) = problems.insert(hint, problem) {
            panic!("“{problem}” and “{other}” share the hint “{hint}”");
        }
    }
}
