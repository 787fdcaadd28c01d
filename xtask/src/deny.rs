//! What comes in with dependencies, held against `deny.toml` by cargo-deny.

use std::{
    env,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{process, toolchain, workspace::Workspace};

const VERSION: &str = "0.20.2";

/// cargo-deny, in the making: there is no package of it, and compiling it takes a minute and a half of two processors.
pub struct CargoDeny {
    program: PathBuf,
    making: Option<Child>,
}

impl CargoDeny {
    /// Begins to compile it, if it is not here.
    pub fn begin(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("cargo-deny");
        let program = folder.join(format!("bin/cargo-deny{}", env::consts::EXE_SUFFIX));
        let version = process::ask(Command::new(&program).arg("--version"));
        if version.is_some_and(|version| version == format!("cargo-deny {VERSION}")) {
            return Ok(Self { program, making: None });
        }
        let mut command = toolchain::cargo("install");
        command.args(["cargo-deny", "--version", VERSION, "--locked", "--debug", "--quiet", "--root"]).arg(folder);
        command.stdin(Stdio::null());
        eprintln!("xtask: compiles cargo-deny, which reads licences and advisories: {}", process::spell(&command));
        Ok(Self { program, making: Some(command.spawn().context("cannot start cargo")?) })
    }

    /// Waits until it is there.
    pub fn finish(mut self) -> Result<PathBuf> {
        if let Some(mut child) = self.making.take() {
            let status = process::timed("the rest of cargo-deny", || Ok(child.wait()?))?;
            if !status.success() {
                bail!("cargo-deny could not be compiled");
            }
        }
        Ok(std::mem::take(&mut self.program))
    }
}

/// Holds all dependencies against `deny.toml`, and those of what ships against `xtask/deny.ships.toml`.
pub fn check(workspace: &Workspace) -> Result<()> {
    let program = CargoDeny::begin(workspace)?.finish()?;
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

impl Drop for CargoDeny {
    fn drop(&mut self) {
        if let Some(child) = &mut self.making {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
