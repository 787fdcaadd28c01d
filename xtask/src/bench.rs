//! Measures the promises about speed.

use anyhow::Result;

use crate::{browsers, hostile, process, stories, workspace::Workspace};

/// Measures and prints a table: with the benchmarks in a browser, or with the cost of hostile texts.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(hostile) = arguments.iter().position(|argument| argument == "hostile") {
        let (before, after) = (&arguments[..hostile], &arguments[hostile + 1..]);
        return hostile::bench(workspace, &[before, after].concat());
    }
    let mut command = stories::in_browsers(workspace, &[browsers::CHROMIUM])?;
    process::run(command.arg(workspace.tests().join("bench/run.mjs")).args(arguments))
}
