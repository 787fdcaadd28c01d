//! Responses: two bytes of status, a line with the content type, the body.

use valet_key::protocol::http::HttpResponse;

use super::{printed, seeds as list, text};
use crate::support::answer;

pub(super) fn run(bytes: &[u8]) {
    let Some(([high, low], rest)) = bytes.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes([*high, *low]) % 600;
    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let Some(content_type) = text(&rest[..line]) else { return };
    let body = rest.get(line + 1..).unwrap_or_default();
    let response = HttpResponse { body: body.into(), ..answer(status, content_type, "") };
    match response.text() {
        Ok(text) => {
            assert_eq!(text.as_bytes(), body);
            assert!(status >= 200 && !(300..400).contains(&status) && status != 429 && status < 500);
            let essence = content_type.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
            assert!(essence.starts_with("application/") && (essence.ends_with("json") || essence.ends_with("jwt")));
            if let Ok(value) = response.json(text) {
                assert!(matches!(value, valet_key::protocol::json::Value::Object(_)));
            }
        }
        Err(error) => assert!(!printed(&error).contains('\u{1b}')),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        [&[0, 200], &b"application/json; charset=utf-8\n{}"[..]].concat(),
        [&[0, 200], &b"Application/Problem+JSON\n[1]"[..]].concat(),
        [&[1, 144], &b"application/jwt\ne30.e30.AA"[..]].concat(),
        [&[1, 244], &b"text/html\n<html>"[..]].concat(),
        [&[0, 200], &b"\x1b[31m\n\xff"[..]].concat(),
    ])
}
