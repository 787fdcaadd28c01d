//! Queries to Git about this checkout.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// The lines that a Git command prints.
pub fn lines(workspace: &Workspace, arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(workspace.root()).args(arguments);

    let output = command.output().with_context(|| format!("cannot start `{}`", process::spell(&command)))?;
    anyhow::ensure!(
        output.status.success(),
        "failed:\n  {}\n{}",
        process::spell(&command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
