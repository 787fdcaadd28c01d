//! Responses without a transaction, and parameters of other flows.

use valet_key::client::{Completion, OtherSignIns};
use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::error::Result;
use valet_key::protocol::foreign::ForeignText;
use valet_key::protocol::transaction::{RedirectPage, Transaction};
use valet_key::vault::messages::to_json;

use crate::hostile::app::{self, App};
use crate::hostile::case::Case;
use crate::hostile::provider::{Place, Provider, change};
use crate::hostile::world::Here;
use crate::support::{SIGN_IN, code, options};

/// The outcome for an address without a stored record.
fn unbound(here: &Here, query: &str, pending: OtherSignIns) -> Result<Completion> {
    let client = here.client();
    let address = format!("https://app.test/cb{query}");
    let outcome = here.finish(client.complete(&address, None, pending, RedirectPage::OfOneProvider));
    assert_eq!(here.take_sent(), [""; 0], "{query}: NQ");
    assert_eq!((client.session(), here.take_change()), (None, None), "{query}: NS");
    outcome
}

/// The address, and the code of the error while a sign-in is pending.
const UNBOUND: [(&str, Option<&str>); 25] = [
    ("?error=access_denied&error_description=The+user+said+no", Some("authorization_error")),
    ("?error=access_denied", Some("authorization_error")),
    ("?error_uri=https%3A%2F%2Fevil.test%2F&error=access_denied", Some("authorization_error")),
    ("?error=server_error&state=", Some("authorization_error")),
    ("?error=server_error&state", Some("authorization_error")),
    ("?error=invalid_request&iss=https%3A%2F%2Fas.test", Some("authorization_error")),
    ("?error=access_denied&error_description=Acc%E8s+refus%E9", Some("authorization_error")),
    ("?code=c1&error=access_denied", Some("authorization_error")),
    ("?utm=100%&error=access_denied", Some("authorization_error")),
    ("?error=Vendor.Specific", Some("state_mismatch")),
    ("?error=%3Cimg%20src%3Dx%3E", Some("state_mismatch")),
    ("?error=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Some("state_mismatch")),
    ("?error=access_denied&state=vk.unknown", Some("state_mismatch")),
    ("?error=access_denied&state=partner-state", Some("state_mismatch")),
    ("?code=c1", Some("state_mismatch")),
    ("?code=c1&iss=https%3A%2F%2Fas.test", Some("state_mismatch")),
    ("?code=c1&state=", Some("state_mismatch")),
    ("?code=c1&state=vk.unknown", Some("state_mismatch")),
    ("?code=c1&state=vk.unknown&iss=https%3A%2F%2Fas.test", Some("state_mismatch")),
    ("?state=vk.unknown", Some("state_mismatch")),
    ("?code=c1&code=c2&state=vk.unknown", Some("duplicate_parameter")),
    ("?access_token=x&state=vk.unknown", Some("response_invalid")),
    ("#access_token=x&state=vk.unknown", Some("response_invalid")),
    ("?utm=1", None),
    ("", None),
];

#[test]
fn cb_68_69_a_response_without_a_transaction_is_reported_only_while_a_sign_in_is_pending() {
    for (query, expected) in UNBOUND {
        let here = Here::new();
        let outcome = unbound(&here, query, OtherSignIns::Pending);
        assert_eq!(code(&outcome), expected, "{query}");
        assert!(expected.is_some() || matches!(outcome, Ok(Completion::Ignored)), "{query}");
        let outcome = unbound(&here, query, OtherSignIns::None);
        assert!(matches!(outcome, Ok(Completion::Ignored)), "{query}: nothing is pending: {outcome:?}");
    }
}

#[test]
fn cb_68_an_error_without_a_transaction_is_reported_without_its_description() {
    let here = Here::new();
    for (query, _) in UNBOUND.into_iter().filter(|(_, expected)| *expected == Some("authorization_error")) {
        let error = unbound(&here, query, OtherSignIns::Pending).expect_err("an error");
        let said = error.oauth().expect("what the server said");
        assert!(query.contains(&format!("error={}", said.error.as_str())), "{query}");
        assert_eq!((&said.error_description, &said.error_uri), (&None, &None), "{query}: its sender is unknown");
        assert_eq!(error.is_retryable(), said.error.as_str() == "server_error", "{query}");
        let told = to_json(&error.clone().into());
        let shown = format!(r#""oauth":{{"error":"{}"}}}}"#, said.error.as_str());
        assert!(told.ends_with(&shown) && !told.contains("evil") && !told.contains("The user said"), "{query}: {told}");
        assert!(error.message().contains("no `state`"), "{query}: {}", error.message());
    }
}

#[test]
fn cb_68_69_the_pending_sign_in_is_not_used_up() {
    let mut app = App::new(&options("")).expect("honest options");
    let mut provider = Provider::perfect("https://as.test");
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    for (unbound, expected) in UNBOUND.into_iter().filter(|(query, _)| query.starts_with('?')) {
        let outcome = app.complete(&mut provider, &unbound[1..]);
        assert_eq!(outcome.err().map(|error| error.code()), expected, "{unbound}");
        assert_eq!(app.pending.len(), 1, "{unbound}: TX1");
    }
    assert_eq!(app.complete(&mut provider, &query).ok(), Some(app::Completion::SignedIn));
}

#[test]
fn cb_68_69_the_next_sign_in_works() {
    let refusal = |_: &str| "error=access_denied&error_description=the-users-words".to_owned();
    Case::new("CB-68").callback(refusal).poison("the-users-words").play_to("authorization_error");
    Case::new("CB-68").callback(|_| "error=X%3Cimg%3E".into()).poison("img").play_to("state_mismatch");
    Case::new("CB-69").callback(|_| "code=c1".into()).play_to("state_mismatch");
    Case::new("CB-69").callback(|honest| honest.replace("state=vk.", "state=vk.x")).play_to("state_mismatch");
    Case::new("CB-69").callback(|_| "utm=1".into()).play_to("callback_ignored");
}

/// Rewrites an authorization response.
type Rewrite = fn(&str) -> String;

/// The valid query with an error instead of the code.
fn refusal(honest: &str, error: &str) -> String {
    let rest: Vec<&str> = honest.split('&').filter(|part| !part.starts_with("code=")).collect();
    format!("{error}&{}", rest.join("&"))
}

#[test]
fn cb_70_a_description_that_is_not_utf_8_is_left_out() {
    let rows: [(Rewrite, Option<&str>); 6] = [
        (|honest| refusal(honest, "error=access_denied&error_description=Acc%E8s+refus%E9"), None),
        (|honest| refusal(honest, "error=access_denied&error_description=%"), None),
        (|honest| refusal(honest, "error=access_denied&error_description=100%+sure"), None),
        (|honest| refusal(honest, "error=access_denied&error_uri=https%3A%2F%2Fas.test%2F%E8"), None),
        (|honest| refusal(honest, "error=access_denied&error_description=no&error_uri=%E8"), Some("no")),
        (|honest| refusal(honest, "error=access_denied&error_description=Acc%C3%A8s"), Some("Accès")),
    ];
    for (callback, expected) in rows {
        let error = Case::new("CB-70").callback(callback).play_to("authorization_error").error.expect("a refusal");
        let said = error.oauth().expect("what the server said");
        assert_eq!(said.error.as_str(), "access_denied");
        assert_eq!(said.error_description.as_ref().map(ForeignText::as_str), expected);
        assert_eq!(said.error_uri, None);
    }
}

#[test]
fn cb_70_parameters_that_are_not_read_are_not_decoded() {
    let rows: [Rewrite; 9] = [
        |honest| format!("{honest}&utm=100%"),
        |honest| format!("{honest}&%=1"),
        |honest| format!("{honest}&x=%zz&y=%ff&%E8=%C3%28"),
        |honest| format!("{honest}&session_state=%E8"),
        |honest| format!("{honest}&%63ode%=c2"),
        |honest| format!("utm=100%&{honest}"),
        |honest| format!("%&%E8&%zz=%&{honest}"),
        |honest| format!("caf%E9=%&{honest}&%"),
        |honest| format!("&&{honest}&&"),
    ];
    for callback in rows {
        Case::new("CB-70").callback(callback).play_to("ok");
    }
    // Parameters that are read must be decodable.
    for broken in ["code=%E8", "code=%", "state=%E8", "iss=%zz", "error=%"] {
        let here = Here::new();
        assert_eq!(
            code(&unbound(&here, &format!("?{broken}"), OtherSignIns::Pending)),
            Some("response_invalid"),
            "{broken}"
        );
    }
}

#[test]
fn cb_70_a_query_before_the_response_is_compared_and_not_refused() {
    let page = "https://app.test/cb";
    // The redirect page, the query that its server adds, whether the server sends `iss`, and the code of the error.
    let rows = [
        ("", "", false, None),
        ("", "utm=100%", true, None),
        ("", "utm=100%&caf%E9=%zz", true, None),
        ("own=1", "own=1", false, None),
        ("own=1", "own=1&utm=%", true, None),
        ("caf%C3%A9=1", "caf%C3%A9=1&%=%", true, None),
        ("caf%C3%A9=1", "caf%c3%a9=1", false, None),
        // If a server does not send `iss`, only the page's own query may precede the response.
        ("", "utm=100%", false, Some("iss_mismatch")),
        ("own=1", "own=1&utm=%", false, Some("iss_mismatch")),
        ("own=1", "own=%", true, Some("iss_mismatch")),
        ("own=1", "utm=%&own=1", true, Some("iss_mismatch")),
        ("own=%25", "own=%", true, Some("iss_mismatch")),
        ("own=%25", "own=%25", true, None),
    ];
    for (own, in_front, names_itself, expected) in rows {
        let here = Here::new();
        if !names_itself {
            let silent = [("-authorization_response_iss_parameter_supported", "")];
            change(&mut here.world().provider.metadata, &silent);
        }
        let client = here.client();
        let redirect_uri = &if own.is_empty() { page.to_owned() } else { format!("{page}?{own}") };
        let request = here.finish(client.begin(SignIn { redirect_uri, ..SIGN_IN })).expect("a request");
        let query = here.world().provider.authorize(&request.url);
        let separator = if in_front.is_empty() { "" } else { "&" };
        for behind in ["", "&utm=%", "&%E8"] {
            let address = format!("{page}?{in_front}{separator}{query}{behind}");
            let transaction = Transaction::from_record(&request.transaction.to_record());
            let outcome =
                here.finish(client.complete(&address, transaction, OtherSignIns::None, RedirectPage::OfOneProvider));
            // The first one uses the code.
            let expected = if behind.is_empty() { expected } else { Some(expected.unwrap_or("token_error")) };
            assert_eq!(code(&outcome), expected, "{redirect_uri} {address}");
        }
    }
}

#[test]
fn cb_70_a_redirect_page_whose_own_query_cannot_be_decoded_is_refused_and_never_recognized() {
    let page = "https://app.test/cb";
    for own in ["off=100%", "caf%E9=1", "%=1", "off=%zz"] {
        let here = Here::new();
        let client = here.client();
        let redirect_uri = &format!("{page}?{own}");
        let refused = here.finish(client.begin(SignIn { redirect_uri, ..SIGN_IN }));
        assert_eq!(code(&refused), Some("config_error"), "{redirect_uri}");
        // A forged record of such a page.
        let request = here.finish(client.begin(SignIn { redirect_uri: page, ..SIGN_IN })).expect("a request");
        let query = here.world().provider.authorize(&request.url);
        let record = request.transaction.to_record().replace(&format!("{page}\""), &format!("{redirect_uri}\""));
        for came_to in [own, "", "off=100%25", "off=100", "off=%zy"] {
            let address = format!("{page}?{came_to}&{query}");
            let transaction = Transaction::from_record(&record);
            assert!(transaction.as_ref().is_some_and(|transaction| transaction.redirect_uri == *redirect_uri));
            let outcome =
                here.finish(client.complete(&address, transaction, OtherSignIns::None, RedirectPage::OfOneProvider));
            assert_eq!(code(&outcome), Some("iss_mismatch"), "{redirect_uri} {address}");
        }
        assert_eq!(here.asked(Place::Token), 0);
    }
}
