//! Programs of which there is no package: cargo compiles them into `target/`, beside other work where there is some.

use std::{
    env,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{process, toolchain, workspace::Workspace};

/// One of them, to the digit of its version.
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// What makes it say its name and version.
    pub asks: &'static [&'static str],
    pub reason: &'static str,
}

/// A program that is there, or in the making.
pub struct Making {
    name: &'static str,
    program: PathBuf,
    child: Option<Child>,
}

impl Tool {
    /// Where it is, once it was compiled.
    pub fn program(&self, workspace: &Workspace) -> PathBuf {
        let Self { name, .. } = self;
        workspace.target().join(format!("{name}/bin/{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Begins to compile it, if it is not here.
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
            eprintln!("xtask: compiles {name}, which {reason}: {}", process::spell(&command));
            Some(command.spawn().context("cannot start cargo")?)
        };
        Ok(Making { name, program, child })
    }
}

impl Making {
    /// Waits until it is there.
    pub fn finish(mut self) -> Result<PathBuf> {
        if let Some(mut child) = self.child.take() {
            let status = process::timed(&format!("the rest of {}", self.name), || Ok(child.wait()?))?;
            ensure!(status.success(), "{} could not be compiled", self.name);
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
