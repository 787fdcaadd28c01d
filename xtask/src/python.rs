//! Python and the packages from its index.
//!
//! `tests/providers/requirements.txt` lists the packages of the providers in Python. They are installed in a separate
//! environment, which the machine's own Python creates.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    debian::{self, Package},
    process,
    workspace::Workspace,
};

const VENV: [Package; 1] =
    [Package { name: "python3-venv", reason: "creates the environment of the providers in Python" }];

/// A command that succeeds with a Python that is new enough and can create the environment.
const FITS: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";

/// A Python with the packages of the requirements; creates it if it is missing or does not match them.
pub fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("python");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let requirements = workspace.tests().join("providers/requirements.txt");
    let wanted = fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let installed = folder.join("installed.txt");
    let done = || python.is_file() && fs::read(&installed).is_ok_and(|present| present == wanted);
    if done() {
        return Ok(python);
    }
    let _lock = workspace.lock()?;
    if done() {
        return Ok(python);
    }
    let name = process::short(&folder);
    eprintln!("xtask: pip install in {name}: the providers of tests/providers/requirements.txt");
    process::timed("pip install", || {
        process::run(Command::new(found()?).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        process::run(pip.arg(&requirements))?;
        fs::write(&installed, &wanted).with_context(|| format!("cannot write {}", installed.display()))
    })?;
    Ok(python)
}

/// The packages that the machine's Python lacks.
pub fn packages() -> Vec<Package> {
    if find().is_none() { VENV.to_vec() } else { Vec::new() }
}

fn find() -> Option<PathBuf> {
    let fits = |python: &PathBuf| process::ask(Command::new(python).args(["-c", FITS])).is_some();
    ["python3", "python"].into_iter().flat_map(process::on_path).find(fits)
}

/// The machine's Python; installs missing packages if it is allowed to.
fn found() -> Result<PathBuf> {
    if debian::is_here() {
        debian::install(&packages())?;
    }
    find().context("the tests need Python 3.10 or newer in PATH, with its modules `venv` and `ensurepip`: install it")
}
