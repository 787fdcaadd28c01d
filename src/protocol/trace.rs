//! What a page may know of each step of a flow: who was asked, for what, and how it ended, without the secrets.
//!
//! A message of a flow has public parameters, such as `scope`, and secret ones, such as `code`. The value of a parameter is shown
//! only if its name is in [`PUBLIC`], and if the value contains none of the secrets of the exchange. Of a parameter of a request
//! that is not public, the name is shown. A server can put anything in a name, so a response shows the names that are known.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, HttpResponse, Method};
use super::json::{self, Value};
use super::list::cut;
use super::protected_resource::Challenge;
use super::secret::Secret;

/// A step of a flow. `pkg/trace.js` says who takes part in it, and which specification defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The metadata of the authorization server (RFC 8414 §3).
    Metadata,
    /// The keys of the authorization server (RFC 7517 §5).
    Keys,
    /// The metadata of a protected resource, and the challenge that names them (RFC 9728 §3, §5).
    ResourceMetadata,
    /// Dynamic client registration (RFC 7591 §3).
    Registration,
    /// The pushed authorization request (RFC 9126 §2).
    PushedAuthorization,
    /// The authorization request and its response, through the browser of the user (RFC 6749 §4.1.1, §4.1.2).
    Authorization,
    /// The device authorization request (RFC 8628 §3.1).
    DeviceAuthorization,
    /// The token request, of any grant (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8628 §3.4).
    Token,
    /// The checks of the ID Token (OpenID Connect Core §3.1.3.7).
    IdToken,
    /// A request of the app to an API (RFC 6750 §2.1).
    Api,
    /// A socket of the app to an API.
    Socket,
    /// The UserInfo request (OpenID Connect Core §5.3).
    Userinfo,
    /// The revocation of a token (RFC 7009 §2).
    Revocation,
    /// The sign-out at the provider, through the browser of the user (OpenID Connect RP-Initiated Logout §2).
    EndSession,
}

/// Which message of a step this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Sent by the client.
    Request,
    /// Sent to the client.
    Response,
    /// None: something that the client checks itself.
    Check,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has only begun.
    Sent,
    /// As the client wants it.
    Ok,
    /// The server, or the client's check, says no.
    Refused,
    /// There is no response, or none of this protocol.
    Failed,
}

/// One message of one step. A text is empty if the message has none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Told<'a> {
    /// The step.
    pub step: Step,
    /// The message of the step.
    pub message: Message,
    /// The request and the response of one exchange have the same number.
    pub exchange: i64,
    /// When the message was sent or arrived, in milliseconds since 1970.
    pub time: i64,
    /// Milliseconds between the request and this response.
    pub duration: Option<i64>,
    /// The method of a request.
    pub method: &'a str,
    /// The URL, without query and fragment.
    pub url: &'a str,
    /// The status code of a response; otherwise 0.
    pub status: u16,
    /// How the step ended.
    pub outcome: Outcome,
    /// The code of the server's error or of the client's.
    pub reason: &'a str,
    /// What the message says.
    pub parameters: &'a Parameters,
}

impl<'a> Told<'a> {
    /// A message that only begins a step.
    pub fn new(step: Step, message: Message, [exchange, time]: [i64; 2], parameters: &'a Parameters) -> Self {
        let (method, url, reason) = ("", "", "");
        let (duration, status, outcome) = (None, 0, Outcome::Sent);
        Self { step, message, exchange, time, duration, method, url, status, outcome, reason, parameters }
    }

    /// The message as JSON, with the parameters in their order.
    #[inline(never)] // so that the shipped module has this code once
    pub fn to_json(self) -> String {
        json::to_string(&self)
    }
}

