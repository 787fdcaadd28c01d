//! Every row of `tests/cases` has a test or a reason for its absence, and no test names an unknown row.

#[path = "support/cases.rs"]
mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cases::{Row, file, is_id, rows};

/// Groups whose P0 rows are played in browsers, too.
const IN_BROWSERS: [&str; 5] = ["DISC", "CB", "TOK", "RT", "IDT"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn group(id: &str) -> &str {
    id.split_once('-').map_or(id, |(group, _)| group)
}

/// All rows of all tables, in order.
fn all_rows() -> Vec<Row> {
    let mut names: Vec<String> = std::fs::read_dir(folder("cases"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !matches!(name.as_str(), "README.md" | "missing.md"))
        .collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let rows = rows(&file(&name));
        assert!(rows.len() > 3, "{name}: {} rows", rows.len());
        assert!(
            rows.iter().all(|row| name == format!("{}.md", group(&row.id).to_lowercase())),
            "{name}: another group's row"
        );
        all.extend(rows);
    }
    all
}

/// The text of every test with this ending below a folder of `tests`, without the support of tests.
fn tests(below: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder(below)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "node_modules" | "support" | "cases" | "consumers") {
                    folders.push(path);
                }
            } else if name.ends_with(ending) && name != "rows.rs" {
                let text = std::fs::read_to_string(&path).expect("text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} below {below}");
    found
}

/// The ids at the start of a text: `RT-05 RT-23: ten calls at once`.
fn leading(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ':']).map_while(|word| word.get(..).filter(|word| is_id(word)))
}

/// The ids that a test names: at the start of a string or of a doc comment, or in the name of a function.
fn named(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for line in text.lines() {
        for (at, _) in line.match_indices(['"', '\'', '`']) {
            let quoted = line.get(at + 1..).unwrap_or_default();
            let quoted = quoted.split(['"', '\'', '`']).next().unwrap_or_default();
            ids.extend(leading(quoted).map(str::to_owned));
        }
        if let Some(documentation) = line.trim_start().strip_prefix("/// ") {
            ids.extend(leading(documentation).map(str::to_owned));
        }
        if let Some(name) = line.trim_start().strip_prefix("fn ") {
            let mut words = name.split('_');
            if let (Some(group), Some(number)) = (words.next(), words.next()) {
                let id = format!("{}-{number}", group.to_uppercase());
                ids.extend(is_id(&id).then_some(id));
            }
        }
    }
    ids
}

/// Ids and groups of one section of the list of missing rows, with their reasons.
fn missing(section: &str) -> BTreeMap<String, String> {
    let text = file("missing.md");
    let (_, section) = text.split_once(&format!("## {section}\n")).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rows")) {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let [names, reason] = cells[..] else { panic!("two cells: {line}") };
        for name in names.split(' ') {
            let earlier = found.insert(name.to_owned(), reason.to_owned());
            assert_eq!(earlier, None, "{name} is listed twice");
        }
    }
    found
}

/// Compares the rows that should have tests with those that have.
fn compare(what: &str, wanted: &[Row], tested: &BTreeSet<String>, missing: &BTreeMap<String, String>) {
    let known: BTreeSet<&str> = wanted.iter().flat_map(|row| [row.id.as_str(), group(&row.id)]).collect();
    let strangers: Vec<&String> = missing.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(strangers.is_empty(), "{what}: missing.md names what is not in the tables: {strangers:?}");

    let untested: Vec<&str> = wanted
        .iter()
        .map(|row| row.id.as_str())
        .filter(|id| !tested.contains(*id) && !missing.contains_key(*id) && !missing.contains_key(group(id)))
        .collect();
    assert!(untested.is_empty(), "{what}: no test, and no reason in missing.md: {}", untested.join(" "));

    for name in missing.keys() {
        let rows: Vec<&str> =
            wanted.iter().map(|row| row.id.as_str()).filter(|id| id == name || group(id) == name).collect();
        let left: Vec<&str> = rows.iter().copied().filter(|id| !tested.contains(*id)).collect();
        assert_eq!(
            left, rows,
            "{what}: missing.md lists {name}, which has tests by now; what is left of it is on the left"
        );
    }
}

#[test]
fn ids_are_unique() {
    let mut seen = BTreeSet::new();
    for row in all_rows() {
        assert!(seen.insert(row.id.clone()), "{} comes twice", row.id);
        assert!(matches!(row.priority.as_str(), "P0" | "P1" | "P2"), "{}: {}", row.id, row.priority);
        assert!(!row.kinds.is_empty(), "{}: no kind", row.id);
    }
    assert!(seen.len() > 300, "{}", seen.len());
}

#[test]
fn no_test_names_an_unknown_row() {
    let all = all_rows();
    let ids: BTreeSet<&str> = all.iter().map(|row| row.id.as_str()).collect();
    let groups: BTreeSet<&str> = ids.iter().map(|id| group(id)).collect();
    for (path, text) in tests("", ".rs").into_iter().chain(tests("", ".mjs")) {
        for id in named(&text) {
            let other = !groups.contains(group(&id)); // other prefixes, such as SHA-25…
            assert!(other || ids.contains(id.as_str()), "{}: {id}", path.display());
        }
    }
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let texts = tests("", ".rs").into_iter().chain(tests("", ".mjs"));
    let tested = texts.flat_map(|(_, text)| named(&text)).collect();
    compare("anywhere", &all_rows(), &tested, &missing("No test yet"));
}

#[test]
fn every_p0_row_is_played_in_a_browser_or_has_a_reason() {
    let mut wanted = all_rows();
    wanted.retain(|row| row.priority == "P0" && IN_BROWSERS.contains(&group(&row.id)));
    let tested = tests("e2e", ".mjs").into_iter().flat_map(|(_, text)| named(&text)).collect();
    compare("in a browser", &wanted, &tested, &missing("Not in a browser yet"));
}

/// `tests/support/choice.mjs` uses the priority in a title, or the rows that it names.
#[test]
fn the_priority_in_a_title_is_that_of_its_rows() {
    let priorities: BTreeMap<String, String> = all_rows().into_iter().map(|row| (row.id, row.priority)).collect();
    for (path, text) in tests("e2e", ".mjs") {
        for line in text.lines() {
            let titles = line.split(['\'', '`']).filter(|title| leading(title).next().is_some());
            for title in titles {
                let Some(claimed) = title.split([' ', ':', ',']).find(|word| matches!(*word, "P0" | "P1" | "P2"))
                else {
                    continue;
                };
                let Some(highest) = leading(title).filter_map(|id| priorities.get(id)).min() else { continue };
                assert_eq!(claimed, highest, "{}: {title}", path.display());
            }
        }
    }
}

#[test]
fn ids_are_found_in_titles_comments_and_names() {
    let rows = [
        ("test('RT-05 P0: ten calls at once', play)", vec!["RT-05"]),
        ("test(`RT-05 RT-23: ten calls`, play)", vec!["RT-05", "RT-23"]),
        ("    Case::new(\"DISC-01\").play();", vec!["DISC-01"]),
        ("/// CORE-01: fuzzed", vec!["CORE-01"]),
        ("fn core_01_is_fuzzed() {", vec!["CORE-01"]),
        ("// RT-05 is elsewhere", vec![]),
        ("assert(x, 'see RT-05')", vec![]),
    ];
    for (line, expected) in rows {
        assert_eq!(named(line).into_iter().collect::<Vec<_>>(), expected, "{line}");
    }
}
