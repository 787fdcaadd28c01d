//! Mutation testing, by cargo-mutants: a check that is inverted or removed must fail a test.
//!
//! `tests/mutants.md` lists the mutants that no test detects, with reasons.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{compiled::Tool, process, workspace::Workspace};

const MUTATOR: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
    asks: &["mutants", "--version"],
    reason: "changes the sources and runs the tests",
};

/// The code that makes decisions: all of it is mutated unless files are named.
const FILES: [&str; 4] = ["src/protocol/**", "src/client/**", "src/vault.rs", "src/vault/**"];

/// `cargo xtask mutants [FILE …]`. It takes some seconds for each of more than a thousand mutants.
pub fn mutants(workspace: &Workspace, files: &[String]) -> Result<()> {
    ensure!(files.iter().all(|file| !file.starts_with('-')), "`mutants` takes files, such as src/protocol/url.rs");
    let mut command = Command::new(MUTATOR.begin(workspace)?.finish()?);
    command.current_dir(workspace.root()).args(["mutants", "--jobs", "1", "--output"]).arg(workspace.target());
    let all = FILES.map(str::to_owned);
    for file in if files.is_empty() { &all[..] } else { files } {
        command.args(["--file", file]);
    }
    // The same crates are compiled again and again, so the compilations are cached and contain no debug information.
    command.env("CARGO_TARGET_DIR", workspace.target().join("mutants"));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    // Tests that generate inputs use fewer of them: enough to detect a mutant.
    command.env("VALET_KEY_FUZZ", "200").env("VALET_KEY_CASES", "40");
    process::run(&mut command)
}
