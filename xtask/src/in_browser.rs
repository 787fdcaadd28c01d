//! Runs the Rust tests of the browser host in each engine: in a page, in a worker and in a shared worker.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    browsers::{self, Engine},
    debian, process,
    sysroot::Panics,
    test::{self, Count, Outcome},
    toolchain::{self, TARGET, Toolchain},
    workspace::Workspace,
};

/// The places where the host runs, by the names of the tests.
const PLACES: [&str; 3] = ["page", "worker", "shared_worker"];

/// Runs them in the engines that the environment names.
pub fn test(workspace: &Workspace) -> Result<Outcome> {
    let engines = browsers::chosen()?;
    let toolchain = test::found(workspace, Panics::Tell)?;
    let runner = runner(workspace)?;
    let mut sum = Count::default();
    for engine in engines {
        eprintln!("xtask: browser: {}", engine.name);
        if let Outcome::Tests(Count { passed, failed }) = test_in(workspace, engine, &toolchain, &runner)? {
            sum.passed += passed;
            sum.failed += failed;
        }
    }
    Ok(Outcome::Tests(sum))
}

/// The command that Cargo calls to run a compiled test.
fn runner(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = toolchain::cargo("build");
    command.current_dir(workspace.root());
    command.args(["--package", "xtask", "--features", "test-runner", "--bin", "wasm-test-runner", "--target-dir"]);
    process::run(command.arg(workspace.target()))?;
    Ok(workspace.target().join(format!("debug/wasm-test-runner{}", env::consts::EXE_SUFFIX)))
}

fn test_in(workspace: &Workspace, engine: &Engine, toolchain: &Toolchain, runner: &Path) -> Result<Outcome> {
    let programs = browsers::programs(workspace, &[engine])?;
    let program = |variable: &str| {
        let found = programs.iter().find(|(name, _)| *name == variable).map(|(_, path)| path.clone());
        found.with_context(|| format!("{} needs {variable}", engine.name))
    };
    // The runner reads the drivers from these variables. WebKit's driver speaks the protocol of Safari's, and needs a
    // display.
    let (driver, of_driver, capabilities, display) = match engine.name {
        "chromium" => ("CHROMEDRIVER", "CHROMEDRIVER", chromium(&program("CHROMIUM")?), None),
        "firefox" => {
            let options = json!({ "moz:firefoxOptions": { "binary": program("FIREFOX")? } });
            ("GECKODRIVER", "GECKODRIVER", options, None)
        }
        _ => ("SAFARIDRIVER", "WEBKITDRIVER", json!({}), Some(Display::open(&program("XVFB")?)?)),
    };
    let file = workspace.scratch()?.join("webdriver.json");
    fs::write(&file, capabilities.to_string())?;
    let mut command = toolchain.cargo(workspace, "test", &[])?;
    command.args(["--package", "valet-key", "--profile", "browser", "--features", "browser"]);
    command.args(["--no-fail-fast", "--target", TARGET]);
    for place in PLACES {
        command.args(["--test", place]);
    }
    command
        .arg("--target-dir")
        .arg(workspace.target().join("xtask/cargo"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &file);
    for other in ["CHROMEDRIVER", "GECKODRIVER", "SAFARIDRIVER"] {
        command.env_remove(other);
    }
    command.env(driver, program(of_driver)?);
    if let Some(display) = &display {
        command.env("DISPLAY", &display.name);
    }
    test::counted(&mut command)
}

fn chromium(binary: &Path) -> Value {
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
    json!({ "goog:chromeOptions": { "binary": binary, "args": arguments } })
}

/// A virtual display, which ends when this value is dropped.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn open(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start `{}`", process::spell(&command)))?;
        let mut number = String::new();
        BufReader::new(server.stdout.take().context("no output to read")?).read_line(&mut number)?;
        Ok(Self { server, name: format!(":{}", number.trim()) })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // A display that has already ended needs no cleanup.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
