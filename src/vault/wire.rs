//! The format of a vault's messages: one JSON object each, in both directions.

use serde::{Deserialize, Serialize};

use super::SignIns;
use crate::protocol::device::Prompt;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::ForeignText;
use crate::protocol::json::Value;
use crate::protocol::options::mistyped;
use crate::protocol::session::Session;

/// Reads the members that an operation needs from a message.
///
/// # Errors
///
/// [`Kind::Config`] names the member that is missing or not a string. The worker of the package sends no such message.
///
/// [`Kind::Config`]: crate::protocol::error::Kind::Config
pub(super) fn read<'a, T: Deserialize<'a>>(message: &'a Value<'a>) -> Result<T> {
    message.read().map_err(|mismatch| mistyped(mismatch.member))
}

/// The sender of a message, and the operation.
#[derive(Deserialize)]
pub(super) struct Addressed<'a> {
    pub(super) op: &'a str,
    /// The number of the port; absent in a message from another vault.
    pub(super) port: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Configure<'a> {
    /// As JSON text.
    pub(super) options: &'a str,
    /// The page's mark of a session: 0 if the user has signed out in a page that was left before its vault heard of it.
    pub(super) had: Option<u32>,
}

/// A message of the worker itself: no port passes it on.
#[derive(Deserialize)]
pub(super) struct Recall<'a> {
    /// [`super::Vault::deposit`]
    pub(super) deposit: &'a str,
}

/// A message of the worker itself: the options from the file beside it.
#[derive(Deserialize)]
pub(super) struct Pin<'a> {
    /// As JSON text.
    pub(super) options: &'a str,
    /// The folder of the worker's file, if a guard serves it.
    pub(super) folder: Option<&'a str>,
}

/// A message of the guard; see [`super::guard::perform`].
#[derive(Deserialize)]
pub(super) struct OfGuard<'a> {
    pub(super) port: u32,
    /// [`crate::protocol::carried::Carried::to_text`]
    pub(super) carried: Option<&'a str>,
    /// The URL of a response.
    pub(super) address: Option<&'a str>,
    /// The transaction of the response.
    pub(super) record: Option<&'a str>,
}

/// Where the guard sends the browser.
#[derive(Default, Serialize)]
pub(super) struct Onward<'a> {
    /// Absent if the guard knows nothing of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<&'a str>,
    /// The sign-in whose response has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow: Option<&'a str>,
    /// Its transaction, to be redeemed; absent if there is nothing to redeem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<&'a str>,
    /// The error to hand over, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<&'a str>,
}

/// What the guard hands over to the vault.
#[derive(Deserialize, Serialize)]
pub(super) struct Handover<'a> {
    pub(super) address: &'a str,
    pub(super) record: &'a str,
    pub(super) metadata: &'a str,
    pub(super) keys: &'a str,
    /// The private key that the code is bound to, as a JWK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Answer<'a>>,
    /// The steps of the sign-in, as JSON texts; see [`crate::protocol::trace`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<Vec<String>>,
}

/// The response of the token endpoint, unchecked.
#[derive(Deserialize, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) url: &'a str,
    pub(super) status: u16,
    pub(super) content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u32>,
    /// As base64url.
    pub(super) body: &'a str,
    /// Milliseconds since 1970.
    pub(super) received: i64,
}

/// A missing member is refused by its name where it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begin<'a> {
    pub(super) redirect_uri: Option<&'a str>,
    /// Whether the app has named this page; it has if this is absent.
    pub(super) names_page: Option<bool>,
    pub(super) scope: Option<&'a str>,
    pub(super) return_to: Option<&'a str>,
    pub(super) in_window: Option<bool>,
    pub(super) shared: Option<bool>,
    pub(super) restores: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Begun<'a> {
    pub(super) url: &'a str,
    pub(super) state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<&'a str>,
}

