//! Everything that has to hold before a change goes in, in the order of what it costs.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _, stdout},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    browsers::{self, Engine, Geckodriver},
    build,
    debian::{self, Package},
    hostile,
    node::Node,
    process, providers, python, size,
    sysroot::Panics,
    toolchain::{self, TARGET, Toolchain},
    workspace::Workspace,
};

/// A step, by the name that one can ask for.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

/// What became of a step that did not end in an error.
enum Outcome {
    /// It passed, and counts for one.
    Passed,
    /// It ran tests of its own, and counts for as many.
    Tests(Count),
    /// There is nothing to do here, for this reason.
    Skipped(&'static str),
}

#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    failed: usize,
}

const STEPS: [Step; 11] = [
    Step { name: "fmt", what: "the sources are formatted", run: fmt },
    Step { name: "clippy", what: "Clippy has nothing to say", run: clippy },
    Step { name: "wasm", what: "nor about the code for the browser", run: clippy_for_wasm },
    Step { name: "host", what: "tests on this machine", run: host },
    Step { name: "build", what: "the package can be made", run: make },
    Step { name: "size", what: "and weighs no more than it may", run: weigh },
    Step { name: "types", what: "its JavaScript keeps the promises of its types", run: types },
    Step { name: "costs", what: "twice the text costs little more than twice the steps", run: costs },
    Step { name: "browser", what: "tests of the Rust client in a browser", run: browser },
    Step { name: "e2e", what: "whole stories, in a browser with real providers", run: e2e },
    Step { name: "consumers", what: "the packed package works in apps of several kinds", run: consumers },
];

const SERVER: [Package; 1] = [Package { name: "nginx-light", reason: "serves the apps that use the packed package" }];

