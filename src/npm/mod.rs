//! What the npm package stands on. It translates and does nothing else: operations in JSON in, texts out, errors as JSON.
//!
//! Each call of `pkg/core.js` has a number, and ends once. A client has a number, too.

mod border;
mod host;
mod tasks;

use core::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::client::{self, Completion};
use crate::protocol::authorization_request::SignIn;
use crate::protocol::error::Error;
use crate::protocol::json::{Value, write_integer, write_member};
use border::{Message, say};
use host::{Worker, send_call};

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

type Client = client::Client<Worker>;

/// What a call ends with.
type Outcome = Result<String, Arc<Error>>;

/// The word for what is so; the word for what is not is empty.
const YES: &str = "yes";

thread_local! {
    /// By number; `None` where one was closed.
    static CLIENTS: RefCell<Vec<Option<Rc<Client>>>> = const { RefCell::new(Vec::new()) };
}

/// Runs an operation until it waits for something. One that waits for nothing has ended when this returns.
fn begin(call: u32, text: String) {
    tasks::spawn(Box::pin(async move {
        match perform(call, &text).await {
            Ok(value) => say(Message::Done, call, &value, &[]),
            Err(error) => say(Message::Failed, call, &to_json(&error), &[]),
        }
    }));
}

/// The operations, by name. Each is that of [`client::Client`], and gives a text; an empty one is nothing, or no.
async fn perform(call: u32, text: &str) -> Outcome {
    let arguments = Value::parse(text).map_err(|_| Error::config("params", "no Unicode"))?;
    let given = |name| arguments.get(name).and_then(Value::as_str);
    let text = |name| given(name).unwrap_or_default();
    let is = |name| arguments.get(name) == Some(&Value::Bool(true));
    let number = arguments.get("client").and_then(Value::as_integer).and_then(|number| usize::try_from(number).ok());
    let operation = text("op");
    if operation == "open" {
        return Client::with_host(Worker, text("options")).map(open);
    }
    let Some(client) = CLIENTS.with_borrow(|clients| clients.get(number?)?.clone()) else {
        return Err(Error::unexpected("no such client"));
    };
    match operation {
        "close" => CLIENTS.with_borrow_mut(|clients| {
            // Nothing is left of its tokens once its last call has ended.
            number.and_then(|number| clients.get_mut(number)).and_then(Option::take);
        }),
        // Gives `{ url, state, record }`.
        "begin" => {
            let (redirect_uri, scope, return_to) = (text("redirectUri"), text("scope"), text("returnTo"));
            let params = &read_params(arguments.get("params"))?;
            let (in_window, alone) = (is("inWindow"), is("alone"));
            let sign_in = SignIn { redirect_uri, scope, return_to, params, in_window, alone };
            let request = client.begin(sign_in).await?;
            let record = request.transaction.to_record();
            let state = request.transaction.state.expose();
            return Ok(object(&[("url", &request.url), ("state", state), ("record", &record)]));
        }
        // Gives `{ returnTo }` or `{ returnTo, declined }`; `{}` if there was nothing to complete.
        "complete" => {
            return Ok(match client.complete(text("address"), given("record"), is("pending"), is("alone")).await? {
                Completion::Ignored => object(&[]),
                Completion::ReturnTo(path) => object(&[("returnTo", &path)]),
                Completion::Declined(path) => object(&[("returnTo", &path), ("declined", YES)]),
            });
        }
        "session" => return Ok(client.session().unwrap_or_default()),
        "takeChange" => return Ok(client.take_change().map_or("", |change| change.as_str()).into()),
        "isWarm" => return Ok(if client.is_warm(text("url")) { YES } else { "" }.into()),
        "isNamedBy" => return Ok(if client.is_named_by(text("query")) { YES } else { "" }.into()),
        // Sends the app's request of this call, which JavaScript keeps together with the answer. An API that refuses the
        // token gets it again with another one, unless it can be sent only `once`.
        "fetch" => {
            let url = text("url");
            let pass = client.admit(url, is("credentials")).await?;
            let status = send_call(call, url, &pass.authorization).await?;
            if status == 401
                && client.refused(&pass)
                && !is("once")
                && let Some(pass) = client.admit_again(pass).await?
            {
                send_call(call, url, &pass.authorization).await?;
            }
        }
        "userinfo" => return client.userinfo(given("sub")).await,
        "accessToken" => return client.access_token().await,
        "refresh" => client.refresh().await?,
        "end" => return Ok(client.end(given("returnTo")).await?.unwrap_or_default()),
        "prepare" => client.prepare().await?,
        _ => return Err(Error::unexpected("no such operation")),
    }
    Ok(String::new())
}

/// Gives a client its number.
fn open(client: Client) -> String {
    CLIENTS.with_borrow_mut(|clients| {
        clients.push(Some(Rc::new(client)));
        let mut number = String::new();
        write_integer(&mut number, i64::try_from(clients.len()).unwrap_or_default() - 1);
        number
    })
}

fn read_params(params: Option<&Value<'_>>) -> Result<Vec<(String, String)>, Arc<Error>> {
    let problem = || Error::config("params", "not an object of strings");
    let Some(Value::Object(members)) = params else { return Err(problem()) };
    let mut pairs = Vec::new();
    for (name, value) in members {
        pairs.push((String::from(&**name), value.as_str().ok_or_else(problem)?.into()));
    }
    Ok(pairs)
}

fn object(members: &[(&str, &str)]) -> String {
    let mut json = String::from("{");
    for (name, value) in members {
        write_member(&mut json, name, value);
    }
    json.push('}');
    json
}

/// An error as `pkg/errors.js` makes it again on the other side.
#[cold]
fn to_json(error: &Error) -> String {
    let mut json = String::from("{");
    write_member(&mut json, "code", error.code());
    write_member(&mut json, "fault", error.fault().as_str());
    write_member(&mut json, "message", &error.message());
    write_member(&mut json, "hint", error.hint());
    json.push_str(if error.is_retryable() { ",\"retryable\":true" } else { ",\"retryable\":false" });
    if let Some(seconds) = error.retry_after() {
        json.push_str(",\"retryAfter\":");
        write_integer(&mut json, i64::from(seconds));
    }
    if let Some(said) = error.oauth() {
        json.push_str(",\"oauth\":{");
        write_member(&mut json, "error", &said.error);
        for (name, value) in [("error_description", &said.error_description), ("error_uri", &said.error_uri)] {
            if let Some(value) = value {
                write_member(&mut json, name, value);
            }
        }
        json.push('}');
    }
    json.push('}');
    json
}
