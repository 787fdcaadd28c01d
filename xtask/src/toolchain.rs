//! The compiler for WebAssembly.
//!
//! The first of these that is available is used:
//!
//! 1. a `rustc` with the sources of its standard library: see [`crate::sysroot`];
//! 2. a `rustc` with the target, as after `rustup target add`; its module is some KB larger;
//! 3. with rustup: the sources, added, and then as in 1;
//! 4. on Debian: its packages, installed, and then as in 1.
//!
//! The environment variable `VALET_KEY_TOOLCHAIN` forces one of them: `rustup` means rustup's compiler in 1 to 3,
//! `debian` means 4, with only Cargo from rustup.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    debian::{self, Package},
    process,
    sysroot::{self, Panics},
    workspace::Workspace,
};

/// The target of the compilation.
pub const TARGET: &str = "wasm32-unknown-unknown";

const VARIABLE: &str = "VALET_KEY_TOOLCHAIN";

const PACKAGES: [Package; 3] = [
    Package { name: "rustc-web", reason: "a Rust compiler that can make WebAssembly" },
    Package { name: "rust-web-src", reason: "the sources of its standard library, compiled once into target/" },
    Package { name: "lld-22", reason: "the linker for WebAssembly" },
];

/// A compiler for WebAssembly, and the arguments that it needs.
pub struct Toolchain {
    rustc: PathBuf,
    /// The standard library that was compiled here, if the compiler has none for the target.
    sysroot: Option<PathBuf>,
    /// The linker, if the compiler has none.
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// Finds a compiler, or installs one.
    pub fn find(workspace: &Workspace, panics: Panics) -> Result<Self> {
        let (rustc, linker, source) = match env::var(VARIABLE).as_deref() {
            Ok("rustup") => from_rustup(),
            Ok("debian") => from_debian(),
            Ok(other) => bail!("{VARIABLE} is `{other}`: it must be `rustup`, `debian`, or not set"),
            Err(_) => any(),
        }?;
        let version = process::ask(compiler(&rustc).arg("-V")).unwrap_or_default();
        let program = rustc.display();
        let sysroot = match source {
            Library::Sources => {
                let linker = linker.as_deref().context("there is no linker for WebAssembly: install lld")?;
                eprintln!("xtask: {version} ({program}), with a standard library compiled here");
                Some(sysroot::prepare(workspace, &rustc, linker, panics)?)
            }
            Library::Compiled => {
                eprintln!("xtask: {version} ({program}), with its own standard library");
                eprintln!("xtask: (with the library's sources the module is smaller: rustup component add rust-src)");
                None
            }
        };
        Ok(Self { rustc, sysroot, linker })
    }

    /// Cargo with this compiler, without flags from the environment.
    ///
    /// The caller passes `--target`, so that the flags reach the code for the browser and not what runs while building.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &str, flags: &[&str]) -> Result<Command> {
        let mut all = self.flags(workspace)?;
        all.extend(flags.iter().map(ToString::to_string));
        let mut command = cargo(subcommand);
        command
            .current_dir(workspace.root())
            .env("RUSTC", &self.rustc)
            .env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"))
            .env("RUSTUP_AUTO_INSTALL", "0")
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_BOOTSTRAP");
        if self.sysroot.is_some() {
            // `cargo run` sets the path to the libraries of the compiler that built xtask, which is another one.
            command.env_remove("LD_LIBRARY_PATH");
        }
        Ok(command)
    }

    /// Whether the standard library is compiled here, as the size budgets assume.
    pub fn compiles_its_library(&self) -> bool {
        self.sysroot.is_some()
    }

    /// Whether Clippy can check code for the browser: it reads only the library of its own compiler.
    pub fn has_clippy(&self) -> bool {
        let driver = format!("bin/clippy-driver{}", env::consts::EXE_SUFFIX);
        sysroot_of(&self.rustc).is_some_and(|folder| folder.join(driver).is_file())
    }

    fn flags(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let mut flags = Vec::new();
        if let Some(folder) = &self.sysroot {
            flags.push(format!("--sysroot={}", utf8(folder)?));
        }
        if let Some(linker) = &self.linker {
            flags.push(format!("-Clinker={}", utf8(linker)?));
        }
        // The module must not contain local paths. The last matching flag applies.
        for (folder, name) in [(Some(workspace.root().to_owned()), "/valet-key"), (cargo_home(), "/cargo")] {
            if let Some(folder) = folder {
                flags.push(format!("--remap-path-prefix={}={name}", utf8(&folder)?));
            }
        }
        // SHA-256 as a loop instead of 64 unrolled rounds: it hashes one short text for a sign-in.
        flags.push("--cfg=sha2_backend_soft=\"compact\"".into());
        // The stack comes first in memory, so that an overflow leaves the memory and traps.
        flags.push("-Clink-arg=-zstack-size=65536".into());
        Ok(flags)
    }
}

/// The Cargo that runs xtask.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand);
    command
}

/// Where Cargo keeps the sources of dependencies.
pub fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// A path as part of a flag.
pub fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8: move the project to a folder that is", path.display()))
}

