//! Mutation testing, by cargo-mutants: whether a check that is turned round or left out fails a test.
//!
//! What it does not see, and why, stands in `tests/mutants.md`.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{compiled::Tool, process, workspace::Workspace};

const MUTATOR: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
    asks: &["mutants", "--version"],
    reason: "changes the sources and runs the tests",
};

/// What decides: all of it is mutated unless files are named.
const FILES: [&str; 4] = ["src/protocol/**", "src/client/**", "src/vault.rs", "src/vault/**"];

/// `cargo xtask mutants [FILE …]`. It takes some seconds for each mutant, of which there are more than a thousand.
pub fn mutants(workspace: &Workspace, files: &[String]) -> Result<()> {
    ensure!(files.iter().all(|file| !file.starts_with('-')), "`mutants` takes files, such as src/protocol/url.rs");
    let mut command = Command::new(MUTATOR.begin(workspace)?.finish()?);
    command.current_dir(workspace.root()).args(["mutants", "--jobs", "1", "--output"]).arg(workspace.target());
    let all = FILES.map(str::to_owned);
    for file in if files.is_empty() { &all[..] } else { files } {
        command.args(["--file", file]);
    }
    // The same compilations again and again, so they are kept, and nothing in them is for a debugger.
    command.env("CARGO_TARGET_DIR", workspace.target().join("mutants"));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    // Fewer inputs of tests that make their own: enough to find a mutant by.
    command.env("VALET_KEY_FUZZ", "200").env("VALET_KEY_CASES", "40");
    process::run(&mut command)
}
