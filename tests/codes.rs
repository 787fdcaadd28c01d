//! The error codes in `pkg/index.d.ts` equal those in the code.

use std::collections::BTreeSet;
use std::path::Path;

/// Codes that only the page's JavaScript creates.
const OF_THE_PAGE: [&str; 4] = ["popup_blocked", "popup_closed", "popup_timeout", "redirect_loop"];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

#[test]
fn the_types_and_the_code_have_the_same_error_codes() {
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
fn the_types_list_the_reason_of_every_change() {
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
