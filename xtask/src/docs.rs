//! The documentation as a static site: README, the guides in `docs`, and a reference of the types.

use anyhow::Result;

use crate::{node::Node, process, workspace::Workspace};

/// Makes the site, and prints its folder. Its pages work from any folder of any host, and from this disk.
pub fn docs(workspace: &Workspace) -> Result<()> {
    let node = Node::install(workspace)?;
    Node::install_docs(workspace)?;
    let folder = workspace.target().join("docs-site");
    let mut command = node.command();
    command.current_dir(workspace.root()).arg(workspace.docs_site().join("build.mjs")).arg(&folder);
    process::timed("typedoc", || process::run(&mut command))?;
    println!("{}", folder.display());
    Ok(())
}
