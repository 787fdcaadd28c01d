//! DISC: metadata of the server.

use valet_key::client::Client;
use valet_key::protocol::error::{Error, Kind};
use valet_key::protocol::foreign::Secrets;
use valet_key::protocol::http::HttpResponse;
use valet_key::protocol::json::{Value, to_string};
use valet_key::protocol::logout::end_session_url;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::options::Options;
use valet_key::protocol::secret::Secret;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Answer, Place, Provider, change, long, object};
use crate::hostile::world::Here;
use crate::support::{SIGN_IN, answer, json, options};

fn text(value: &str) -> String {
    to_string(&value)
}

/// The valid document, rewritten.
fn document(rewrite: impl Fn(&str) -> String) -> HttpResponse {
    json(200, &rewrite(&object(&Provider::perfect("https://as.test").metadata)))
}

fn answers(id: &str, status: u16, content_type: &str, body: &str) -> Case {
    Case::new(id).answers(Place::Metadata, vec![Ok(answer(status, content_type, body))])
}

#[test]
fn the_issuer_equals_the_configured_one_exactly() {
    let rows = [
        ("DISC-01", "https://evil.test"),
        ("DISC-02", "https://as.test/"),
        ("DISC-03", "https://AS.test"),
        ("DISC-03", "https://as.test:443"),
        ("DISC-03", "https://as.test%2f"),
        ("DISC-03", "https://as.test."),
        ("DISC-03", " https://as.test"),
        ("DISC-03", "http://as.test"),
        ("DISC-04", "https://as.test.evil.test"),
        ("DISC-04", "https://as.tes"),
        ("DISC-04", ""),
    ];
    for (id, issuer) in rows {
        Case::new(id).metadata(&[("issuer", &text(issuer))]).play();
    }
    // The message remains readable, whatever the value.
    let markup = "https://as.test/<img src=x onerror=alert(1)>\n\u{202e}";
    Case::new("DISC-01").metadata(&[("issuer", &text(markup))]).poison("<img").poison("\u{202e}").play();
    Case::new("DISC-01").metadata(&[("issuer", &text(&long("https://evil.test/", 10_000)))]).play();
}

#[test]
fn a_missing_issuer_or_one_that_is_not_a_string_is_refused() {
    Case::new("DISC-05").metadata(&[("-issuer", "")]).play();
    for value in ["null", "42", r#"["https://as.test"]"#, "{}", "true"] {
        Case::new("DISC-05").metadata(&[("issuer", value)]).play();
    }
}

