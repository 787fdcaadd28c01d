//! The page's JavaScript has copies of rules that it needs before the core is loaded. Each copy is compared with the
//! rule.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// The text between two markers.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} after {before}")).0
}

/// The items of a constant list.
fn items<'a>(source: &'a str, name: &str) -> &'a str {
    between(source, &format!("const {name}: ["), "];").split_once(" = [").expect("a list").1
}

/// The quoted strings.
fn quoted(text: &str, quote: char) -> BTreeSet<&str> {
    text.split(quote).skip(1).step_by(2).collect()
}

/// Every text that a pattern of names, groups and `?` matches.
fn expanded(pattern: &str) -> BTreeSet<String> {
    let (mut depth, mut alternatives, mut start) = (0, Vec::new(), 0);
    for (at, c) in pattern.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                alternatives.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    alternatives.push(&pattern[start..]);
    alternatives.into_iter().flat_map(sequence).collect()
}

/// The same for a pattern without alternatives at its top level.
fn sequence(pattern: &str) -> BTreeSet<String> {
    let Some((before, rest)) = pattern.split_once('(') else { return BTreeSet::from([pattern.to_owned()]) };
    let (group, after) = rest.split_once(')').expect("the end of a group");
    let (mut middle, after) = match after.strip_prefix('?') {
        Some(after) => (BTreeSet::from([String::new()]), after),
        None => (BTreeSet::new(), after),
    };
    middle.extend(expanded(group));
    let ends = sequence(after);
    middle.iter().flat_map(|part| ends.iter().map(move |end| [before, part, end].concat())).collect()
}

#[test]
fn the_page_removes_the_same_parameters_from_its_address() {
    let script = read("pkg/index.js");
    let page = expanded(between(&script, "const RESPONSE =\n  /^(", ")(=|$)/;"));
    let source = read("src/protocol/authorization_response.rs");
    let mut core = quoted(items(&source, "RESPONSE"), '"');
    let resource = read("src/protocol/protected_resource.rs");
    core.insert(between(&resource, "const PARAMETER: &str = \"", "\";"));
    assert_eq!(page.iter().map(String::as_str).collect::<BTreeSet<_>>(), core);

    let page = expanded(between(&script, "const HAS_RESPONSE = /(^|&)(", ")=/;"));
    let core = quoted(items(&source, "IN_FRAGMENT"), '"');
    assert_eq!(page.iter().map(String::as_str).collect::<BTreeSet<_>>(), core);
}

#[test]
fn the_page_recognizes_a_state_by_the_same_prefix_and_suffix() {
    let (script, source) = (read("pkg/index.js"), read("src/protocol/authorization_request.rs"));
    for name in ["OURS", "IN_WINDOW"] {
        let page = between(&script, &format!("const {name} = '"), "';");
        assert_eq!(page, between(&source, &format!("const {name}: &str = \""), "\";"), "{name}");
    }
}

#[test]
fn the_page_stores_a_record_for_the_same_time_under_the_same_name() {
    let script = read("pkg/storage.js");
    let record = read("src/protocol/transaction.rs");
    assert_eq!(between(&script, "const LIFE = ", ";"), between(&record, "const LIFE: i64 = ", ";"));
    let store = read("src/browser/store.rs");
    assert_eq!(between(&script, "const TX = '", "';"), between(&store, "const PREFIX: &str = \"", "\";"));
    let mark = between(&script, "const hadSessionKey = `", "${name}`;");
    assert_eq!(mark, between(&store, "const HAD: &str = \"", "\";"));
}

#[test]
fn every_option_of_a_sign_in_that_the_types_promise_is_read() {
    /// Options that the page reads itself, or whose members have registered names.
    const OTHERS: [&str; 5] = ["features", "mode", "params", "returnTo", "scope"];
    let types = read("pkg/index.d.ts");
    let members = between(&types, "export interface SignInOptions {", "\n}\n");
    let promised: BTreeSet<&str> = members
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once("?: "))
        .map(|(name, _)| name)
        .filter(|name| !OTHERS.contains(name))
        .collect();
    let source = read("src/vault/messages.rs");
    let options = items(&source, "OPTIONS");
    let core: BTreeSet<&str> =
        options.lines().filter_map(|line| Some(line.trim().strip_prefix("(\"")?.split_once('"')?.0)).collect();
    assert_eq!(promised, core, "SignInOptions in pkg/index.d.ts, and OPTIONS in src/vault/messages.rs");
    for line in options.lines().filter(|line| line.contains("(\"")) {
        let names: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let [name, registered] = names[..] else { panic!("{line}") };
        assert_eq!(snake_case(name), registered, "a registered name is spelled with underscores");
    }
}

/// `acrValues` as `acr_values`.
fn snake_case(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.into() })
        .collect()
}