type Found = (PathBuf, Option<PathBuf>, Library);

/// What the compiler has of the standard library.
enum Library {
    Sources,
    Compiled,
}

fn any() -> Result<Found> {
    let compilers = candidates();
    if let Some(found) = with_sources(&compilers).or_else(|| with_target(&compilers)) {
        return Ok(found);
    }
    if !process::on_path("rustup").is_empty() {
        match add(&compilers) {
            Ok(found) => return Ok(found),
            Err(error) if debian::is_here() => eprintln!("xtask: {error:#}\nxtask: so, Debian's compiler"),
            Err(error) => return Err(error),
        }
    }
    if debian::is_here() {
        return from_debian();
    }
    let names = PACKAGES.map(|package| package.name).join(" ");
    bail!(
        "no Rust compiler here can make {TARGET}. One of these is enough:\n  rustup component add rust-src\n  \
         rustup target add {TARGET}\n  sudo apt-get install -y --no-install-recommends {names}    (Debian)"
    )
}

fn from_rustup() -> Result<Found> {
    let compilers: Vec<PathBuf> = candidates().into_iter().filter(|rustc| belongs_to_rustup(rustc)).collect();
    with_sources(&compilers).or_else(|| with_target(&compilers)).map_or_else(|| add(&compilers), Ok)
}

fn from_debian() -> Result<Found> {
    let find = || {
        let compilers: Vec<PathBuf> = candidates().into_iter().filter(|rustc| !belongs_to_rustup(rustc)).collect();
        with_sources(&compilers)
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    if !debian::is_here() {
        bail!("{VARIABLE}=debian needs Debian: set it to `rustup`, or unset it");
    }
    debian::install(&PACKAGES)?;
    find().context("Debian's compiler is installed but not found: is /usr/bin in PATH?")
}

/// Adds what rustup's compiler lacks: the sources of its standard library, or a compiled library if the sources are not
/// available.
fn add(compilers: &[PathBuf]) -> Result<Found> {
    eprintln!(
        "xtask: no compiler here can make {TARGET}, so rustup's gets the sources of its standard library, or the"
    );
    eprintln!("xtask: library itself:");
    for arguments in [["component", "add", "rust-src"], ["target", "add", TARGET]] {
        let mut command = Command::new("rustup");
        command.args(arguments);
        eprintln!("xtask: {}", process::spell(&command));
        if process::run(&mut command).is_ok()
            && let Some(found) = with_sources(compilers).or_else(|| with_target(compilers))
        {
            return Ok(found);
        }
    }
    bail!("rustup could not add either (no network, not allowed, or another toolchain than the one in use here)")
}

fn with_sources(compilers: &[PathBuf]) -> Option<Found> {
    compilers
        .iter()
        .filter(|rustc| sysroot::has_sources(rustc))
        .find_map(|rustc| Some((rustc.clone(), Some(linker(rustc)?), Library::Sources)))
}

fn with_target(compilers: &[PathBuf]) -> Option<Found> {
    let rustc = compilers.iter().find(|rustc| has_target(rustc))?;
    // rustup's compiler finds its own linker.
    let linker = if own_linker(rustc).is_some() { None } else { linker(rustc) };
    Some((rustc.clone(), linker, Library::Compiled))
}

/// The compiler in `RUSTC`, and then each `rustc` of the search path: the distribution's often follows rustup's.
fn candidates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = env::var_os("RUSTC").map(PathBuf::from).into_iter().collect();
    found.extend(process::on_path("rustc"));
    found
}

fn belongs_to_rustup(rustc: &Path) -> bool {
    let beside =
        rustc.parent().is_some_and(|folder| folder.join(format!("rustup{}", env::consts::EXE_SUFFIX)).exists());
    beside || sysroot_of(rustc).is_some_and(|folder| folder.parent().is_some_and(|above| above.ends_with("toolchains")))
}

fn has_target(rustc: &Path) -> bool {
    let question = ["--print", "target-libdir", "--target", TARGET];
    process::ask(compiler(rustc).args(question)).is_some_and(|folder| {
        let is_core = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libcore-");
        fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_core))
    })
}

/// The folder of a compiler's own files.
pub fn sysroot_of(rustc: &Path) -> Option<PathBuf> {
    process::ask(compiler(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn compiler(rustc: &Path) -> Command {
    let mut command = Command::new(rustc);
    // A proxy of rustup then only uses what is installed, and downloads nothing.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command
}

fn own_linker(rustc: &Path) -> Option<PathBuf> {
    let about = process::ask(compiler(rustc).arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "))?;
    let program = sysroot_of(rustc)?.join(format!("lib/rustlib/{host}/bin/rust-lld{}", env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

/// The compiler's own linker, or any other lld.
fn linker(rustc: &Path) -> Option<PathBuf> {
    let versions = (14..60).rev().map(|version| format!("wasm-ld-{version}"));
    own_linker(rustc)
        .or_else(|| versions.chain(["wasm-ld".into()]).find_map(|name| process::on_path(&name).into_iter().next()))
        .or_else(|| process::on_path("rust-lld").into_iter().next())
}