/// The parameters whose values are shown: they identify a party, name a method, or say what was asked for and granted.
const PUBLIC: [&str; 49] = [
    // Requests.
    "acr_values",
    "authorization_details",
    "claims_locales",
    "client_assertion_type",
    "client_id",
    "client_name",
    "code_challenge_method",
    "display",
    "grant_type",
    "grant_types",
    "max_age",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "redirect_uris",
    "resource",
    "response_mode",
    "response_type",
    "response_types",
    "scope",
    "token_endpoint_auth_method",
    "token_type_hint",
    "ui_locales",
    // Responses.
    "error",
    "error_description",
    "expires_in",
    "interval",
    "iss",
    "refresh_token_expires_in",
    "token_type",
    "verification_uri",
    // Metadata.
    "authorization_endpoint",
    "authorization_response_iss_parameter_supported",
    "authorization_servers",
    "code_challenge_methods_supported",
    "device_authorization_endpoint",
    "dpop_signing_alg_values_supported",
    "end_session_endpoint",
    "id_token_signing_alg_values_supported",
    "introspection_endpoint",
    "issuer",
    "jwks_uri",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "require_pushed_authorization_requests",
    "revocation_endpoint",
    "scopes_supported",
    "token_endpoint",
    "userinfo_endpoint",
];

/// The parameters of a response that are named without their values.
const SECRET: [&str; 11] = [
    "access_token",
    "client_secret",
    "code",
    "device_code",
    "id_token",
    "refresh_token",
    "registration_access_token",
    "request_uri",
    "state",
    "user_code",
    "verification_uri_complete",
];

/// Maximum number of parameters that are looked at; more than any honest message has.
const MAX_SHOWN: usize = 128;

/// Names with their values; a value is absent if it is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Option<String>)>);

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Parameters {
    /// The parameters of a request, as a form or a query.
    pub fn of_request(form: &str, secrets: &Secrets) -> Self {
        Self::shown(decoded(form), secrets, true)
    }

    /// The parameters of a response, as a query.
    pub fn of_query(query: &str, secrets: &Secrets) -> Self {
        Self::shown(decoded(query), secrets, false)
    }

    /// The members of an object. `asks` says whether it is a request.
    pub fn of_object(object: &str, secrets: &Secrets, asks: bool) -> Self {
        let Ok(Value::Object(members)) = Value::parse(object) else { return Self::default() };
        let text = |value: Value<'_>| match value {
            Value::String(text) => text.into_owned(),
            other => json::to_string(&other),
        };
        Self::shown(members.into_iter().map(|(name, value)| (name.into_owned(), text(value))).collect(), secrets, asks)
    }

    /// The credentials in the headers of a request.
    pub fn hide(&mut self, authorization: bool, proof: bool) {
        let names = [("authorization", authorization), ("dpop", proof)];
        self.0.extend(names.iter().filter(|(_, is_sent)| *is_sent).map(|(name, _)| ((*name).into(), None)));
    }

    /// What was checked in an ID Token: its issuer and its audience, which the client expects, and secrets.
    pub fn checked(issuer: &str, client_id: &str) -> Self {
        let rows = [("iss", Some(issuer)), ("aud", Some(client_id)), ("nonce", None)];
        Self(rows.into_iter().map(|(name, value)| (name.into(), value.map(Into::into))).collect())
    }

    /// The value of a parameter; empty if it is absent or not shown.
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.as_deref()).unwrap_or_default()
    }

    fn shown(mut pairs: Vec<(String, String)>, known: &Secrets, asks: bool) -> Self {
        pairs.truncate(MAX_SHOWN);
        let hidden: Vec<Secret> = pairs
            .iter()
            .filter(|(name, value)| SECRET.contains(&name.as_str()) && !value.is_empty())
            .map(|(_, value)| Secret::new(value.as_str()))
            .collect();
        let mut secrets = known.clone();
        for secret in &hidden {
            secrets.add(secret);
        }
        // A code for the eyes of a user is too short to be searched for in other messages.
        let repeats = |text: &str| hidden.iter().any(|secret| text.contains(secret.expose()));
        let mut shown = Self::default();
        for (name, value) in pairs {
            let is_public = PUBLIC.contains(&name.as_str());
            if !is_public && !asks && !SECRET.contains(&name.as_str()) {
                continue;
            }
            let quoted = Some(secrets.quote(&value));
            let quoted = quoted.filter(|quoted| is_public && !quoted.is_left_out() && !repeats(quoted.as_str()));
            let value = quoted.map(|quoted| String::from(quoted.as_str()));
            match shown.0.iter_mut().find(|(earlier, _)| *earlier == name) {
                // A request may name several resources (RFC 8707 §2).
                Some((_, Some(earlier))) => {
                    earlier.push(' ');
                    earlier.push_str(value.as_deref().unwrap_or_default());
                }
                Some(_) => {}
                None => shown.0.push((name, value)),
            }
        }
        shown
    }
}

