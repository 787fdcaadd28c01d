//! The steps that must pass before a change is merged, the cheapest first.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _, stdout},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{
    browsers, build,
    debian::{self, Package},
    deny, docs, front_ends, fuzz, hostile, in_browser,
    node::Node,
    process, size,
    stories::{self, Reach},
    sysroot::Panics,
    toolchain::{self, TARGET, Toolchain},
    workspace::Workspace,
};

/// A step, with its name on the command line.
pub struct Step {
    pub name: &'static str,
    pub what: &'static str,
    pub run: fn(&Workspace) -> Result<Outcome>,
}

/// The outcome of a step that did not end in an error.
pub enum Outcome {
    /// It passed, and counts as one test.
    Passed,
    /// It ran tests, and counts as that many.
    Tests(Count),
    /// It had nothing to do, for this reason.
    Skipped(&'static str),
}

/// The numbers of passed and failed tests.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
}

pub const STEPS: [Step; 15] = [
    Step { name: "fmt", what: "the sources are formatted", run: fmt },
    Step { name: "clippy", what: "Clippy reports nothing", run: clippy },
    Step { name: "wasm", what: "Clippy reports nothing about the code for the browser", run: clippy_for_wasm },
    Step { name: "host", what: "tests on this machine", run: host },
    Step { name: "build", what: "the package builds", run: make },
    Step { name: "size", what: "the package is within its size budgets", run: weigh },
    Step { name: "types", what: "the JavaScript matches its type declarations", run: types },
    Step { name: "js", what: "the JavaScript is formatted, and its linter reports nothing", run: js },
    Step {
        name: "docs",
        what: "the documentation's links resolve, its code has the right types, and its site is made",
        run: docs,
    },
    Step { name: "costs", what: "a text of twice the length costs little more than twice the steps", run: costs },
    Step { name: "fuzz", what: "readers of foreign bytes survive damaged inputs", run: fuzz },
    Step { name: "deny", what: "licences, sources and advisories of the dependencies", run: deny },
    Step { name: "browser", what: "tests of the browser host, in pages and workers", run: in_browser::test },
    Step { name: "e2e", what: "stories in browsers with real providers", run: e2e },
    Step { name: "consumers", what: "the packed package and the crate work in apps of several kinds", run: consumers },
];

const SERVER: [Package; 1] = [Package { name: "nginx-light", reason: "serves the apps that use the packed package" }];

