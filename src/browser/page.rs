//! The functions that need a window: they navigate to the provider, and handle the return from it. They are for Rust front
//! ends; the npm package has its own.

use wasm_bindgen::JsValue;
use web_sys::Window;

use super::environment::now;
use super::store::{Mark, Store};
use super::{Client, Completion};
use crate::protocol::authorization_request::{AuthorizationRequest, SignIn, is_ours};
use crate::protocol::authorization_response::RESPONSE;
use crate::protocol::error::{Error, Result};
use crate::protocol::form;
use crate::protocol::protected_resource::PARAMETER;
use crate::protocol::session::Session;
use crate::protocol::transaction::{Purpose, RedirectPage};

/// What [`Client::start`] does if this page has no session, but this browser had one.
#[derive(Clone, Copy, Debug)]
pub enum Restore<'a> {
    /// Nothing: the user is signed out.
    No,
    /// Asks the provider once, by a redirect without interaction (`prompt=none`) that comes back to the page that the user is
    /// at. This needs OpenID Connect.
    Redirect(SignIn<'a>),
}

/// The result of [`Client::start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// A user is signed in.
    SignedIn(Session),
    /// No user is signed in.
    SignedOut,
    /// The page is leaving for the provider, to restore the session. The app shows nothing new.
    Leaving,
}

impl Client {
    /// Finishes a sign-in if the page was loaded with its response, and removes the response from the address bar. If there is
    /// no session, but this browser had one, `restore` says what happens: the tokens are only in memory, so a reload loses
    /// them.
    ///
    /// If the provider declines to restore the session, the user is signed out, and the client does not ask again before the
    /// next sign-in.
    ///
    /// # Errors
    ///
    /// Those of [`Client::complete`], and of [`Client::begin`] if the provider cannot be asked;
    /// [`Kind::Config`] outside of a page, or without session storage.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn start(&self, restore: Restore<'_>) -> Result<Started> {
        let mark = Mark::of(self.config());
        let is_completed = self.finish().await?;
        if let Some(session) = self.session() {
            mark.set();
            return Ok(Started::SignedIn(session));
        }
        if is_completed {
            // The provider declined: it is not asked again.
            mark.remove();
        }
        let Restore::Redirect(sign_in) = restore else { return Ok(Started::SignedOut) };
        if !self.config().openid || !mark.is_set() {
            return Ok(Started::SignedOut);
        }
        let mut params = sign_in.params.to_vec();
        params.retain(|(name, _)| name != "prompt");
        params.push(("prompt".into(), "none".into()));
        let return_to = here()?;
        let sign_in = SignIn { params: &params, return_to: &return_to, purpose: Purpose::Restore, ..sign_in };
        let request = self.begin(sign_in).await?;
        self.keep(&request)?;
        // The user did not ask for this redirect, and it may end at a form. So the mark is removed first: it happens only once.
        mark.remove();
        window()?.location().replace(&request.url).map_err(|_| Error::unexpected(NO_NAVIGATION))?;
        Ok(Started::Leaving)
    }

    /// Finishes a sign-in if the page was loaded with its response, and returns whether it was.
    async fn finish(&self) -> Result<bool> {
        let window = window()?;
        let location = window.location();
        let search = location.search().unwrap_or_default();
        let query = search.strip_prefix('?').unwrap_or_default();
        let found = form::parameters(query).unwrap_or_default().into_iter();
        let mut states = found.filter(|(name, _)| name.as_deref() == Some("state")).filter_map(|(_, state)| state);
        let Some(state) = states.find(|state| is_ours(state)) else { return Ok(false) };
        let store = Store::open(self.config())?;
        if store.is_of_another_client(&state) {
            return Ok(false); // which reads it from the address
        }
        let (transaction, others) = store.take(&state, now());
        let is_removed = |name: &str| RESPONSE.contains(&name) || name == PARAMETER;
        let kept: Vec<&str> =
            query.split('&').filter(|part| !is_removed(part.split('=').next().unwrap_or(part))).collect();
        let mut clean = location.pathname().unwrap_or_default();
        if !kept.is_empty() {
            clean.push('?');
            clean.push_str(&kept.join("&"));
        }
        let fragment = location.hash().unwrap_or_default();
        clean.push_str(&fragment);
        let address = location.href().unwrap_or_default();
        show(&window, &clean);
        // An app with clients of several providers on one page calls `complete` itself.
        match self.complete(&address, transaction, others, RedirectPage::OfOneProvider).await? {
            Completion::Ignored => Ok(false),
            Completion::ReturnTo(path) | Completion::Declined(path, _) => {
                show(&window, &path);
                Ok(true)
            }
        }
    }

    /// Navigates the page to the provider. The provider sends the user back to the page that `sign_in` names.
    ///
    /// # Errors
    ///
    /// Those of [`Client::begin`]; [`Kind::Config`] outside of a page, or without session storage.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn sign_in(&self, sign_in: SignIn<'_>) -> Result<()> {
        window()?;
        let request = self.begin(sign_in).await?;
        self.keep(&request)?;
        navigate(&request.url)
    }

    fn keep(&self, request: &AuthorizationRequest) -> Result<()> {
        Store::open(self.config())?.keep(&request.transaction)
    }

    /// Ends the session in this client and at the provider, which sends the user back to `return_to`.
    ///
    /// # Errors
    ///
    /// Those of [`Client::end`]; [`Kind::Config`] outside of a page.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn sign_out(&self, return_to: &str) -> Result<()> {
        // Before everything else, even if the rest fails: a page that is loaded meanwhile must not restore the session.
        let mark = Mark::of(self.config());
        mark.remove();
        let ended = self.end(Some(return_to)).await;
        if self.is_signed_in() {
            mark.set(); // the session was not ended
        }
        match ended? {
            Some(url) => navigate(&url),
            None => Ok(()),
        }
    }
}

/// The reason if a page cannot be left.
const NO_NAVIGATION: &str = "a navigation that the browser refuses";

fn navigate(url: &str) -> Result<()> {
    window()?.location().assign(url).map_err(|_| Error::unexpected(NO_NAVIGATION))
}

fn window() -> Result<Window> {
    web_sys::window().ok_or_else(|| {
        Error::config(
            "redirectUri",
            "a redirect needs a page, not a worker",
            "Call this in the page. A worker can use `begin` and `complete`.",
        )
    })
}

/// The page's address as a path of this origin. The prefix keeps a path that begins with two slashes on this origin.
fn here() -> Result<String> {
    let location = window()?.location();
    let parts = [location.pathname(), location.search(), location.hash()].map(core::result::Result::unwrap_or_default);
    Ok(["/."].into_iter().chain(parts.iter().map(String::as_str)).collect())
}

/// Shows a path of this origin in the address bar. The response is valid even if the browser refuses.
fn show(window: &Window, path: &str) {
    let Ok(history) = window.history() else { return };
    let url = window.location().origin().unwrap_or_default() + path;
    drop(history.replace_state_with_url(&history.state().unwrap_or(JsValue::NULL), "", Some(&url)));
}
