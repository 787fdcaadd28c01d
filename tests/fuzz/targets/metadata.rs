//! Metadata: accepted metadata are the issuer's, and each address in them may be requested.

use ::url::Url as Parsed;
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;

use super::{assert_hidden, member, printed, read, seeds as list, text};
use crate::support::{METADATA, json, options};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for more in ["", r#""openid":false,"#] {
        let config = Config::parse(&options(more)).expect("the honest app's options");
        let metadata = match Discovery::from_response(config.expected(), &json(200, text)) {
            Ok(metadata) => metadata,
            Err(error) => {
                assert_hidden(&printed(&error), ["abcdefghijklmnop0123456789"]);
                continue;
            }
        };
        assert!(read(text).is_none_or(|read| member(&read, "issuer") == Some(&config.issuer)));
        assert_eq!(metadata.issuer, config.issuer);
        assert_eq!(metadata.jwks_uri.is_some(), config.openid);
        let required = [&metadata.authorization_endpoint, &metadata.token_endpoint];
        for url in required.into_iter().chain(&metadata.jwks_uri).chain(&metadata.userinfo_endpoint) {
            assert!(url.as_str().starts_with("https://"), "{url:?}");
            if let Ok(parsed) = Parsed::parse(url.as_str()) {
                assert!(parsed.username().is_empty() && parsed.fragment().is_none(), "{url:?}");
            }
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        METADATA.to_owned(),
        METADATA.replace("https://as.test/token", "http://as.test/token"),
        METADATA.replace("https://as.test/jwks", "https://keys.test/jwks?a=b#c"),
        METADATA.replace("\"S256\"", "\"plain\""),
    ])
}
