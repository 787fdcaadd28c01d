//! What comes in with dependencies, held against `deny.toml` by cargo-deny.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{compiled::Tool, process, workspace::Workspace};

/// It takes a minute and a half of two processors.
pub const CHECKER: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", asks: &["--version"], reason: "reads licences and advisories" };

/// Holds all dependencies against `deny.toml`, and those of what ships against `xtask/deny.ships.toml`.
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
    // Whether the list of advisories can be had is no property of the project.
    if deny(&["fetch", "db"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return process::run(&mut deny(&["--workspace", "--offline", "check", "advisories"]));
    }
    eprintln!(
        "xtask: NOT CHECKED: whether an advisory warns of a dependency. RustSec's list of them cannot be fetched here."
    );
    eprintln!("xtask: Licences, bans and sources were checked.");
    Ok(())
}
