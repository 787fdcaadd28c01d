//! Builds, measures, tests and demonstrates Valet Key.

mod bench;
mod browsers;
mod build;
mod changed;
mod compiled;
mod debian;
mod demo;
mod deny;
mod docs;
mod enclosed;
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
mod release;
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

  build             build the files that ship, pkg/wasm/, from the Rust sources
  size              build, and print the size of the package; fails if it exceeds the budgets
       --json       the same as JSON, on standard output
       --crates     the module's bytes, by crate
  test [STEP …]     run everything that CI runs, or the named steps:
                    fmt clippy wasm host build size types js docs costs fuzz deny browser e2e
                    consumers
       --everywhere all stories in all engines; otherwise the most important in all, and the rest in one
       --changed    alone: what a change can affect, in two minutes
  consumers         try the packed package with the build tools of tests/consumers/more; write target/consumers/table.md
  docs              make the documentation as a static site, in target/docs-site
  js                format the JavaScript, and apply the linter's automatic fixes
  record            run `test` in all engines until it was green eight times in a row on this commit;
                    write each run into docs/record.md
       --times N    so many times
       --stories NAME …   only with `--times`: these stories thirty times in each engine, by a part of their title
  engines           write the tables of docs/engines.md from the last `test e2e --everywhere`
  bench [NAME …]    measure the promises about speed, or the named ones:
                    calls stream main-thread trips expiry guard
       hostile      how the cost of foreign text grows with its length, here and in WebAssembly; fails if it is quadratic
       --json       the same as JSON, on standard output
  fuzz [TARGET …]   run libFuzzer on the readers of foreign bytes, an hour for each target
       --minutes N  another duration for each
       TARGET FILE  one input
  mutants [FILE …]  change the sources in many places, and print each one that no test detects; hours, or minutes for a file
  release           make the npm package and the crate, target/published/*.tgz and *.crate, from a tagged commit
       --check      say whether that is possible
       --twice      build the commit in two clones, and compare the files that ship
  demo [ARGUMENT …] build, and serve a page, a provider and an API on this machine

VALET_KEY_TOOLCHAIN=rustup or =debian chooses the compiler for WebAssembly; by default, the first available one is used.
VALET_KEY_ENGINES=chromium,firefox,webkit chooses the engines that play the stories; by default, all of them.
VALET_KEY_PROVIDERS=atproto,canaille,django-oauth-toolkit,django-oidc-provider,doorkeeper,glewlwyd,lemonldap-ng chooses the
third-party providers of the stories; by default, all of them.
Missing programs are installed if xtask is allowed to, or else named.";

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
        ("consumers", []) => test::more_consumers(&workspace)?,
        ("docs", []) => docs::docs(&workspace)?,
        ("test", _) => return suite::test(&workspace, arguments),
        ("record", _) => return record::record(&workspace, arguments),
        ("engines", []) => stories::engines(&workspace)?,
        ("bench", _) => bench::bench(&workspace, arguments)?,
        ("release", _) => release::release(&workspace, arguments)?,
        ("fuzz", _) => fuzz::fuzz(&workspace, arguments)?,
        ("mutants", _) => mutants::mutants(&workspace, arguments)?,
        ("demo", _) => demo::demo(&workspace, &Node::install(&workspace)?, arguments)?,
        ("help" | "--help" | "-h", _) => println!("{USAGE}"),
        _ => bail!("`{command}` with these arguments is not known\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
