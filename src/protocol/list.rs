//! Lists in a text: scopes, parameters, headers. The separators are ASCII characters. The split functions of the standard
//! library support all of Unicode, which would make the shipped module larger.

/// The text before the first separator, and the text after it if there is a separator.
pub(crate) fn cut(text: &str, separator: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == separator) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// The items of a list; a single item if there is no separator.
pub(crate) fn items(list: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    core::iter::from_fn(move || {
        let (item, others) = cut(rest?, separator);
        rest = others;
        Some(item)
    })
}

/// For each item, whether an earlier one is equal. The items are sorted for this: to compare each with all earlier ones would
/// take quadratic time in a length that a server chooses.
pub(crate) fn repetitions<T: Ord + Copy>(items: &[T]) -> Vec<bool> {
    let mut sorted: Vec<(T, usize)> = items.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let mut repetitions = vec![false; items.len()];
    for pair in sorted.windows(2) {
        if let [(earlier, _), (item, index)] = pair
            && earlier == item
            && let Some(repetition) = repetitions.get_mut(*index)
        {
            *repetition = true;
        }
    }
    repetitions
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::cmp::Ordering;

    use super::{cut, items, repetitions};

    #[test]
    fn lists_are_read_as_the_language_reads_them() {
        for list in ["", "&", "a", "a&b", "&a", "a&&b&", "ä&ö", "a=b"] {
            let theirs: Vec<_> = list.split('&').collect();
            assert_eq!(items(list, b'&').collect::<Vec<_>>(), theirs, "{list:?}");
            assert_eq!(cut(list, b'&').1, list.split_once('&').map(|(_, after)| after), "{list:?}");
        }
    }

    #[test]
    fn an_item_is_a_repetition_if_an_earlier_one_is_equal() {
        let rows =
            [("", "f"), ("a", "f"), ("a a a", "f t t"), ("b a c a b", "f f f t t"), ("a A aa a\u{301} ä", "f f f f f")];
        for (list, expected) in rows {
            let all: Vec<_> = items(list, b' ').collect();
            let expected: Vec<_> = expected.split(' ').map(|word| word == "t").collect();
            assert_eq!(repetitions(&all), expected, "{list:?}");
        }
        assert_eq!(repetitions::<&str>(&[]), []);
    }

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts how often it is compared.
    #[derive(Clone, Copy)]
    struct Counted(usize);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Counted {}

    #[test]
    fn twice_as_many_items_take_little_more_than_twice_as_many_comparisons() {
        type Shape = fn(usize, usize) -> usize;
        let shapes: [(&str, Shape); 6] = [
            ("in order", |index, _| index),
            ("backwards", |index, count| count - index),
            ("all equal", |_, _| 0),
            ("each twice", |index, count| index % (count / 2)),
            ("as an organ pipe", |index, count| index.min(count - index)),
            ("shuffled", |index, _| index.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        ];
        for (label, shape) in shapes {
            let comparisons = [1, 2, 4, 8, 16, 32].map(|times| {
                let count = 512 * times;
                let items: Vec<_> = (0..count).map(|index| Counted(shape(index, count))).collect();
                COMPARISONS.set(0);
                let _ = repetitions(&items);
                COMPARISONS.get()
            });
            for pair in comparisons.windows(2) {
                assert!(pair[0] * 26 >= pair[1] * 10, "{label}: {comparisons:?}");
            }
        }
    }
}
