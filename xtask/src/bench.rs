//! What is promised of speed, as figures.

use anyhow::Result;

use crate::{browsers, process, test, workspace::Workspace};

/// Measures in a browser and prints a table. The arguments are the benchmarks' own.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut command = test::in_browsers(workspace, &[browsers::CHROMIUM])?;
    process::run(command.arg(workspace.tests().join("bench/run.mjs")).args(arguments))
}
