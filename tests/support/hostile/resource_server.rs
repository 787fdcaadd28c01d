//! An API that names its authorization server (RFC 9728).

use valet_key::protocol::error::Kind;
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};

use super::provider::Answer;
use super::text::string;
use crate::support::json;

/// An API, as far as a client asks it for more than the app's calls.
#[derive(Debug)]
pub(crate) struct ResourceServer {
    /// Its origin.
    origin: &'static str,
    /// The value of `WWW-Authenticate`; empty if pages cannot read it.
    pub(crate) challenge: String,
    /// The responses at its addresses; there is none at others.
    pub(crate) documents: Vec<(String, HttpResponse)>,
    /// Method and address of each request, in order.
    pub(crate) requests: Vec<String>,
}

impl ResourceServer {
    pub(crate) fn new(origin: &'static str) -> Self {
        Self { origin, challenge: String::new(), documents: Vec::new(), requests: Vec::new() }
    }

    /// Publishes metadata of a resource at an address. `servers` and `more` are JSON.
    pub(crate) fn publish(&mut self, address: &str, resource: &str, servers: &str, more: &str) {
        let text = format!(r#"{{{more}"resource":{},"authorization_servers":{servers}}}"#, string(resource));
        self.documents.retain(|(known, _)| known != address);
        self.documents.push((address.into(), json(200, &text)));
    }

    /// Its response; `None` for the address of another server.
    pub(crate) fn answer(&mut self, request: &HttpRequest) -> Option<Answer> {
        let path = request.url.strip_prefix(self.origin)?;
        if !path.starts_with('/') {
            return None;
        }
        let method = match request.method {
            Method::Head => "HEAD",
            Method::Get => "GET",
            Method::Post(_) | Method::PostJson(_) => "POST",
        };
        self.requests.push(format!("{method} {}", request.url));
        assert!(request.authorization.is_none(), "the client's own requests to an API carry no token");
        if method == "HEAD" {
            return Some(Ok(HttpResponse { challenge: self.challenge.clone(), ..json(401, "") }));
        }
        let found = self.documents.iter().find(|(address, _)| *address == request.url);
        let lost = || Err(Kind::Network { url: request.url.clone() }.into());
        Some(found.map_or_else(lost, |(url, response)| Ok(HttpResponse { url: url.clone(), ..response.clone() })))
    }
}
