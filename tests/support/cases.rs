//! Reads the tables of `tests/cases`.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;

/// One row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) priority: String,
    /// Every kind of outcome that occurs in the row.
    pub(crate) kinds: Vec<String>,
    /// What must hold afterwards, such as `NS` and `RQ1`.
    pub(crate) posts: Vec<String>,
}

/// A file of `tests/cases`.
pub(crate) fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a word has the form of an id: letters, a hyphen, two digits.
pub(crate) fn is_id(word: &str) -> bool {
    let Some((group, number)) = word.split_once('-') else { return false };
    (2..=5).contains(&group.len())
        && group.bytes().all(|byte| byte.is_ascii_uppercase())
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The data rows of a table, in order.
pub(crate) fn rows(table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in table.lines() {
        let Some(line) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let cells: Vec<String> = line.replace("\\ | ", "\\ |").split(" | ").map(str::to_owned).collect();
        if !is_id(&cells[0]) {
            continue;
        }
        let [id, priority, _, _, kinds, _, posts, _] = &cells[..] else { panic!("eight cells: {line}") };
        let words = |cell: &str| -> Vec<String> {
            cell.split([' ', ',', ';']).filter(|word| !word.is_empty() && *word != "-").map(str::to_owned).collect()
        };
        rows.push(Row { id: id.clone(), priority: priority.clone(), kinds: words(kinds), posts: words(posts) });
    }
    rows
}

/// The row of an id.
pub(crate) fn row(id: &str) -> Row {
    let (group, _) = id.split_once('-').expect("an id");
    let found = rows(&file(&format!("{}.md", group.to_lowercase()))).into_iter().find(|row| row.id == id);
    found.unwrap_or_else(|| panic!("{id} is in no table"))
}
