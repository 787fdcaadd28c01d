//! Claims that must comply with the authorization request: `max_age`, `prompt`, `acr_values` (OpenID Connect Core
//! §3.1.2.1).

use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::form;
use valet_key::protocol::transaction::Transaction;

use crate::support::signing::{self, honest_keys, identify, proof_with};
use crate::support::{self, T0, at, claims, code, config, id_token, metadata};
use crate::why;

/// The row's number, the requested values, the changed claims, and the reason for which the token is refused.
type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], Option<&'a str>);

/// The reason for which a token is refused after a sign-in with further parameters that took `seconds`.
fn asked(params: &[(&str, &str)], changes: &[(&str, &str)], seconds: i64) -> Option<&'static str> {
    let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let sign_in = SignIn { params: &params, ..support::SIGN_IN };
    let request = AuthorizationRequest::new(&config(), &metadata(), sign_in, support::ORIGIN, &support::ENTROPY, at(0))
        .expect("honest");
    // Through a redirect, as the record is stored.
    let transaction = Transaction::from_record(&request.transaction.to_record()).expect("a record");
    let (now, later) = ((T0 + seconds).to_string(), (T0 + seconds + 600).to_string());
    let mut all = vec![("iat", now.as_str()), ("exp", later.as_str())];
    all.extend(changes);
    let proof = proof_with(&id_token(&claims(&all)), &signing::keys(&honest_keys()));
    why(identify(proof, &transaction, seconds))
}

#[test]
fn idt_43_44_45_the_id_token_must_comply_with_the_request() {
    let ago = |seconds: i64| (T0 - seconds).to_string();
    let (fresh, old, stale) = (ago(0), ago(300), ago(400));
    let rows: [Asked<'_>; 27] = [
        ("nothing asked", &[], &[], None),
        ("IDT-43", &[("acr_values", "mfa")], &[("acr", r#""pwd""#)], Some("acr")),
        ("IDT-43 none", &[("acr_values", "mfa")], &[], Some("acr")),
        ("IDT-43 a list", &[("acr_values", "mfa")], &[("acr", r#"["mfa"]"#)], Some("acr")),
        ("IDT-43 as asked", &[("acr_values", "mfa")], &[("acr", r#""mfa""#)], None),
        ("IDT-43 the second", &[("acr_values", "phr mfa")], &[("acr", r#""mfa""#)], None),
        ("IDT-43 a part of one", &[("acr_values", "phr mfa")], &[("acr", r#""phr mfa""#)], Some("acr")),
        ("IDT-44 absent", &[("max_age", "300")], &[], Some("auth_time")),
        ("IDT-44 text", &[("max_age", "300")], &[("auth_time", r#""x""#)], Some("auth_time")),
        ("IDT-44 too old", &[("max_age", "300")], &[("auth_time", &stale)], Some("auth_time")),
        ("IDT-44 young enough", &[("max_age", "300")], &[("auth_time", &old)], None),
        ("IDT-44 without end", &[("max_age", "9223372036854775807")], &[("auth_time", "1")], None),
        ("IDT-44 zero, before", &[("max_age", "0")], &[("auth_time", &old)], Some("auth_time")),
        ("IDT-44 zero, since", &[("max_age", "0")], &[("auth_time", &fresh)], None),
        ("IDT-45", &[("prompt", "login")], &[("auth_time", &old)], Some("auth_time")),
        ("IDT-45 absent", &[("prompt", "login")], &[], None),
        ("IDT-45 absent, with more asked", &[("prompt", "login consent")], &[], None),
        ("IDT-45 null", &[("prompt", "login")], &[("auth_time", "null")], None),
        ("IDT-45 not known", &[("prompt", "login")], &[("auth_time", "0")], None),
        ("IDT-44 not known", &[("max_age", "300")], &[("auth_time", "0")], Some("auth_time")),
        ("IDT-45 text", &[("prompt", "login")], &[("auth_time", r#""x""#)], Some("auth_time")),
        ("IDT-45 before, with more asked", &[("prompt", "consent login")], &[("auth_time", &old)], Some("auth_time")),
        (
            "IDT-45 whatever else",
            &[("prompt", "login"), ("max_age", "3000")],
            &[("auth_time", &old)],
            Some("auth_time"),
        ),
        ("IDT-45 absent, and max_age asked", &[("prompt", "login"), ("max_age", "3000")], &[], Some("auth_time")),
        ("IDT-45 since", &[("prompt", "login")], &[("auth_time", &fresh)], None),
        ("IDT-45 another prompt", &[("prompt", "consent")], &[("auth_time", &old)], None),
        ("IDT-44 null", &[("max_age", "300")], &[("auth_time", "null")], Some("auth_time")),
    ];
    for (label, params, changes, expected) in rows {
        assert_eq!(asked(params, changes, 5), expected, "{label}");
    }
    let since = [("auth_time", fresh.as_str())];
    assert_eq!(asked(&[("prompt", "login")], &since, 500), None, "who takes long to consent is not asked again");
}

#[test]
fn idt_44_an_age_is_a_number_of_seconds() {
    for bad in ["", "x", "-1", "300s"] {
        let params = [("max_age".to_owned(), bad.to_owned())];
        let result = SignIn { params: &params, ..support::SIGN_IN }.check(&config(), support::ORIGIN);
        assert_eq!(code(&result), Some("config_error"), "{bad}");
    }
}

#[test]
fn idt_45_max_age_is_sent_if_it_is_requested() {
    for (params, expected) in [
        (vec![], None),
        (vec![("prompt", "login")], None),
        (vec![("prompt", "consent")], None),
        (vec![("prompt", "login"), ("max_age", "60")], Some("60")),
    ] {
        let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let sign_in = SignIn { params: &params, ..support::SIGN_IN };
        let request =
            AuthorizationRequest::new(&config(), &metadata(), sign_in, support::ORIGIN, &support::ENTROPY, at(0))
                .expect("fine");
        let (_, query) = request.url.split_once('?').expect("a query");
        let sent: Vec<String> = form::parse(query)
            .expect("a form")
            .into_iter()
            .filter(|(name, _)| name == "max_age")
            .map(|(_, value)| value)
            .collect();
        assert_eq!(sent, expected.into_iter().collect::<Vec<_>>(), "{params:?}");
    }
}