/// Runs the named steps, or all. The last line says how many checks passed and failed.
pub fn test(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{unknown}`; the steps are {}", known.join(", "));
    }
    let asked = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    let steps: Vec<&Step> = STEPS.iter().filter(asked).collect();
    let mut driver = steps.iter().any(|step| step.name == "e2e").then(|| ahead(workspace)).transpose()?;
    let mut sum = Count::default();
    let mut code = ExitCode::SUCCESS;
    for step in steps {
        eprintln!("\nxtask: {}: {}", step.name, step.what);
        let start = Instant::now();
        if step.name == "e2e" {
            // What became of it is the step's to tell.
            let _ = driver.take().map(Geckodriver::finish);
        }
        let outcome = (step.run)(workspace);
        let seconds = start.elapsed().as_secs_f32();
        let (count, words) = match outcome {
            Ok(Outcome::Passed) => (Count { passed: 1, failed: 0 }, "passed".into()),
            Ok(Outcome::Skipped(reason)) => (Count::default(), format!("skipped: {reason}")),
            Ok(Outcome::Tests(count)) if count.failed == 0 => (count, format!("{} passed", count.passed)),
            Ok(Outcome::Tests(count)) => (count, format!("{} passed, {} FAILED", count.passed, count.failed)),
            Err(error) => (Count { passed: 0, failed: 1 }, format!("FAILED: {error:#}")),
        };
        eprintln!("xtask: {}: {words} ({seconds:.1} s)", step.name);
        sum.passed += count.passed;
        sum.failed += count.failed;
        if count.failed > 0 {
            eprintln!("xtask: to repeat it: cargo xtask test {}", step.name);
            code = ExitCode::FAILURE;
            break;
        }
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(code)
}

fn fmt(workspace: &Workspace) -> Result<Outcome> {
    process::run(toolchain::cargo("fmt").current_dir(workspace.root()).args(["--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let mut command = toolchain::cargo("clippy");
    command.current_dir(workspace.root()).args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
    process::run(&mut command)?;
    Ok(Outcome::Passed)
}

fn clippy_for_wasm(workspace: &Workspace) -> Result<Outcome> {
    let toolchain = found(workspace, Panics::Trap)?;
    let subcommand = if toolchain.has_clippy() {
        "clippy"
    } else {
        eprintln!("xtask: this compiler comes without Clippy; its own warnings count instead");
        "check"
    };
    let mut command = toolchain.cargo(workspace, subcommand, &["-Dwarnings"])?;
    command.args(["--package", "valet-key", "--features", "npm,browser", "--target", TARGET, "--target-dir"]);
    process::run(command.arg(workspace.target().join("xtask/cargo")))?;
    Ok(Outcome::Passed)
}

fn host(workspace: &Workspace) -> Result<Outcome> {
    let mut command = toolchain::cargo("test");
    command.current_dir(workspace.root()).args(["--workspace", "--no-fail-fast"]);
    counted(&mut command)
}

fn make(workspace: &Workspace) -> Result<Outcome> {
    build::build(workspace, &Node::install(workspace)?)?;
    Ok(Outcome::Passed)
}

fn weigh(workspace: &Workspace) -> Result<Outcome> {
    size::run(workspace, &Node::install(workspace)?, &[])?;
    Ok(Outcome::Passed)
}

fn types(workspace: &Workspace) -> Result<Outcome> {
    let node = Node::install(workspace)?;
    let projects = [workspace.pkg().join("tsconfig.json"), workspace.tests().join("tsconfig.json")];
    let Some(project) = projects.into_iter().find(|file| file.is_file()) else {
        return Ok(Outcome::Skipped("there is no tsconfig.json in pkg or tests"));
    };
    process::run(node.tool("typescript/bin/tsc").arg("--project").arg(project))?;
    Ok(Outcome::Passed)
}

fn costs(workspace: &Workspace) -> Result<Outcome> {
    let mut command = Node::install(workspace)?.command();
    command.args(["--test", "--test-reporter=spec"]);
    hostile::steps(workspace, &mut command)?;
    counted(&mut command)
}

fn browser(workspace: &Workspace) -> Result<Outcome> {
    if !workspace.tests().join("browser.rs").is_file() {
        return Ok(Outcome::Skipped("there is no tests/browser.rs"));
    }
    let programs = browsers::programs(workspace, &[browsers::CHROMIUM])?;
    let [(_, chromium), (_, driver)] = &programs[..] else { bail!("Chromium and its driver are two programs") };
    let toolchain = found(workspace, Panics::Tell)?;
    let mut runner = toolchain::cargo("build");
    runner.current_dir(workspace.root());
    runner.args(["--package", "xtask", "--features", "test-runner", "--bin", "wasm-test-runner", "--target-dir"]);
    process::run(runner.arg(workspace.target().join("xtask/runner")))?;
    let runner = workspace.target().join(format!("xtask/runner/debug/wasm-test-runner{}", env::consts::EXE_SUFFIX));

    let capabilities = workspace.scratch()?.join("webdriver.json");
    let mut arguments = vec![
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--no-first-run",
    ];
    if debian::is_root() {
        // Chromium's sandbox does not start for root.
        arguments.push("--no-sandbox");
    }
    let value = json!({ "goog:chromeOptions": { "binary": chromium, "args": arguments } });
    fs::write(&capabilities, value.to_string())?;

    let mut command = toolchain.cargo(workspace, "test", &[])?;
    command
        .args([
            "--package",
            "valet-key",
            "--features",
            "browser",
            "--test",
            "browser",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(workspace.target().join("xtask/cargo"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities)
        .env("CHROMEDRIVER", driver);
    counted(&mut command)
}

fn e2e(workspace: &Workspace) -> Result<Outcome> {
    let folder = workspace.tests().join("e2e");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "mjs" || extension == "js"));
    files.sort();
    if files.is_empty() {
        return Ok(Outcome::Skipped("there is nothing in tests/e2e"));
    }
    let engines = browsers::chosen()?;
    let ran = ran(workspace);
    fs::create_dir_all(workspace.target().join("e2e"))?;
    fs::write(&ran, "").with_context(|| format!("cannot write {}", ran.display()))?;
    let python = python::install(workspace)?;
    let others = providers::Chosen::from_env()?;
    others.install()?;
    let mut command = runner(workspace, &engines)?;
    command.env("VALET_KEY_RAN", &ran).env("PROVIDERS_PYTHON", python).env(providers::CHOICE, others.names());
    let outcome = counted(command.args(files))?;
    let all = engines.len() == browsers::ALL && others.is_all();
    if matches!(outcome, Outcome::Tests(Count { failed: 0, .. })) && all {
        process::run(tables(workspace)?.arg("--check"))?;
    }
    Ok(outcome)
}

/// Writes the tables of `docs/engines.md` from what the last whole run of the stories saw.
pub fn engines(workspace: &Workspace) -> Result<()> {
    process::run(&mut tables(workspace)?)
}

fn tables(workspace: &Workspace) -> Result<Command> {
    let mut command = Node::install(workspace)?.command();
    command.arg(workspace.tests().join("support/engine_table.mjs")).arg(ran(workspace));
    Ok(command)
}

/// Which stories passed where.
fn ran(workspace: &Workspace) -> PathBuf {
    workspace.target().join("e2e/ran.jsonl")
}

fn consumers(workspace: &Workspace) -> Result<Outcome> {
    let nginx = nginx()?;
    let mut command = runner(workspace, &[browsers::CHROMIUM])?;
    Node::install_consumers(workspace)?;
    counted(command.arg(workspace.consumers().join("consumers.test.mjs")).env("WEB_SERVER", nginx))
}

/// Node as a test runner, to be given its files.
fn runner(workspace: &Workspace, engines: &[&Engine]) -> Result<Command> {
    let mut command = in_browsers(workspace, engines)?;
    command
        // A story that hangs is over when its time is, whatever it leaves open.
        .args(["--test", "--test-reporter=spec", "--test-force-exit"])
        .arg(format!("--test-concurrency={}", thread::available_parallelism().map_or(1, usize::from)));
    Ok(command)
}

/// Begins what takes long and is in nobody's way: the first steps need neither the browsers nor a driver.
fn ahead(workspace: &Workspace) -> Result<Geckodriver> {
    let engines = browsers::chosen()?;
    if debian::is_here() {
        // All in one go. Who may not install them learns it here, and again where they are needed.
        let mut packages = browsers::packages(&engines);
        packages.extend(providers::Chosen::from_env()?.packages());
        debian::install(&packages).unwrap_or_else(|error| eprintln!("xtask: {error:#}"));
    }
    Geckodriver::begin(workspace, &engines)
}

/// Node, to be given a script that opens browsers: the package is built, and the browsers are there.
pub fn in_browsers(workspace: &Workspace, engines: &[&Engine]) -> Result<Command> {
    let programs = browsers::programs(workspace, engines)?;
    let node = Node::install(workspace)?;
    build::build(workspace, &node)?;
    let mut command = node.command();
    command
        .current_dir(workspace.root())
        .envs(programs)
        .env(browsers::CHOICE, engines.iter().map(|engine| engine.name).collect::<Vec<_>>().join(","))
        // Selenium would look for browsers on the network otherwise.
        .env("SE_OFFLINE", "true")
        .env("SE_AVOID_STATS", "true");
    Ok(command)
}

/// The compiler, while no other xtask looks for it or compiles its library.
fn found(workspace: &Workspace, panics: Panics) -> Result<Toolchain> {
    let _lock = workspace.lock()?;
    Toolchain::find(workspace, panics)
}

/// A web server; installs it where it may.
fn nginx() -> Result<PathBuf> {
    // Debian keeps servers where only root's path leads.
    let find = || {
        process::on_path("nginx")
            .into_iter()
            .next()
            .or(Some("/usr/sbin/nginx".into()).filter(|file: &PathBuf| file.is_file()))
    };
    if debian::is_here() && find().is_none() {
        debian::install(&SERVER)?;
    }
    find().context("the tests need nginx in PATH: install it")
}

/// Runs a program that runs tests, shows what it says, and reads the sums from it.
fn counted(command: &mut Command) -> Result<Outcome> {
    let line = process::spell(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut sum = Count::default();
    for text in BufReader::new(child.stdout.take().context("no output to read")?).lines() {
        let text = text?;
        let count = read_count(&text);
        sum.passed += count.passed;
        sum.failed += count.failed;
        writeln!(stdout(), "{text}")?;
    }
    let status = child.wait()?;
    if sum.failed > 0 {
        eprintln!("xtask: failed: {line}");
        return Ok(Outcome::Tests(sum));
    }
    if !status.success() {
        bail!("failed ({status}):\n  {line}");
    }
    if sum.passed == 0 {
        bail!("no test ran:\n  {line}");
    }
    Ok(Outcome::Tests(sum))
}

/// The sums in a line of Rust's test harness (also in a browser) or of Node's.
fn read_count(line: &str) -> Count {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |text: &str| text.parse().unwrap_or_default();
    match words[..] {
        ["test", "result:", _, passed, "passed;", failed, "failed;", ..] => {
            Count { passed: number(passed), failed: number(failed) }
        }
        ["ℹ", "pass", passed] => Count { passed: number(passed), failed: 0 },
        ["ℹ", "fail" | "cancelled", failed] => Count { passed: 0, failed: number(failed) },
        _ => Count::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::read_count;

    #[test]
    fn sums_are_read_from_either_runner() {
        let rows = [
            ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", (12, 0)),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 filtered out", (3, 2)),
            ("ℹ pass 7", (7, 0)),
            ("ℹ fail 1", (0, 1)),
            ("running 3 tests", (0, 0)),
        ];
        for (line, (passed, failed)) in rows {
            let count = read_count(line);
            assert_eq!((count.passed, count.failed), (passed, failed), "{line}");
        }
    }
}
