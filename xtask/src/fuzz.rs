//! Fuzzing, by libFuzzer: `tests/fuzz`.
//!
//! The instrumentation consists of flags of the stable compiler, so this needs no `cargo-fuzz`, which passes the same
//! flags and takes a minute to install.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    debian::{self, Package},
    process, toolchain,
    workspace::Workspace,
};

const COMPILER: [Package; 1] = [Package { name: "g++", reason: "compiles libFuzzer, which is written in C++" }];

/// The instrumentation for libFuzzer (LLVM, SanitizerCoverage): edges, comparisons, and, for `tests/fuzz/steps.rs`,
/// reads of memory.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-trace-loads",
];

/// How long each target runs, and on which inputs.
enum Run<'a> {
    /// A number of inputs, from the same seed in each run.
    Briefly,
    /// Continues from the inputs of the previous run.
    Minutes(u32),
    /// One input.
    Input(&'a Path),
}

/// Inputs for each target in a run of all tests: a number, so that slow machines try as many.
const BRIEF: u32 = 20_000;

/// The targets that play whole sign-ins. One input takes as long as dozens of a reader's, so these targets get fewer.
const PLAYS: [&str; 2] = ["vault", "client"];
const BRIEF_PLAYS: u32 = 4_000;

/// Minutes for each named target.
const LONG: u32 = 60;

/// Runs every target with some inputs, and returns the number of targets.
pub fn briefly(workspace: &Workspace) -> Result<usize> {
    let fuzzer = Fuzzer::build(workspace)?;
    let mut targets = fuzzer.targets()?;
    // The longest first, so that no processor waits for one of them at the end.
    targets.sort_by_key(|target| !PLAYS.contains(&target.as_str()));
    fuzzer.run_all(&targets, &Run::Briefly)?;
    Ok(targets.len())
}

/// `cargo xtask fuzz [TARGET …] [--minutes N]`, `cargo xtask fuzz TARGET INPUT`.
pub fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (names, minutes) = match arguments.iter().position(|argument| argument == "--minutes") {
        Some(at) => {
            let minutes = arguments.get(at + 1).and_then(|minutes| minutes.parse().ok());
            ensure!(arguments.len() == at + 2, "`--minutes` must be last, with a number");
            (&arguments[..at], minutes.context("`--minutes` must be last, with a number")?)
        }
        None => (arguments, LONG),
    };
    let fuzzer = Fuzzer::build(workspace)?;
    let mut targets = fuzzer.targets()?;
    if let [name, input] = names
        && Path::new(input).is_file()
    {
        return fuzzer.run_all(std::slice::from_ref(name), &Run::Input(Path::new(input)));
    }
    if let Some(unknown) = names.iter().find(|name| !targets.contains(name)) {
        bail!("there is no target `{unknown}`; the targets are {}", targets.join(", "));
    }
    targets.retain(|target| names.is_empty() || names.contains(target));
    fuzzer.run_all(&targets, &Run::Minutes(minutes))
}

/// The program, and the folder for its inputs and findings.
struct Fuzzer {
    program: PathBuf,
    folder: PathBuf,
}

impl Fuzzer {
    fn build(workspace: &Workspace) -> Result<Self> {
        if debian::is_here() && process::on_path("c++").is_empty() {
            debian::install(&COMPILER)?;
        }
        let folder = workspace.target().join("fuzz");
        let host = process::ask(&mut toolchain::cargo("-vV")).unwrap_or_default();
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo does not name its host")?;
        let mut command = toolchain::cargo("build");
        // With a named target, programs that run during the build are not instrumented.
        command.args(["--package", "fuzz", "--profile", "fuzz", "--target", host, "--target-dir"]).arg(&folder);
        command
            .current_dir(workspace.root())
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
            .env_remove("RUSTFLAGS");
        process::run(&mut command).context("the fuzz targets also need a C++ compiler")?;
        let program = folder.join(host).join("fuzz/fuzz");
        let seeds = folder.join("seeds");
        if seeds.is_dir() {
            fs::remove_dir_all(&seeds)?;
        }
        process::run(Command::new(&program).env("FUZZ_SEEDS", &seeds))?;
        Ok(Self { program, folder })
    }

    /// The targets, from the folders of seeds.
    fn targets(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.folder.join("seeds"))?.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        ensure!(!names.is_empty(), "no target has seeds");
        Ok(names)
    }

    /// Runs targets, as many in parallel as there are processors. All of them run, even if one fails.
    fn run_all(&self, targets: &[String], run: &Run<'_>) -> Result<()> {
        let waiting = Mutex::new(targets.iter());
        let failed = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().expect("no thread panics").next();
                        let Some(target) = next else { break };
                        if let Err(error) = self.run(target, run) {
                            eprintln!("xtask: {target}: {error:#}");
                            failed.lock().expect("no thread panics").push(target.as_str());
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().expect("no thread panics");
        ensure!(failed.is_empty(), "these targets failed: {}", failed.join(", "));
        Ok(())
    }

    fn run(&self, target: &str, run: &Run<'_>) -> Result<()> {
        let seeds = self.folder.join("seeds").join(target);
        let found = self.folder.join("found");
        fs::create_dir_all(&found)?;
        let mut command = Command::new(&self.program);
        command.env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        // The limits are far above what a busy machine, and an input of this length, can need.
        command.args(["-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1"]);
        command.arg(format!("-dict={}", seeds.with_extension("dict").display()));
        command.arg(format!("-artifact_prefix={}", found.join(format!("{target}-")).display()));
        let corpus = match run {
            Run::Briefly => {
                let inputs = if PLAYS.contains(&target) { BRIEF_PLAYS } else { BRIEF };
                command.args(["-seed=1", "-max_len=4096"]).arg(format!("-runs={inputs}"));
                let corpus = self.folder.join("brief").join(target);
                if corpus.is_dir() {
                    fs::remove_dir_all(&corpus)?;
                }
                corpus
            }
            Run::Minutes(minutes) => {
                eprintln!("xtask: {target}: {minutes} min");
                command.arg("-max_len=16384").arg(format!("-max_total_time={}", minutes * 60));
                self.folder.join("corpus").join(target)
            }
            Run::Input(input) => return process::run(command.arg(input)),
        };
        fs::create_dir_all(&corpus)?;
        let output = command.arg(corpus).arg(seeds).output().context("libFuzzer does not start")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let lines: Vec<&str> = said.lines().collect();
            let panic = lines.iter().position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
            eprintln!("{}", lines[panic.unwrap_or(lines.len().saturating_sub(30))..].join("\n"));
            bail!("{}; to repeat it: cargo xtask fuzz {target} INPUT, with the file above", output.status);
        }
        let stat = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim().to_owned();
        eprintln!("xtask: {target}: {} inputs", stat("stat::number_of_executed_units:"));
        Ok(())
    }
}
