//! The record of whole runs, `docs/record.md`, which nothing else writes.
//!
//! A run counts for the files that it tested. Later commits that change only the record do not matter, so a series of
//! runs may take days.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    browsers, git, process,
    stories::{self, Reach},
    suite,
    workspace::Workspace,
};

/// The path of the record, from the root of the repository.
const RECORD: &str = "docs/record.md";

/// How many runs in a row must be green.
const RUNS: usize = 8;

/// How often single stories are played in each engine.
const TIMES: usize = 30;

/// Plays everything, or the named stories, repeatedly, and records the results.
pub fn record(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (times, rest) = match &arguments[..] {
        ["--times", times, rest @ ..] => (Some(times.parse().context("`--times` takes a number")?), rest),
        rest => (None, rest),
    };
    match rest {
        [] => whole_runs(workspace, times.unwrap_or(RUNS)),
        ["--stories", names @ ..] if !names.is_empty() => named_stories(workspace, times.unwrap_or(TIMES), names),
        _ => bail!("usage: cargo xtask record [--times N] [--stories NAME …]"),
    }
}

/// Runs everything until enough runs in a row are green, or until the first run that is not.
fn whole_runs(workspace: &Workspace, times: usize) -> Result<ExitCode> {
    ensure!(browsers::chosen()?.len() == browsers::ALL, "the record needs all engines: unset {}", browsers::CHOICE);
    loop {
        let state = State::of(workspace)?;
        let mut record = Record::read(workspace)?;
        let green = record.green_in_a_row(&state);
        if green >= times {
            eprintln!("xtask: {green} green runs in a row on these files: {RECORD}");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("xtask: run {} of {times} on {}", green + 1, state.commit);
        let when = now()?;
        let report = suite::run(workspace, &suite::chosen(&[])?, Reach::Gravest);
        let after = State::of(workspace)?;
        ensure!(after.files == state.files, "the files changed while they were tested: the run does not count");
        let sum = report.sum();
        let (result, run) = match report.steps.iter().find(|step| step.count.failed > 0) {
            Some(step) => (format!("failed in {}", step.name), 0),
            None => ("green".into(), green + 1),
        };
        let steps: Vec<String> = report.steps.iter().map(|step| format!("{} {:.0}", step.name, step.seconds)).collect();
        let seconds: f32 = report.steps.iter().map(|step| step.seconds).sum();
        let State { files, commit } = state;
        record.runs.push(format!(
            "| {files} | {commit} | {run} | {when} | {result} | {} | {} | {:.1} | {} | {} |",
            sum.passed,
            sum.failed,
            seconds / 60.0,
            steps.join(", "),
            versions(&stories::played(workspace)?),
        ));
        record.write(workspace)?;
        if run == 0 {
            return Ok(report.told());
        }
    }
}

/// Plays the stories whose titles contain one of the names.
fn named_stories(workspace: &Workspace, times: usize, names: &[&str]) -> Result<ExitCode> {
    let state = State::of(workspace)?;
    let when = now()?;
    let outcome = stories::play_named(workspace, names, times);
    let played = stories::played(workspace)?;
    let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for story in played.iter().filter(|story| story["ms"].is_u64()) {
        let text = |name: &str| story[name].as_str().unwrap_or_default().replace('|', "\\|");
        groups.entry(format!("{} | {} | {}", text("name"), text("engine"), text("home"))).or_default().push(story);
    }
    for name in names {
        ensure!(
            groups.keys().any(|story| story.contains(name)),
            "no story with this part in its title was played: {name}"
        );
    }
    let mut record = Record::read(workspace)?;
    let engines = versions(&played);
    let mut all_passed = outcome.is_ok();
    for (story, plays) in groups {
        let mut took: Vec<u64> = plays.iter().filter_map(|play| play["ms"].as_u64()).collect();
        took.sort_unstable();
        let passed = plays.iter().filter(|play| play["failed"].is_null()).count();
        all_passed &= passed == times;
        let (least, middle, most) = (took[0], took[took.len() / 2], took[took.len() - 1]);
        let State { files, commit } = &state;
        record.stories.push(format!(
            "| {files} | {commit} | {when} | {story} | {passed} of {times} | {least}, {middle}, {most} | {engines} |"
        ));
    }
    record.write(workspace)?;
    outcome?;
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The state that is tested.
struct State {
    /// A hash of all files but the record.
    files: String,
    commit: String,
}

impl State {
    /// Fails if there are uncommitted changes.
    fn of(workspace: &Workspace) -> Result<Self> {
        let changes = git::lines(workspace, &["status", "--porcelain"])?;
        let others: Vec<&String> = changes.iter().filter(|line| !line.ends_with(RECORD)).collect();
        ensure!(others.is_empty(), "a record is about one commit: commit or remove these files first\n{others:#?}");
        let mut hash = Sha256::new();
        for line in git::lines(workspace, &["ls-tree", "-r", "HEAD"])?.iter().filter(|line| !line.ends_with(RECORD)) {
            hash.update(line);
            hash.update("\n");
        }
        let mut files = String::new();
        for byte in &hash.finalize()[..5] {
            write!(files, "{byte:02x}")?;
        }
        let commit = git::lines(workspace, &["rev-parse", "--short=10", "HEAD"])?.pop().context("no commit")?;
        Ok(Self { files, commit })
    }
}

/// The rows of the two tables.
#[derive(Default)]
struct Record {
    runs: Vec<String>,
    stories: Vec<String>,
}

const HEAD: &str = "\
# Record

`cargo xtask record` alone writes this file. It runs `cargo xtask test` in all engines, again and again on one commit, until
that was green eight times in a row. A run counts for the files that it tested, `files` is a hash of them: a commit that
changes this record alone leaves the row of runs as it is. `run` is the place in the row, and 0 ends it.
";

const RUN_COLUMNS: &str = "\
## Whole runs

| files | commit | run | begun (UTC) | result | passed | failed | minutes | seconds of each step | engines |
|---|---|---|---|---|---|---|---|---|---|
";

const STORY_COLUMNS: &str = "\
## Stories, played often

`cargo xtask record --stories NAME …` plays single stories thirty times in each engine, in browsers that they share.

| files | commit | begun (UTC) | story | engine | tokens in | passed | ms: least, middle, most | engines |
|---|---|---|---|---|---|---|---|---|
";

impl Record {
    fn path(workspace: &Workspace) -> PathBuf {
        workspace.root().join(RECORD)
    }

    fn read(workspace: &Workspace) -> Result<Self> {
        let path = Self::path(workspace);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let rows = |text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| files |"));
            lines.map(str::to_owned).collect()
        };
        let title = STORY_COLUMNS.lines().next().unwrap_or_default();
        let (runs, stories) = text.split_once(title).unwrap_or((text, ""));
        Self { runs: rows(runs), stories: rows(stories) }
    }

    fn text(&self) -> String {
        let rows = |rows: &[String]| rows.iter().fold(String::new(), |text, row| text + row + "\n");
        format!("{HEAD}\n{RUN_COLUMNS}{}\n{STORY_COLUMNS}{}", rows(&self.runs), rows(&self.stories))
    }

    fn write(&self, workspace: &Workspace) -> Result<()> {
        let path = Self::path(workspace);
        fs::write(&path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// How many runs on these files were green since the last one that was not.
    fn green_in_a_row(&self, State { files, .. }: &State) -> usize {
        let of_these = self.runs.iter().rev().filter(|row| row.starts_with(&format!("| {files} |")));
        of_these.take_while(|row| row.contains(" | green | ")).count()
    }
}

/// For example `chromium 156.0.8078.108, firefox 153.7.0`.
fn versions(played: &[Value]) -> String {
    let named = |story: &Value| Some((story["engine"].as_str()?.to_owned(), story["version"].as_str()?.to_owned()));
    let versions: BTreeMap<String, String> = played.iter().filter_map(named).collect();
    versions.iter().map(|(engine, version)| format!("{engine} {version}")).collect::<Vec<_>>().join(", ")
}

fn now() -> Result<String> {
    process::ask(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"])).context("`date` printed no time")
}

#[cfg(test)]
mod tests {
    use super::{Record, State};

    #[test]
    fn a_written_record_is_read_back() {
        let row =
            |files: &str, result: &str| format!("| {files} | c | 1 | 2026-01-01 00:00 | {result} | 9 | 0 | 1.0 | | |");
        let runs =
            vec![row("a", "green"), row("a", "failed in e2e"), row("a", "green"), row("b", "green"), row("a", "green")];
        let record = Record { runs, stories: vec!["| a | c | … |".into()] };
        let read = Record::parse(&record.text());
        assert_eq!((&read.runs, &read.stories), (&record.runs, &record.stories));
        for (files, green) in [("a", 2), ("b", 1), ("c", 0)] {
            let state = State { files: files.into(), commit: String::new() };
            assert_eq!(read.green_in_a_row(&state), green, "{files}");
        }
    }
}
