//! The list of error codes in `pkg/index.d.ts` is the list in the code.

use std::collections::BTreeSet;
use std::path::Path;

/// What only a page can meet.
const OF_THE_PAGE: [&str; 4] = ["popup_blocked", "popup_closed", "popup_timeout", "redirect_loop"];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

#[test]
fn every_code_is_promised_and_every_promise_is_kept() {
    let source = read("src/protocol/error.rs");
    let (_, codes) = source.split_once("fn code(&self)").expect("the function");
    let (codes, _) = codes.split_once("/// Whose turn it is.").expect("the next one");
    let thrown: BTreeSet<&str> = codes.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let types = read("pkg/index.d.ts");
    let (_, union) = types.split_once("export type ErrorCode =").expect("the type");
    let promised: BTreeSet<&str> = union.split("| '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert!(thrown.len() > 20, "{thrown:?}");
    let of_the_page: BTreeSet<&str> = promised.difference(&thrown).copied().collect();
    assert_eq!(of_the_page.iter().copied().collect::<Vec<_>>(), OF_THE_PAGE);
    assert!(thrown.is_subset(&promised));
    let scripts = ["index", "windows", "trips"].map(|name| read(&format!("pkg/{name}.js"))).concat();
    for code in of_the_page {
        assert!(scripts.contains(&format!("'{code}'")), "{code}");
    }
}

#[test]
fn every_change_has_its_reason_in_the_types() {
    let types = read("pkg/index.d.ts");
    let (_, union) = types.split_once("export type ChangeReason =").expect("the type");
    let (union, _) = union.split_once(';').expect("its end");
    let source = read("src/protocol/session.rs");
    let (_, reasons) = source.split_once("impl Change {").expect("the names");
    let (reasons, _) = reasons.split_once("\n}\n").expect("their end");
    for reason in reasons.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(union.contains(&format!("'{reason}'")), "{reason}");
    }
}
