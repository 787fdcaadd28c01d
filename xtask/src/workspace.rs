//! The folders of the project.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The project's root, and the folders below it.
pub struct Workspace(PathBuf);

impl Workspace {
    /// The workspace of xtask.
    pub fn new() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask …`")?;
        let root = Path::new(&manifest).parent().context("xtask lies in a folder of the workspace")?;
        Ok(Self(root.to_owned()))
    }

    /// The folder of the root `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The npm package, written by hand.
    pub fn pkg(&self) -> PathBuf {
        self.0.join("pkg")
    }

    /// The part of the npm package that `build` makes.
    pub fn shipped(&self) -> PathBuf {
        self.0.join("pkg/wasm")
    }

    /// The folder with the tools from npm.
    pub fn tests(&self) -> PathBuf {
        self.0.join("tests")
    }

    /// The folder with the apps that use the packed package.
    pub fn consumers(&self) -> PathBuf {
        self.0.join("tests/consumers")
    }

    /// The same for build tools that CI does not install.
    pub fn more_consumers(&self) -> PathBuf {
        self.consumers().join("more")
    }

    /// The folder with what makes the documentation site.
    pub fn docs_site(&self) -> PathBuf {
        self.0.join("docs/site")
    }

    /// Generated files, which may be deleted at any time.
    pub fn target(&self) -> PathBuf {
        self.0.join("target")
    }

    /// Intermediate files of xtask, apart from Cargo's own.
    pub fn scratch(&self) -> Result<PathBuf> {
        let folder = self.target().join("xtask");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Waits until no other xtask of this workspace is installing or building. The lock holds until the returned value
    /// is dropped.
    pub fn lock(&self) -> Result<fs::File> {
        let file = fs::File::create(self.scratch()?.join("lock")).context("cannot make the lock file")?;
        file.lock().context("cannot wait for the lock file")?;
        Ok(file)
    }
}