fn fmt(workspace: &Workspace) -> Result<Outcome> {
    process::run(toolchain::cargo("fmt").current_dir(workspace.root()).args(["--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn js(workspace: &Workspace) -> Result<Outcome> {
    process::run(biome(workspace)?.arg("ci"))?;
    Ok(Outcome::Passed)
}

/// Formats the JavaScript, and applies the linter's automatic fixes.
pub fn mend(workspace: &Workspace) -> Result<()> {
    process::run(biome(workspace)?.args(["check", "--write"]))
}

/// The formatter and linter of JavaScript, which finds `biome.jsonc`.
fn biome(workspace: &Workspace) -> Result<Command> {
    let mut command = Node::install(workspace)?.tool("@biomejs/biome/bin/biome");
    command.current_dir(workspace.root());
    Ok(command)
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
        eprintln!("xtask: this compiler has no Clippy; its own warnings count instead");
        "check"
    };
    let mut command = toolchain.cargo(workspace, subcommand, &["-Dwarnings"])?;
    command.args(["--package", "valet-key", "--features", "guard,browser", "--target", TARGET, "--target-dir"]);
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

fn docs(workspace: &Workspace) -> Result<Outcome> {
    docs::docs(workspace)?;
    let mut command = Node::install(workspace)?.command();
    command.args(["--test", "--test-reporter=spec"]).arg(workspace.tests().join("docs/docs.test.mjs"));
    counted(&mut command)
}

fn costs(workspace: &Workspace) -> Result<Outcome> {
    let mut command = Node::install(workspace)?.command();
    command.args(["--test", "--test-reporter=spec"]);
    hostile::steps(workspace, &mut command)?;
    counted(&mut command)
}

fn fuzz(workspace: &Workspace) -> Result<Outcome> {
    Ok(Outcome::Tests(Count { passed: fuzz::briefly(workspace)?, failed: 0 }))
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    deny::check(workspace)?;
    Ok(Outcome::Passed)
}

fn e2e(workspace: &Workspace) -> Result<Outcome> {
    stories::play(workspace, Reach::Gravest)
}

fn consumers(workspace: &Workspace) -> Result<Outcome> {
    let nginx = nginx()?;
    let mut command = stories::in_browsers(workspace, &[browsers::CHROMIUM])?;
    Node::install_consumers(workspace)?;
    let front_ends = front_ends::build(workspace)?;
    counted(
        command
            .args(stories::RUNNER)
            .arg(workspace.consumers().join("consumers.test.mjs"))
            .env("WEB_SERVER", nginx)
            .env("FRONT_ENDS", front_ends),
    )
}

/// Tries the packed package with the build tools that no step installs, and prints what ran.
pub fn more_consumers(workspace: &Workspace) -> Result<()> {
    let nginx = nginx()?;
    let mut command = stories::in_browsers(workspace, &[browsers::CHROMIUM])?;
    Node::install_consumers(workspace)?;
    Node::install_more_consumers(workspace)?;
    command.args(stories::RUNNER).arg(workspace.more_consumers().join("bundlers.test.mjs")).env("WEB_SERVER", nginx);
    let outcome = process::run(&mut command);
    let table = workspace.target().join("consumers/table.md");
    print!("{}", fs::read_to_string(&table).with_context(|| format!("cannot read {}", table.display()))?);
    outcome
}

/// The compiler, locked against other xtask processes that look for it or compile its library.
pub fn found(workspace: &Workspace, panics: Panics) -> Result<Toolchain> {
    let _lock = workspace.lock()?;
    Toolchain::find(workspace, panics)
}

/// A web server; installs it if it is allowed to.
fn nginx() -> Result<PathBuf> {
    if debian::is_here() {
        debian::install(&packages())?;
    }
    find_nginx().context("the tests need nginx in PATH: install it")
}

/// The missing packages of the last step.
pub fn packages() -> Vec<Package> {
    if find_nginx().is_none() { SERVER.to_vec() } else { Vec::new() }
}

/// Debian installs servers in a folder that only root's path contains.
fn find_nginx() -> Option<PathBuf> {
    let elsewhere = Some("/usr/sbin/nginx".into()).filter(|file: &PathBuf| file.is_file());
    process::on_path("nginx").into_iter().next().or(elsewhere)
}

/// Runs a test program, prints its output, and reads the numbers from it.
pub fn counted(command: &mut Command) -> Result<Outcome> {
    let spelled = process::spell(command);
    let (count, all_well) = counted_beside(command)?;
    judged(count, all_well, &spelled)
}

/// The same for several such programs in parallel, which share one task.
pub fn counted_together(commands: Vec<Command>) -> Result<Outcome> {
    let mut spelled: Vec<String> = commands.iter().map(process::spell).collect();
    spelled.dedup();
    let threads: Vec<_> =
        commands.into_iter().map(|mut command| thread::spawn(move || counted_beside(&mut command))).collect();
    let mut sum = Count::default();
    let mut all_well = true;
    for thread in threads {
        let (count, well) = thread.join().unwrap_or_else(|_| bail!("a thread ended"))?;
        sum.passed += count.passed;
        sum.failed += count.failed;
        all_well &= well;
    }
    judged(sum, all_well, &spelled.join("\n  "))
}

fn judged(sum: Count, all_well: bool, spelled: &str) -> Result<Outcome> {
    if sum.failed > 0 {
        eprintln!("xtask: failed: {spelled}");
    } else if !all_well {
        bail!("failed:\n  {spelled}");
    } else if sum.passed == 0 {
        bail!("no test ran:\n  {spelled}");
    }
    Ok(Outcome::Tests(sum))
}

/// The numbers that a program prints, and whether it succeeded. Its final output is printed in one piece.
fn counted_beside(command: &mut Command) -> Result<(Count, bool)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::spell(command)))?;
    let mut sum = Count::default();
    let mut end = String::new();
    for text in BufReader::new(child.stdout.take().context("no output to read")?).lines() {
        let text = text?;
        let count = read_count(&text);
        sum.passed += count.passed;
        sum.failed += count.failed;
        if !end.is_empty() || text.starts_with("ℹ tests ") {
            end += &text;
            end += "\n";
        } else {
            writeln!(stdout(), "{text}")?;
        }
    }
    write!(stdout(), "{end}")?;
    Ok((sum, child.wait()?.success()))
}

/// The numbers in a line of Rust's test harness (also in a browser) or of Node's.
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
