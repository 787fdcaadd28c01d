//! Builds, weighs, tests and shows Valet Key.

mod bench;
mod browsers;
mod build;
mod changed;
mod compiled;
mod debian;
mod demo;
mod deny;
mod front_ends;
mod fuzz;
mod git;
mod hostile;
mod in_browser;
mod mutants;
mod node;
mod process;
mod providers;
mod python;
mod record;
mod shares;
mod size;
mod stories;
mod suite;
mod sysroot;
mod test;
mod toolchain;
mod trap;
mod workspace;

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

use crate::{node::Node, workspace::Workspace};

const USAGE: &str = "\
usage: cargo xtask <command>

  build             make what ships, pkg/wasm/, from the Rust sources
  size              build, and say what the package weighs; fails over the budgets
       --json       the same as JSON, on standard output
       --crates     which crate the module's bytes belong to
  test [STEP …]     everything that CI runs, or the named steps:
                    fmt clippy wasm host build size types js costs fuzz deny browser e2e consumers
       --everywhere all stories in all engines; otherwise the gravest in all, and the rest in one
       --changed    alone: what a change can concern, in two minutes
  js                format the JavaScript, and mend what its linter can mend by itself
  record            everything, as `test` does in all engines, until it was green eight times in a row on this commit;
                    writes each run into docs/record.md
       --times N    that often
       --stories NAME …   alone with `--times`: these stories thirty times in each engine, named by a part of their title
  engines           write the tables of docs/engines.md from what the last `test e2e --everywhere` saw
  bench [NAME …]    what is promised of speed, as figures, or the named ones:
                    calls stream main-thread trips expiry
       hostile      what texts of others cost by their length, here and in WebAssembly; fails where that is the square
       --json       the same as JSON, on standard output
  fuzz [TARGET …]   damaged and invented inputs for what reads foreign bytes, an hour for each target, by libFuzzer
       --minutes N  another time for each
       TARGET FILE  one input
  mutants [FILE …]  changes the sources bit by bit, and says which change no test sees; hours, or minutes for a file
  demo [ARGUMENT …] build, and show it: a page, a provider and an API on this machine

VALET_KEY_TOOLCHAIN=rustup or =debian says whose compiler makes the WebAssembly; otherwise any at hand does.
VALET_KEY_ENGINES=chromium,firefox,webkit says which engines play the stories; otherwise all of them do.
VALET_KEY_PROVIDERS=canaille,django-oauth-toolkit,django-oidc-provider,doorkeeper,glewlwyd,lemonldap-ng says which providers
of other makers they sign in to; otherwise all of them.
What is missing is installed where that is allowed, and named otherwise.";

fn main() -> ExitCode {
    run(&env::args().skip(1).collect::<Vec<_>>()).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, arguments)) = arguments.split_first() else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let workspace = Workspace::new()?;
    match (command.as_str(), arguments) {
        ("build", []) => drop(build::build(&workspace, &Node::install(&workspace)?)?),
        ("size", _) => size::run(&workspace, &Node::install(&workspace)?, arguments)?,
        ("js", []) => test::mend(&workspace)?,
        ("test", _) => return suite::test(&workspace, arguments),
        ("record", _) => return record::record(&workspace, arguments),
        ("engines", []) => stories::engines(&workspace)?,
        ("bench", _) => bench::bench(&workspace, arguments)?,
        ("fuzz", _) => fuzz::fuzz(&workspace, arguments)?,
        ("mutants", _) => mutants::mutants(&workspace, arguments)?,
        ("demo", _) => demo::demo(&workspace, &Node::install(&workspace)?, arguments)?,
        ("help" | "--help" | "-h", _) => println!("{USAGE}"),
        _ => bail!("`{command}` with these arguments is not known\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
