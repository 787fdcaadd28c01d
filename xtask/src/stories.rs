//! The stories of `tests/e2e`, played in real browsers.

use std::{fs, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    browsers::{self, Engine},
    build,
    node::Node,
    process,
    providers::{self, Chosen},
    python,
    test::{Count, Outcome, counted_together},
    workspace::Workspace,
};

/// Which engines play a story. `tests/support/choice.mjs` decides for each story.
#[derive(Clone, Copy, PartialEq)]
pub enum Reach {
    /// The most important stories in every engine, and the rest in one.
    Gravest,
    /// All of them in every engine.
    Everywhere,
}

/// Plays all of them in the engines that the environment names.
pub fn play(workspace: &Workspace, reach: Reach) -> Result<Outcome> {
    let files = files(workspace)?;
    let engines = browsers::chosen()?;
    let everywhere = if reach == Reach::Everywhere { "1" } else { "0" };
    let outcome = play_some(workspace, &files, &engines, &[("VALET_KEY_EVERYWHERE", everywhere.into())], &[])?;
    let all = engines.len() == browsers::ALL && Chosen::from_env()?.is_all();
    if matches!(outcome, Outcome::Tests(Count { failed: 0, .. })) && all {
        process::run(tables(workspace)?.arg(if reach == Reach::Everywhere { "--check" } else { "--check-part" }))?;
    }
    Ok(outcome)
}

/// Plays the stories whose titles contain one of these parts, so many times, in each engine that the environment names.
pub fn play_named(workspace: &Workspace, parts: &[&str], times: usize) -> Result<Outcome> {
    let patterns = parts.iter().map(|part| escaped(part)).collect::<Vec<_>>().join("|");
    let variables = [("VALET_KEY_EVERYWHERE", "1".into()), ("VALET_KEY_TIMES", times.to_string())];
    // The player's own test has to run, too.
    let options = [format!("--test-name-pattern={patterns}|^the next file of stories")];
    play_some(workspace, &files(workspace)?, &browsers::chosen()?, &variables, &options)
}

/// A text as a regular expression that matches it.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect()
}

/// Every file of stories.
fn files(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.tests().join("e2e");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "mjs"));
    files.sort();
    Ok(files)
}

/// Plays the stories of some files. One process per processor takes the next file that is left; the stories of a
/// process share its browsers.
pub fn play_some(
    workspace: &Workspace,
    files: &[PathBuf],
    engines: &[&Engine],
    variables: &[(&str, String)],
    options: &[String],
) -> Result<Outcome> {
    let ran = ran(workspace);
    let taken = workspace.target().join("e2e/taken");
    if taken.exists() {
        fs::remove_dir_all(&taken).with_context(|| format!("cannot remove {}", taken.display()))?;
    }
    fs::create_dir_all(&taken).with_context(|| format!("cannot make {}", taken.display()))?;
    fs::write(&ran, "").with_context(|| format!("cannot write {}", ran.display()))?;
    let python = python::install(workspace)?;
    let others = Chosen::from_env()?;
    others.install()?;
    if others.has_atproto() {
        Node::install(workspace)?.install_atproto(workspace)?;
    }
    let others = others.names();
    let players = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let node = prepared(workspace, engines)?;
    let commands = (0..players).map(|_| {
        let mut command = node();
        command.args(RUNNER).args(options).arg(workspace.tests().join("support/player.mjs")).arg(&taken).args(files);
        command.env("VALET_KEY_RAN", &ran).env("PROVIDERS_PYTHON", &python).env(providers::CHOICE, &others);
        command.envs(variables.iter().cloned());
        command
    });
    let outcome = counted_together(commands.collect());
    for story in played(workspace)?.iter().filter(|story| story["failed"].is_string()) {
        let [file, name, engine, home, error] =
            ["file", "name", "engine", "home", "failed"].map(|member| story[member].as_str().unwrap_or_default());
        eprintln!("xtask: FAILED: {file}: {name} ({engine}, {home}): {error}");
    }
    outcome
}

/// The results that the stories of the last run recorded.
pub fn played(workspace: &Workspace) -> Result<Vec<Value>> {
    let path = ran(workspace);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).context("the stories recorded a line that is not JSON"))
        .collect()
}

/// Writes the tables of `docs/engines.md` from the results of the last full run of the stories.
pub fn engines(workspace: &Workspace) -> Result<()> {
    process::run(&mut tables(workspace)?)
}

fn tables(workspace: &Workspace) -> Result<Command> {
    let mut command = Node::install(workspace)?.command();
    command.arg(workspace.tests().join("support/engine_table.mjs")).arg(ran(workspace));
    Ok(command)
}

/// The results of the last run of stories: engine, duration and outcome.
pub fn ran(workspace: &Workspace) -> PathBuf {
    workspace.target().join("e2e/ran.jsonl")
}

/// The arguments that make Node run the tests of one script. A story that hangs ends at its timeout, even with open
/// handles.
pub const RUNNER: [&str; 2] = ["--test-reporter=spec", "--test-force-exit"];

/// Node for a script that opens browsers: the package is built, and the browsers are installed.
pub fn in_browsers(workspace: &Workspace, engines: &[&Engine]) -> Result<Command> {
    Ok(prepared(workspace, engines)?())
}

/// The same, several times.
fn prepared(workspace: &Workspace, engines: &[&Engine]) -> Result<impl Fn() -> Command> {
    let programs = browsers::programs(workspace, engines)?;
    let node = Node::install(workspace)?;
    build::build(workspace, &node)?;
    let root = workspace.root().to_owned();
    let names = engines.iter().map(|engine| engine.name).collect::<Vec<_>>().join(",");
    Ok(move || {
        let mut command = node.command();
        command
            .current_dir(&root)
            .envs(programs.iter().cloned())
            .env(browsers::CHOICE, &names)
            // Selenium would otherwise look for browsers on the network.
            .env("SE_OFFLINE", "true")
            .env("SE_AVOID_STATS", "true");
        command
    })
}
