//! Authorization responses: a query, in which `STATE` stands for the right state, and on a second line the address of
//! the page, if it is not the redirect page.

use ::url::{Url as Parsed, form_urlencoded};
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::transaction::RedirectPage;

use super::{assert_hidden, printed, seeds as list, text};
use crate::support::{at, config, honest_query, metadata, transaction};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (transaction, config, metadata) = (transaction(), config(), metadata());
    let (query, page) = text.split_once('\n').unwrap_or((text, "https://app.test/cb"));
    let query = query.replace("STATE", transaction.state.expose());
    let parameters: Vec<(String, String)> =
        form_urlencoded::parse(query.split('#').next().unwrap_or_default().as_bytes()).into_owned().collect();
    let all = |name: &str| -> Vec<String> {
        parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    };
    let secrets = [transaction.state.expose().to_owned(), transaction.code_verifier.expose().to_owned()];
    let hidden = |text: &str| assert_hidden(text, all("code").iter().chain(&secrets).map(String::as_str));
    let response = match AuthorizationResponse::parse(&query) {
        Ok(Some(response)) => response,
        Ok(None) => return,
        Err(error) => return hidden(&printed(&error)),
    };
    hidden(&format!("{response:?}"));
    let separator = if page.contains('?') { '&' } else { '?' };
    let address = format!("{page}{separator}{query}");
    let state = transaction.state.expose().to_owned();
    let bound = response.bind(transaction, &config, &address, RedirectPage::OfOneProvider, at(5));
    let grant = match bound.and_then(|bound| bound.accept(&metadata, &config)) {
        Ok(grant) => grant,
        Err(error) => return hidden(&printed(&error)),
    };
    hidden(&format!("{grant:?}"));
    assert_eq!(all("state"), [state]);
    assert_eq!(all("iss"), ["https://as.test"], "the server promises to name itself");
    assert!(all("error").iter().all(String::is_empty));
    assert_eq!(all("code").len(), 1);
    if let Ok(parsed) = Parsed::parse(page) {
        assert_eq!((parsed.origin().ascii_serialization(), parsed.path()), ("https://app.test".into(), "/cb"));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        honest_query().replace(crate::support::transaction().state.expose(), "STATE"),
        "state=STATE&code=codenumber12345678&iss=https%3A%2F%2Fas.test&session_state=x".into(),
        "error=access_denied&state=STATE&iss=https://as.test&error_description=no+codenumber12345678".into(),
        "a=b&code=c&state=STATE&iss=https%3A%2F%2Fas.test\nhttps://app.test/cb?x=1".into(),
        "code=c&state=STATE&iss=https%3A%2F%2Fevil.test\nhttps://app.test/other".into(),
        "state=STATE#access_token=t&token_type=bearer".into(),
        "code=c&code=d&state=STATE".into(),
    ])
}
