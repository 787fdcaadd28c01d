//! The options of a worker that reads them from a file beside it, and never from a page: the worker of a guard, or a copy of its own.

use super::config::{Tokens, scope_set};
use super::error::{Error, Kind, Result};
use super::json::{Value, to_string};
use super::list::items;
use super::options::{Options, PageOptions, mistyped};
use std::borrow::Cow;

/// The name of the redirect page in the guard's folder.
const REDIRECT_PAGE: &str = "callback.html";

/// The options that a page may choose itself: they belong to no client.
const OF_PAGE: [&str; 3] = ["idTokenHint", "restore", "timeout"];

/// The one client of a worker.
#[derive(Debug)]
pub struct Pinned {
    /// The options of the client, as JSON text.
    pub text: String,
    /// The options of the client.
    pub options: Options,
    /// RFC 6749 §3.3, separated by spaces.
    pub scope: String,
    /// The folder of the guard; `None` for a worker without one.
    pub guard: Option<Folder>,
}

/// The folder of a guard, as an absolute URL that ends with a slash.
#[derive(Debug)]
pub struct Folder(String);

impl Folder {
    /// RFC 6749 §3.1.2: a page without scripts in the folder.
    pub fn redirect_uri(&self) -> String {
        [&self.0, REDIRECT_PAGE].concat()
    }

    /// The page to which a sign-in in another window returns, in place of a page of the app.
    pub fn closing_page(&self) -> String {
        [&self.0, "guard/done"].concat()
    }

    /// The address at which the guard begins a sign-in.
    pub fn departure(&self, carried: &str) -> String {
        [&self.0, "guard/go?", carried].concat()
    }
}

impl Pinned {
    /// Parses the file's text. Its members are those of [`Options::parse`] and `scope`. `guard` is the folder of the guard.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] names the option that is missing, unknown, or invalid.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn parse(text: &str, guard: Option<&str>) -> Result<Self> {
        let Ok(Value::Object(mut members)) = Value::parse(text) else {
            return Err(Error::config(
                "options.json",
                "not a JSON object",
                "Open its address: it must show `clientId`, `issuer`, `scope` and `api`, with double quotes and no comma too many.",
            ));
        };
        let mut scope = String::new();
        if let Some(at) = members.iter().position(|(name, _)| name == "scope") {
            scope = members.remove(at).1.as_str().ok_or_else(|| in_file(mistyped("scope")))?.into();
        }
        let text = to_string(&Value::Object(members));
        let options = Options::parse(&text).map_err(in_file)?;
        options.client.check_id().map_err(in_file)?;
        if options.client.tokens == Tokens::Page {
            return Err(Error::config(
                "options.json: tokens",
                "`page`, where this file protects nothing",
                "Remove it from options.json.",
            ));
        }
        Ok(Self { text, options, scope, guard: guard.map(|folder| Folder(folder.into())) })
    }

    /// Checks the options of a page: JSON text. It may repeat or leave out what the file says, and ask for a part of the scope.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] names the option that the page adds or changes.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn check(&self, page: &str) -> Result<PageOptions> {
        let Ok(Value::Object(given)) = Value::parse(page) else { return Err(mistyped("options")) };
        let Ok(Value::Object(mut all)) = Value::parse(&self.text) else { return Err(mistyped("options")) };
        let guard = given.iter().find(|(name, _)| name == "guard").and_then(|(_, value)| value.as_str());
        match &self.guard {
            Some(Folder(folder)) if guard != Some(folder) => {
                return Err(Error::config(
                    "guard",
                    "not the folder of this worker.js, which serves only clients with this option",
                    "Set it to the folder with worker.js, callback.html and options.json, such as `/valet-key/`.",
                ));
            }
            None if guard.is_some() => {
                return Err(Error::config(
                    "guard",
                    "the folder has no guard",
                    "Run `npx valet-key copy` with `--guard`, or set `workerUrl` in its place.",
                ));
            }
            _ => {}
        }
        for (name, value) in &given {
            let is_same = match &**name {
                "guard" => true,
                _ if is_left_out(value) => true,
                "redirectUri" => {
                    self.guard.as_ref().is_none_or(|folder| value.as_str() == Some(&folder.redirect_uri()))
                }
                "scope" => value.as_str().is_some_and(|scope| self.has_scope(scope)),
                name if OF_PAGE.contains(&name) => {
                    set(&mut all, name, value.clone());
                    true
                }
                name => {
                    let mut changed = all.clone();
                    set(&mut changed, name, value.clone());
                    Options::parse(&to_string(&Value::Object(changed)))?.client == self.options.client
                }
            };
            if !is_same && name == "redirectUri" {
                return Err(Error::config(
                    name,
                    "not the redirect page of the guard",
                    "Remove it: the page is `callback.html` of the folder.",
                ));
            }
            if !is_same {
                return Err(Error::config(
                    name,
                    "not what options.json says",
                    "Leave it out here, or change that file and close all tabs of this site.",
                ));
            }
        }
        Options::parse(&to_string(&Value::Object(all))).map(|options| options.page)
    }

    /// The scope of a sign-in: what a page asks for, as far as it is a part of the client's scope; all of it if the page asks for
    /// nothing.
    pub fn part_of_scope(&self, asked: &str) -> String {
        let part = self.within_scope(asked);
        if part.is_empty() { self.scope.clone() } else { part }
    }

    /// What of this scope is a part of the client's scope.
    pub fn within_scope(&self, scope: &str) -> String {
        let ours = self.whole_scope();
        let known = items(scope, b' ').filter(|word| items(&ours, b' ').any(|known| known == *word));
        known.fold(String::new(), |part, word| scope_set(&part, word))
    }

    /// Checks the scope of a sign-in that a page begins without a guard.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a scope that is no part of the client's.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn check_scope(&self, scope: &str) -> Result<()> {
        if self.has_scope(scope) {
            return Ok(());
        }
        Err(Error::config(
            "scope",
            "not a part of what options.json says",
            "Ask for less, or add it to that file and close all tabs of this site.",
        ))
    }

    /// The most that a page may ask for: the scope of the client and that of its APIs.
    fn whole_scope(&self) -> String {
        scope_set(&scope_set("openid", &self.scope), &self.options.client.api.scope())
    }

    /// Whether this is a part of the client's scope, in any order.
    fn has_scope(&self, scope: &str) -> bool {
        let ours = self.whole_scope();
        scope_set(&ours, scope) == ours
    }
}

/// Names the file in an error about one of its options.
#[cold]
fn in_file(error: Error) -> Error {
    match error.kind() {
        Kind::Config { option, problem, hint } => Error::config(&["options.json: ", option].concat(), problem, hint),
        _ => error,
    }
}

/// Whether the page has no value for this option.
fn is_left_out(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Sets a member of an object.
fn set<'a>(members: &mut Vec<(Cow<'a, str>, Value<'a>)>, name: &str, value: Value<'a>) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => members.push((String::from(name).into(), value)),
    }
}
