//! From options to tokens, step by step, with the inputs that each step refuses.

mod support;

use support::{
    METADATA, at, code, config, discover, finish, finish_at, honest_query, json, metadata, request, transaction,
};
use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::foreign::ForeignText;
use valet_key::protocol::form;
use valet_key::protocol::http::Method;
use valet_key::protocol::logout;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::token::{TokenRequest, TokenResponse};
use valet_key::protocol::transaction::Transaction;

fn begin(sign_in: SignIn<'_>) -> Result<AuthorizationRequest> {
    AuthorizationRequest::new(&config(), &metadata(), sign_in, support::ORIGIN, &support::ENTROPY, at(0))
}

fn fields(form: &str) -> Vec<(String, String)> {
    form::parse(form).expect("a form")
}

#[test]
fn invalid_options_are_named() {
    let rows = [
        (r#"{"issuer":"http://as.test","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"http://localhost:9000","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://as.test/?x=1","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://as.test/#f","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://u:p@as.test","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"as.test","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":null,"clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://as.test/{tenantid}/v2.0","clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://{tenant}.as.test","clientId":"spa"}"#, "issuer"),
        (r#"{"clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":7,"clientId":"spa"}"#, "issuer"),
        (r#"{"issuer":"https://as.test","clientId":""}"#, "clientId"),
        (r#"{"issuer":"https://as.test","clientId":["spa"]}"#, "clientId"),
        (r#"{"issuer":"https://as.test","clientId":"spa","timeout":0}"#, "timeout"),
        (r#"{"issuer":"https://as.test","clientId":"spa","openid":"yes"}"#, "openid"),
        (r#"{"issuer":"https://as.test","clientId":"spa","clientSecret":"x"}"#, "clientSecret"),
        (r#"{"issuer":"https://as.test","client_id":"spa"}"#, "client_id"),
        ("[]", "options"),
        ("{", "options"),
    ];
    for (options, expected) in rows {
        let error = Config::parse(options).expect_err(options);
        assert!(matches!(error.kind(), Kind::Config { option, .. } if option == expected), "{options}: {error}");
    }
    let local = r#"{"issuer":"http://localhost:9000","clientId":"spa","allowLoopbackHttp":true}"#;
    assert_eq!(code(&Config::parse(local)), None);
}

#[test]
fn an_invalid_sign_in_option_is_named_before_any_request() {
    let honest = support::SIGN_IN;
    let rows = [
        (SignIn { redirect_uri: "", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://app.test/#/cb", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "javascript:1", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "http://app.test/cb", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://evil.test/cb", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://app.test.evil.test/cb", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://app.test:8443/cb", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://app.test/cb?100%", ..honest }, "redirectUri"),
        (SignIn { redirect_uri: "https://app.test/cb?x=%E8", ..honest }, "redirectUri"),
        (SignIn { scope: "a\"b", ..honest }, "scope"),
        (SignIn { return_to: "//evil.test", ..honest }, "returnTo"),
    ];
    for (sign_in, expected) in rows {
        let error = sign_in.check(&config(), support::ORIGIN).expect_err(expected);
        assert!(matches!(error.kind(), Kind::Config { option, .. } if option == expected), "{sign_in:?}: {error}");
    }
    let local = SignIn { redirect_uri: "http://localhost:5173/", ..honest };
    assert_eq!(code(&local.check(&config(), "http://localhost:5173")), None, "OAuth 2.1 §1.5");
}

/// RFC 6761 §6.3, Secure Contexts §3.1: names and addresses of this device, for development.
#[test]
fn this_device_has_more_names_than_one() {
    let all = |host: &str, more: &str| {
        let at = |path: &str| format!("http://{host}:9000{path}");
        let server = METADATA.replace("https://as.test", &at(""));
        Config::parse(&format!(
            r#"{{{more}"issuer":"{}","server":{server},"clientId":"spa","api":["http://{host}:8000/v1/"]}}"#,
            at("")
        ))
    };
    let page = |host: &str| {
        let (redirect_uri, origin) = (format!("http://{host}:5173/cb"), format!("http://{host}:5173"));
        let checked = SignIn { redirect_uri: &redirect_uri, ..support::SIGN_IN }.check(&config(), &origin);
        let bye = logout::end_session_url(&metadata(), &config(), &redirect_uri, &Secret::new("s"), None);
        (code(&checked), code(&bye))
    };
    let allowed = r#""allowLoopbackHttp":true,"#;
    let ours = ["localhost", "app.localhost", "a.b.localhost", "127.0.0.1", "127.0.0.2", "127.255.255.254", "[::1]"];
    for host in ours {
        assert_eq!(code(&all(host, allowed)), None, "{host}");
        assert_eq!(code(&all(host, "")), Some("config_error"), "{host}: only where it is allowed");
        assert_eq!(page(host), (None, None), "{host}: OAuth 2.1 §1.5");
    }
    for host in [
        "evillocalhost",
        "localhost.evil.test",
        "app.localhost.evil.test",
        "127.0.0.1.evil.test",
        "127.1",
        "127.0.1",
        "127.0.0.0.1",
        "127.0.0.01",
        "127.0.0.256",
        "127.0.0.x",
        "126.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "LOCALHOST",
        "app.test",
    ] {
        assert_eq!(code(&all(host, allowed)), Some("config_error"), "{host}");
        assert_eq!(page(host), (Some("config_error"), Some("config_error")), "{host}");
        let endpoint = format!(
            r#"{{{allowed}"issuer":"https://as.test","server":{},"clientId":"spa"}}"#,
            METADATA.replace("https://as.test/token", &format!("http://{host}/token"))
        );
        assert_eq!(code(&Config::parse(&endpoint)), Some("url_rejected"), "{host}");
        let api = format!(r#"{{{allowed}"issuer":"https://as.test","clientId":"spa","api":["http://{host}/"]}}"#);
        assert_eq!(code(&Config::parse(&api)), Some("config_error"), "{host}");
    }
}

#[test]
fn entries_of_the_api_list_are_exact() {
    for entry in [
        "*",
        "https://*",
        "https://*.test",
        "https://app.test/.*/",
        "http://api.test/",
        "https://u@api.test/",
        "https://api.test/#x",
        "https://api.test/?x",
        "https://API.test/",
        "https://api.test:443/",
        "https://api.test/a/../b/",
    ] {
        let options = format!(r#"{{"issuer":"https://as.test","clientId":"spa","api":["{entry}"]}}"#);
        assert_eq!(code(&Config::parse(&options)), Some("config_error"), "{entry}");
    }
}

#[test]
fn metadata_of_another_server_are_refused() {
    let rows = [
        ("the honest server", "", "", None),
        ("RFC 8414 §3.3: another issuer", r#""https://as.test""#, r#""https://evil.test""#, Some("issuer_mismatch")),
        ("RFC 8414 §3.3: a slash more", r#""https://as.test""#, r#""https://as.test/""#, Some("issuer_mismatch")),
        ("RFC 8414 §3.3: other letters", r#""https://as.test""#, r#""https://AS.test""#, Some("issuer_mismatch")),
        ("RFC 8414 §2: no string", r#""https://as.test""#, "42", Some("metadata_invalid")),
        ("an endpoint without TLS", "https://as.test/token", "http://as.test/token", Some("url_rejected")),
        ("an endpoint with a password", "https://as.test/token", "https://u:p@as.test/token", Some("url_rejected")),
        ("an endpoint that is a script", "https://as.test/authorize", "javascript:alert(1)//", Some("url_rejected")),
        ("RFC 6749 §3.1: a fragment", "https://as.test/authorize", "https://as.test/authorize#f", Some("url_rejected")),
        ("an endpoint elsewhere", "https://as.test/token", "https://tokens.test/token", None),
        ("a query in the endpoint", "https://as.test/authorize", "https://as.test/authorize?tenant=1", None),
        ("no endpoint", "\"token_endpoint\"", "\"other\"", Some("metadata_invalid")),
        ("RFC 7636 §4.2: only plain", r#"["S256"]"#, r#"["plain"]"#, Some("unsupported")),
        ("no code flow", r#"["code"]"#, r#"["id_token"]"#, Some("unsupported")),
        ("a member twice", "\"jwks_uri\"", "\"token_endpoint\"", Some("metadata_invalid")),
        ("RFC 9207 §3: no boolean", "true", "\"true\"", Some("metadata_invalid")),
        ("a logout address that is a script", "https://as.test/logout", "javascript:alert(1)", None),
    ];
    for (label, from, to, expected) in rows {
        assert_eq!(code(&discover(&METADATA.replace(from, to))), expected, "{label}");
    }
}

#[test]
fn responses_without_metadata_have_different_errors() {
    let rows = [
        (support::answer(200, "text/html", "<!doctype html>"), Some("not_json")),
        (support::answer(200, "application/json; charset=utf-8", METADATA), None),
        (json(200, r#"{"issuer":"https://as.test""#), Some("not_json")),
        (json(200, "[]"), Some("response_invalid")),
        (json(200, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), Some("response_invalid")),
        (json(200, &format!("\u{feff}{METADATA}")), None),
        (json(200, r#"{"issuer":"\ud800"}"#), Some("response_invalid")),
        (json(500, "{}"), Some("server_unavailable")),
        (json(429, "{}"), Some("server_unavailable")),
        (json(403, "{}"), Some("discovery_failed")),
        (json(302, METADATA), Some("discovery_failed")),
        (json(0, ""), Some("discovery_failed")),
        (json(200, &format!("{{\"x\":\"{}\"}}", "a".repeat(1 << 20))), Some("too_large")),
    ];
    for (response, expected) in rows {
        assert_eq!(code(&Discovery::from_response(config().expected(), &response)), expected, "{response:?}");
    }
    let mut octets = json(200, "");
    octets.body = b"{\"issuer\":\"\xc3\x28\"}".to_vec();
    assert_eq!(code(&Discovery::from_response(config().expected(), &octets)), Some("response_invalid"));
    assert_eq!(code(&Discovery::from_response(config().expected(), &json(404, ""))), Some("discovery_failed"));
}

#[test]
fn the_authorization_request_has_each_parameter_once() {
    let request = request(&config());
    let (endpoint, query) = request.url.split_once('?').expect("a query");
    assert_eq!(endpoint, "https://as.test/authorize");
    let names: Vec<String> = fields(query).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method"
        ]
    );
    let get = |name: &str| fields(query).into_iter().find(|(key, _)| key == name).expect(name).1;
    assert_eq!((get("response_type"), get("code_challenge_method")), ("code".into(), "S256".into()));
    assert_eq!(get("redirect_uri"), "https://app.test/cb");
    assert_eq!(get("code_challenge"), request.transaction.code_verifier.challenge());
    assert!(!request.url.contains(request.transaction.code_verifier.expose()), "the verifier stays here");
}

#[test]
fn the_request_holds_the_requested_scope() {
    for (openid, asked, expected) in [
        (true, "", "openid"),
        (true, "read  openid read", "openid read"),
        (true, "write read write openid  read b a b ", "openid write read b a"),
        (false, " openid a openid aa a", "openid a aa"),
        (false, "", ""),
        (false, "read write", "read write"),
    ] {
        let options = format!(r#"{{"issuer":"https://as.test","openid":{openid},"clientId":"spa"}}"#);
        let config = Config::parse(&options).expect("well formed");
        let sign_in = SignIn { scope: asked, ..support::SIGN_IN };
        assert_eq!(sign_in.check(&config, support::ORIGIN).expect("well formed"), expected, "{openid} {asked}");
    }
}

#[test]
fn parameters_of_the_client_cannot_be_overridden() {
    for name in [
        "client_id",
        "redirect_uri",
        "state",
        "nonce",
        "code_challenge",
        "request_uri",
        "response_mode",
        "scope",
        "client_secret",
    ] {
        let params = [(name.to_owned(), "x".to_owned())];
        let result = begin(SignIn { params: &params, ..support::SIGN_IN });
        assert_eq!(code(&result), Some("config_error"), "{name}");
    }
    let long = [("login_hint".to_owned(), "x".repeat(9000))];
    assert_eq!(code(&begin(SignIn { params: &long, ..support::SIGN_IN })), Some("config_error"));
}

#[test]
fn return_targets_are_paths_of_this_origin() {
    let refused = [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/%09/evil.test",
        "/\t/evil.test",
        "https:evil.test",
        "https://app.test@evil.test",
        "https://app.test.evil.test",
        "javascript:alert(1)",
        "/%5cevil.test",
        "///evil.test",
        "",
        "a",
    ];
    for target in refused {
        let result = begin(SignIn { return_to: target, ..support::SIGN_IN });
        assert_eq!(code(&result), Some("config_error"), "{target}");
        // A script may write it into storage later; it makes the whole record invalid.
        let record = transaction().to_record().replace("/here?x=1#y", &target.replace('\\', "\\\\"));
        assert!(Transaction::from_record(&record).is_none(), "{target}");
    }
    let kept = "/a/b?x=1&y=%26#/route?z";
    let request = begin(SignIn { return_to: kept, ..support::SIGN_IN }).expect("a path");
    let record = request.transaction.to_record();
    assert_eq!(Transaction::from_record(&record).expect("a record").return_to, kept);
    assert!(!request.url.contains("route"), "not in the request");
}

#[test]
fn a_transaction_survives_storage() {
    let kept = transaction();
    let found = Transaction::from_record(&kept.to_record()).expect("a record");
    assert_eq!(found.to_record(), kept.to_record());
    for record in [
        "",
        "{}",
        "null",
        "[1]",
        &kept.to_record().replace("nonce", "nuance"),
        &kept.to_record().replace("\"started\":1", "\"started\":\"1\""),
    ] {
        assert!(Transaction::from_record(record).is_none());
    }
}

#[test]
fn responses_of_other_servers_are_refused() {
    let honest = honest_query();
    let with = |from: &str, to: &str| honest.replace(from, to);
    let rows = [
        ("the honest response", honest.clone(), None),
        ("RFC 9207 §2.4: another server", with("as.test", "evil.test"), Some("iss_mismatch")),
        ("RFC 9207 §2.4: a slash more", with("as.test", "as.test%2F"), Some("iss_mismatch")),
        ("RFC 9207 §2.4: encoded twice", with("%3A%2F%2F", "%253A%252F%252F"), Some("iss_mismatch")),
        ("RFC 9207 §2.4: missing though promised", with("&iss=https%3A%2F%2Fas.test", ""), Some("iss_mismatch")),
        ("RFC 6749 §10.12: another state", with("state=vk.A", "state=vk.B"), Some("state_mismatch")),
        ("RFC 6749 §3.1: two codes", with("code=c1", "code=c1&code=c2"), Some("duplicate_parameter")),
        ("RFC 6749 §3.1: two issuers", with("iss=", "iss=https%3A%2F%2Fevil.test&iss="), Some("duplicate_parameter")),
        ("RFC 6749 §3.1: an empty code counts as missing", with("code=c1", "code="), Some("response_invalid")),
        ("neither code nor error", with("code=c1&", ""), Some("response_invalid")),
        ("a code with a control", with("code=c1", "code=c%0d%0a"), Some("response_invalid")),
        ("the implicit flow", with("code=c1", "code=c1&access_token=x"), Some("response_invalid")),
        ("a signed response that was not requested", with("code=c1", "code=c1&response=x"), Some("response_invalid")),
        ("an error of the server", with("code=c1", "error=access_denied"), Some("authorization_error")),
        (
            "code and error: the error counts",
            with("code=c1", "code=c1&error=server_error"),
            Some("authorization_error"),
        ),
        (
            "an error from elsewhere",
            with("code=c1", "error=access_denied").replace("as.test", "evil.test"),
            Some("iss_mismatch"),
        ),
        ("an error that is no code", with("code=c1", "error=%22%3Cimg%3E"), Some("response_invalid")),
        ("unknown parameters", with("code=c1", "code=c1&__proto__[x]=1&session_state=y"), None),
        ("five thousand parameters", format!("{honest}{}", "&a=1".repeat(5000)), Some("response_invalid")),
        ("a megabyte", with("code=c1", &format!("code={}", "a".repeat(1 << 20))), Some("too_large")),
        ("a code of four kilobytes", with("code=c1", &format!("code={}", "a".repeat(4096))), None),
    ];
    for (label, query, expected) in rows {
        assert_eq!(code(&finish(&query)), expected, "{label}");
    }
    for query in ["", "utm=1", "state=", "code=", "error", "iss=y", "error_description=x", "%=%&code%=c1"] {
        assert!(AuthorizationResponse::parse(query).expect(query).is_none(), "{query}: not a response");
    }
    for query in ["code=c1", "error=x&iss=y", "state=s"] {
        assert!(
            AuthorizationResponse::parse(query).expect(query).is_some(),
            "{query}: a response that is bound to nothing"
        );
    }
}

#[test]
fn a_response_is_accepted_for_an_hour() {
    for (seconds, expected) in [(0, None), (3599, None), (3601, Some("state_mismatch")), (-1, Some("state_mismatch"))] {
        assert_eq!(code(&finish_at(seconds, &honest_query())), expected, "{seconds}");
    }
}

#[test]
fn the_description_of_an_error_is_not_in_its_message() {
    let query = honest_query().replace(
        "code=c1",
        "error=access_denied&error_description=%3Cimg%20src%3Dx%3E&error_uri=javascript%3Aalert(1)",
    );
    let error = finish(&query).expect_err("refused");
    let said = error.oauth().expect("what the server said");
    assert_eq!(said.error_description.as_ref().map(ForeignText::as_str), Some("<img src=x>"));
    assert_eq!(said.error_uri, None, "not an address to link to");
    assert!(!error.message().contains("img"), "{error}");
}

#[test]
fn the_token_request_holds_the_values_of_the_sign_in() {
    let query = honest_query().replace("code=c1", "code=a%26scope%3Dadmin%2B");
    let (request, _) = TokenRequest::for_grant(finish(&query).expect("a grant"), &config());
    let request = request.request(&metadata().token_endpoint);
    assert_eq!(request.url, "https://as.test/token");
    let Method::Post(form) = request.method else { panic!("RFC 6749 §3.2: POST") };
    let verifier = transaction().code_verifier.expose().to_owned();
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "a&scope=admin+"),
        ("redirect_uri", "https://app.test/cb"),
        ("client_id", "spa"),
        ("code_verifier", &verifier),
    ];
    let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    assert_eq!(fields(form.expose()), expected);
}

#[test]
fn token_responses_are_parsed_strictly() {
    let ok = |members: &str| json(200, &format!(r#"{{"access_token":"a","token_type":"Bearer"{members}}}"#));
    let rows = [
        ("RFC 6749 §5.1", ok(""), None),
        ("RFC 6749 §5.1: letters of the type", json(200, r#"{"access_token":"a","token_type":"bEaReR"}"#), None),
        ("RFC 6749 §7.1: another type", json(200, r#"{"access_token":"a","token_type":"mac"}"#), Some("unsupported")),
        ("no token", json(200, r#"{"token_type":"Bearer"}"#), Some("response_invalid")),
        ("an empty token", json(200, r#"{"access_token":"","token_type":"Bearer"}"#), Some("response_invalid")),
        (
            "a token that ends a header",
            json(200, r#"{"access_token":"x\r\nX: 1","token_type":"Bearer"}"#),
            Some("response_invalid"),
        ),
        (
            "a token with a space",
            json(200, r#"{"access_token":"x y","token_type":"Bearer"}"#),
            Some("response_invalid"),
        ),
        (
            "a token outside ASCII",
            json(200, r#"{"access_token":"tök","token_type":"Bearer"}"#),
            Some("response_invalid"),
        ),
        ("seconds in a string", ok(r#","expires_in":"3600""#), None),
        ("half seconds", ok(r#","expires_in":3600.7"#), None),
        ("no seconds left", ok(r#","expires_in":0"#), None),
        ("less than none", ok(r#","expires_in":-1"#), Some("response_invalid")),
        ("words", ok(r#","expires_in":"3600abc""#), Some("response_invalid")),
        ("more than there is", ok(r#","expires_in":1e400"#), Some("response_invalid")),
        ("no number", ok(r#","expires_in":NaN"#), Some("not_json")),
        ("null is absent", ok(r#","expires_in":null"#), None),
        ("a scope that is a list", ok(r#","scope":["read"]"#), Some("response_invalid")),
        ("members of all kinds", ok(r#","__proto__":{"scope":"x"},"then":1,"state":"x""#), None),
        ("a member twice", ok(r#","token_type":"mac""#), Some("response_invalid")),
        ("a member twice, spelled otherwise", ok(r#","token\u005ftype":"mac""#), Some("response_invalid")),
        ("RFC 6749 §5.2", json(400, r#"{"error":"invalid_grant"}"#), Some("token_error")),
        (
            "an error with 200",
            json(200, r#"{"error":"invalid_grant","access_token":"a","token_type":"Bearer"}"#),
            Some("token_error"),
        ),
        ("an error without a name", json(400, "{}"), Some("response_invalid")),
        ("an error that is empty", json(400, r#"{"error":""}"#), Some("response_invalid")),
        ("an error that is an object", json(400, r#"{"error":{}}"#), Some("response_invalid")),
        ("an error page", support::answer(400, "text/html", "<h1>no"), Some("response_invalid")),
        ("a page", support::answer(200, "text/html", "<h1>yes"), Some("not_json")),
        ("a form", support::answer(200, "application/x-www-form-urlencoded", "access_token=a"), Some("not_json")),
        ("nothing", json(200, ""), Some("not_json")),
        ("trouble", json(503, r#"{"error":"invalid_grant"}"#), Some("server_unavailable")),
    ];
    for (label, response, expected) in rows {
        assert_eq!(code(&TokenResponse::from_response(&response)), expected, "{label}");
    }
    for (spelling, expected) in [
        ("\"3600\"", 3600),
        ("3600.7", 3600),
        ("36e2", 3600),
        ("3.6e3", 3600),
        ("2592000", 2_592_000),
        ("1e12", 1_000_000_000_000),
    ] {
        let tokens = TokenResponse::from_response(&ok(&format!(r#","expires_in":{spelling}"#))).expect(spelling);
        assert_eq!(tokens.expires_in, Some(expected), "{spelling}");
    }
}
