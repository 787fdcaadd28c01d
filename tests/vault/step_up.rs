//! An API that asks for another sign-in (RFC 9470, RFC 6750 §3.1).

use valet_key::protocol::step_up::StepUp;

use crate::hostile::provider::Place;
use crate::hostile::world::ApiAnswer;
use crate::{app, worker};

fn asked(scope: Option<&str>, acr_values: Option<&str>, max_age: Option<i64>) -> StepUp {
    StepUp { scope: scope.map(Into::into), acr_values: acr_values.map(Into::into), max_age }
}

/// PAR-17 PAR-20: RFC 9470 §3 has the first challenge.
#[test]
fn par_17_what_an_api_asks_for_is_read() {
    let long = format!(r#"Bearer error="insufficient_scope", scope="{}""#, "x".repeat(3000));
    let rows = [
        (
            401,
            r#"Bearer error="insufficient_user_authentication", error_description="x", acr_values="myACR", max_age="5""#,
            Some(asked(None, Some("myACR"), Some(5))),
        ),
        (401, "DPoP error=insufficient_user_authentication, max_age=0", Some(asked(None, None, Some(0)))),
        (401, r#"Bearer error="insufficient_user_authentication", max_age="-1""#, None),
        (401, r#"Bearer error="insufficient_user_authentication", max_age="soon", acr_values="""#, None),
        (401, r#"Bearer error="insufficient_user_authentication", acr_values="a\\b""#, None),
        (401, r#"Bearer error="insufficient_user_authentication", acr_values=" ""#, None),
        (401, r#"Bearer error="insufficient_user_authentication", max_age="9223372036854775807""#, None),
        (401, "Bearer error=insufficient_user_authentication, max_age=.", None),
        (
            401,
            "Bearer error=insufficient_user_authentication, max_age=5, scope=write, acr_values=\" a  b a\"",
            Some(asked(Some("write"), Some("a b"), Some(5))),
        ),
        (
            403,
            r#"Bearer scope="default", DPoP error="insufficient_scope", scope="write""#,
            Some(asked(Some("write"), None, None)),
        ),
        (
            401,
            r#"Bearer error="invalid_token", DPoP error="insufficient_user_authentication", max_age=0"#,
            Some(asked(None, None, Some(0))),
        ),
        (403, r#"Bearer error="insufficient_scope", acr_values="a""#, None),
        (401, r#"Bearer error="insufficient_user_authentication""#, None),
        (
            403,
            r#"Bearer error="insufficient_scope", scope="write read write""#,
            Some(asked(Some("write read"), None, None)),
        ),
        (403, r#"Bearer error="insufficient_scope", scope="""#, None),
        (403, r#"Bearer error="insufficient_scope", scope="é""#, None),
        (403, r#"Bearer error="insufficient_scope""#, None),
        (403, r#"Basic error="insufficient_scope", scope="write""#, None),
        (403, &long, None),
        (401, r#"Bearer error="invalid_token", scope="write""#, None),
        (401, "", None),
        (200, r#"Bearer error="insufficient_scope", scope="write""#, None),
        (404, r#"Bearer error="insufficient_scope", scope="write""#, None),
    ];
    for (status, header, expected) in rows {
        assert_eq!(StepUp::asked_by(status, header), expected, "{status} {header:.80}");
    }
}

/// PAR-18
#[test]
fn par_18_a_renewal_is_no_step_up() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    for more in [r#", max_age="0""#, ""] {
        let challenge = format!(r#"Bearer error="insufficient_user_authentication"{more}"#);
        worker.here.world().answers.push_back(ApiAnswer { status: 401, challenge, ..ApiAnswer::default() });
        port.say("fetch", r#""url":"https://api.test/v1/x""#).expect("the refusal");
    }
    assert_eq!(worker.here.world().calls.len(), 2);
    assert_eq!(worker.here.asked(Place::Refresh), 0);
    assert!(port.is_signed_in());
}