/// The parameters of a form that can be decoded.
fn decoded(form: &str) -> Vec<(String, String)> {
    form::parameters(form).unwrap_or_default().into_iter().filter_map(|(name, value)| name.zip(value)).collect()
}

/// Tells a request to the authorization server.
pub fn asked(request: &HttpRequest, times: [i64; 2]) -> String {
    let (method, mut parameters) = match &request.method {
        Method::Get => ("GET", Parameters::default()),
        Method::Head => ("HEAD", Parameters::default()),
        Method::Post(form) => ("POST", Parameters::of_request(form.expose(), &request.secrets)),
        Method::PostJson(object) => ("POST", Parameters::of_object(object.expose(), &request.secrets, true)),
    };
    parameters.hide(request.authorization.is_some(), request.proof.is_some());
    let told = Told::new(request.step, Message::Request, times, &parameters);
    Told { method, url: address(&request.url), ..told }.to_json()
}

/// Tells a navigation of the browser to the authorization server.
pub fn navigated(step: Step, url: &str, secrets: &Secrets, time: i64) -> String {
    let (address, query) = cut(url, b'?');
    let parameters = Parameters::of_request(query.unwrap_or_default(), secrets);
    Told { url: address, ..Told::new(step, Message::Request, [time; 2], &parameters) }.to_json()
}

/// Tells a navigation of the browser back to the app, with an authorization response. `query` has its parameters.
pub fn came_back(query: &str, secrets: &Secrets, time: i64) -> String {
    let parameters = Parameters::of_query(cut(query, b'#').0, secrets);
    let reason = parameters.get("error");
    let outcome = if reason.is_empty() { Outcome::Ok } else { Outcome::Refused };
    Told { outcome, reason, ..Told::new(Step::Authorization, Message::Response, [time; 2], &parameters) }.to_json()
}

/// Tells the response of the authorization server to a request. `told` has what is known without it.
pub fn answered(told: Told<'_>, response: &HttpResponse, secrets: &Secrets) -> String {
    let parameters = &Parameters::of_object(response.text().unwrap_or_default(), secrets, false);
    let reason = parameters.get("error");
    let outcome = match response.status {
        200..=299 if reason.is_empty() => Outcome::Ok,
        200..=299 | 400..=499 => Outcome::Refused,
        _ => Outcome::Failed,
    };
    Told { url: address(&response.url), status: response.status, outcome, reason, parameters, ..told }.to_json()
}

/// Tells the response of an API, with what its challenge says (RFC 6750 §3). `told` has what is known without it.
pub fn answered_by_api(told: Told<'_>, status: u16, challenge: &str, secrets: &Secrets) -> String {
    let outcome = match status {
        200..=399 => Outcome::Ok,
        400..=499 => Outcome::Refused,
        _ => Outcome::Failed,
    };
    let reasons = Challenge::parse(challenge).reasons;
    let said = reasons.into_iter().find(|reason| reason.error.is_some()).unwrap_or_default();
    let said =
        [("error", said.error), ("scope", said.scope), ("acr_values", said.acr_values), ("max_age", said.max_age)];
    let said = said.into_iter().filter_map(|(name, text)| Some((name.into(), text?)));
    let parameters = &Parameters::shown(said.collect(), secrets, false);
    Told { status, outcome, reason: parameters.get("error"), parameters, ..told }.to_json()
}

/// A URL without its query and fragment.
pub fn address(url: &str) -> &str {
    cut(cut(url, b'#').0, b'?').0
}
