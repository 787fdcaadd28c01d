//! Packages of Debian and its relatives.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// A package, and its purpose.
#[derive(Clone, Copy)]
pub struct Package {
    pub name: &'static str,
    pub reason: &'static str,
}

/// Whether this machine has Debian's package tools.
pub fn is_here() -> bool {
    !cfg!(target_os = "macos") && !process::on_path("apt-get").is_empty() && !process::on_path("dpkg-query").is_empty()
}

/// One thread at a time installs packages: apt fails while another apt reads the lists.
static ONE: Mutex<()> = Mutex::new(());

/// Makes sure that the packages are installed: prints the missing ones with their purpose, and installs them if it is
/// allowed to.
pub fn install(packages: &[Package]) -> Result<()> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut missing: Vec<&Package> = Vec::new();
    for package in packages {
        if missing.iter().all(|other| other.name != package.name) && !is_installed(package.name) {
            missing.push(package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        eprintln!("xtask: needs the Debian package {}: {}", package.name, package.reason);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !is_root() {
        bail!(
            "only root may install packages. Run this, then try again:\n  sudo apt-get update\n  \
             sudo apt-get install -y --no-install-recommends {}",
            names.join(" ")
        );
    }
    if !names.iter().all(|name| has_candidate(name)) {
        update()?;
    }
    if add(&names).is_err() {
        eprintln!("xtask: installing failed; trying again with new package lists");
        update()?;
        add(&names).context("installing the packages above failed")?;
    }
    Ok(())
}

fn is_installed(name: &str) -> bool {
    process::ask(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", name]))
        .is_some_and(|status| status == "installed")
}

fn has_candidate(name: &str) -> bool {
    process::ask(Command::new("apt-cache").args(["show", name])).is_some_and(|answer| !answer.is_empty())
}

/// Whether this process may install packages.
pub fn is_root() -> bool {
    process::ask(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}

fn update() -> Result<()> {
    apt(&["update"])
}

fn add(names: &[&str]) -> Result<()> {
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(names);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    eprintln!("xtask: {}", process::spell(&command));
    process::run(&mut command)
}
