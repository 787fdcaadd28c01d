//! Mutation testing, by cargo-mutants: whether a check that is turned round or left out fails a test.
//!
//! What it does not see, and why, stands in `tests/mutants.md`.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use crate::{process, toolchain, workspace::Workspace};

const VERSION: &str = "27.1.0";

/// What decides: all of it is mutated unless files are named.
const FILES: [&str; 4] = ["src/protocol/**", "src/client/**", "src/vault.rs", "src/vault/**"];

/// `cargo xtask mutants [FILE …]`. It takes some seconds for each mutant, of which there are more than a thousand.
pub fn mutants(workspace: &Workspace, files: &[String]) -> Result<()> {
    ensure!(files.iter().all(|file| !file.starts_with('-')), "`mutants` takes files, such as src/protocol/url.rs");
    let program = install(workspace)?;
    let mut command = Command::new(program);
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

fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("cargo-mutants");
    let program = folder.join(format!("bin/cargo-mutants{}", env::consts::EXE_SUFFIX));
    let version = process::ask(Command::new(&program).args(["mutants", "--version"]));
    if version.is_none_or(|version| version != format!("cargo-mutants {VERSION}")) {
        let mut command = toolchain::cargo("install");
        command.args(["cargo-mutants", "--version", VERSION, "--locked", "--debug", "--quiet", "--root"]).arg(folder);
        eprintln!(
            "xtask: compiles cargo-mutants, which changes the sources and runs the tests: {}",
            process::spell(&command)
        );
        process::run(&mut command)?;
    }
    Ok(program)
}
