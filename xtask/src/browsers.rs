//! The browsers for the tests, one per engine, and their drivers.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

use crate::{
    compiled::{Making, Tool},
    debian::{self, Package},
    process,
    workspace::Workspace,
};

/// The engines that play the stories, as a list of names; all of them if the variable is not set.
pub const CHOICE: &str = "VALET_KEY_ENGINES";

/// An engine: the programs that drive it, and the packages that contain them.
pub struct Engine {
    pub name: &'static str,
    programs: [Program; 2],
    packages: &'static [Package],
    /// What the user can do on a system without these packages.
    remedy: &'static str,
}

/// A program, by its possible names. The tests read its path from the variable.
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
            Package { name: "chromium", reason: "a browser for the tests" },
            Package { name: "chromium-driver", reason: "the driver for Chromium" },
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
            Package { name: "firefox-esr", reason: "a browser for the tests" },
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
            Package { name: "webkit2gtk-driver", reason: "WebKit, with a small browser for the tests and its driver" },
            Package { name: "xvfb", reason: "a virtual display for WebKit" },
            Package { name: "fonts-dejavu-core", reason: "letters for its pages" },
        ],
        remedy: "install WebKitGTK's WebKitWebDriver and Xvfb, which exist for Linux only",
    },
];

/// The engine for the Rust tests and for the packed package.
pub const CHROMIUM: &Engine = &ENGINES[0];

/// The number of engines.
pub const ALL: usize = ENGINES.len();

/// The engines that the environment names.
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

/// The packages with the missing programs of these engines.
pub fn packages(engines: &[&Engine]) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for engine in engines.iter().filter(|engine| engine.programs.iter().any(Program::is_missing)) {
        packages.extend(engine.packages);
    }
    packages
}

/// The programs of these engines, each with its variable for the tests. Installs them if it is allowed to.
pub fn programs(workspace: &Workspace, engines: &[&Engine]) -> Result<Vec<(&'static str, PathBuf)>> {
    if debian::is_here() {
        debian::install(&packages(engines))?;
    }
    if let Some(driver) = driver(workspace, engines)? {
        driver.finish().with_context(|| format!("put geckodriver into PATH, or remove firefox from {CHOICE}"))?;
    }
    let mut found = Vec::new();
    for engine in engines {
        for program in &engine.programs {
            let made = Some(DRIVER.program(workspace)).filter(|path| program.variable == GECKODRIVER && path.is_file());
            let path = program.find().or(made).with_context(|| {
                format!(
                    "{} is not in PATH: {}, or remove {} from {CHOICE}",
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

    /// Whether the program comes from a package.
    fn is_missing(&self) -> bool {
        self.variable != GECKODRIVER && self.find().is_none()
    }
}

const GECKODRIVER: &str = "GECKODRIVER";

/// The npm packages only download it from another place.
const DRIVER: Tool =
    Tool { name: "geckodriver", version: "0.37.1", asks: &["--version"], reason: "the driver for Firefox" };

/// Starts compiling geckodriver, if one of the engines needs it and it is missing.
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
