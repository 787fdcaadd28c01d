//! What is promised of speed, as figures.

use anyhow::Result;

use crate::{process, test, workspace::Workspace};

/// Measures in a browser and prints a table. The arguments are the benchmarks' own.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut command = test::in_browser(workspace)?;
    process::run(command.arg(workspace.tests().join("bench/run.mjs")).args(arguments))
}
