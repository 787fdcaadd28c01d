//! Token responses, after a byte that chooses the status.

use valet_key::protocol::http::HttpResponse;
use valet_key::protocol::token::TokenResponse;

use super::{assert_hidden, is_secret, member, printed, read, seeds as list, text};
use crate::hostile::text::shows;
use crate::support::{claims, id_token, json};

const STATUSES: [u16; 8] = [200, 201, 400, 401, 429, 500, 302, 0];

pub(super) fn run(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    let response = HttpResponse { body: body.into(), ..json(status, "") };
    let read = text(body).and_then(read).unwrap_or_default();
    let tokens = ["access_token", "refresh_token", "id_token"].map(|name| member(&read, name).unwrap_or_default());
    match TokenResponse::from_response(&response) {
        Ok(accepted) if read.is_object() => {
            assert!((200..300).contains(&status));
            assert!(read.get("error").is_none());
            assert!(member(&read, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
            assert_eq!(Some(accepted.access_token.expose()), member(&read, "access_token"));
            assert!(accepted.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(accepted.expires_in.is_none_or(|seconds| seconds >= 0));
            assert_hidden(&format!("{accepted:?}"), tokens);
            let scope = accepted.scope.unwrap_or_default();
            assert!(!tokens.iter().any(|token| is_secret(token) && shows(&scope, token)));
            let words: Vec<&str> = scope.split(' ').collect();
            let different: std::collections::BTreeSet<&&str> = words.iter().collect();
            assert_eq!(different.len(), words.len(), "a word comes twice");
        }
        // The other parser cannot represent one of its numbers.
        Ok(_) => {}
        Err(error) => assert_hidden(&printed(&error), tokens),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let token = id_token(&claims(&[]));
    list([
        "\0{\"access_token\":\"accesstokennumber1\",\"token_type\":\"Bearer\",\"expires_in\":600,\"scope\":\"read write\"}".to_owned(),
        format!("\0{{\"token_type\":\"bearer\",\"access_token\":\"accesstokennumber1\",\"refresh_token\":\"refreshtokennumber1\",\"expires_in\":\"600\",\"id_token\":\"{token}\"}}"),
        "\u{2}{\"error\":\"invalid_grant\",\"error_description\":\"no accesstokennumber1 here\",\"error_uri\":\"https://as.test/e\",\"access_token\":\"accesstokennumber1\"}".to_owned(),
        "\u{2}{\"error\":1}".to_owned(),
        "\u{5}<html>".to_owned(),
    ])
}
