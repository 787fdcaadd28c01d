//! The functions that need a window: they navigate to the provider, and handle the return from it. They are for Rust front
//! ends; the npm package has its own.

use wasm_bindgen::JsValue;
use web_sys::Window;

use super::store::Store;
use super::{Client, Completion};
use crate::protocol::authorization_request::{SignIn, is_ours};
use crate::protocol::authorization_response::RESPONSE;
use crate::protocol::error::{Error, Result};
use crate::protocol::form;
use crate::protocol::transaction::{RedirectPage, Transaction};

impl Client {
    /// Finishes a sign-in if the page was loaded with its response, and removes the response from the address bar. Afterwards,
    /// [`Client::session`] returns the session.
    ///
    /// # Errors
    ///
    /// Those of [`Client::complete`]; [`Kind::Config`](crate::protocol::error::Kind::Config) outside of a page, or without session storage.
    pub async fn start(&self) -> Result<()> {
        let window = window()?;
        let location = window.location();
        let search = location.search().unwrap_or_default();
        let query = search.strip_prefix('?').unwrap_or_default();
        let found = form::parameters(query).unwrap_or_default().into_iter();
        let mut states = found.filter(|(name, _)| name.as_deref() == Some("state")).filter_map(|(_, state)| state);
        let Some(state) = states.find(|state| is_ours(state)) else { return Ok(()) };
        let (record, others) = Store::open(self.config())?.take(&state);
        let kept: Vec<&str> =
            query.split('&').filter(|part| !RESPONSE.contains(&part.split('=').next().unwrap_or(part))).collect();
        let mut clean = location.pathname().unwrap_or_default();
        if !kept.is_empty() {
            clean.push('?');
            clean.push_str(&kept.join("&"));
        }
        let fragment = location.hash().unwrap_or_default();
        clean.push_str(&fragment);
        let address = location.href().unwrap_or_default();
        show(&window, &clean)?;
        let transaction = record.as_deref().and_then(Transaction::from_record);
        // An app with clients of several providers on one page calls `complete` itself.
        match self.complete(&address, transaction, others, RedirectPage::OfOneProvider).await? {
            Completion::Ignored => Ok(()),
            Completion::ReturnTo(path) | Completion::Declined(path, _) => show(&window, &path),
        }
    }

    /// Navigates the page to the provider. The provider sends the user back to the page that `sign_in` names.
    ///
    /// # Errors
    ///
    /// Those of [`Client::begin`]; [`Kind::Config`](crate::protocol::error::Kind::Config) outside of a page, or without session storage.
    pub async fn sign_in(&self, sign_in: SignIn<'_>) -> Result<()> {
        let location = window()?.location();
        let request = self.begin(sign_in).await?;
        Store::open(self.config())?.keep(&request.transaction)?;
        location.assign(&request.url).map_err(|_| Error::unexpected("a navigation that the browser refuses"))
    }

    /// Ends the session in this client and at the provider, which sends the user back to `return_to`.
    ///
    /// # Errors
    ///
    /// Those of [`Client::end`]; [`Kind::Config`](crate::protocol::error::Kind::Config) outside of a page.
    pub async fn sign_out(&self, return_to: &str) -> Result<()> {
        match self.end(Some(return_to)).await? {
            Some(url) => window()?
                .location()
                .assign(&url)
                .map_err(|_| Error::unexpected("a navigation that the browser refuses")),
            None => Ok(()),
        }
    }
}

fn window() -> Result<Window> {
    web_sys::window().ok_or_else(|| Error::config("redirectUri", "a redirect needs a page, not a worker"))
}

fn show(window: &Window, path: &str) -> Result<()> {
    let refused = |_| Error::unexpected("an address that the browser refuses");
    let history = window.history().map_err(refused)?;
    history.replace_state_with_url(&JsValue::NULL, "", Some(path)).map_err(refused)
}
