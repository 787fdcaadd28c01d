//! Compiles a standard library for WebAssembly once, from the compiler's own sources.
//!
//! Compiling the standard library is the one step that needs unstable flags. It ends in an ordinary folder that
//! `--sysroot` names, so the project itself is built by the stable language, with the same command on every machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    process,
    toolchain::{self, TARGET, utf8},
    workspace::Workspace,
};

const MANIFEST: &str = "\
[package]
name = \"std-for-wasm\"
version = \"0.0.0\"
edition = \"2024\"
[lib]
[workspace]
[profile.release]
debug = false
opt-level = \"z\"
";

/// Optimizes the library for size. Backtraces are not enabled, because browsers have none.
const FEATURES: &str = "optimize_for_size";

/// What the standard library does in a panic. The instance ends in any case.
#[derive(Clone, Copy, PartialEq)]
pub enum Panics {
    /// It traps. The compiler then removes the code that only produced the message: more than a tenth of the module.
    Trap,
    /// It prints the message first, which a failing test needs.
    Tell,
}

/// Whether the sources of the standard library are installed with the compiler.
pub fn has_sources(rustc: &Path) -> bool {
    sources(rustc).is_some_and(|folder| folder.join("library/Cargo.lock").is_file())
}

/// The folder to pass as `--sysroot`; compiles it if this compiler has none yet.
pub fn prepare(workspace: &Workspace, rustc: &Path, linker: &Path, panics: Panics) -> Result<PathBuf> {
    let version = process::ask(Command::new(rustc).arg("-vV")).context("the compiler does not print its version")?;
    let parts = match panics {
        Panics::Trap => "std,panic_abort",
        // `test` and its dependencies.
        Panics::Tell => "std,panic_abort,test,proc_macro",
    };
    let digest = Sha256::digest(format!("{version}\n{MANIFEST}\n{parts}\n{FEATURES}"));
    let key = digest.iter().take(8).fold(0, |key: u64, &octet| key << 8 | u64::from(octet));
    let sysroot = workspace.target().join("wasm-sysroot").join(format!("{key:016x}"));
    if sysroot.join(DONE).is_file() {
        return Ok(sysroot);
    }
    eprintln!("xtask: compiling the standard library for {TARGET}, once for this compiler (about a minute)");
    process::timed("standard library", || compile(&sysroot, rustc, linker, panics, parts))?;
    fs::write(sysroot.join(DONE), version)?;
    Ok(sysroot)
}

/// Written last, so that a folder without it is incomplete.
const DONE: &str = "done";

fn compile(sysroot: &Path, rustc: &Path, linker: &Path, panics: Panics, parts: &str) -> Result<()> {
    let work = sysroot.join("work");
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(work.join("src"))?;
    fs::create_dir_all(&library)?;
    fs::write(work.join("Cargo.toml"), MANIFEST)?;
    fs::write(work.join("src/lib.rs"), "")?;
    let mut flags = vec!["-Cembed-bitcode=yes".to_owned(), format!("-Clinker={}", utf8(linker)?)];
    for (folder, name) in [(sources(rustc), "/rust"), (toolchain::cargo_home(), "/cargo")] {
        if let Some(folder) = folder {
            flags.push(format!("--remap-path-prefix={}={name}", utf8(&folder)?));
        }
    }
    if panics == Panics::Trap {
        // The library checks this condition before it produces a message. A panic strategy of that name exists as well,
        // but only unstable code could be linked to it; with the condition alone, this is a library that aborts.
        flags.extend(["-Aexplicit_builtin_cfgs_in_flags".into(), "--cfg=panic=\"immediate-abort\"".into()]);
    }
    let mut command = toolchain::cargo("build");
    command
        .current_dir(&work)
        .args(["--release", "--quiet", "--target", TARGET, "--target-dir", "made"])
        .arg(format!("-Zbuild-std={parts}"))
        .arg(format!("-Zbuild-std-features={FEATURES}"))
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTUP_AUTO_INSTALL", "0")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("CARGO_TARGET_DIR");
    process::run(&mut command).context("the standard library did not compile")?;
    for entry in fs::read_dir(work.join("made").join(TARGET).join("release/deps"))?.flatten() {
        let file = entry.path();
        let ours = entry.file_name().to_string_lossy().contains("std_for_wasm");
        if !ours && file.extension().is_some_and(|extension| extension == "rlib") {
            fs::copy(&file, library.join(entry.file_name()))?;
        }
    }
    fs::remove_dir_all(&work)?;
    Ok(())
}

fn sources(rustc: &Path) -> Option<PathBuf> {
    toolchain::sysroot_of(rustc).map(|folder| folder.join("lib/rustlib/src/rust"))
}
