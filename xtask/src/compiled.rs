//! Programs without a package: cargo compiles them into `target/`, in parallel with other work if possible.

use std::{
    env,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{process, toolchain, workspace::Workspace};

/// A program, with its exact version.
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// The arguments that make it print its name and version.
    pub asks: &'static [&'static str],
    pub reason: &'static str,
}

/// A program that is present, or still being compiled.
pub struct Making {
    name: &'static str,
    program: PathBuf,
    child: Option<Child>,
}

impl Tool {
    /// The path of the compiled program.
    pub fn program(&self, workspace: &Workspace) -> PathBuf {
        let Self { name, .. } = self;
        workspace.target().join(format!("{name}/bin/{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Starts compiling it, if it is missing.
    pub fn begin(&self, workspace: &Workspace) -> Result<Making> {
        let Self { name, version, asks, reason } = *self;
        let program = self.program(workspace);
        let is_here = process::ask(Command::new(&program).args(asks))
            .is_some_and(|answer| answer.split_whitespace().take(2).eq([name, version]));
        let child = if is_here {
            None
        } else {
            let mut command = toolchain::cargo("install");
            command.args([name, "--version", version, "--locked", "--debug", "--quiet", "--root"]);
            command.arg(workspace.target().join(name)).stdin(Stdio::null());
            // It is compiled once, and not debugged.
            command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
            eprintln!("xtask: compiles {name}, which {reason}: {}", process::spell(&command));
            Some(command.spawn().context("cannot start cargo")?)
        };
        Ok(Making { name, program, child })
    }
}

impl Making {
    /// Waits until it is present.
    pub fn finish(mut self) -> Result<PathBuf> {
        if let Some(mut child) = self.child.take() {
            let status = process::timed(&format!("the rest of {}", self.name), || Ok(child.wait()?))?;
            ensure!(status.success(), "compiling {} failed", self.name);
        }
        Ok(std::mem::take(&mut self.program))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
