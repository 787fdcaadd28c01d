//! The provider: correct, except for one response that a test changes.

use std::fmt::Write as _;
use valet_key::protocol::base64url;
use valet_key::protocol::error::Result;
use valet_key::protocol::form;
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::public_key::PublicKey;

use super::proofs::{Demands, Proof};
use crate::support::signing::{CLIENT, honest_keys};
use crate::support::{T0, hash_of, id_token, json};

/// The place of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Metadata,
    Authorization,
    Token,
    Refresh,
    Device,
    Poll,
    Machine,
    Pushed,
    Registration,
    Revocation,
    Keys,
    Userinfo,
}

/// A response, or the browser's error for a connection without one.
pub(crate) type Answer = Result<HttpResponse>;

/// Members of an object, in order, with their values as JSON.
pub(crate) type Members = Vec<(String, String)>;

/// A request that a server received.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) place: Option<Place>,
    /// The form of a `POST`; empty for a `GET`.
    pub(crate) body: String,
    /// The `Authorization` header; empty without one.
    pub(crate) authorization: String,
    /// The `DPoP` header; empty without one.
    pub(crate) proof: String,
}

/// A code that was issued and not yet redeemed.
#[derive(Clone, Debug)]
struct Pending {
    code: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
    client_id: String,
    /// The key that it is bound to; empty for any.
    jkt: String,
}

/// Issued tokens, and their user. A renewal replaces them.
#[derive(Clone, Debug)]
struct Grant {
    access_token: String,
    refresh_token: String,
    client_id: String,
    user: &'static str,
    /// The key that they are bound to; empty for none.
    jkt: String,
}

#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    /// The one place that has metadata, as a path.
    pub(crate) well_known: String,
    pub(crate) metadata: Members,
    /// Members of the token response to a code.
    pub(crate) token: Members,
    /// Members of the device authorization response, beside its codes.
    pub(crate) device: Members,
    /// Members of the token response to a client without a user.
    pub(crate) machine: Members,
    /// Members of the registration response that differ from the request.
    pub(crate) registration: Members,
    /// The `jti` of each assertion.
    names: Vec<String>,
    /// Whether every client needs a key.
    pub(crate) needs_key: bool,
    /// What it expects of proofs.
    pub(crate) demands: Demands,
    /// Members of the response to a pushed request.
    pub(crate) reference: Members,
    /// The requests that were pushed, with their references.
    pushed: Vec<(String, String)>,
    /// Whether the user has consented on another device. It counts for one device code.
    pub(crate) consented: bool,
    /// Members of the token response to a refresh token; `refresh_token` and `access_token` are new each time unless
    /// set here.
    pub(crate) refresh: Members,
    /// Claims that differ in the ID Token of a sign-in.
    pub(crate) claims: Members,
    /// Claims that differ in the ID Token of a refresh; there is one if this is not empty.
    pub(crate) refreshed_claims: Members,
    /// Rewrites the query of the authorization response.
    pub(crate) callback: fn(&str) -> String,
    /// Responses of a place in turn, instead of the valid ones; the last one stays.
    pub(crate) instead: Vec<(Place, Vec<Answer>)>,
    pub(crate) requests: Vec<Seen>,
    /// All secrets that passed through this provider.
    pub(crate) secrets: Vec<String>,
    pub(crate) user: &'static str,
    code: String,
    pending: Vec<Pending>,
    /// Device codes that were not yet redeemed, with their clients.
    devices: Vec<(String, String)>,
    grants: Vec<Grant>,
    count: usize,
    /// The time, in seconds after T0.
    pub(crate) now: i64,
}

/// Applies changes to an object: `name` replaces, `-name` removes, `+name` adds a duplicate.
pub(crate) fn change(members: &mut Members, changes: &[(&str, &str)]) {
    for (name, value) in changes {
        let bare = name.trim_start_matches(['-', '+']);
        let value = ((*bare).to_owned(), (*value).to_owned());
        match members.iter_mut().find(|(name, _)| name == bare) {
            Some(member) if !name.starts_with(['-', '+']) => *member = value,
            Some(_) if name.starts_with('-') => members.retain(|(name, _)| name != bare),
            // A missing member may be added later, and must be removed then.
            None if name.starts_with('-') => members.push(((*name).to_owned(), String::new())),
            _ => members.push(value),
        }
    }
}

