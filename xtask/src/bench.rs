//! What is promised of speed, as figures.

use anyhow::Result;

use crate::{browsers, hostile, process, stories, workspace::Workspace};

/// Measures and prints a table: in a browser, where the arguments are the benchmarks' own, or what hostile texts cost.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(hostile) = arguments.iter().position(|argument| argument == "hostile") {
        let (before, after) = (&arguments[..hostile], &arguments[hostile + 1..]);
        return hostile::bench(workspace, &[before, after].concat());
    }
    let mut command = stories::in_browsers(workspace, &[browsers::CHROMIUM])?;
    process::run(command.arg(workspace.tests().join("bench/run.mjs")).args(arguments))
}
