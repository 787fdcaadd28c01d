//! A front end with Yew: it signs a user in, calls an API, restores the session after a reload, and signs the user out.

#![cfg(target_arch = "wasm32")]

use valet_key::browser::{Client, Restore, Started};
use valet_key::{Error, Options, Session, SignIn};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Request;
use yew::prelude::*;

/// The addresses that the app needs.
#[derive(Clone, PartialEq, Properties)]
struct Addresses {
    issuer: AttrValue,
    api: AttrValue,
    redirect_uri: AttrValue,
}

impl Addresses {
    /// Reads the addresses of the provider and the API from the page's `<body data-issuer data-api>`.
    fn of_page() -> Option<Self> {
        let window = web_sys::window()?;
        let location = window.location();
        let data = window.document()?.body()?.dataset();
        let redirect_uri = location.origin().ok()? + &location.pathname().ok()?;
        Some(Self {
            issuer: data.get("issuer")?.into(),
            api: data.get("api")?.into(),
            redirect_uri: redirect_uri.into(),
        })
    }

    fn sign_in(&self) -> SignIn<'_> {
        SignIn { scope: "openid profile", ..SignIn::new(&self.redirect_uri) }
    }
}

fn status_of(session: Option<&Session>) -> String {
    session.map_or_else(|| "Signed out".into(), |session| format!("Signed in as {}", session.sub))
}

/// An error as the page shows it.
fn told(error: &Error) -> String {
    format!("{}: {}", error.code(), error.hint())
}

/// The API's response, as text.
async fn me(client: &Client, api: &str) -> Result<String, Error> {
    let url = format!("{api}me");
    let Ok(request) = Request::new_with_str(&url) else { return Ok(format!("{url} is not a URL")) };
    // The client sends the copy with a new token if the API refuses the first one.
    let response = client.call(request, Request::new_with_str(&url).ok()).await?;
    let text = async { JsFuture::from(response.text()?).await };
    Ok(text.await.ok().and_then(|text| text.as_string()).unwrap_or_default())
}

#[component]
fn App(addresses: &Addresses) -> Html {
    let status = use_state(|| String::from("One moment …"));
    // One client for as long as the component lives. Its listener shows each change of the session, whatever caused it.
    let client = use_memo((), |()| {
        let options =
            Options::builder("demo").issuer(&addresses.issuer).api(&addresses.api).allow_loopback_http().build();
        let status = status.clone();
        options.map(|options| Client::with_listener(options, move |_, session| status.set(status_of(session.as_ref()))))
    });
    let client = match &*client {
        Ok(client) => client.clone(),
        Err(error) => return html! { <p role="status">{ told(error) }</p> },
    };

    use_effect_with((), {
        let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
        move |()| {
            spawn_local(async move {
                match client.start(Restore::Redirect(addresses.sign_in())).await {
                    Ok(Started::SignedIn(session)) => status.set(status_of(Some(&session))),
                    Ok(Started::SignedOut) => status.set(status_of(None)),
                    Ok(Started::Leaving) => {}
                    Err(error) => status.set(told(&error)),
                }
            });
        }
    });

    let sign_in = {
        let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
        Callback::from(move |_: MouseEvent| {
            let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
            spawn_local(async move {
                if let Err(error) = client.sign_in(addresses.sign_in()).await {
                    status.set(told(&error));
                }
            });
        })
    };
    let call = {
        let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
        Callback::from(move |_: MouseEvent| {
            let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
            spawn_local(
                async move { status.set(me(&client, &addresses.api).await.unwrap_or_else(|error| told(&error))) },
            );
        })
    };
    let sign_out = {
        let (addresses, status) = (addresses.clone(), status.clone());
        Callback::from(move |_: MouseEvent| {
            let (client, addresses, status) = (client.clone(), addresses.clone(), status.clone());
            spawn_local(async move {
                if let Err(error) = client.sign_out(&addresses.redirect_uri).await {
                    status.set(told(&error));
                }
            });
        })
    };
    html! {
        <>
            <p role="status">{ (*status).clone() }</p>
            <button onclick={sign_in}>{ "Sign in" }</button>
            <button onclick={call}>{ "Me" }</button>
            <button onclick={sign_out}>{ "Sign out" }</button>
        </>
    }
}

/// Runs when the page has loaded the module.
#[wasm_bindgen(start)]
pub fn main() {
    if let Some(addresses) = Addresses::of_page() {
        yew::Renderer::<App>::with_props(addresses).render();
    }
}