/// The record of a sign-in that the guard began.
#[derive(Serialize)]
pub(super) struct Started {
    pub(super) started: i64,
    /// Whether this is an attempt to restore the session, whose failure is not reported.
    pub(super) restores: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Register<'a> {
    pub(super) redirect_uri: &'a str,
    /// As in [`Begin`].
    pub(super) names_page: Option<bool>,
    pub(super) scope: &'a str,
    /// [`crate::protocol::registration::Registered::to_text`]
    pub(super) known: Option<&'a str>,
    /// Whether a sign-in of the page has not come back.
    pub(super) unreturned: bool,
    /// The address of the app's metadata document, if the app has one.
    pub(super) document: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Abandon<'a> {
    pub(super) state: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Complete<'a> {
    pub(super) address: &'a str,
    pub(super) state: &'a str,
    pub(super) record: Option<&'a str>,
    pub(super) pending: Option<bool>,
    pub(super) shared: Option<bool>,
    /// The scope that the page asks for in any case.
    pub(super) scope: Option<&'a str>,
    /// What the guard has for this sign-in. The worker adds it, never a page.
    pub(super) handover: Option<&'a str>,
}

/// Without a path, there was nothing to complete.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Completed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<&'a str>,
    /// The error code of the refusal that ended a silent attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) declined: Option<&'a str>,
    /// The scope that the user has granted in addition to the one that the page asks for in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) granted: Option<&'a str>,
}

/// A sign-in on another device: its number, and what the page shows.
#[derive(Serialize)]
pub(super) struct BegunDevice {
    pub(super) number: u32,
    pub(super) prompt: Prompt,
}

#[derive(Deserialize)]
pub(super) struct OfDevice {
    pub(super) number: u32,
}

#[derive(Deserialize)]
pub(super) struct Userinfo<'a> {
    pub(super) sub: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End<'a> {
    pub(super) return_to: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct FrontChannel<'a> {
    pub(super) query: &'a str,
}

/// [`super::News`] in the format of a message.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct News<'a> {
    #[serde(rename = "news")]
    kind: &'a str,
    provider: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_ins: Option<&'a str>,
}

impl<'a> News<'a> {
    pub(super) fn from(news: &super::News<'a>) -> Self {
        match *news {
            super::News::Ended { provider, client_id, sub, sign_ins } => {
                let sign_ins = (sign_ins == SignIns::End).then_some("end");
                Self { kind: "ended", provider, client_id, account: None, sub, sign_ins }
            }
            super::News::SignedIn { provider, client_id, account, sub } => {
                let (account, sub) = (Some(account), Some(sub));
                Self { kind: "signedIn", provider, client_id, account, sub, sign_ins: None }
            }
        }
    }

    /// Reads the news; `None` if its kind is unknown.
    pub(super) fn read(&self) -> Option<super::News<'a>> {
        let Self { kind, provider, client_id, account, sub, sign_ins } = *self;
        match kind {
            "ended" => {
                let sign_ins = if sign_ins.is_some() { SignIns::End } else { SignIns::GoOn };
                Some(super::News::Ended { provider, client_id, sub, sign_ins })
            }
            "signedIn" => {
                let (account, sub) = (account.unwrap_or_default(), sub.unwrap_or_default());
                Some(super::News::SignedIn { provider, client_id, account, sub })
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Changed<'a> {
    pub(super) session: Option<&'a Session>,
    pub(super) reason: &'a str,
}

/// The result of a message: a text, which is empty if there is no result.
pub type Outcome = Result<String, Failed>;

/// The reason why a message was not carried out. If a sign-in failed, this includes the path at which the sign-in began, to
/// which the page has to return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The error.
    pub error: Error,
    /// The path, query and fragment at which the sign-in began.
    pub return_to: Option<String>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, return_to: None }
    }
}

/// An error, as a page receives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure<'a> {
    code: &'a str,
    fault: &'a str,
    message: String,
    hint: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth: Option<OAuth<'a>>,
}

/// The server's error response (RFC 6749 §4.1.2.1 and §5.2), with the registered names.
#[derive(Serialize)]
struct OAuth<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<&'a str>,
}

impl<'a> From<&'a Failed> for Failure<'a> {
    fn from(Failed { error, return_to }: &'a Failed) -> Self {
        let shown =
            |text: &'a Option<ForeignText>| text.as_ref().filter(|text| !text.is_left_out()).map(ForeignText::as_str);
        Self {
            code: error.code(),
            fault: error.fault().as_str(),
            message: error.message(),
            hint: error.hint(),
            retryable: error.is_retryable(),
            retry_after: error.retry_after(),
            return_to: return_to.as_deref(),
            oauth: error.oauth().map(|said| OAuth {
                error: said.error.as_str(),
                error_description: shown(&said.error_description),
                error_uri: shown(&said.error_uri),
            }),
        }
    }
}
