//! Clocks: of the device and of the server, and the times that a provider writes.

use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::error::{Error, Fault, Kind};
use valet_key::protocol::session::Change;

use crate::hostile::app::{App, Completion, Outcome};
use crate::hostile::provider::{Place, Provider, change};
use crate::support::{SIGN_IN, T0, options};

/// Seconds by which the device's clock differs from the server's.
const OFF: [i64; 7] = [-300, -90, -60, 0, 60, 90, 300];

/// Seconds that the user takes.
const AWAY: i64 = 20;

/// How a provider writes the times of an ID Token, in seconds after its issue.
#[derive(Clone, Copy, Debug)]
struct Times {
    iat: i64,
    nbf: Option<i64>,
    exp: i64,
    auth_time: Option<i64>,
}

/// According to the server's clock.
const PLAIN: Times = Times { iat: 0, nbf: None, exp: 600, auth_time: None };

/// As Microsoft Entra ID does: five minutes earlier, for clocks that are behind.
const WRITTEN_BACK: Times = Times { iat: -300, nbf: Some(-300), exp: 3600, auth_time: None };

/// Signs in with a device whose clock is wrong.
fn sign_in(off: i64, times: Times, params: &[(&str, &str)]) -> (Outcome<Completion>, App, Provider) {
    let mut app = App::new(&options("")).expect("honest options");
    let mut provider = Provider::perfect("https://as.test");
    app.now.wall += off * 1000;
    let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let url = app.begin(&mut provider, SignIn { params: &params, ..SIGN_IN }).expect("an address");
    let query = provider.authorize(&url);
    app.wait(&mut provider, AWAY);
    let at = |seconds: i64| (T0 + AWAY + seconds).to_string();
    change(&mut provider.claims, &[("iat", &at(times.iat)), ("exp", &at(times.exp))]);
    for (name, time) in [("nbf", times.nbf), ("auth_time", times.auth_time)] {
        if let Some(time) = time {
            change(&mut provider.claims, &[(name, &at(time))]);
        }
    }
    let outcome = app.complete(&mut provider, &query);
    (outcome, app, provider)
}

#[test]
fn idt_81_clocks_may_be_five_minutes_apart() {
    let asked: [&[(&str, &str)]; 4] =
        [&[], &[("max_age", "0")], &[("max_age", "300")], &[("prompt", "login"), ("max_age", "60")]];
    for off in OFF {
        for times in [PLAIN, WRITTEN_BACK] {
            for params in asked {
                // The user has authenticated since the sign-in began.
                let times = Times { auth_time: Some(-5), ..times };
                let (outcome, mut app, mut provider) = sign_in(off, times, params);
                assert_eq!(
                    outcome.as_ref().ok(),
                    Some(&Completion::SignedIn),
                    "{off} {times:?} {params:?}: {outcome:?}"
                );
                // The lifetime of the access token is measured by the device alone.
                app.wait(&mut provider, 589);
                app.call(&mut provider).expect("a token");
                assert_eq!(provider.count(Place::Refresh), 0, "{off} {times:?}");
                app.wait(&mut provider, 2);
                app.call(&mut provider).expect("a token");
                assert_eq!(provider.count(Place::Refresh), 1, "{off} {times:?}");
            }
        }
    }
}

#[test]
fn idt_81_max_age_is_compared_by_the_servers_own_clock() {
    for off in OFF {
        for (params, auth_time, expected) in [
            (&[("max_age", "0")], Some(-AWAY), None),
            (&[("max_age", "0")], Some(-AWAY - 31), Some("auth_time")),
            (&[("max_age", "300")], Some(-330), None),
            (&[("max_age", "300")], Some(-331), Some("auth_time")),
            (&[("max_age", "300")], None, Some("auth_time")),
            (&[("prompt", "login")], Some(-AWAY - 31), Some("auth_time")),
            (&[("prompt", "login")], None, None),
        ] {
            let (outcome, ..) = sign_in(off, Times { auth_time, ..PLAIN }, params);
            let reason = match outcome.as_ref().map_err(Error::kind) {
                Ok(_) => None,
                Err(Kind::IdTokenInvalid { reason }) => Some(*reason),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(reason, expected, "{off} {params:?} {auth_time:?}");
        }
    }
}

#[test]
fn idt_81_a_clock_that_is_wrong_by_an_hour_is_named_in_the_error() {
    for off in [-86_400, -3600, 3600, 86_400] {
        for times in [PLAIN, WRITTEN_BACK] {
            let (outcome, app, _) = sign_in(off, times, &[]);
            let error = outcome.expect_err("an hour");
            assert!(
                matches!(error.kind(), Kind::IdTokenInvalid { reason: "iat" | "exp" | "nbf" }),
                "{off} {times:?}: {error}"
            );
            assert!(error.hint().contains("clocks"), "{off} {times:?}: {}", error.hint());
            assert_eq!((error.fault(), app.view()), (Fault::Server, None), "{off} {times:?}");
        }
    }
}

#[test]
fn idt_80_backdated_times_are_accepted() {
    for (iat, expected) in [
        (-30, None),
        (-31, None),
        (-120, None),
        (-300, None),
        (-600, None),
        (-900, None),
        (-901, Some("id_token_invalid")),
        (-3600, Some("id_token_invalid")),
        (-604_800, Some("id_token_invalid")),
        (600, None),
        (601, Some("id_token_invalid")),
    ] {
        for nbf in [None, Some(iat.min(0))] {
            let (outcome, ..) = sign_in(0, Times { iat, nbf, exp: 3600, auth_time: None }, &[]);
            assert_eq!(crate::support::code(&outcome), expected, "{iat} {nbf:?}");
        }
    }
}

/// RT-36: a clock that is changed during a session.
#[test]
fn rt_36_changing_the_clock_ends_no_session() {
    for set in [-86_400, -3600, -60, 60, 3600, 86_400] {
        let (outcome, mut app, mut provider) = sign_in(0, PLAIN, &[]);
        assert_eq!(outcome.ok(), Some(Completion::SignedIn));
        provider.refreshed_claims = vec![("renewed".into(), "true".into())];
        app.now.wall += set * 1000;
        for _ in 0..3 {
            app.wait(&mut provider, 700);
            app.call(&mut provider).unwrap_or_else(|error| panic!("{set}: {error}"));
        }
        let view = app.view().expect("signed in");
        assert_eq!(app.changes, [&[Change::SignedIn][..], &[Change::Renewed; 3]].concat(), "{set}");
        assert_eq!(view.contains(r#""renewed":true"#), set.abs() == 60, "{set}: an hour away it counts as none");
        assert_eq!(provider.count(Place::Revocation), 0, "{set}");
    }
}
