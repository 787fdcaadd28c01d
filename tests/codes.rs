//! The list of error codes in `pkg/index.d.ts` is the list in the code.

use std::collections::BTreeSet;
use std::path::Path;

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
    assert_eq!(thrown, promised);
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
