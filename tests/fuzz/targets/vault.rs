//! Messages to a vault, one on each line, from a page and from other vaults: no reply holds a token, and messages of
//! other vaults can only end sessions.
//!
//! A user is signed in at port 1, and another sign-in has begun there: `@state`, `@record` and `@address` stand for what
//! its page knows.

use valet_key::vault::messages::to_json;

use super::{seeds as list, text};
use crate::hostile::text::{shows, string};
use crate::hostile::worker::{Mode, Port, SharedWorker};
use crate::support::options;

/// More messages than a page sends at once.
const MESSAGES: usize = 16;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let worker = SharedWorker::new();
    let page = worker.page(1, &options(""));
    page.say("trace", "").expect("steps");
    page.sign_in();
    let begun = page.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let unquoted = |text: &str| {
        let quoted = string(text);
        quoted[1..quoted.len() - 1].to_owned()
    };
    let record = unquoted(begun.record.as_deref().unwrap_or_default());
    for line in text.lines().take(MESSAGES) {
        let message =
            line.replace("@state", &begun.state).replace("@record", &record).replace("@address", &unquoted(&address));
        // An app that takes its tokens into the page may receive them.
        let in_page = message.contains("page") || message.contains("\\u");
        let was_signed_in = is_signed_in(page);
        let is_news = message.contains("heard");
        let outcome = worker.say(message);
        worker.here.deliver_all();
        let answer = outcome.unwrap_or_else(|error| to_json(&error));
        let world = worker.here.world();
        // The address of the provider's sign-out page contains the ID Token, which goes back to its provider.
        let is_hint = |secret: &str| secret.contains('.') && answer.starts_with("https://as.test/logout?");
        let is_token = |secret: &str| secret.contains("token-number") || secret.starts_with("eyJ");
        for secret in world.provider.secrets.iter().filter(|secret| is_token(secret)) {
            assert!(in_page || is_hint(secret) || !shows(&answer, secret), "{secret} is in {answer}");
            assert!(!world.traced.iter().any(|(_, step)| shows(step, secret)), "{secret} is in a step");
            assert!(!world.told.iter().any(|news| shows(news, secret)));
            assert!(in_page || !world.pages.iter().any(|(_, change)| shows(change, secret)));
        }
        let sent = world.sent.iter().map(|sending| sending.request.url.clone()).collect::<Vec<_>>();
        drop(world);
        assert!(!is_news || was_signed_in || !is_signed_in(page), "news end sessions, and begin none");
        assert!(sent.len() <= 16 * (MESSAGES + 4), "{sent:?}");
    }
}

/// Whether the page has a session; not after a message by which its port leaves the vault.
fn is_signed_in(page: Port<'_>) -> bool {
    page.say("session", "").is_ok_and(|view| !view.is_empty())
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let options = string(&options(r#""account":"work","#));
    list([
        format!("{{\"op\":\"configure\",\"port\":2,\"options\":{options}}}\n{{\"op\":\"prepare\",\"port\":2}}"),
        r#"{"op":"complete","port":1,"address":"@address","state":"@state","record":"@record","pending":false,"shared":false}"#.into(),
        "{\"op\":\"abandon\",\"port\":1,\"state\":\"@state\"}\n{\"op\":\"session\",\"port\":1}\n{\"op\":\"refresh\",\"port\":1}".into(),
        "{\"op\":\"userinfo\",\"port\":1,\"sub\":\"alice\"}\n{\"op\":\"accessToken\",\"port\":1}".into(),
        r#"{"op":"fetch","port":1,"url":"https://api.test/v1/me","credentials":false,"once":true}"#.into(),
        r#"{"op":"end","port":1,"returnTo":"https://app.test/"}"#.into(),
        r#"{"op":"begin","port":1,"redirectUri":"https://app.test/cb","scope":"read","returnTo":"/","options":{"prompt":["none"],"maxAge":3,"params":{"resource":"x"}},"inWindow":true,"shared":false}"#.into(),
        r#"{"op":"heard","news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice","signIns":"end"}"#.into(),
        r#"{"op":"heard","news":"signedIn","provider":"https://as.test","clientId":"spa","account":"","sub":"bob"}"#.into(),
        "{\"op\":\"frontChannel\",\"query\":\"iss=https://as.test&sid=1\"}\n{\"op\":\"leave\",\"port\":1}\n{\"op\":\"session\",\"port\":1}".into(),
    ])
}
