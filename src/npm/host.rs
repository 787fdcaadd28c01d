//! The worker as a host: it puts questions to JavaScript.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use super::VAULT;
use super::border::{self, Message, say};
use super::tasks::{Answer, Ask};
use crate::client::host::Host;
use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse, Method};
use crate::protocol::json::{self, write_integer, write_member};
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::list::cut;
use crate::protocol::secret::Secret;
use crate::protocol::session::Change;
use crate::protocol::time::Now;
use crate::vault::messages::Worker;

/// The status of an answer that came too late, or that nobody waits for, as pkg/core.js has it. Other numbers below zero
/// are no answer either.
const LATE: i32 = -2;

/// The worker, or the page where tokens may be there, for one of the vault's clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Here {
    client: u32,
}

impl Host for Here {
    type Answer = Sent;

    fn send(&self, request: HttpRequest, timeout: u32) -> Sent {
        let HttpRequest { url, method, authorization, cache, .. } = request;
        let mut text = String::from("{\"timeout\":");
        write_integer(&mut text, timeout.into());
        write_member(&mut text, "url", &url);
        write_member(&mut text, "cache", cache.as_str());
        if let Method::Post(form) = &method {
            write_member(&mut text, "form", form.expose());
        }
        if let Some(authorization) = &authorization {
            write_member(&mut text, "authorization", authorization.expose());
        }
        text.push('}');
        Sent { url, question: Ask::new(Message::Send, &text, &[]) }
    }

    async fn verify(&self, question: Verification<'_>) -> (Signature, Vec<u8>) {
        let Verification { algorithm, key, data, beside, signature } = question;
        let mut text = ["{\"key\":", &key, ",\"algorithm\":", algorithm.description()].concat();
        write_member(&mut text, "data", data);
        write_member(&mut text, "beside", beside);
        text.push('}');
        let Answer { status, body, .. } = Ask::new(Message::Verify, &text, signature).await;
        let signature = match status {
            0 => Signature::Right,
            1 => Signature::Wrong,
            _ => Signature::Unusable,
        };
        (signature, body)
    }

    fn now(&self) -> Now {
        border::now()
    }

    fn origin(&self) -> String {
        border::origin()
    }

    fn changed(&self, change: Change, session: Option<String>) {
        let mut text = String::from("{\"session\":");
        text.push_str(session.as_deref().unwrap_or("null"));
        write_member(&mut text, "reason", change.as_str());
        text.push('}');
        let ports = VAULT.with(|vault| vault.borrow().ports_of(self.client));
        ports.into_iter().for_each(|port| say(Message::Changed, port, &text, &[]));
    }

    fn entropy(&self) -> Result<[u8; 32], Arc<Error>> {
        border::entropy()
    }
}

impl Worker for Here {
    fn for_client(&self, client: u32) -> Self {
        Self { client }
    }

    async fn forward(&self, call: u32, url: &str, authorization: &Secret) -> Result<i32, Arc<Error>> {
        let mut text = String::from("{\"call\":");
        write_integer(&mut text, call.into());
        write_member(&mut text, "authorization", authorization.expose());
        text.push('}');
        match Ask::new(Message::Forward, &text, &[]).await.status {
            LATE => Err(Error::Cancelled.into()),
            ..0 => {
                let (public, _) = cut(cut(url, b'#').0, b'?');
                Err(Error::Network { url: public.into() }.into())
            }
            status => Ok(status),
        }
    }

    fn ask_ahead(&self, call: u32) {
        say(Message::AskAhead, call, "", &[]);
    }

    fn tell(&self, news: &str) {
        say(Message::Tell, 0, news, &[]);
    }
}

/// A request on its way.
pub(super) struct Sent {
    url: String,
    question: Ask,
}

impl Future for Sent {
    type Output = Result<HttpResponse, Arc<Error>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Answer { status, head, body } = ready!(Pin::new(&mut self.question).poll(context));
        let url = core::mem::take(&mut self.url);
        Poll::Ready(match u16::try_from(status) {
            Ok(status) => {
                let (content_type, retry_after) = cut(&head, b'\n');
                let retry_after =
                    json::integer(retry_after.unwrap_or_default()).and_then(|seconds| seconds.try_into().ok());
                Ok(HttpResponse {
                    url,
                    status,
                    content_type: content_type.into(),
                    retry_after,
                    body,
                    secrets: Secrets::default(),
                })
            }
            Err(_) => Err(Arc::new(if status == LATE { Error::Timeout { url } } else { Error::Network { url } })),
        })
    }
}
