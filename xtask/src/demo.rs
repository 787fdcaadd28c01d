//! The demo: a page, a provider and an API on this machine.

use anyhow::{Result, bail};

use crate::{build, node::Node, process, workspace::Workspace};

/// Builds, and serves until it is interrupted. It passes the arguments to the demo.
pub fn demo(workspace: &Workspace, node: &Node, arguments: &[String]) -> Result<()> {
    process::timed("build", || build::build(workspace, node))?;
    let script = workspace.tests().join("support/demo.mjs");
    if !script.is_file() {
        bail!("tests/support/demo.mjs is missing: this checkout has no demo");
    }
    eprintln!("xtask: starting the demo: a provider, an API and the page, for this machine only; Ctrl+C ends it");
    let mut command = node.command();
    command.current_dir(workspace.root()).arg(script).args(arguments);
    process::run(&mut command)
}
