//! Runs the steps of `test.rs`: selection, order and outcomes.

use std::{process::ExitCode, thread, time::Instant};

use anyhow::{Result, bail};

use crate::{
    browsers, changed,
    compiled::Making,
    debian, deny,
    node::Node,
    providers::Chosen,
    python,
    stories::{self, Reach},
    test::{self, Count, Outcome, STEPS, Step},
    workspace::Workspace,
};

/// The outcomes of the steps that ran.
#[derive(Default)]
pub struct Report {
    pub steps: Vec<Done>,
}

/// The outcome of a step.
pub struct Done {
    pub name: &'static str,
    pub seconds: f32,
    pub count: Count,
}

impl Report {
    /// The number of tests of all steps.
    pub fn sum(&self) -> Count {
        self.steps.iter().fold(Count::default(), |sum, Done { count, .. }| Count {
            passed: sum.passed + count.passed,
            failed: sum.failed + count.failed,
        })
    }

    /// Prints the number of passed and failed tests, in the last line.
    pub fn told(&self) -> ExitCode {
        let Count { passed, failed } = self.sum();
        println!("{passed} passed, {failed} failed");
        if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Runs the named steps, all steps, or the steps for a change.
pub fn test(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (options, names): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with("--"));
    let report = match (&options[..], &names[..]) {
        ([], _) => run(workspace, &chosen(&names)?, Reach::Gravest),
        (["--everywhere"], _) => run(workspace, &chosen(&names)?, Reach::Everywhere),
        (["--changed"], []) => changed::test(workspace)?,
        _ => bail!("`test` takes names of steps and `--everywhere`, or only `--changed`"),
    };
    Ok(report.told())
}

/// The steps of these names, in running order; all of them if no name is given.
pub fn chosen(names: &[&str]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{unknown}`; the steps are {}", known.join(", "));
    }
    Ok(STEPS.iter().filter(|step| names.is_empty() || names.contains(&step.name)).collect())
}

/// Runs these steps, up to the first that fails.
pub fn run(workspace: &Workspace, steps: &[&'static Step], reach: Reach) -> Report {
    let mut driver = None;
    if steps.iter().any(|step| step.name == "e2e") {
        thread::spawn(set_up);
        driver = browsers::chosen().and_then(|engines| browsers::driver(workspace, &engines)).ok().flatten();
    }
    let mut checker = None;
    if steps.iter().any(|step| step.name == "deny") {
        checker = deny::CHECKER.begin(workspace).ok();
    }
    let mut report = Report::default();
    for step in steps {
        // These steps print their own outcomes.
        match step.name {
            "e2e" => drop(driver.take().map(Making::finish)),
            "deny" => drop(checker.take().map(Making::finish)),
            _ => {}
        }
        let done = timed(step.name, step.what, || match reach {
            Reach::Everywhere if step.name == "e2e" => stories::play(workspace, reach),
            _ => (step.run)(workspace),
        });
        let failed = done.count.failed > 0;
        report.steps.push(done);
        if failed {
            break;
        }
    }
    report
}

/// Runs one task, and returns its outcome.
pub fn timed(name: &'static str, what: &str, work: impl FnOnce() -> Result<Outcome>) -> Done {
    eprintln!("\nxtask: {name}: {what}");
    let start = Instant::now();
    let outcome = work();
    let seconds = start.elapsed().as_secs_f32();
    let (count, words) = match outcome {
        Ok(Outcome::Passed) => (Count { passed: 1, failed: 0 }, "passed".into()),
        Ok(Outcome::Skipped(reason)) => (Count::default(), format!("skipped: {reason}")),
        Ok(Outcome::Tests(count)) if count.failed == 0 => (count, format!("{} passed", count.passed)),
        Ok(Outcome::Tests(count)) => (count, format!("{} passed, {} FAILED", count.passed, count.failed)),
        Err(error) => (Count { passed: 0, failed: 1 }, format!("FAILED: {error:#}")),
    };
    eprintln!("xtask: {name}: {words} ({seconds:.1} s)");
    if count.failed > 0 {
        eprintln!("xtask: to repeat it: cargo xtask test {name}");
    }
    Done { name, seconds, count }
}

/// Installs the packages for later steps while the first steps run. If it is not allowed to, or fails, the step that
/// needs them reports that.
fn set_up() {
    let all = || -> Result<()> {
        let workspace = Workspace::new()?;
        if debian::is_here() {
            // All packages at once.
            debian::install(
                &[
                    browsers::packages(&browsers::chosen()?),
                    test::packages(),
                    python::packages(),
                    Chosen::from_env()?.packages(),
                ]
                .concat(),
            )?;
        }
        let node = Node::install(&workspace)?;
        python::install(&workspace)?;
        Node::install_consumers(&workspace)?;
        if Chosen::from_env()?.has_atproto() {
            node.install_atproto(&workspace)?;
        }
        Ok(())
    };
    if let Err(error) = all() {
        eprintln!("xtask: {error:#}");
    }
}
