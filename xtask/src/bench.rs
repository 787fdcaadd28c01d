//! Measures the promises about speed.

use anyhow::Result;

use crate::{browsers, hostile, process, stories, workspace::Workspace};

/// Measures and prints a table: with the benchmarks in a browser, or with the cost of hostile texts.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(hostile) = arguments.iter().position(|argument| argument == "hostile") {
        let (before, after) = (&arguments[..hostile], &arguments[hostile + 1..]);
        return hostile::bench(workspace, &[before, after].concat());
    }
    // Only what a guard costs differs between the engines so much that it is measured in each.
    let engines =
        if arguments.iter().any(|name| name == "guard") { browsers::chosen()? } else { vec![browsers::CHROMIUM] };
    let mut command = stories::in_browsers(workspace, &engines)?;
    process::run(command.arg(workspace.tests().join("bench/run.mjs")).args(arguments))
}
