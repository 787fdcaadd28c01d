//! A front end in Rust without a framework: it signs a user in, calls an API, restores the session after a reload, and signs
//! the user out.

#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use valet_key::browser::{Client, Restore, Started};
use valet_key::{Error, Options, SignIn};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, HtmlElement, Request};

/// The page, and the client of its user.
struct App {
    client: Client,
    api: String,
    redirect_uri: String,
    document: Document,
}

/// An error as the page shows it.
fn told(error: &Error) -> String {
    format!("{}: {}", error.code(), error.hint())
}

impl App {
    /// Reads the addresses of the provider and the API from the page's `<body data-issuer data-api>`.
    fn new() -> Result<Self, JsValue> {
        let window = web_sys::window().ok_or("no window")?;
        let location = window.location();
        let document = window.document().ok_or("no document")?;
        let data = document.body().ok_or("no body")?.dataset();
        let issuer = data.get("issuer").ok_or("no data-issuer")?;
        let api = data.get("api").ok_or("no data-api")?;
        let options = Options::builder("demo").issuer(&issuer).api(&api).allow_loopback_http().build();
        let client = Client::new(options.map_err(|error| told(&error))?);
        Ok(Self { client, api, redirect_uri: location.origin()? + &location.pathname()?, document })
    }

    fn sign_in(&self) -> SignIn<'_> {
        SignIn { scope: "openid profile", ..SignIn::new(&self.redirect_uri) }
    }

    async fn start(&self) -> Result<String, Error> {
        Ok(match self.client.start(Restore::Redirect(self.sign_in())).await? {
            Started::SignedIn(session) => format!("Signed in as {}", session.sub),
            Started::SignedOut => "Signed out".into(),
            Started::Leaving => "One moment …".into(),
        })
    }

    /// The API's response, as text.
    async fn me(&self) -> Result<String, Error> {
        let url = format!("{}me", self.api);
        let Ok(request) = Request::new_with_str(&url) else { return Ok(format!("{url} is not a URL")) };
        // The client sends the copy with a new token if the API refuses the first one.
        let response = self.client.call(request, Request::new_with_str(&url).ok()).await?;
        let text = async { JsFuture::from(response.text()?).await };
        Ok(text.await.ok().and_then(|text| text.as_string()).unwrap_or_default())
    }

    fn show(&self, text: &str) {
        if let Ok(Some(status)) = self.document.query_selector("[role=status]") {
            status.set_text_content(Some(text));
        }
    }

    /// Adds a button that runs `action` and shows its result, or its error.
    fn button<F>(self: &Rc<Self>, label: &str, action: fn(Rc<Self>) -> F) -> Result<(), JsValue>
    where
        F: Future<Output = Result<String, Error>> + 'static,
    {
        let button: HtmlElement = self.document.create_element("button")?.dyn_into()?;
        button.set_text_content(Some(label));
        let app = self.clone();
        let clicked = Closure::<dyn Fn()>::new(move || {
            let app = app.clone();
            spawn_local(async move {
                let outcome = action(app.clone()).await;
                app.show(&outcome.unwrap_or_else(|error| told(&error)));
            });
        });
        button.set_onclick(Some(clicked.as_ref().unchecked_ref()));
        clicked.forget(); // the button lives as long as the page
        self.document.body().ok_or("no body")?.append_child(&button)?;
        Ok(())
    }
}

/// Runs when the page has loaded the module.
///
/// # Errors
///
/// A text about what the page lacks.
#[wasm_bindgen(start)]
pub async fn main() -> Result<(), JsValue> {
    let app = Rc::new(App::new()?);
    app.button("Sign in", |app| async move {
        app.client.sign_in(app.sign_in()).await?;
        Ok("One moment …".into())
    })?;
    app.button("Me", |app| async move { app.me().await })?;
    app.button("Sign out", |app| async move {
        app.client.sign_out(&app.redirect_uri).await?;
        Ok("Signed out".into())
    })?;
    let outcome = app.start().await;
    app.show(&outcome.unwrap_or_else(|error| told(&error)));
    Ok(())
}
