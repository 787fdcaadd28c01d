//! Connections to APIs that name their authorization server (RFC 9728), and tokens for one API (RFC 8707).

use serde_json::{Value, json as object};
use valet_key::protocol::base64url;
use valet_key::protocol::error::Fault;
use valet_key::protocol::foreign::ForeignText;
use valet_key::protocol::form;
use valet_key::protocol::protected_resource::Challenge;
use valet_key::vault::messages::Outcome;

use crate::hostile::provider::{Place, Provider, change};
use crate::hostile::resource_server::ResourceServer;
use crate::hostile::text::string;
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::support::{answer, code, json};
use crate::{named, worker};

const PAGE: &str = "https://app.test/cb";
const MCP: &str = "https://mcp.test/mcp";
const AT_PATH: &str = "https://mcp.test/.well-known/oauth-protected-resource/mcp";
const AT_ROOT: &str = "https://mcp.test/.well-known/oauth-protected-resource";
const AS: &str = "https://mcp-as.test";

/// The redirect page of the connection to [`MCP`].
const OWN_PAGE: &str = "https://app.test/cb?valet-key=spGH_dKc3JAECylG";

/// A world in which the API at [`MCP`] names the server [`AS`].
fn world() -> SharedWorker {
    let worker = worker();
    {
        let mut world = worker.here.world();
        let mut server = Provider::perfect(AS).numbered(10_000_000);
        server.well_known = "/.well-known/oauth-authorization-server".into();
        world.others.push(server);
        let mut api = ResourceServer::new("https://mcp.test");
        api.publish(AT_PATH, MCP, &servers(&[AS]), "");
        world.resources.push(api);
    }
    worker
}

fn servers(issuers: &[&str]) -> String {
    object!(issuers).to_string()
}

/// Changes what the API does.
fn api(worker: &SharedWorker, with: impl FnOnce(&mut ResourceServer)) {
    with(&mut worker.here.world().resources[0]);
}

/// Does something with the server that the API names.
fn server<T>(worker: &SharedWorker, with: impl FnOnce(&mut Provider) -> T) -> T {
    let mut world = worker.here.world();
    with(world.others.iter_mut().find(|provider| provider.issuer == AS).expect("the server"))
}

