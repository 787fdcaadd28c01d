//! Texts that are lists: scopes, parameters, headers. The language's own splitting knows more of Unicode than a separator
//! in ASCII needs, and weighs it.

/// The text before the first separator, and the one after it if there is one.
pub(crate) fn cut(text: &str, separator: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == separator) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// The items of a list; one, if there is no separator.
pub(crate) fn items(list: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    core::iter::from_fn(move || {
        let (item, others) = cut(rest?, separator);
        rest = others;
        Some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::{cut, items};

    #[test]
    fn lists_are_read_as_the_language_reads_them() {
        for list in ["", "&", "a", "a&b", "&a", "a&&b&", "ä&ö", "a=b"] {
            let theirs: Vec<_> = list.split('&').collect();
            assert_eq!(items(list, b'&').collect::<Vec<_>>(), theirs, "{list:?}");
            assert_eq!(cut(list, b'&').1, list.split_once('&').map(|(_, after)| after), "{list:?}");
        }
    }
}
