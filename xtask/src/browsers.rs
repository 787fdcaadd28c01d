//! The browsers that the tests run in, one per engine, and what drives them.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

use crate::{
    compiled::{Making, Tool},
    debian::{self, Package},
    process,
    workspace::Workspace,
};

/// The engines that the stories run in: a list of names, all of them where it is not set.
pub const CHOICE: &str = "VALET_KEY_ENGINES";

/// An engine: the programs that it takes to drive it, and where they come from.
pub struct Engine {
    pub name: &'static str,
    programs: [Program; 2],
    packages: &'static [Package],
    /// What to do where there are no packages.
    remedy: &'static str,
}

/// A program, by the names that it goes by. The tests find it in the variable.
struct Program {
    variable: &'static str,
    names: &'static [&'static str],
}

const ENGINES: [Engine; 3] = [
    Engine {
        name: "chromium",
        programs: [
            Program { variable: "CHROMIUM", names: &["chromium", "chromium-browser", "google-chrome", "chrome"] },
            Program { variable: "CHROMEDRIVER", names: &["chromedriver"] },
        ],
        packages: &[
            Package { name: "chromium", reason: "the browser that the tests run in" },
            Package { name: "chromium-driver", reason: "lets the tests drive it" },
            Package { name: "fonts-dejavu-core", reason: "letters for its pages" },
        ],
        remedy: "install Chromium and the chromedriver of the same version",
    },
    Engine {
        name: "firefox",
        programs: [
            Program { variable: "FIREFOX", names: &["firefox-esr", "firefox"] },
            Program { variable: "GECKODRIVER", names: &["geckodriver"] },
        ],
        packages: &[
            Package { name: "firefox-esr", reason: "another browser that the tests run in" },
            Package { name: "fonts-dejavu-core", reason: "letters for its pages" },
        ],
        remedy: "install Firefox and geckodriver (`cargo install geckodriver`)",
    },
    Engine {
        name: "webkit",
        programs: [
            Program { variable: "WEBKITDRIVER", names: &["WebKitWebDriver"] },
            Program { variable: "XVFB", names: &["Xvfb"] },
        ],
        packages: &[
            Package {
                name: "webkit2gtk-driver",
                reason: "WebKit, with a small browser of its own for the tests to drive",
            },
            Package { name: "xvfb", reason: "a display for it that nobody sees" },
            Package { name: "fonts-dejavu-core", reason: "letters for its pages" },
        ],
        remedy: "install WebKitGTK's WebKitWebDriver and Xvfb, which are to be had for Linux only",
    },
];

/// The engine that the Rust tests and the packed package are tried in.
pub const CHROMIUM: &Engine = &ENGINES[0];

/// How many engines there are.
pub const ALL: usize = ENGINES.len();

/// The engines that the environment asks for.
pub fn chosen() -> Result<Vec<&'static Engine>> {
    env::var(CHOICE).map_or_else(|_| Ok(ENGINES.iter().collect()), |choice| named(&choice))
}

fn named(choice: &str) -> Result<Vec<&'static Engine>> {
    let find = |name: &str| {
        let engine = ENGINES.iter().find(|engine| engine.name == name);
        engine.with_context(|| format!("{CHOICE} names `{name}`; the engines are chromium, firefox and webkit"))
    };
    choice.split(',').map(str::trim).map(find).collect()
}

/// The packages that would bring what these engines lack here.
pub fn packages(engines: &[&Engine]) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for engine in engines.iter().filter(|engine| engine.programs.iter().any(Program::is_missing)) {
        packages.extend(engine.packages);
    }
    packages
}

/// The programs of these engines, each with the variable that tells the tests. Installs them where it may.
pub fn programs(workspace: &Workspace, engines: &[&Engine]) -> Result<Vec<(&'static str, PathBuf)>> {
    if debian::is_here() {
        debian::install(&packages(engines))?;
    }
    if let Some(driver) = driver(workspace, engines)? {
        driver.finish().with_context(|| format!("put geckodriver in PATH, or leave firefox out of {CHOICE}"))?;
    }
    let mut found = Vec::new();
    for engine in engines {
        for program in &engine.programs {
            let made = Some(DRIVER.program(workspace)).filter(|path| program.variable == GECKODRIVER && path.is_file());
            let path = program.find().or(made).with_context(|| {
                format!(
                    "{} is not in PATH: {}, or leave {} out of {CHOICE}",
                    program.names[0], engine.remedy, engine.name
                )
            })?;
            found.push((program.variable, path));
        }
    }
    Ok(found)
}

impl Program {
    fn find(&self) -> Option<PathBuf> {
        self.names.iter().find_map(|name| process::on_path(name).into_iter().next())
    }

    /// Whether a package has to bring it.
    fn is_missing(&self) -> bool {
        self.variable != GECKODRIVER && self.find().is_none()
    }
}

const GECKODRIVER: &str = "GECKODRIVER";

/// The packages of npm only download it from elsewhere.
const DRIVER: Tool =
    Tool { name: "geckodriver", version: "0.37.1", asks: &["--version"], reason: "lets the tests drive Firefox" };

/// Begins to compile geckodriver, if one of the engines takes it and it is not here.
pub fn driver(workspace: &Workspace, engines: &[&Engine]) -> Result<Option<Making>> {
    let mut programs = engines.iter().flat_map(|engine| &engine.programs);
    let wanted = programs.any(|program| program.variable == GECKODRIVER && program.find().is_none());
    wanted.then(|| DRIVER.begin(workspace)).transpose()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn engines_are_chosen_by_name() {
        let rows = [
            ("webkit", Some(vec!["webkit"])),
            ("firefox, chromium", Some(vec!["firefox", "chromium"])),
            ("safari", None),
            ("chromium,", None),
            ("", None),
        ];
        for (choice, expected) in rows {
            let names = named(choice).ok().map(|engines| engines.iter().map(|engine| engine.name).collect::<Vec<_>>());
            assert_eq!(names, expected, "{choice}");
        }
    }
}
