//! Tests what a change can affect, in two minutes.
//!
//! | what changed | what is tested |
//! |---|---|
//! | anything | `fmt`, `clippy`, `host` |
//! | the documentation, the types, or the tests of the documentation | also `docs` |
//! | the sources, the package, the page, or the support of the stories | also `build`, `types`, and the stories below |
//! | a file of stories | also its own stories |
//!
//! A change is everything that differs between this branch and `main`, committed or not; on `main` it is everything
//! that is not committed, or else the last commit.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;

use crate::{
    browsers::{self, Engine},
    git,
    stories::{self, Reach},
    suite::{self, Report, chosen, timed},
    workspace::Workspace,
};

/// The time after which no further story begins, so that the last ones end within the two minutes.
const TIME: Duration = Duration::from_secs(105);

/// The stories that fail first after a change of the library.
const SMOKE: [&str; 4] = ["sign_in", "call", "sign_out", "renewal"];

/// The parts of the repository that a page under test loads.
const TESTED: [&str; 7] = ["src/", "pkg/", "www/", "Cargo.", "tests/app/", "tests/support/", "tests/package"];

/// What the tests of the documentation read, apart from the Markdown files.
const DOCUMENTED: [&str; 4] = ["docs/", "pkg/", "tests/docs/", "src/protocol/"];

/// Runs the tests that concern the change.
pub fn test(workspace: &Workspace) -> Result<Report> {
    let until = SystemTime::now().duration_since(UNIX_EPOCH)? + TIME;
    let until = [("VALET_KEY_UNTIL", until.as_millis().to_string())];
    let changes = changes(workspace)?;
    let Plan { steps, stories, is_smoke_tested } = plan(&changes);
    eprintln!("xtask: {} files changed; the steps are {}", changes.len(), steps.join(", "));
    let mut report = suite::run(workspace, &chosen(&steps)?, Reach::Gravest);
    let engines = browsers::chosen()?;
    let mut play = |what, files: &[String], engines: &[&Engine]| {
        if report.sum().failed == 0 && !files.is_empty() {
            let paths: Vec<PathBuf> = files.iter().map(|name| workspace.tests().join("e2e").join(name)).collect();
            report.steps.push(timed("e2e", what, || stories::play_some(workspace, &paths, engines, &until, &[])));
        }
    };
    play("the changed stories, within the time limit", &stories, &engines);
    if is_smoke_tested {
        let smoke: Vec<String> = SMOKE.iter().map(|name| format!("{name}.test.mjs")).collect();
        let others: Vec<String> = smoke.into_iter().filter(|name| !stories.contains(name)).collect();
        play("the most important stories, in one engine, within the time limit", &others, &engines[..1]);
    }
    Ok(report)
}

/// The paths of the files that changed.
fn changes(workspace: &Workspace) -> Result<Vec<String>> {
    let base = ["main", "origin/main"]
        .iter()
        .find_map(|main| git::lines(workspace, &["merge-base", "HEAD", main]).ok()?.pop())
        .unwrap_or_else(|| "HEAD".into());
    let mut changes = git::lines(workspace, &["diff", "--name-only", "--diff-filter=d", &base])?;
    changes.extend(git::lines(workspace, &["ls-files", "--others", "--exclude-standard"])?);
    if changes.is_empty() {
        changes = git::lines(workspace, &["diff", "--name-only", "--diff-filter=d", "HEAD~1"])?;
    }
    Ok(changes)
}

/// The tests to run.
#[derive(Debug, PartialEq)]
struct Plan {
    steps: Vec<&'static str>,
    /// The files of stories that changed.
    stories: Vec<String>,
    is_smoke_tested: bool,
}

fn plan(changes: &[String]) -> Plan {
    let is_tested =
        |path: &String| TESTED.iter().any(|tested| path.starts_with(tested)) && !path.ends_with("README.md");
    let is_smoke_tested = changes.iter().any(is_tested);
    let is_text = |path: &str| Path::new(path).extension().is_some_and(|kind| kind == "md");
    let is_documented = |path: &String| is_text(path) || DOCUMENTED.iter().any(|read| path.starts_with(read));
    let mut steps = vec!["fmt", "clippy", "host"];
    if is_smoke_tested {
        steps.extend(["build", "types", "js"]);
    }
    if changes.iter().any(is_documented) {
        steps.push("docs");
    }
    let file = |path: &String| path.strip_prefix("tests/e2e/").map(str::to_owned);
    Plan { steps, stories: changes.iter().filter_map(file).collect(), is_smoke_tested }
}

#[cfg(test)]
mod tests {
    use super::{Plan, plan};

    #[test]
    fn a_change_selects_its_steps_and_stories() {
        let host = vec!["fmt", "clippy", "host"];
        let documented = [&host[..], &["docs"]].concat();
        let built = [&host[..], &["build", "types", "js"]].concat();
        let all = [&built[..], &["docs"]].concat();
        let rows = [
            ("README.md tests/cases/rt.md pkg/README.md", &documented, "", false),
            ("tests/vault/shared.rs xtask/src/test.rs", &host, "", false),
            ("tests/e2e/popup.test.mjs", &host, "popup.test.mjs", false),
            ("src/vault/pages.rs www/app.js", &built, "", true),
            ("src/protocol/pkce.rs", &all, "", true),
            ("tests/e2e/call.test.mjs pkg/port.js", &all, "call.test.mjs", true),
        ];
        for (changes, steps, stories, is_smoke_tested) in rows {
            let changes: Vec<String> = changes.split(' ').map(str::to_owned).collect();
            let stories = stories.split_whitespace().map(str::to_owned).collect();
            assert_eq!(plan(&changes), Plan { steps: steps.clone(), stories, is_smoke_tested }, "{changes:?}");
        }
    }
}
