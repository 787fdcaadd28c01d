//! Starts other programs, and reports their outcome.

use std::{
    env,
    ffi::OsStr,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// Runs a command to its end with the input and output of xtask. An error contains the command, so that it can be
/// repeated by hand.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", spell(command)))?;
    if !status.success() {
        bail!("failed ({status}):\n  {}", spell(command));
    }
    Ok(())
}

/// Runs silently and returns the trimmed output, or `None` if the program is missing or fails.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a named task and prints its duration.
pub fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work().with_context(|| what.to_owned())?;
    eprintln!("xtask: {what}: {:.1} s", start.elapsed().as_secs_f32());
    Ok(result)
}

/// Each path of this program in the search path, in order.
pub fn on_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&path) {
        let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
        if program.is_file() && !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// The command as a user would type it, with its variables and its folder.
pub fn spell(command: &Command) -> String {
    let mut line = String::new();
    if let Some(folder) = command.get_current_dir() {
        let _ = write!(line, "cd {} && ", quote(folder.as_os_str()));
    }
    for (name, value) in command.get_envs() {
        // The search path only has one more folder, and the program is given with its full path.
        if let Some(value) = value.filter(|_| name != "PATH") {
            let _ = write!(line, "{}={} ", name.display(), quote(value));
        }
    }
    line += &quote(command.get_program());
    for argument in command.get_args() {
        line += " ";
        line += &quote(argument);
    }
    line
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%*".contains(c)) {
        return word.into_owned();
    }
    let escaped = word.replace('\'', r"'\''").replace('\u{1f}', r"'$'\x1f''");
    format!("'{escaped}'")
}

/// A path relative to the current folder, shortened for reading.
pub fn short(path: &Path) -> String {
    env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned))
        .unwrap_or_else(|| path.to_owned())
        .display()
        .to_string()
}