#[test]
fn the_configured_issuer_is_a_plain_https_url() {
    let with = |issuer: &str, more: &str| format!(r#"{{"issuer":"{issuer}","clientId":"spa"{more}}}"#);
    Case::new("DISC-06").options(&with("http://as.test", "")).play();
    // Exceptions for this device do not apply to others.
    Case::new("DISC-06").options(&with("http://as.test", r#","allowLoopbackHttp":true"#)).play();
    Case::new("DISC-06").options(&with("http://localhost.as.test", r#","allowLoopbackHttp":true"#)).play();
    Case::new("DISC-07").options(&with("http://localhost:9000", "")).play_to("config_error");
    for issuer in [
        "http://localhost:9000",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "http://localhost",
        "http://id.localhost:9000",
        "http://a.b.localhost",
        "http://127.0.0.2:9000",
        "http://127.255.255.254",
    ] {
        Case::new("DISC-07").options(&with(issuer, "")).play_to("config_error");
        let mut case = Case::new("DISC-07").options(&with(issuer, r#","allowLoopbackHttp":true"#));
        case.provider = Provider::perfect(issuer);
        case.play_to("ok");
    }
    // Names and addresses that only resemble those of this device.
    for issuer in [
        "http://evillocalhost",
        "http://localhost.evil.test",
        "http://app.localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://127.1",
        "http://127.0.0.01",
        "http://127.0.0.256",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "http://[::ffff:127.0.0.1]",
        "http://LOCALHOST",
    ] {
        Case::new("DISC-06").options(&with(issuer, r#","allowLoopbackHttp":true"#)).play();
    }
    for issuer in
        ["https://as.test/{tenantid}/v2.0", "https://as.test/{tenant}", "https://{tenant}.as.test", "https://{tenant}"]
    {
        let error = Case::new("DISC-57").options(&with(issuer, "")).play_to("config_error").error.expect("an error");
        assert!(error.message().contains("a template"), "{issuer}: {error}");
    }
    for issuer in ["https://as.test/?x=1", "https://as.test/#f", "https://u:p@as.test", "as.test", "", "//as.test"] {
        Case::new("DISC-08").options(&with(issuer, "")).play();
    }
}

#[test]
fn metadata_are_requested_from_each_place_in_turn() {
    let openid = [
        "/t1/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/t1",
        "/.well-known/openid-configuration/t1",
    ];
    let oauth = [openid[1], openid[2], openid[0]];
    for (order, more) in [(openid, ""), (oauth, r#","openid":false"#)] {
        for (turn, place) in order.iter().enumerate() {
            let mut case =
                Case::new("DISC-09").options(&format!(r#"{{"issuer":"https://as.test/t1","clientId":"spa"{more}}}"#));
            case.provider = Provider::perfect("https://as.test/t1");
            case.provider.well_known = (*place).into();
            let asked: Vec<_> = case.play().asked.into_iter().map(|seen| seen.url).collect();
            let expected: Vec<_> = order[..=turn].iter().map(|path| format!("https://as.test{path}")).collect();
            assert_eq!(asked[..=turn], expected);
        }
    }
    // With a slash at its end the issuer is another one, at the same place.
    let mut case = Case::new("DISC-10").options(r#"{"issuer":"https://as.test/t1/","clientId":"spa"}"#);
    case.provider = Provider::perfect("https://as.test/t1");
    case.provider.well_known = openid[0].into();
    case = case.metadata(&[("issuer", r#""https://as.test/t1/""#)]);
    case.provider.callback = |query| query.replace("%2Ft1", "%2Ft1%2F");
    case = case.claims(&[("iss", r#""https://as.test/t1/""#)]);
    let played = case.play();
    assert_eq!(played.asked[0].url, "https://as.test/t1/.well-known/openid-configuration");
}

/// The response of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Metadata,
    /// Not found.
    Gone(u16),
    /// Access is refused; or a redirect.
    Status(u16),
    /// A page, or other text that is not JSON.
    Page(&'static str, &'static str),
    /// A 404 without CORS headers, as a page sees it.
    NoAnswer,
    NotInTime,
    Trouble(u16),
    Wrong(&'static [(&'static str, &'static str)], &'static str),
    Broken(&'static str, &'static str),
}

/// Examples of each kind.
const SAYS: [Says; 12] = [
    Says::Metadata,
    Says::Gone(404),
    Says::Gone(410),
    Says::Status(400),
    Says::Status(403),
    Says::Page("text/html", "<!doctype html>"),
    Says::NoAnswer,
    Says::NotInTime,
    Says::Trouble(503),
    Says::Wrong(&[("issuer", r#""https://evil.test""#)], "issuer_mismatch"),
    Says::Wrong(&[("-token_endpoint", "")], "metadata_invalid"),
    Says::Broken("[]", "response_invalid"),
];

/// The other examples.
const SAYS_TOO: [Says; 24] = [
    Says::Gone(405),
    Says::Status(0),
    Says::Status(301),
    Says::Status(302),
    Says::Status(307),
    Says::Status(401),
    Says::Status(406),
    Says::Status(421),
    Says::Status(428),
    Says::Status(431),
    Says::Status(451),
    Says::Page("application/json", "<!doctype html>"),
    Says::Page("application/json", ""),
    Says::Page("application/json", r#"{"issuer":"https://as.test/t1""#),
    Says::Page("text/plain", "{}"),
    Says::Page("", ""),
    Says::Trouble(429),
    Says::Trouble(500),
    Says::Trouble(502),
    Says::Wrong(&[("-issuer", "")], "metadata_invalid"),
    Says::Wrong(&[("token_endpoint", r#""http://as.test/token""#)], "url_rejected"),
    Says::Wrong(&[("code_challenge_methods_supported", r#"["plain"]"#)], "unsupported"),
    Says::Wrong(&[("+issuer", r#""https://as.test/t1""#)], "metadata_invalid"),
    Says::Broken("{\"issuer\":\"\\ud800\"}", "response_invalid"),
];

impl Says {
    fn answer(self, url: &str) -> Answer {
        let answer = match self {
            Self::Metadata => document(|honest| honest.replace("https://as.test\"", "https://as.test/t1\"")),
            Self::Gone(status) | Self::Trouble(status) => answer(status, "text/plain", "no"),
            Self::Status(status) => json(status, r#"{"error":"no"}"#),
            Self::Page(content_type, body) => answer(200, content_type, body),
            Self::NoAnswer => return Err(Kind::Network { url: url.into() }.into()),
            Self::NotInTime => return Err(Kind::Timeout { url: url.into() }.into()),
            Self::Wrong(changes, _) => {
                let mut metadata = Provider::perfect("https://as.test/t1").metadata;
                change(&mut metadata, changes);
                json(200, &object(&metadata))
            }
            Self::Broken(body, _) => json(200, body),
        };
        Ok(HttpResponse { url: url.into(), ..answer })
    }

    /// The code with which the search ends here; `None` if it continues.
    fn ends(self) -> Option<&'static str> {
        match self {
            Self::Metadata => Some("ok"),
            Self::NotInTime => Some("timeout"),
            Self::Trouble(_) => Some("server_unavailable"),
            Self::Wrong(_, code) | Self::Broken(_, code) => Some(code),
            _ => None,
        }
    }
}

/// The result of a search over three places: the code, the number of requests, and the address in the message.
fn ends(says: [Says; 3], places: &[String; 3]) -> (&'static str, usize, String) {
    if let Some((at, code)) = says.iter().enumerate().find_map(|(at, says)| Some((at, says.ends()?))) {
        return (code, at + 1, String::new());
    }
    let first = |is: fn(&Says) -> bool| says.iter().position(is).map(|at| places[at].clone());
    let telling: [(&str, Option<String>); 3] = [
        ("not_json", first(|says| matches!(says, Says::Page(..)))),
        ("discovery_failed", first(|says| matches!(says, Says::Status(_)))),
        ("network_error", first(|says| matches!(says, Says::NoAnswer))),
    ];
    let found = telling.into_iter().find_map(|(code, place)| Some((code, 3, place?)));
    found.unwrap_or(("discovery_failed", 3, "at https://as.test/t1".into()))
}

/// DISC-55 DISC-56: the search continues if a place has no metadata, and ends with an error if the place has metadata
/// that are wrong.
#[test]
fn disc_55_56_places_are_tried_until_one_has_metadata() {
    let paths = [
        "/t1/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/t1",
        "/.well-known/openid-configuration/t1",
    ]
    .map(|path| format!("https://as.test{path}"));
    let [appended, oauth, inserted] = paths;
    let orders =
        [("true", [appended.clone(), oauth.clone(), inserted.clone()]), ("false", [oauth, inserted, appended])];
    let mut triples: Vec<[Says; 3]> = Vec::new();
    for first in SAYS {
        triples.extend(SAYS.iter().flat_map(|second| SAYS.iter().map(move |third| [first, *second, *third])));
    }
    for says in SAYS_TOO {
        let [good, gone, ..] = SAYS;
        triples.extend([[says, good, good], [gone, says, good], [gone, gone, says], [says, gone, gone], [says; 3]]);
    }
    for (openid, places) in &orders {
        let options = format!(r#"{{"issuer":"https://as.test/t1","clientId":"spa","openid":{openid}}}"#);
        for says in &triples {
            let here = Here::new();
            let client = Client::with_host(here.clone(), Options::parse(&options).expect("honest options"));
            let mut asked = Vec::new();
            let outcome = here.finish_with(client.prepare(), &mut |_, request| {
                asked.push(request.url.clone());
                says[asked.len() - 1].answer(&request.url)
            });
            let (code, count, named) = ends(*says, places);
            assert_eq!(outcome.as_ref().map_or_else(Error::code, |()| "ok"), code, "{openid} {says:?}");
            assert_eq!(asked, places[..count], "{openid} {says:?}");
            let message = outcome.err().map(|error| error.message()).unwrap_or_default();
            assert!(message.contains(&named), "{openid} {says:?}: {message}");
        }
    }
}

#[test]
fn disc_55_56_a_sign_in_uses_the_place_that_has_metadata() {
    let first = [
        Says::Gone(404),
        Says::Gone(405),
        Says::Gone(410),
        Says::Status(400),
        Says::Status(401),
        Says::Status(403),
        Says::Status(0),
        Says::Status(302),
        Says::Page("text/html", "<!doctype html>"),
        Says::NoAnswer,
    ];
    let url = "https://as.test/.well-known/openid-configuration";
    let good = || Ok(document(str::to_owned));
    for says in first {
        for options in [options(""), options(r#""openid":false,"#)] {
            Case::new("DISC-55").options(&options).answers(Place::Metadata, vec![says.answer(url), good()]).play();
        }
        let kind = match says {
            Says::Page(..) => "not_json",
            Says::NoAnswer => "network_error",
            _ => "discovery_failed",
        };
        Case::new("DISC-56").answers(Place::Metadata, vec![says.answer(url)]).play_to(kind);
    }
    for says in [Says::Trouble(500), Says::Trouble(429), Says::NotInTime, SAYS[9]] {
        let kind = says.ends().expect("an end");
        let played = Case::new("DISC-56").answers(Place::Metadata, vec![says.answer(url), good()]).play_to(kind);
        assert_eq!(played.asked.len(), 1, "{says:?}");
    }
}

/// DISC-57: an address for several tenants returns a template instead of an issuer.
#[test]
fn disc_57_a_template_is_refused_as_an_issuer() {
    for template in ["https://as.test/{tenantid}/v2.0", "https://login.as.test/{tenant}", "https://{tenant}.as.test"] {
        let error = Case::new("DISC-57").metadata(&[("issuer", &text(template))]).play_to("issuer_mismatch").error;
        let error = error.expect("an error");
        assert!(error.hint().contains("tenant"), "{template}: {}", error.hint());
    }
    let error = Case::new("DISC-01").metadata(&[("issuer", r#""https://evil.test""#)]).play().error.expect("an error");
    assert!(!error.hint().contains("tenant") && error.hint().contains("spelled"), "{}", error.hint());
}

#[test]
fn disc_58_a_provider_that_requires_pushed_requests_has_to_name_their_endpoint() {
    let error = Case::new("DISC-58").metadata(&[("require_pushed_authorization_requests", "true")]).play().error;
    let message = error.expect("an error").message();
    assert!(message.contains("pushed_authorization_request_endpoint"), "{message}");
    Case::new("DISC-36").metadata(&[("require_pushed_authorization_requests", "false")]).play();
    Case::new("DISC-36").metadata(&[("pushed_authorization_request_endpoint", r#""https://as.test/par""#)]).play();
    Case::new("DISC-05").metadata(&[("require_pushed_authorization_requests", r#""true""#)]).play();
    // The same if the app configures the metadata.
    let mut metadata = Provider::perfect("https://as.test").metadata;
    change(&mut metadata, &[("require_pushed_authorization_requests", "true")]);
    let outcome = App::new(&options(&format!(r#""server":{},"#, object(&metadata))));
    assert_eq!(crate::support::code(&outcome), Some("metadata_invalid"));
}

#[test]
fn a_redirect_is_not_followed() {
    for id in ["DISC-11", "DISC-12"] {
        // A redirect as a browser reports it when told not to follow; and in other forms.
        for status in [0, 301, 302, 303, 307, 308] {
            let played = answers(id, status, "", "").play();
            let asked: Vec<_> = played.asked.iter().map(|seen| seen.url.as_str()).collect();
            let places = ["openid-configuration", "oauth-authorization-server"];
            assert_eq!(asked, places.map(|place| format!("https://as.test/.well-known/{place}")), "the next place is");
        }
    }
}

#[test]
fn a_response_that_is_not_json_has_its_own_error() {
    let page = "<!doctype html><title>App</title>";
    let error = answers("DISC-14", 200, "text/html; charset=utf-8", page).poison("App").play().error;
    let message = error.expect("an error").message();
    assert!(message.contains("https://as.test/.well-known/openid-configuration"), "{message}");
    assert!(message.contains("text/html"), "{message}");
    answers("DISC-14", 200, "text/html; <img src=x>", page).poison("img").play();
    answers("DISC-14", 200, &long("text/<b>", 1000), page).poison("<b>").play();
    answers("DISC-14", 200, "", page).poison("App").play();
    for body in [r#"{"issuer":"https://as.test""#, "", "{", "[", r#"{"issuer"}"#, "undefined"] {
        answers("DISC-15", 200, "application/json", body).play();
    }
}

#[test]
fn a_repeated_member_is_refused() {
    let rows =
        [("https://as.test/token", "https://evil.test/token"), ("https://evil.test/token", "https://as.test/token")];
    for (first, second) in rows {
        let changes = [("token_endpoint", text(first)), ("+token_endpoint", text(second))];
        Case::new("DISC-17").metadata(&changes.each_ref().map(|(name, value)| (*name, value.as_str()))).play();
    }
    // With another spelling, or at a place that is not read.
    Case::new("DISC-17").metadata(&[(r"token\u005fendpoint", r#""https://evil.test/token""#)]).play();
    Case::new("DISC-17").metadata(&[("mtls_endpoint_aliases", r#"{"a":1,"a":2}"#)]).play();
}

#[test]
fn names_of_inherited_members_are_not_special() {
    Case::new("DISC-19")
        .metadata(&[("-token_endpoint", ""), ("__proto__", r#"{"token_endpoint":"https://evil.test/token"}"#)])
        .play();
    let names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];
    Case::new("DISC-20").metadata(&names.map(|name| (name, r#"{"then":1}"#))).play();
}

#[test]
fn too_large_or_too_deep_documents_are_refused() {
    let body = format!(r#"{{"x":"{}"}}"#, long("a", 10 << 20));
    answers("DISC-21", 200, "application/json", &body).play();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = format!("{}1{}", long(open, 100_000), long(close, 100_000));
        answers("DISC-23", 200, "application/json", &body).play();
        answers("DISC-23", 200, "application/json", &format!(r#"{{"x":{body}}}"#)).play();
    }
}

#[test]
fn the_next_sign_in_asks_a_failing_server_again() {
    for status in [500, 502, 503, 429] {
        // Every run ends with a check that the next sign-in works.
        answers("DISC-24", status, "application/json", "{}").play_to("server_unavailable");
    }
    let played = answers("DISC-25", 404, "text/plain", "nothing here").play();
    assert_eq!(played.asked.len(), 2, "RFC 8414 §5: each place once, where two are the same");
    answers("DISC-25", 410, "", "").play();
}

#[test]
fn endpoints_must_exist_and_use_https() {
    for member in ["token_endpoint", "authorization_endpoint"] {
        Case::new("DISC-26").metadata(&[(&format!("-{member}"), "")]).play();
        Case::new("DISC-26").metadata(&[(member, "null")]).play();
        Case::new("DISC-26").metadata(&[(member, r#""""#)]).play();
        Case::new("DISC-27").metadata(&[(member, r#""http://as.test/x""#)]).play();
        Case::new("DISC-27").metadata(&[(member, r#""http://localhost/x""#)]).play();
        Case::new("DISC-28").metadata(&[(member, r#""javascript:alert(document.domain)//""#)]).play();
        for url in [
            "data:text/html,x",
            "blob:https://app.test/x",
            "file:///x",
            "https:evil",
            " javascript:1",
            "java\nscript:1",
            "/token",
            "//as.test/token",
            "https://as.test\\@evil.test/",
        ] {
            Case::new("DISC-29").metadata(&[(member, &text(url))]).play();
        }
        Case::new("DISC-32").metadata(&[(member, r#""https://as.test/authorize#f""#)]).play();
        Case::new("DISC-33").metadata(&[(member, r#""https://user:pw@as.test/token""#)]).play();
        Case::new("DISC-33").metadata(&[(member, r#""https://@as.test/token""#)]).play();
    }
}

#[test]
fn disc_30_an_address_that_is_a_script_is_refused_when_it_is_used() {
    let metadata = |member: &str, url: &str| {
        let changed = document(|honest| honest.replacen('{', &format!(r#"{{"{member}_of_old":1,"#), 1));
        let body = String::from_utf8(changed.body).expect("text");
        let from = format!("\"{member}\":\"https://as.test/");
        let body = body.replace(&from, &format!("\"{member}\":\"{url}\",\"was\":\""));
        ServerMetadata::parse(
            &Value::parse(&body).expect("JSON"),
            crate::support::config().expected(),
            &Secrets::default(),
        )
    };
    for url in ["javascript:alert(1)", "http://as.test/x", "data:text/html,x"] {
        let found = metadata("end_session_endpoint", url).expect("signing in works all the same");
        let config = crate::support::config();
        let end = end_session_url(&found, &config, "https://app.test/", &Secret::new("s"), None);
        assert_eq!(crate::support::code(&end), Some("url_rejected"), "{url}");
    }
    let refusal = "error=access_denied&error_uri=javascript%3Aalert(1)&";
    let query = crate::support::honest_query().replace("code=c1&", refusal);
    let error = crate::support::finish(&query).expect_err("refused");
    assert_eq!(error.oauth().expect("said").error_uri, None);
}

#[test]
fn endpoints_may_have_queries_and_other_hosts() {
    let played =
        Case::new("DISC-31").metadata(&[("authorization_endpoint", r#""https://as.test/authorize?tenant=1""#)]).play();
    let visited = played.visited.expect("a visit");
    assert!(visited.starts_with("https://as.test/authorize?tenant=1&response_type=code&"), "{visited}");
    // Another host, as some large providers have. It does not respond in this test.
    let played = Case::new("DISC-34")
        .metadata(&[("authorization_endpoint", r#""https://login.other.test/authorize""#)])
        .host("https://login.other.test/")
        .play();
    assert!(played.visited.expect("a visit").starts_with("https://login.other.test/authorize?"));
}

#[test]
fn a_server_without_what_the_client_needs_is_unsupported() {
    let rows = [
        ("DISC-35", "code_challenge_methods_supported", r#"["plain"]"#),
        ("DISC-35", "code_challenge_methods_supported", "[]"),
        ("DISC-38", "response_types_supported", r#"["id_token"]"#),
        ("DISC-38", "response_types_supported", r#"["code id_token","token"]"#),
        ("DISC-39", "id_token_signing_alg_values_supported", r#"["HS256","none"]"#),
        ("DISC-39", "id_token_signing_alg_values_supported", r#"["none"]"#),
    ];
    for (id, member, value) in rows {
        Case::new(id).metadata(&[(member, value)]).play();
    }
    // A missing member does not count as unsupported.
    let played = Case::new("DISC-36").metadata(&[("-code_challenge_methods_supported", "")]).play();
    let visited = played.visited.expect("a visit");
    for parameter in ["code_challenge_method=S256", "&state=", "&nonce="] {
        assert!(visited.contains(parameter), "{visited}");
    }
}

#[test]
fn a_byte_order_mark_is_accepted_and_an_invalid_encoding_refused() {
    let marked = document(|honest| format!("\u{feff}{honest}"));
    Case::new("DISC-40").answers(Place::Metadata, vec![Ok(marked)]).play();
    let mut octets = document(|honest| honest.replace("as.test/logout", "as.test/~~"));
    let at = octets.body.windows(2).position(|two| two == b"~~").expect("the place");
    octets.body[at] = 0xc3;
    octets.body[at + 1] = 0x28;
    Case::new("DISC-41").answers(Place::Metadata, vec![Ok(octets)]).play();
    for half in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#] {
        Case::new("DISC-41").metadata(&[("issuer", half)]).play();
    }
}

#[test]
fn disc_46_signed_metadata_are_ignored() {
    let signed = crate::support::signing::jwt(r#"{"alg":"RS256"}"#, r#"{"token_endpoint":"https://evil.test/token"}"#);
    Case::new("DISC-46").metadata(&[("signed_metadata", &text(&signed))]).play_to("ok");
}

#[test]
fn disc_47_endpoints_may_change_during_a_sign_in() {
    let mut provider = Provider::perfect("https://as.test");
    let mut app = App::new(&options("")).expect("honest options");
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    // The page returns with newly fetched metadata: the issuer is the same.
    let moved = document(|honest| honest.replace("https://as.test/authorize", "https://as.test/v2/authorize"));
    let moved = String::from_utf8(moved.body).expect("text");
    app.metadata =
        ServerMetadata::parse(&Value::parse(&moved).expect("JSON"), app.config.expected(), &Secrets::default()).ok();
    assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
    assert_eq!(provider.requests.last().expect("a request").url, "https://as.test/token");
}

#[test]
fn a_server_without_an_issuer_is_identified_by_its_endpoints() {
    let endpoints = r#""authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token""#;
    let rows = [
        ("it does not name itself", "", false, None, ""),
        ("it names itself, and the app does not", "", true, Some("iss_mismatch"), ""),
        ("both do", r#""issuer":"https://as.test","#, true, None, "https://as.test"),
        ("the app names another one", r#""issuer":"https://as2.test","#, true, Some("iss_mismatch"), ""),
    ];
    for (label, issuer, names_itself, expected, shown) in rows {
        let options = format!(r#"{{"clientId":"spa","server":{{{issuer}{endpoints}}}}}"#);
        let mut app = App::new(&options).expect("plain OAuth 2");
        let mut provider = Provider::perfect("https://as.test");
        if !names_itself {
            change(&mut provider.metadata, &[("-authorization_response_iss_parameter_supported", "")]);
        }
        let url = app.begin(&mut provider, SIGN_IN).expect("an address");
        let query = provider.authorize(&url);
        let outcome = app.complete(&mut provider, &query);
        assert_eq!(outcome.as_ref().err().map(Error::code), expected, "{label}");
        assert_eq!(provider.count(Place::Token), usize::from(expected.is_none()), "{label}");
        assert_eq!(provider.count(Place::Metadata), 0, "{label}: nothing is looked for");
        let view = format!(r#"{{"sub":"","issuer":"{shown}","#);
        assert_eq!(app.view().is_some_and(|session| session.starts_with(&view)), expected.is_none(), "{label}");
    }
}
