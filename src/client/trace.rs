//! Tells the host the steps of a flow, if a page listens to them.

use super::Client;
use super::Core;
use super::call::{AuthorizedRequest, Credentials};
use super::host::Host;
use crate::protocol::config::Keep;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::list::cut;
use crate::protocol::secret::Secret;
use crate::protocol::time::Now;
use crate::protocol::trace::{self, Message, Outcome, Parameters, Step, Told};

/// A request whose response will be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    step: Step,
    exchange: i64,
    sent: Now,
}

impl Asked {
    fn times(self) -> [i64; 2] {
        [self.exchange, self.sent.wall]
    }

    /// The response, before anything of it is known.
    fn response(self, now: Now, parameters: &Parameters) -> Told<'_> {
        let duration = Some(now.since(self.sent));
        Told { duration, ..Told::new(self.step, Message::Response, [self.exchange, now.wall], parameters) }
    }
}

/// There is no response.
fn failed<'a>(told: Told<'a>, error: &'a Error) -> String {
    Told { outcome: Outcome::Failed, reason: error.code(), ..told }.to_json()
}

impl<H: Host> Core<H> {
    /// Tells a step, if it is [`Core::checked`].
    fn tell(&self, secrets: &Secrets, told: &dyn Fn() -> String) {
        self.host.trace(&|| self.checked(told(), secrets));
    }

    /// The text of a step, unless it contains a secret of the session or one of `secrets`: a server may have put it into an address, or
    /// into the name of a parameter.
    fn checked(&self, text: String, secrets: &Secrets) -> Option<String> {
        // The device may keep tokens that this client has not read yet, and so cannot recognize.
        let is_blind = self.config.keep == Keep::Device && !self.is_awake.get();
        let is_secret = is_blind || secrets.are_in(&text) || self.has_secret_in(&text);
        (!is_secret).then_some(text)
    }

    /// Whether a text contains a token of the session. While the session changes, every text counts as containing one.
    fn has_secret_in(&self, text: &str) -> bool {
        self.session.try_borrow().is_err() || self.session.borrow().secrets().are_in(text)
    }

    /// Numbers the exchanges by the time, so that those of a guard and of its vault have different numbers.
    fn begin(&self, step: Step) -> Asked {
        let sent = self.host.now();
        let exchange = sent.wall.max(self.exchanges.get().saturating_add(1));
        self.exchanges.set(exchange);
        Asked { step, exchange, sent }
    }

    /// A request to the authorization server is sent.
    pub(super) fn tell_request(&self, request: &HttpRequest) -> Asked {
        let asked = self.begin(request.step);
        self.tell(&request.secrets, &|| trace::asked(request, asked.times()));
        asked
    }

    /// Its response has arrived, or there will be none.
    pub(super) fn tell_response(&self, asked: Asked, response: Result<&HttpResponse, &Error>, secrets: &Secrets) {
        self.tell(secrets, &|| {
            let none = Parameters::default();
            let told = asked.response(self.host.now(), &none);
            match response {
                Ok(response) => trace::answered(told, response, secrets),
                Err(error) => failed(told, error),
            }
        });
    }
}

impl<H: Host> Client<H> {
    /// The browser goes to the authorization server.
    pub(super) fn tell_navigation(&self, step: Step, url: &str, secrets: &Secrets) {
        self.core.tell(secrets, &|| trace::navigated(step, url, secrets, self.core.host.now().wall));
    }

    /// The browser has come back with an authorization response.
    pub(super) fn tell_return(&self, query: &str, secrets: &Secrets) {
        self.core.tell(secrets, &|| trace::came_back(query, secrets, self.core.host.now().wall));
    }

    /// The client has checked an ID Token.
    pub(super) fn tell_check(&self, error: Option<&Error>) {
        let Core { host, config, .. } = &*self.core;
        self.core.tell(&Secrets::default(), &|| {
            let parameters = Parameters::checked(&config.issuer, &config.client_id);
            let told = Told::new(Step::IdToken, Message::Check, [host.now().wall; 2], &parameters);
            let reason = error.map(Error::code).unwrap_or_default();
            let outcome = if error.is_some() { Outcome::Refused } else { Outcome::Ok };
            Told { outcome, reason, ..told }.to_json()
        });
    }

    /// A socket will carry the access token.
    pub(super) fn tell_socket(&self, url: &str) {
        self.core.tell(&Secrets::default(), &|| {
            let mut parameters = Parameters::default();
            parameters.hide(true, false);
            let told = Told::new(Step::Socket, Message::Request, self.core.begin(Step::Socket).times(), &parameters);
            Told { url: trace::address(url), ..told }.to_json()
        });
    }

    /// Passes on what a guard has noted for this client.
    pub(crate) fn tell_noted(&self, told: &str) {
        self.core.tell(&Secrets::default(), &|| told.into());
    }

    /// Whether a text contains a token of the session.
    pub(crate) fn has_secret_in(&self, text: &str) -> bool {
        self.core.has_secret_in(text)
    }
}

/// An app's request, whose sending is told.
pub(super) struct Traced<'a, H: Host, R> {
    pub(super) client: &'a Client<H>,
    pub(super) request: &'a R,
}

impl<H: Host, R: AuthorizedRequest> AuthorizedRequest for Traced<'_, H, R> {
    type Response = R::Response;

    fn url(&self) -> String {
        self.request.url()
    }

    fn method(&self) -> String {
        self.request.method()
    }

    async fn send(&self, credentials: Option<&Credentials>) -> Result<R::Response> {
        let core = &self.client.core;
        let asked = core.begin(Step::Api);
        core.tell(&Secrets::default(), &|| {
            let mut parameters = Parameters::default();
            parameters.hide(credentials.is_some(), credentials.is_some_and(|sent| sent.proof.is_some()));
            let told = Told::new(Step::Api, Message::Request, asked.times(), &parameters);
            Told { method: &self.method(), url: trace::address(&self.url()), ..told }.to_json()
        });
        let response = self.request.send(credentials).await;
        core.host.trace(&|| {
            // The session may have ended meanwhile.
            let sent = credentials.and_then(|credentials| cut(credentials.authorization.expose(), b' ').1);
            let mut secrets = core.session.borrow().secrets();
            secrets.join(&Secrets::new(sent.map(Secret::new).as_slice()));
            let (none, url) = (Parameters::default(), self.url());
            let told = Told { url: trace::address(&url), ..asked.response(core.host.now(), &none) };
            let text = match &response {
                Ok(response) => {
                    let challenge = R::header(response, "www-authenticate");
                    trace::answered_by_api(told, R::status(response), &challenge, &secrets)
                }
                Err(error) => failed(told, error),
            };
            core.checked(text, &secrets)
        });
        response
    }

    fn status(response: &R::Response) -> u16 {
        R::status(response)
    }

    fn header(response: &R::Response, name: &str) -> String {
        R::header(response, name)
    }

    fn date(response: &R::Response) -> Option<i64> {
        R::date(response)
    }

    fn prepare_again(&self) -> bool {
        self.request.prepare_again()
    }
}