/// The options of a page before the server is known. `more` are further members.
fn connect(more: &str) -> String {
    format!(r#"{{{more}"resource":"{MCP}"}}"#)
}

/// The options of a page that remembers a registration.
fn connected(remembered: &str, more: &str) -> String {
    let remembered: Value = serde_json::from_str(remembered).expect("an object");
    let (id, issuer) = (&remembered["client_id"], &remembered["issuer"]);
    connect(&format!(r#"{more}"clientId":{id},"foundIssuer":{issuer},"#))
}

fn register(port: Port<'_>, more: &str) -> Outcome {
    port.say("register", &format!(r#"{more}"redirectUri":"{PAGE}","scope":"","namesPage":false,"unreturned":false"#))
}

/// Registers the app for the API. Returns what the page remembers.
fn registered(worker: &SharedWorker) -> String {
    register(worker.page(90, &connect("")), "").expect("a registration")
}

/// A page of the connection.
fn page(worker: &SharedWorker, number: u32) -> Port<'_> {
    let remembered = registered(worker);
    worker.page(number, &connected(&remembered, ""))
}

fn fetch(port: Port<'_>, url: &str) -> Outcome {
    port.say("fetch", &format!(r#""url":{}"#, string(url)))
}

/// The `Authorization` headers that APIs have received.
fn tokens(worker: &SharedWorker) -> Vec<String> {
    worker.here.world().calls.iter().map(|call| call.authorization.clone()).collect()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let parameters = form::parse(url.split_once('?')?.1)?;
    parameters.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn has(form: &[(String, String)], name: &str, value: &str) -> bool {
    form.iter().any(|(key, it)| key == name && it == value)
}

/// MULTI-13
#[test]
fn con_01_a_call_leads_to_the_server_of_the_api_to_registration_and_back() {
    let worker = world();
    let port = worker.page(1, &connect(""));
    worker.here.world().statuses.push_back(200);
    fetch(port, MCP).expect("an API that needs no token answers");
    worker.here.world().statuses.push_back(401);
    assert_eq!(code(&fetch(port, MCP)), Some("login_required"));
    assert_eq!(tokens(&worker), ["", ""]);

    let remembered = register(port, "").expect("a registration");
    let text: Value = serde_json::from_str(&remembered).expect("an object");
    assert_eq!(text["issuer"], AS);
    let sent = server(&worker, |server| {
        server.requests.iter().rfind(|seen| seen.place == Some(Place::Registration)).expect("one").body.clone()
    });
    let sent: Value = serde_json::from_str(&sent).expect("an object");
    assert_eq!(sent["redirect_uris"], object!([OWN_PAGE]));
    assert_eq!(sent["client_name"], "app.test for mcp.test");

    let port = worker.page(2, &connected(&remembered, ""));
    let begun = port.begin(Mode::Redirect);
    assert!(begun.url.starts_with("https://mcp-as.test/authorize?"), "{}", begun.url);
    assert_eq!(parameter(&begun.url, "resource").as_deref(), Some(MCP));
    assert_eq!(parameter(&begun.url, "redirect_uri").as_deref(), Some(OWN_PAGE));
    assert_eq!(parameter(&begun.url, "nonce"), None, "plain OAuth 2, unless the app asks for more");
    let address = worker.here.way_back(&begun.url);
    port.complete(&address, &begun.state, begun.record.as_deref()).expect("a session");
    fetch(port, "https://mcp.test/mcp").expect("a response");
    fetch(port, "https://mcp.test/mcp/tools?x=1").expect("a response");
    assert_eq!(code(&fetch(port, "https://mcp.test/")), Some("request_blocked"));
    assert_eq!(code(&fetch(port, "https://mcp.test/mcpx")), Some("request_blocked"));
    port.say("refresh", "").expect("a renewal");
    for place in [Place::Token, Place::Refresh] {
        let form = server(&worker, |server| server.last_form(place));
        assert!(has(&form, "resource", MCP), "{place:?}");
    }
    let tokens = tokens(&worker);
    assert!(tokens[2..].iter().all(|token| token.starts_with("Bearer access-token-number-1")), "{tokens:?}");
    let provider = &worker.here.world().provider.requests;
    assert!(provider.is_empty(), "the app's own provider hears nothing: {provider:?}");
}

#[test]
fn con_02_the_api_is_found_by_its_challenge_or_at_the_well_known_addresses() {
    let asked = |worker: &SharedWorker| worker.here.world().resources[0].requests.clone();
    let probe = format!("HEAD {MCP}");
    let get = |url: &str| format!("GET {url}");

    let worker = world();
    registered(&worker);
    assert_eq!(asked(&worker), [probe.clone(), get(AT_PATH)]);

    let worker = world();
    api(&worker, |api| {
        api.documents.clear();
        api.publish(AT_ROOT, MCP, &servers(&[AS]), "");
    });
    registered(&worker);
    assert_eq!(asked(&worker), [probe.clone(), get(AT_PATH), get(AT_ROOT)]);

    for status in [404, 403] {
        let worker = world();
        api(&worker, |api| {
            api.documents = vec![(AT_PATH.into(), answer(status, "text/html", "<html>"))];
            api.publish(AT_ROOT, MCP, &servers(&[AS]), "");
        });
        registered(&worker);
        assert_eq!(asked(&worker).len(), 3, "{status}");
    }

    let worker = world();
    let elsewhere = "https://mcp.test/meta?of=mcp";
    api(&worker, |api| {
        api.documents.clear();
        api.challenge = format!(r#"Basic realm="x", Bearer error="invalid_token", resource_metadata="{elsewhere}""#);
        api.publish(elsewhere, MCP, &servers(&[AS]), "");
        api.publish(AT_PATH, MCP, r#"["https://evil.test"]"#, "");
    });
    registered(&worker);
    assert_eq!(asked(&worker), [probe.clone(), get(elsewhere)], "MULTI-04");

    // Without metadata, the error says what the API lacks.
    let worker = world();
    api(&worker, |api| api.documents.clear());
    let outcome = register(worker.page(1, &connect("")), "");
    assert_eq!(code(&outcome), Some("discovery_failed"));
    let error = outcome.expect_err("no metadata").error;
    assert!(error.message().contains(MCP) && error.hint().contains("Access-Control-Expose-Headers"), "{error}");
    let worker = world();
    api(&worker, |api| api.documents = vec![(AT_PATH.into(), json(503, ""))]);
    assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("server_unavailable"));
}

/// MULTI-04
#[test]
fn con_03_a_challenge_is_read_as_http_writes_it() {
    let rows = [
        ("", None, None),
        ("Bearer", None, None),
        (r#"Bearer resource_metadata="https://a.test/x""#, Some("https://a.test/x"), None),
        (r#"bearer RESOURCE_METADATA = "https://a.test/x" , scope="a b""#, Some("https://a.test/x"), Some("a b")),
        (r#"DPoP algs="ES256", resource_metadata="u""#, Some("u"), None),
        (r#"Basic resource_metadata="u""#, None, None),
        (r#"Basic realm="a, Bearer resource_metadata=\"v\"", Bearer resource_metadata="u""#, Some("u"), None),
        ("Negotiate abc/def==, Bearer scope=a, resource_metadata=u", Some("u"), Some("a")),
        (r#"Bearer scope="a\"b\\c""#, None, Some(r#"a"b\c"#)),
        (r#"Bearer scope="a", Basic realm="x", scope="b""#, None, Some("a")),
        (r#"Bearer resource_metadata="u", resource_metadata="v""#, Some("u"), None),
        (r#"Bearer resource_metadata="u"#, None, None),
        (r#"Bearer scope="é", resource_metadata="u""#, Some("u"), Some("é")),
        (", ,Bearer,, scope=a", None, Some("a")),
        ("Bearer scope=", None, Some("")),
        ("=, \"x\", Bearer scope=a", None, Some("a")),
    ];
    for (header, resource_metadata, scope) in rows {
        let read = Challenge::parse(header);
        assert_eq!((read.resource_metadata.as_deref(), read.scope.as_deref()), (resource_metadata, scope), "{header}");
    }
}

/// MULTI-02 MULTI-06
#[test]
fn con_04_metadata_that_are_not_those_of_the_api_lead_nowhere() {
    let many = servers(&["https://x.test"; 1000]);
    let rows = [
        (r#""https://mcp.test/mcp/""#, servers(&[AS]), "metadata_invalid"),
        (r#""https://MCP.test/mcp""#, servers(&[AS]), "metadata_invalid"),
        (r#""https://mcp.test/mcp/v1""#, servers(&[AS]), "metadata_invalid"),
        (r#""https://mcp.test""#, servers(&[AS]), "metadata_invalid"),
        (r#""https://other.test/mcp""#, servers(&[AS]), "metadata_invalid"),
        ("null", servers(&[AS]), "metadata_invalid"),
        ("[]", servers(&[AS]), "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, "null".into(), "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, "[]".into(), "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, "[1]".into(), "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, format!(r#"[1,"{AS}"]"#), "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, many, "metadata_invalid"),
        (r#""https://mcp.test/mcp""#, r#"["http://mcp-as.test"]"#.into(), "url_rejected"),
        (r#""https://mcp.test/mcp""#, r#"["https://mcp-as.test?x"]"#.into(), "url_rejected"),
        (r#""https://mcp.test/mcp""#, r#"["javascript:alert(1)"]"#.into(), "url_rejected"),
        (r#""https://mcp.test/mcp""#, r#"["https://192.168.0.1"]"#.into(), "url_rejected"),
    ];
    for (resource, servers, expected) in rows {
        let worker = world();
        let text = format!(r#"{{"resource":{resource},"authorization_servers":{servers}}}"#);
        api(&worker, |api| api.documents = vec![(AT_PATH.into(), json(200, &text))]);
        let outcome = register(worker.page(1, &connect("")), "");
        assert_eq!(code(&outcome), Some(expected), "{resource} {}", &servers[..servers.len().min(60)]);
        assert!(outcome.expect_err("refused").error.hint().contains("`connect`"), "{resource}");
        assert_eq!(server(&worker, |server| server.requests.len()), 0);
    }
    // The other resource is named, and a better entry of the list is used.
    let worker = world();
    api(&worker, |api| api.publish(AT_PATH, "https://mcp.test", &servers(&[AS]), ""));
    let error = register(worker.page(1, &connect("")), "").expect_err("refused").error;
    assert_eq!(error.message(), "metadata of the API https://mcp.test, expected https://mcp.test/mcp");
    assert_eq!(error.fault(), Fault::Server);
    let worker = world();
    api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&["http://x.test", AS]), ""));
    registered(&worker);
}

#[test]
fn con_05_the_slash_of_an_empty_path_makes_no_difference() {
    for spelled in ["https://mcp.test", "https://mcp.test/"] {
        for named in ["https://mcp.test", "https://mcp.test/"] {
            let worker = world();
            api(&worker, |api| {
                api.documents.clear();
                api.publish(AT_ROOT, named, &servers(&[AS]), "");
            });
            let options = format!(r#"{{"resource":"{spelled}"}}"#);
            let remembered = register(worker.page(1, &options), "").expect("a registration");
            assert_eq!(worker.here.world().resources[0].requests.len(), 2, "one address, asked once");
            let text: Value = serde_json::from_str(&remembered).expect("an object");
            let id = &text["client_id"];
            let port = worker.page(2, &format!(r#"{{"resource":"{spelled}","clientId":{id},"foundIssuer":"{AS}"}}"#));
            let begun = port.begin(Mode::Window);
            assert_eq!(parameter(&begun.url, "resource").as_deref(), Some("https://mcp.test"));
        }
    }
}

/// MULTI-03
#[test]
fn con_06_an_api_leads_to_no_server_of_the_users_own_network() {
    let internal = [
        "https://169.254.169.254",
        "https://localhost",
        "https://a.localhost",
        "https://127.0.0.1",
        "https://10.0.0.1",
        "https://172.16.0.1",
        "https://172.31.255.255",
        "https://192.168.1.1:8443",
        "https://100.64.0.1",
        "https://0.0.0.0",
        "https://2130706433",
        "https://0x7f.1",
        "https://0177.0.0.1",
        "https://127.1",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[fd00::1]",
        "https://[fe80::1]",
        "https://router",
        "https://printer.local",
        "https://a.internal",
        "https://nas.home.arpa",
        "https://localhost.",
        "https://localhost.localdomain",
        "https://router.lan",
        "https://wiki.corp",
        "https://192.0.0.1",
        "https://198.18.0.1",
        "https://[2002:c0a8:101::1]",
        "https://[2001:0:7f00:1::]",
        "https://[2001::1]",
        "https://[200:abcd::1]",
        "https://[2::1]",
        "https://[64:ff9b::7f00:1]",
        "https://LOCALHOST",
        "http://mcp.test",
        "javascript:alert(1)//",
    ];
    for origin in internal {
        let worker = world();
        api(&worker, |api| api.challenge = format!(r#"Bearer resource_metadata="{origin}/meta""#));
        worker.here.take_sent();
        let outcome = register(worker.page(1, &connect("")), "");
        assert_eq!(code(&outcome), Some("url_rejected"), "{origin}");
        assert_eq!(worker.here.take_sent(), [MCP], "{origin}");

        let worker = world();
        api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[origin]), ""));
        worker.here.take_sent();
        assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("url_rejected"), "{origin}");
        assert_eq!(worker.here.take_sent(), [MCP, AT_PATH], "{origin}");

        for endpoint in ["authorization_endpoint", "token_endpoint"] {
            let worker = world();
            server(&worker, |server| change(&mut server.metadata, &[(endpoint, &string(&format!("{origin}/x")))]));
            assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("url_rejected"), "{endpoint} {origin}");
        }
        let worker = world();
        server(&worker, |server| {
            change(&mut server.metadata, &[("revocation_endpoint", &string(&format!("{origin}/x")))]);
        });
        let port = page(&worker, 1);
        port.sign_in();
        worker.here.take_sent();
        port.say("end", "").expect("a sign-out");
        assert_eq!(worker.here.take_sent(), [""; 0], "{origin}");
    }
    // An API on this device may name a server on this device.
    let worker = worker();
    let mut local = ResourceServer::new("http://localhost:9000");
    local.publish(
        "http://localhost:9000/.well-known/oauth-protected-resource",
        "http://localhost:9000",
        &servers(&["http://localhost:9001"]),
        "",
    );
    worker.here.world().resources.push(local);
    worker.here.world().others.push(Provider::perfect("http://localhost:9001"));
    let options = r#"{"resource":"http://localhost:9000/","allowLoopbackHttp":true}"#;
    register(worker.page(1, options), "").expect("a registration");
}

#[test]
fn con_07_an_address_in_the_public_network_is_accepted() {
    for origin in ["https://172.32.0.1", "https://8.8.8.8", "https://[2001:db8::1]", "https://mcp-as.example:8443"] {
        let worker = world();
        api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[origin]), ""));
        worker.here.world().others.push(Provider::perfect(origin));
        register(worker.page(1, &connect("")), "").unwrap_or_else(|failed| panic!("{origin}: {}", failed.error));
    }
}

/// MULTI-20
#[test]
fn con_08_an_api_that_changes_its_server_gets_another_registration_and_other_tokens() {
    let worker = world();
    let remembered = registered(&worker);
    let known = format!(r#""known":{},"#, string(&remembered));
    let port = worker.page(1, &connected(&remembered, ""));
    assert_eq!(register(port, &known).expect("the same"), remembered);
    port.sign_in();
    let other = "https://other-as.test";
    api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[other]), ""));
    let now = register(port, &known).expect("another registration");
    let text: Value = serde_json::from_str(&now).expect("an object");
    assert_eq!(text["issuer"], other);
    let new = worker.page(2, &connected(&now, ""));
    assert!(!new.is_signed_in(), "no token passes from one server to the other");
    worker.here.world().statuses.push_back(401);
    assert_eq!(code(&fetch(new, MCP)), Some("login_required"));
    assert_eq!(tokens(&worker), [""]);
    new.sign_in();
    fetch(new, MCP).expect("a response");
    assert!(!tokens(&worker)[1].contains("number-1000"), "not a token of the earlier server");
    let pages = [port, new].map(|port| parameter(&port.begin(Mode::Window).url, "redirect_uri"));
    assert_ne!(pages[0], pages[1], "the response of one server does not come to the page of the other");
    // The earlier server stays while the API names it, too.
    api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[other, AS]), ""));
    assert_eq!(register(port, &known).expect("the same"), remembered);
}

#[test]
fn con_09_what_a_script_writes_in_the_place_of_a_registration_is_not_used() {
    let worker = world();
    let forged =
        object!({ "client_id": "spa", "at": 0, "issuer": "https://as.test", "scope": "everything" }).to_string();
    let known = format!(r#""known":{},"#, string(&forged));
    let text: Value =
        serde_json::from_str(&register(worker.page(1, &connect("")), &known).expect("one")).expect("an object");
    assert_eq!(text["issuer"], AS);
    assert_ne!(text["client_id"], "spa");
    assert_eq!(text["scope"], Value::Null);
}

#[test]
fn con_10_no_sign_in_at_a_server_that_the_app_has_not_named_is_silent() {
    let worker = world();
    let port = page(&worker, 1);
    port.sign_in();
    for mode in [Mode::Window, Mode::Redirect] {
        for prompt in [r#""none""#, r#""none ""#, r#"["none","login"]"#] {
            let options = format!(r#"{{"prompt":{prompt}}}"#);
            assert_eq!(named(&port.begin_with(mode, &options)), Some("mode"), "{prompt}");
        }
    }
    let restore = r#""namesPage":false,"redirectUri":"https://app.test/cb","scope":"","returnTo":"/","options":{},"inWindow":false,"shared":false,"restores":true"#;
    assert_eq!(named(&port.say("begin", restore)), Some("mode"));
    assert!(port.is_signed_in());
}

#[test]
fn con_11_the_clients_id_is_used_only_where_the_app_has_paired_it_with_the_server() {
    let refused = [
        (r#""clientId":"spa","foundIssuer":"https://10.0.0.1","#, "foundIssuer"),
        (r#""clientId":"spa","#, "clientId"),
        (r#""api":["https://api.test/"],"#, "api"),
        (r#""issuer":"nonsense","clientId":"spa","#, "issuer"),
    ];
    for (more, option) in refused {
        let worker = world();
        assert_eq!(named(&worker.port(1).configure(&connect(more))), Some(option), "{more}");
    }
    for resource in [
        "http://mcp.test/",
        "https://mcp.test/?x",
        "https://mcp.test/#x",
        "https://mcp.test/a/../b",
        "mcp",
        "https://*.test/",
    ] {
        let worker = world();
        assert_eq!(named(&worker.port(1).configure(&format!(r#"{{"resource":"{resource}"}}"#))), Some("resource"));
    }
    // Paired by the app: nothing is looked up at the API, and silent sign-ins are possible.
    let worker = world();
    let paired = connect(r#""issuer":"https://as.test","clientId":"spa","#);
    let port = worker.page(1, &paired);
    port.sign_in();
    fetch(port, MCP).expect("a response");
    port.begin_with(Mode::Window, r#"{"prompt":"none"}"#).expect("a silent request");
    assert_eq!(worker.here.world().resources[0].requests, [""; 0]);
    let form = worker.here.world().provider.last_form(Place::Token);
    assert!(has(&form, "resource", MCP) && has(&form, "client_id", "spa") && has(&form, "redirect_uri", PAGE));
    assert_eq!(code(&fetch(port, "https://api.test/v1/")), Some("request_blocked"));
    // The app's own client is another one.
    let own = worker.page(2, &crate::app());
    assert!(!own.is_signed_in());
    assert_eq!(code(&fetch(own, MCP)), Some("request_blocked"));
}

#[test]
fn con_12_a_token_that_shows_another_audience_is_refused() {
    let jwt = |claims: &str| {
        let part = |text: &str| base64url::encode(text.as_bytes());
        string(&format!("{}.{}.c2ln", part(r#"{"alg":"RS256","typ":"at+jwt"}"#), part(claims)))
    };
    let rows = [
        (r#"{"aud":"https://mcp.test/mcp"}"#, true),
        (r#"{"aud":["https://mcp.test/mcp"]}"#, true),
        (r#"{"aud":"https://mcp.test/mcp/"}"#, true),
        (r#"{"aud":"https://mcp.test"}"#, true),
        (r#"{"aud":"https://mcp.test/"}"#, true),
        (r#"{"aud":["https://mcp.test/mcp","https://mcp-as.test/userinfo"]}"#, true),
        (r#"{"sub":"alice"}"#, true),
        (r#"{"aud":null}"#, true),
        (r#"{"aud":"https://mcp-as.test/userinfo"}"#, false),
        (r#"{"aud":"https://api.test/"}"#, false),
        (r#"{"aud":["https://mcp.test/mcp","https://api.test/"]}"#, false),
        (r#"{"aud":"https://mcp.test/m"}"#, false),
        (r#"{"aud":"https://mcp.test/mcp/v1"}"#, false),
        (r#"{"aud":"https://mcp.test.evil.test/mcp"}"#, false),
        (r#"{"aud":"spa"}"#, false),
        (r#"{"aud":""}"#, false),
        (r#"{"aud":[]}"#, false),
        (r#"{"aud":7}"#, false),
        (r#"{"aud":{"a":"https://mcp.test/mcp"}}"#, false),
        (r#"{"aud":"https://mcp-as.test"}"#, false),
        (r#"{"aud":["https://mcp.test/mcp","https://mcp-as.test"]}"#, true),
        (r#"{"aud":["https://mcp.test/mcp","https://mcp-as.test/api/"]}"#, false),
        (r#"{"aud":"https://mcp.test/mcp","aud":"https://api.test/"}"#, false),
        (r#"{"aud":"https://mcp.test/mcp",}"#, false),
        (r#"[{"aud":"https://mcp.test/mcp"}]"#, false),
        ("", false),
    ];
    for (claims, is_accepted) in rows {
        let worker = world();
        server(&worker, |server| change(&mut server.token, &[("access_token", &jwt(claims))]));
        let port = page(&worker, 1);
        let begun = port.begin(Mode::Window);
        let outcome = port.complete(&worker.here.way_back(&begun.url), &begun.state, None);
        assert_eq!(code(&outcome), (!is_accepted).then_some("response_invalid"), "{claims}");
        assert_eq!(port.is_signed_in(), is_accepted, "{claims}");
        let revoked = server(&worker, |server| server.count(Place::Revocation));
        assert_eq!(revoked, if is_accepted { 0 } else { 2 }, "{claims}");
        if let Err(failed) = outcome {
            assert!(failed.error.hint().contains("RFC 8707"));
        }

        // The same in a renewal ends the session.
        let worker = world();
        server(&worker, |server| change(&mut server.refresh, &[("access_token", &jwt(claims))]));
        let port = page(&worker, 1);
        port.sign_in();
        let outcome = port.say("refresh", "");
        assert_eq!(code(&outcome), (!is_accepted).then_some("response_invalid"), "{claims}");
        assert_eq!(port.is_signed_in(), is_accepted, "{claims}");
    }
    // What is not a JWT says nothing, and is not read.
    for opaque in ["a.b", "a.b.c", "a.b.c.d.e", "e30.e30", "e30.e30.", "!.e30.x", "...", "."] {
        let worker = world();
        server(&worker, |server| change(&mut server.token, &[("access_token", &string(opaque))]));
        page(&worker, 1).sign_in();
    }
}

/// DISC-37
#[test]
fn con_13_a_server_of_an_api_has_to_say_that_it_supports_pkce() {
    let worker = world();
    server(&worker, |server| change(&mut server.metadata, &[("-code_challenge_methods_supported", "")]));
    assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("unsupported"));
    assert_eq!(server(&worker, |server| server.count(Place::Registration)), 0);
}

/// MULTI-07 MULTI-08
#[test]
fn con_14_the_metadata_of_the_server_are_looked_up_in_order() {
    let issuer = "https://mcp-as.test/tenant";
    let worker = worker();
    let mut api = ResourceServer::new("https://mcp.test");
    api.publish(AT_PATH, MCP, &servers(&[issuer]), "");
    worker.here.world().resources.push(api);
    worker.here.world().others.push(Provider::perfect(issuer));
    worker.here.take_sent();
    registered(&worker);
    let well_known = |path: &str| format!("https://mcp-as.test{path}");
    assert_eq!(
        worker.here.take_sent()[2..5],
        [
            well_known("/.well-known/oauth-authorization-server/tenant"),
            well_known("/.well-known/openid-configuration/tenant"),
            well_known("/tenant/.well-known/openid-configuration"),
        ]
    );
    let worker = world();
    server(&worker, |server| change(&mut server.metadata, &[("issuer", r#""https://as.test""#)]));
    assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("issuer_mismatch"));
}

/// MULTI-09
#[test]
fn con_15_a_server_that_leads_the_user_to_another_one_does_not_get_its_code() {
    let honest = r#""https://as.test/authorize""#;
    let worker = world();
    server(&worker, |server| change(&mut server.metadata, &[("authorization_endpoint", honest)]));
    let port = page(&worker, 1);
    let begun = port.begin(Mode::Window);
    let outcome = port.complete(&worker.here.way_back(&begun.url), &begun.state, None);
    assert_eq!(code(&outcome), Some("iss_mismatch"));
    assert_eq!(server(&worker, |server| server.count(Place::Token)), 0);
    assert!(!port.is_signed_in());
    // If the honest server sends no `iss`, the response lacks one that is promised.
    let worker = world();
    server(&worker, |server| change(&mut server.metadata, &[("authorization_endpoint", honest)]));
    without_iss(&mut worker.here.world().provider);
    let port = page(&worker, 1);
    let begun = port.begin(Mode::Window);
    let outcome = port.complete(&worker.here.way_back(&begun.url), &begun.state, None);
    assert_eq!(code(&outcome), Some("iss_mismatch"));

    // A server that promises no `iss` has one origin, where it may send what it gets.
    for endpoint in ["authorization_endpoint", "token_endpoint"] {
        let worker = world();
        server(&worker, |server| {
            without_iss(server);
            change(&mut server.metadata, &[(endpoint, r#""https://as.test/x""#)]);
        });
        assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("unsupported"), "{endpoint}");
    }
    let worker = world();
    server(&worker, |server| {
        without_iss(server);
        change(
            &mut server.metadata,
            &[
                ("revocation_endpoint", r#""https://evil.test/revoke""#),
                ("userinfo_endpoint", r#""https://evil.test/userinfo""#),
            ],
        );
    });
    let port = page(&worker, 1);
    port.sign_in();
    worker.here.take_sent();
    assert!(port.say("userinfo", r#""sub":"alice""#).is_err());
    port.say("end", "").expect("a sign-out");
    assert_eq!(worker.here.take_sent(), [""; 0]);
}

fn without_iss(server: &mut Provider) {
    change(&mut server.metadata, &[("authorization_response_iss_parameter_supported", "false")]);
}

#[test]
fn con_25_an_id_of_a_server_is_no_address_of_a_document() {
    for id in ["https://evil.test/x", "https://app.test/client.json"] {
        let worker = world();
        server(&worker, |server| change(&mut server.registration, &[("client_id", &string(id))]));
        assert_eq!(code(&register(worker.page(1, &connect("")), "")), Some("response_invalid"), "{id}");

        // What a script stores in its place.
        let worker = world();
        let known = object!({ "client_id": id, "at": 0, "issuer": AS }).to_string();
        let text = register(worker.page(1, &connect("")), &format!(r#""known":{},"#, string(&known))).expect("one");
        assert!(!text.contains(id), "{text}");
        let port = worker.page(2, &connected(&known, ""));
        let begun = port.begin(Mode::Window);
        let address = worker.here.way_back(&begun.url).replace("&iss=https%3A%2F%2Fmcp-as.test", "");
        assert_eq!(code(&port.complete(&address, &begun.state, None)), Some("iss_mismatch"));
    }
}

#[test]
fn con_26_the_page_of_a_document_needs_responses_with_iss() {
    let document = "https://app.test/client.json";
    let options = connect(&format!(r#""clientId":"{document}","#));
    let worker = world();
    server(&worker, |server| {
        without_iss(server);
        change(&mut server.metadata, &[("client_id_metadata_document_supported", "true")]);
    });
    let remembered = register(worker.page(1, &options), &format!(r#""document":"{document}","#)).expect("the document");
    let port = worker.page(2, &connected(&remembered, ""));
    assert_eq!(named(&port.begin_with(Mode::Window, "{}")), Some("redirectUri"));
}

#[test]
fn con_27_a_long_list_of_scopes_costs_no_more_than_its_length() {
    let worker = world();
    let list = vec![r#""x""#; 150_000].join(",");
    api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[AS]), &format!(r#""scopes_supported":[{list}],"#)));
    let text: Value = serde_json::from_str(&registered(&worker)).expect("an object");
    assert_eq!(text["scope"], Value::Null);
}

/// MULTI-10
#[test]
fn con_16_a_server_that_names_the_endpoints_of_another_one_gets_nothing_from_it() {
    let worker = world();
    let own = worker.page(9, &crate::app());
    own.sign_in();
    server(&worker, |server| {
        change(
            &mut server.metadata,
            &[
                ("token_endpoint", r#""https://as.test/token""#),
                ("jwks_uri", r#""https://as.test/jwks""#),
                ("userinfo_endpoint", r#""https://as.test/userinfo""#),
            ],
        );
    });
    let port = page(&worker, 1);
    let begun = port.begin(Mode::Window);
    let outcome = port.complete(&worker.here.way_back(&begun.url), &begun.state, None);
    assert_eq!(code(&outcome), Some("token_error"));
    worker.here.world().statuses.push_back(401);
    assert_eq!(code(&fetch(port, MCP)), Some("login_required"));
    assert_eq!(tokens(&worker), [""]);
    assert!(own.is_signed_in(), "the app's own session stays");
}

#[test]
fn con_17_the_scope_is_the_apps_or_the_one_that_the_api_asks_for() {
    let many = "x ".repeat(2000);
    let rows = [
        ("", r#""scopes_supported":["read","write"],"#, Some("read write")),
        (r#"Bearer scope="tools""#, r#""scopes_supported":["read"],"#, Some("tools")),
        (r#"Bearer scope="""#, r#""scopes_supported":["read"],"#, None),
        ("", r#""scopes_supported":[1,"read"],"#, Some("read")),
        ("", r#""scopes_supported":["a\"b"],"#, None),
        ("", "", None),
        ("", &format!(r#""scopes_supported":["{}"],"#, many.replace("x ", "xx")), None),
    ];
    for (challenge, more, expected) in rows {
        let worker = world();
        api(&worker, |api| {
            api.challenge = challenge.into();
            api.publish(AT_PATH, MCP, &servers(&[AS]), more);
        });
        let text: Value = serde_json::from_str(&registered(&worker)).expect("an object");
        assert_eq!(text["scope"].as_str(), expected, "{challenge} {more}");
        let sent = server(&worker, |server| server.requests.last().expect("one").body.clone());
        let sent: Value = serde_json::from_str(&sent).expect("an object");
        assert_eq!(sent["scope"].as_str(), expected, "{challenge} {more}");
    }
    let worker = world();
    api(&worker, |api| api.publish(AT_PATH, MCP, &servers(&[AS]), r#""scopes_supported":["all"],"#));
    let port = worker.page(1, &connect(""));
    port.say("register", &format!(r#""redirectUri":"{PAGE}","scope":"mine","namesPage":false,"unreturned":false"#))
        .expect("one");
    let sent = server(&worker, |server| server.requests.last().expect("one").body.clone());
    assert!(sent.contains(r#""scope":"mine""#), "{sent}");
}

#[test]
fn con_18_a_metadata_document_takes_the_place_of_a_registration() {
    let document = "https://app.test/client.json";
    let wants = format!(r#""document":"{document}","#);
    let options = connect(&format!(r#""clientId":"{document}","#));
    for is_supported in ["true", "false"] {
        let worker = world();
        server(&worker, |server| {
            change(&mut server.metadata, &[("client_id_metadata_document_supported", is_supported)]);
        });
        let remembered = register(worker.page(1, &options), &wants).expect("an ID");
        let text: Value = serde_json::from_str(&remembered).expect("an object");
        assert_eq!(text["client_id"] == document, is_supported == "true");
        let registrations = server(&worker, |server| server.count(Place::Registration));
        assert_eq!(registrations, usize::from(is_supported == "false"));
        let port = worker.page(2, &connected(&remembered, ""));
        let begun = port.begin(Mode::Window);
        let page = if is_supported == "true" { PAGE } else { OWN_PAGE };
        assert_eq!(parameter(&begun.url, "redirect_uri").as_deref(), Some(page));
    }
}

#[test]
fn con_19_only_the_client_sets_the_resource_of_a_connection() {
    let worker = world();
    let port = page(&worker, 1);
    let options = r#"{"params":{"resource":"https://api.test"}}"#;
    assert_eq!(named(&port.begin_with(Mode::Window, options)), Some("resource"));
    assert_eq!(named(&port.say("beginDevice", &format!(r#""scope":"","options":{options}"#))), Some("resource"));
    // Other clients may name one.
    let own = worker.page(2, &crate::app());
    own.begin_with(Mode::Window, options).expect("a request");
}

#[test]
fn con_20_a_sign_in_on_another_device_is_for_the_api_as_well() {
    let worker = world();
    let port = page(&worker, 1);
    let begun: Value = serde_json::from_str(&port.say("beginDevice", r#""scope":"","options":{}"#).expect("codes"))
        .expect("an object");
    server(&worker, |server| server.consented = true);
    worker.here.wait(5);
    port.say("pollDevice", &format!(r#""number":{}"#, begun["number"])).expect("a session");
    assert!(port.is_signed_in());
    for place in [Place::Device, Place::Poll] {
        assert!(has(&server(&worker, |server| server.last_form(place)), "resource", MCP), "{place:?}");
    }
}

#[test]
fn con_21_nothing_but_a_call_and_a_registration_works_before_the_server_is_known() {
    let worker = world();
    let port = worker.page(1, &connect(""));
    worker.here.take_sent();
    port.say("prepare", "").expect("nothing to prepare");
    assert_eq!(port.session(), "");
    assert_eq!(named(&port.begin_with(Mode::Window, "{}")), Some("clientId"));
    assert_eq!(code(&port.say("refresh", "")), Some("login_required"));
    assert_eq!(code(&port.say("userinfo", r#""sub":"alice""#)), Some("login_required"));
    assert_eq!(port.say("end", r#""returnTo":"https://app.test/""#).as_deref(), Ok(""));
    assert_eq!(worker.here.take_sent(), [""; 0]);
    assert_eq!(code(&fetch(port, "https://api.test/v1/")), Some("request_blocked"));
    assert_eq!(code(&port.say("fetch", &format!(r#""url":"{MCP}","credentials":true"#))), Some("request_blocked"));
}

#[test]
fn con_24_a_sign_out_revokes_the_tokens_and_keeps_the_session_of_the_server() {
    let worker = world();
    let port = page(&worker, 1);
    port.sign_in();
    assert_eq!(port.say("end", r#""returnTo":"https://app.test/""#).as_deref(), Ok(""), "the page stays");
    assert!(!port.is_signed_in());
    assert_eq!(server(&worker, |server| server.count(Place::Revocation)), 2);
}

#[test]
fn con_22_a_page_that_shows_a_response_of_another_connection_is_not_its_redirect_page() {
    let worker = world();
    let port = page(&worker, 1);
    let Begun { url, state, record } = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&url).replace("valet-key=", "valet-key=x");
    let outcome = port.complete(&address, &state, record.as_deref());
    assert_eq!(code(&outcome), Some("iss_mismatch"));
    assert!(outcome.expect_err("refused").error.message().contains(PAGE));
}

#[test]
fn con_23_text_of_the_api_is_no_text_of_the_client() {
    // A long text of a stranger is cut off before it comes to the page.
    let worker = world();
    let text = format!(r#"{{"resource":"{}","authorization_servers":["{AS}"]}}"#, "a".repeat(5000));
    api(&worker, |api| api.documents = vec![(AT_PATH.into(), json(200, &text))]);
    let error = register(worker.page(1, &connect("")), "").expect_err("refused").error;
    assert!(error.message().len() < 1500, "{}", error.message().len());
    let valet_key::protocol::error::Kind::OtherResource { received, .. } = error.kind() else { panic!("{error}") };
    assert!(!ForeignText::is_left_out(received));
}
