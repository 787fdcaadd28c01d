//! Checks the dependencies with cargo-deny, against `deny.toml`.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{compiled::Tool, process, workspace::Workspace};

/// Compiling it takes a minute and a half on two processors.
pub const CHECKER: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", asks: &["--version"], reason: "reads licences and advisories" };

/// Checks all dependencies against `deny.toml`, and those of the shipped module against `xtask/deny.ships.toml`.
pub fn check(workspace: &Workspace) -> Result<()> {
    let program = CHECKER.begin(workspace)?.finish()?;
    let deny = |options: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(workspace.root()).args(["deny", "--log-level", "error"]).args(options);
        command
    };
    process::run(&mut deny(&["--workspace", "check", "licenses", "bans", "sources"]))?;
    let what_ships = ["--exclude", "xtask", "--exclude", "fuzz", "--exclude-dev", "--config", "xtask/deny.ships.toml"];
    process::run(deny(&what_ships).args(["check", "licenses"]))?;
    // Whether the list of advisories can be fetched does not depend on the project.
    if deny(&["fetch", "db"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return process::run(&mut deny(&["--workspace", "--offline", "check", "advisories"]));
    }
    eprintln!(
        "xtask: NOT CHECKED: advisories about dependencies. RustSec's list of advisories cannot be fetched here."
    );
    eprintln!("xtask: Licences, bans and sources were checked.");
    Ok(())
}