/// An object as JSON text.
pub(crate) fn object(members: &Members) -> String {
    let members: Vec<String> = members
        .iter()
        .filter(|(name, _)| !name.starts_with('-'))
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn members(of: &[(&str, &str)]) -> Members {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Provider {
    pub(crate) fn perfect(issuer: &str) -> Self {
        let at = |path: &str| quoted(&format!("{issuer}{path}"));
        Self {
            issuer: issuer.into(),
            well_known: format!("{}/.well-known/openid-configuration", &issuer[origin(issuer).len()..]),
            metadata: members(&[
                ("issuer", &at("")),
                ("authorization_endpoint", &at("/authorize")),
                ("token_endpoint", &at("/token")),
                ("jwks_uri", &at("/jwks")),
                ("userinfo_endpoint", &at("/userinfo")),
                ("revocation_endpoint", &at("/revoke")),
                ("device_authorization_endpoint", &at("/device")),
                ("registration_endpoint", &at("/register")),
                ("end_session_endpoint", &at("/logout")),
                ("authorization_response_iss_parameter_supported", "true"),
                ("response_types_supported", r#"["code"]"#),
                ("subject_types_supported", r#"["public"]"#),
                ("id_token_signing_alg_values_supported", r#"["RS256","ES256"]"#),
                ("code_challenge_methods_supported", r#"["S256"]"#),
            ]),
            token: members(&[("token_type", r#""Bearer""#), ("expires_in", "600")]),
            device: members(&[
                ("user_code", r#""WDJB-MJHT""#),
                ("verification_uri", &at("/activate")),
                ("verification_uri_complete", &at("/activate?code=WDJB-MJHT")),
                ("expires_in", "600"),
                ("interval", "5"),
            ]),
            machine: members(&[("token_type", r#""Bearer""#), ("expires_in", "600"), ("-refresh_token", "")]),
            registration: Members::new(),
            needs_key: false,
            demands: Demands::default(),
            reference: members(&[("expires_in", "60")]),
            pushed: Vec::new(),
            names: Vec::new(),
            consented: false,
            refresh: members(&[("token_type", r#""Bearer""#), ("expires_in", "600")]),
            claims: Members::new(),
            refreshed_claims: Members::new(),
            callback: str::to_owned,
            instead: Vec::new(),
            requests: Vec::new(),
            secrets: Vec::new(),
            user: "alice",
            code: "c0de-of-forty-three-letters-and-nothing-else".into(),
            pending: Vec::new(),
            devices: Vec::new(),
            grants: Vec::new(),
            count: 0,
            now: 0,
        }
    }

    /// The same, but its codes and tokens have eight-digit numbers from here on, which no other provider uses.
    pub(crate) fn numbered(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// Uses the responses of another provider from now on. Issued codes and tokens stay valid.
    pub(crate) fn speak_like(&mut self, other: &Self) {
        self.well_known.clone_from(&other.well_known);
        self.metadata.clone_from(&other.metadata);
        self.token.clone_from(&other.token);
        self.device.clone_from(&other.device);
        self.machine.clone_from(&other.machine);
        self.registration.clone_from(&other.registration);
        self.refresh.clone_from(&other.refresh);
        self.claims.clone_from(&other.claims);
        self.refreshed_claims.clone_from(&other.refreshed_claims);
        self.callback = other.callback;
        self.instead.clone_from(&other.instead);
    }

    /// Binds tokens to keys from now on.
    pub(crate) fn bind(&mut self) {
        change(&mut self.metadata, &[("dpop_signing_alg_values_supported", r#"["RS256","ES256"]"#)]);
    }

    /// Takes pushed requests from now on.
    pub(crate) fn take_pushed(&mut self) {
        let endpoint = quoted(&format!("{}/par", self.issuer));
        change(&mut self.metadata, &[("pushed_authorization_request_endpoint", &endpoint)]);
    }

    /// The proofs at a place, in order.
    pub(crate) fn proofs_at(&self, place: Place) -> Vec<Proof> {
        let seen = self.requests.iter().filter(|seen| seen.place == Some(place) && !seen.proof.is_empty());
        seen.map(|seen| Proof::read(&seen.proof)).collect()
    }

    /// Removes all changes, as after a repair.
    pub(crate) fn repair(&mut self) {
        self.speak_like(&Self::perfect(&self.issuer));
    }

    /// How many requests a place received.
    pub(crate) fn count(&self, place: Place) -> usize {
        self.requests.iter().filter(|seen| seen.place == Some(place)).count()
    }

    /// The form of the last request at a place.
    pub(crate) fn last_form(&self, place: Place) -> Vec<(String, String)> {
        self.forms(place).pop().expect("a request")
    }

    /// The forms of all requests at a place, in order.
    pub(crate) fn forms(&self, place: Place) -> Vec<Vec<(String, String)>> {
        let seen = self.requests.iter().filter(|seen| seen.place == Some(place));
        seen.map(|seen| form::parse(&seen.body).expect("a form")).collect()
    }

    /// The user comes with an authorization request and consents. Returns the query of the authorization response.
    pub(crate) fn authorize(&mut self, url: &str) -> String {
        self.authorize_to(url).0
    }

    /// The same, with the redirect page.
    pub(crate) fn authorize_to(&mut self, url: &str) -> (String, String) {
        let [body, authorization, proof] = [const { String::new() }; 3];
        self.requests.push(Seen { url: url.into(), place: Some(Place::Authorization), body, authorization, proof });
        let parameters = self.parameters(url);
        let get = |name: &str| {
            let mut values = parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
            let value = values.next().unwrap_or_default();
            assert_eq!(values.next(), None, "{name} once");
            value
        };
        let (state, nonce) = (get("state"), get("nonce"));
        self.count += 1;
        let code = format!("{}{}", self.code, self.count);
        self.secrets.extend([state.clone(), nonce.clone(), code.clone()].into_iter().filter(|text| !text.is_empty()));
        self.pending.push(Pending {
            code: code.clone(),
            nonce,
            challenge: get("code_challenge"),
            redirect_uri: get("redirect_uri"),
            client_id: get("client_id"),
            jkt: get("dpop_jkt"),
        });
        let mut query = String::new();
        form::append(&mut query, "code", &code);
        form::append(&mut query, "state", &state);
        if self.metadata.iter().any(|(name, value)| name.starts_with("authorization_response_iss") && value == "true") {
            form::append(&mut query, "iss", &self.issuer);
        }
        ((self.callback)(&query), get("redirect_uri"))
    }

    /// The parameters of an authorization request, which may have been pushed (RFC 9126 §4).
    pub(crate) fn parameters(&mut self, url: &str) -> Vec<(String, String)> {
        let parameters = form::parse(url.split_once('?').expect("a query").1).expect("a form");
        let [(first, _), (name, reference)] = &parameters[..] else { return parameters };
        assert_eq!([first.as_str(), name], ["client_id", "request_uri"]);
        let place = self.pushed.iter().position(|(known, _)| known == reference).expect("a known reference");
        form::parse(&self.pushed.remove(place).1).expect("a form")
    }

    /// Takes a pushed request (RFC 9126 §2.2).
    fn push(&mut self, body: &str) -> HttpResponse {
        self.count += 1;
        let reference = format!("urn:ietf:params:oauth:request_uri:{}", self.count);
        let mut answer = members(&[("request_uri", &quoted(&reference))]);
        self.pushed.push((reference, body.into()));
        merge(&mut answer, &self.reference);
        json(201, &object(&answer))
    }

    /// The place of a request, by the valid addresses.
    fn place(&self, request: &HttpRequest, body: &str) -> Option<Place> {
        let path = request.url.strip_prefix(&self.issuer)?;
        match path {
            _ if path.starts_with("/.well-known/") || path.contains("/.well-known/") => Some(Place::Metadata),
            "/token" if body.contains("grant_type=refresh_token") => Some(Place::Refresh),
            "/token" if body.contains("device_code") => Some(Place::Poll),
            "/token" if body.contains("client_credentials") => Some(Place::Machine),
            "/token" => Some(Place::Token),
            "/device" => Some(Place::Device),
            "/par" => Some(Place::Pushed),
            "/register" => Some(Place::Registration),
            "/revoke" => Some(Place::Revocation),
            "/jwks" => Some(Place::Keys),
            "/userinfo" => Some(Place::Userinfo),
            _ => None,
        }
    }

    /// How many codes and tokens were issued, which is the number in the last one.
    pub(crate) fn count_tokens(&self) -> usize {
        self.count
    }

    /// Responds to a request, and records it.
    pub(crate) fn answer(&mut self, request: &HttpRequest) -> Answer {
        let body = match &request.method {
            Method::Get | Method::Head => String::new(),
            Method::Post(body) | Method::PostJson(body) => body.expose().to_owned(),
        };
        let origin = origin(&self.issuer).to_owned();
        let metadata = request.url.strip_prefix(&origin).is_some_and(|path| path.contains(".well-known/"));
        let place = if metadata { Some(Place::Metadata) } else { self.place(request, &body) };
        let authorization = request.authorization.as_ref().map_or("", |shown| shown.expose());
        self.requests.push(Seen {
            url: request.url.clone(),
            place,
            body: body.clone(),
            authorization: authorization.into(),
            proof: request.proof.as_ref().map_or("", |shown| shown.expose()).into(),
        });
        if let Some((_, answers)) = self.instead.iter_mut().find(|(here, _)| Some(*here) == place) {
            let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
            return answer.map(|answer| HttpResponse { url: request.url.clone(), ..answer });
        }
        let answer = self.serve(request, place, &body, authorization);
        let (dpop_nonce, date) = self.demands.headers(T0 + self.now);
        Ok(HttpResponse { url: request.url.clone(), dpop_nonce, date, ..answer })
    }

    fn serve(&mut self, request: &HttpRequest, place: Option<Place>, body: &str, authorization: &str) -> HttpResponse {
        let proof = match self.demands.check(request, T0 + self.now) {
            Ok(proof) => proof,
            Err(error) => return json(400, &format!(r#"{{"error":"{error}"}}"#)),
        };
        let jkt = proof.as_ref().map_or("", |proof| &proof.jkt);
        let origin = origin(&self.issuer).to_owned();
        match place {
            Some(Place::Metadata) if request.url == format!("{origin}{}", self.well_known) => {
                json(200, &object(&self.metadata))
            }
            Some(Place::Token | Place::Refresh | Place::Poll | Place::Machine | Place::Device | Place::Revocation)
                if !self.authenticates(place, body) =>
            {
                json(401, r#"{"error":"invalid_client"}"#)
            }
            Some(Place::Machine) => self.serve_machine(jkt),
            Some(Place::Pushed) => self.push(body),
            Some(Place::Registration) => self.register(body),
            Some(Place::Token) => self.redeem(body, jkt),
            Some(Place::Refresh) => self.renew(body, jkt),
            Some(Place::Device) => self.show_code(body),
            Some(Place::Poll) => self.redeem_device(body, jkt),
            Some(Place::Revocation) => json(200, ""),
            Some(Place::Keys) => json(200, &honest_keys()),
            Some(Place::Userinfo) => self.describe(authorization, proof.as_ref()),
            _ => json(404, ""),
        }
    }

    /// RFC 7591 §3.2.1: the metadata of the request, and a new ID.
    fn register(&mut self, body: &str) -> HttpResponse {
        self.count += 1;
        let asked: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).expect("an object");
        let mut members: Members = asked.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        members.push(("client_id".into(), quoted(&format!("registered-{}", self.count))));
        let changes: Vec<_> = self.registration.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        change(&mut members, &changes);
        json(201, &object(&members))
    }

    /// RFC 6749 §4.1.3 and RFC 7636 §4.6, strictly.
    fn redeem(&mut self, body: &str, jkt: &str) -> HttpResponse {
        let form = form::parse(body).expect("a form");
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        self.secrets.push(get("code_verifier").to_owned());
        let place = self.pending.iter().position(|pending| pending.code == get("code"));
        let Some(pending) = place.map(|place| self.pending.remove(place)) else {
            return json(400, r#"{"error":"invalid_grant","error_description":"this code is used up or unknown"}"#);
        };
        let challenge = hash_of(get("code_verifier"));
        let same = ["redirect_uri", "client_id"].map(get) == [&*pending.redirect_uri, &*pending.client_id];
        let is_bound_to_other = !pending.jkt.is_empty() && pending.jkt != jkt;
        if challenge != pending.challenge || !same || is_bound_to_other {
            return json(400, r#"{"error":"invalid_grant"}"#);
        }
        let token = self.id_token(&pending.client_id, &pending.nonce, &self.claims.clone());
        let mut answer = self.issue(pending.client_id, self.user, jkt);
        if !pending.nonce.is_empty() {
            change(&mut answer, &[("id_token", &quoted(&token))]);
        }
        merge(&mut answer, &self.token);
        self.name_type(&mut answer, jkt);
        json(200, &object(&answer))
    }

    /// Tokens that are bound to a key have a type of their own (RFC 9449 §5).
    fn name_type(&self, answer: &mut Members, jkt: &str) {
        if !jkt.is_empty() && !self.demands.issues_unbound && answer.iter().any(|(_, value)| value == r#""Bearer""#) {
            change(answer, &[("token_type", r#""DPoP""#)]);
        }
    }

    /// RFC 6749 §4.4.3.
    fn serve_machine(&mut self, jkt: &str) -> HttpResponse {
        let mut answer = self.issue("machine".into(), "nobody", jkt);
        merge(&mut answer, &self.machine);
        self.name_type(&mut answer, jkt);
        json(200, &object(&answer))
    }

    /// Whether the request is of a client that needs no key, or has an assertion of this client (RFC 7523 §3).
    fn authenticates(&mut self, place: Option<Place>, body: &str) -> bool {
        let form = form::parse(body).expect("a form");
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let Some(assertion) = get("client_assertion") else { return !self.needs_key && place != Some(Place::Machine) };
        let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
        let parts: Vec<String> = signed
            .split('.')
            .map(|part| String::from_utf8(base64url::decode(part).expect("base64url")).expect("UTF-8"))
            .collect();
        let signature = base64url::decode(signature).expect("base64url");
        let jti = super::text::member(&parts[1], "jti").expect("a name");
        let is_new = !self.names.contains(&jti);
        self.names.push(jti);
        self.secrets.push(assertion.to_owned());
        let claim = |name: &str| super::text::member(&parts[1], name).unwrap_or_default();
        let client_id = get("client_id").expect("RFC 6749 §3.2.1");
        let exp: i64 =
            parts[1].split_once("\"exp\":").expect("an end").1.trim_end_matches('}').parse().expect("seconds");
        let kid = PublicKey::from_jwk(&CLIENT.jwk("")).expect("a key").thumbprint();
        is_new
            && get("client_assertion_type") == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            && parts[0] == format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#)
            && ["iss", "sub"].map(claim) == [client_id, client_id]
            && claim("aud") == self.issuer
            && (1..=600).contains(&(exp - T0 - self.now))
            && parts[1].contains(&format!("\"iat\":{},", T0 + self.now - 30))
            && CLIENT.has_signed(signed, &signature)
    }

    /// RFC 8628 §3.2.
    fn show_code(&mut self, body: &str) -> HttpResponse {
        let form = form::parse(body).expect("a form");
        let client_id = form.iter().find(|(key, _)| key == "client_id").expect("RFC 8628 §3.1").1.clone();
        self.count += 1;
        let code = format!("device-code-number-{:08}", self.count);
        self.secrets.push(code.clone());
        let mut answer = members(&[("device_code", &quoted(&code))]);
        merge(&mut answer, &self.device);
        self.devices.push((code, client_id));
        json(200, &object(&answer))
    }

    /// RFC 8628 §3.5.
    fn redeem_device(&mut self, body: &str, jkt: &str) -> HttpResponse {
        let form = form::parse(body).expect("a form");
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        assert_eq!(get("grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
        let place =
            self.devices.iter().position(|(code, client)| [&**code, client] == ["device_code", "client_id"].map(get));
        let Some(place) = place else { return json(400, r#"{"error":"invalid_grant"}"#) };
        if !self.consented {
            return json(400, r#"{"error":"authorization_pending"}"#);
        }
        self.consented = false;
        let (_, client_id) = self.devices.remove(place);
        let token = self.id_token(&client_id, "", &self.claims.clone());
        let mut answer = self.issue(client_id, self.user, jkt);
        change(&mut answer, &[("id_token", &quoted(&token))]);
        merge(&mut answer, &self.token);
        self.name_type(&mut answer, jkt);
        json(200, &object(&answer))
    }

    /// RFC 6749 §6, with rotation: an older refresh token is refused.
    fn renew(&mut self, body: &str, jkt: &str) -> HttpResponse {
        let form = form::parse(body).expect("a form");
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        let shown = get("refresh_token");
        let is_shown =
            |grant: &Grant| [&*grant.refresh_token, &grant.client_id, &grant.jkt] == [shown, get("client_id"), jkt];
        let Some(place) = self.grants.iter().position(is_shown) else {
            return json(400, r#"{"error":"invalid_grant","error_description":"reuse detected"}"#);
        };
        let Grant { client_id, user, .. } = self.grants.remove(place);
        let mut answer = self.issue(client_id.clone(), user, jkt);
        if !self.refreshed_claims.is_empty() {
            let token = self.id_token(&client_id, "", &self.refreshed_claims.clone());
            change(&mut answer, &[("id_token", &quoted(&token))]);
        }
        merge(&mut answer, &self.refresh);
        self.name_type(&mut answer, jkt);
        if answer.iter().all(|(name, value)| name != "refresh_token" || matches!(value.as_str(), "\"\"" | "null")) {
            shown.clone_into(&mut self.grants.last_mut().expect("one was issued").refresh_token);
        }
        json(200, &object(&answer))
    }

    /// OpenID Connect Core §5.3.2.
    fn describe(&self, authorization: &str, proof: Option<&Proof>) -> HttpResponse {
        let (jkt, ath) = proof.map_or(("", ""), |proof| (&proof.jkt, &proof.ath));
        let scheme = if jkt.is_empty() { "Bearer " } else { "DPoP " };
        let shown = authorization.strip_prefix(scheme).expect("RFC 6750 §2.1, RFC 9449 §7.1");
        assert!(jkt.is_empty() || ath == hash_of(shown), "RFC 9449 §4.2");
        match self.grants.iter().find(|grant| grant.access_token == shown && grant.jkt == jkt) {
            Some(grant) => json(200, &format!(r#"{{"sub":"{0}","name":"The user {0}"}}"#, grant.user)),
            None => json(401, ""),
        }
    }

    fn issue(&mut self, client_id: String, user: &'static str, jkt: &str) -> Members {
        self.count += 1;
        let (access, refresh) =
            (format!("access-token-number-{:08}", self.count), format!("refresh-token-number-{:08}", self.count));
        self.secrets.extend([access.clone(), refresh.clone()]);
        let (access_token, refresh_token) = (access.clone(), refresh.clone());
        self.grants.push(Grant { access_token, refresh_token, client_id, user, jkt: jkt.into() });
        members(&[("access_token", &quoted(&access)), ("refresh_token", &quoted(&refresh))])
    }

    /// A new ID Token.
    fn id_token(&mut self, client_id: &str, nonce: &str, changes: &Members) -> String {
        let (now, later) = ((T0 + self.now).to_string(), (T0 + self.now + 600).to_string());
        let mut claims = members(&[
            ("iss", &quoted(&self.issuer)),
            ("aud", &quoted(client_id)),
            ("sub", &quoted(self.user)),
            ("exp", &later),
            ("iat", &now),
            ("nonce", &quoted(nonce)),
        ]);
        if nonce.is_empty() {
            claims.retain(|(name, _)| name != "nonce");
        }
        merge(&mut claims, changes);
        let token = id_token(&object(&claims));
        self.secrets.push(token.clone());
        token
    }
}

/// Scheme, host and port of an issuer.
fn origin(issuer: &str) -> &str {
    let third = issuer.match_indices('/').nth(2).map_or(issuer.len(), |(at, _)| at);
    &issuer[..third]
}

fn merge(members: &mut Members, changes: &Members) {
    let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    change(members, &changes);
}

/// A long text, for limits.
pub(crate) fn long(piece: &str, times: usize) -> String {
    let mut text = String::new();
    for _ in 0..times {
        let _ = text.write_str(piece);
    }
    text
}
