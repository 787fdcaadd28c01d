//! The examples of front ends in Rust, `tests/front_ends`: compiled, and ready to be served.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{process, sysroot::Panics, test, toolchain::TARGET, workspace::Workspace};

/// The examples, by the names of their folders.
const FRONT_ENDS: [&str; 2] = ["plain", "yew"];

/// Builds each example into a folder of its own below the returned one: the page, `main.js` and the module.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = test::found(workspace, Panics::Tell)?;
    let cargo_folder = workspace.target().join("xtask/cargo");
    let mut command = toolchain.cargo(workspace, "build", &[])?;
    command.args(["--target", TARGET, "--target-dir"]).arg(&cargo_folder);
    for name in FRONT_ENDS {
        command.args(["--package", &format!("front-end-{name}")]);
    }
    process::timed("rustc, the front ends in Rust", || process::run(&mut command))?;
    let all = workspace.target().join("front_ends");
    for name in FRONT_ENDS {
        let module = cargo_folder.join(TARGET).join(format!("debug/front_end_{name}.wasm"));
        let folder = all.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut generator = Bindgen::new();
        generator
            .input_path(&module)
            .web(true)?
            .typescript(false)
            .omit_default_module_path(false)
            .out_name("front_end");
        generator.generate(&folder)?;
        fs::write(folder.join("main.js"), "import start from './front_end.js';\nawait start();\n")?;
        let page = workspace.root().join("tests/front_ends/index.html");
        fs::copy(&page, folder.join("index.html")).with_context(|| format!("cannot copy {}", page.display()))?;
    }
    Ok(all)
}
