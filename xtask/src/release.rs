//! Makes the files that are published: the npm package and the crate, from one commit. Nothing here publishes anything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{build, git, node, node::Node, process, workspace::Workspace};

/// The file that the owner of the project fills in.
const OWNER: &str = "xtask/owner.json";

/// What stands in it before.
const PLACEHOLDER: &str = "FILL IN";

/// The members that it must have: of package.json, and of Cargo.toml under the same names, except for `author` and `bugs`.
const MEMBERS: [&str; 4] = ["author", "repository", "homepage", "bugs"];

/// What the build makes, and what two builds of a commit must agree about.
const MADE: [&str; 5] =
    ["wasm/valet_key.wasm", "wasm/worker.js", "wasm/qr.js", "guard/valet_key.wasm", "guard/worker.js"];

/// `release --check` says whether everything is ready. `release` makes the files. `release --twice` builds the commit in two clones, and
/// compares what ships.
pub fn release(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check"] => ready(workspace).map(|(version, _)| println!("version {version} can be released")),
        ["--twice"] => twice(workspace),
        [] => make(workspace),
        _ => bail!("usage: cargo xtask release [--check | --twice]"),
    }
}

/// The version, and what the owner filled in, if a release can be made of this checkout.
fn ready(workspace: &Workspace) -> Result<(String, Map<String, Value>)> {
    let owner = owner(&read(&workspace.root().join(OWNER))?)?;
    let version = version(workspace)?;
    let changelog = read(&workspace.root().join("CHANGELOG.md"))?;
    ensure!(
        changelog.lines().find(|line| line.starts_with("## ")) == Some(&format!("## {version}")),
        "CHANGELOG.md does not begin with `## {version}`: name what is unreleased"
    );
    ensure!(git::lines(workspace, &["status", "--porcelain"])?.is_empty(), "there are changes that are not committed");
    let tag = format!("v{version}");
    ensure!(
        git::lines(workspace, &["tag", "--points-at", "HEAD"])?.contains(&tag),
        "this commit has no tag `{tag}`: check it out, or make it with `git tag --sign {tag}`"
    );
    Ok((version, owner))
}

/// What the owner filled in.
fn owner(text: &str) -> Result<Map<String, Value>> {
    let Value::Object(members) = serde_json::from_str(text).context(OWNER)? else { bail!("{OWNER} is no object") };
    for name in MEMBERS {
        let value = members.get(name).and_then(Value::as_str).unwrap_or_default();
        ensure!(!value.is_empty() && !value.contains(PLACEHOLDER), "`{name}` in {OWNER} is still to be filled in");
    }
    Ok(members)
}

/// The version, on which the crate, the package and the scripts agree.
fn version(workspace: &Workspace) -> Result<String> {
    let package = package_json(workspace)?;
    let version = package["version"].as_str().context("pkg/package.json has no version")?;
    for (file, expected) in [
        ("Cargo.toml", format!("\nversion = \"{version}\"\n")),
        ("pkg/port.js", format!("export const VERSION = '{version}';")),
    ] {
        let text = read(&workspace.root().join(file))?;
        ensure!(text.contains(&expected), "{file} has another version than pkg/package.json, which has {version}");
    }
    Ok(version.into())
}

fn make(workspace: &Workspace) -> Result<()> {
    let (version, owner) = ready(workspace)?;
    build::build(workspace, &Node::install(workspace)?)?;
    let folder = workspace.target().join("published");
    drop(fs::remove_dir_all(&folder));

    let package = folder.join("package");
    copy(&workspace.pkg(), &package)?;
    let mut manifest = package_json(workspace)?;
    for (name, value) in &owner {
        manifest[name] = value.clone();
    }
    fs::write(package.join("package.json"), serde_json::to_string_pretty(&manifest)? + "\n")?;
    process::run(
        Command::new(node::npm()?).args(["pack", "--silent", "--pack-destination", ".."]).current_dir(&package),
    )?;

    let source = folder.join("crate");
    process::run(Command::new("git").args(["clone", "--quiet"]).arg(workspace.root()).arg(&source))?;
    let file = source.join("Cargo.toml");
    let fields = ["repository", "homepage"].map(|name| format!("{name} = {}\n", owner[name]));
    let text = read(&file)?.replacen("[package]\n", &["[package]\n", &fields.concat()].concat(), 1);
    fs::write(&file, text)?;
    link_from_outside(&source, owner["repository"].as_str().unwrap_or_default(), &version)?;
    let mut package = Command::new("cargo");
    package.args(["package", "--allow-dirty", "--package", "valet-key"]).current_dir(&source);
    process::run(package.env("CARGO_TARGET_DIR", folder.join("cargo")))?;
    let name = format!("valet-key-{version}.crate");
    fs::copy(folder.join("cargo/package").join(&name), folder.join(&name))?;

    for name in [format!("valet-key-{version}.tgz"), name] {
        println!("{}  {}", sum(&folder.join(&name))?, process::short(&folder.join(&name)));
    }
    Ok(())
}

/// Makes the relative links in the texts of a folder absolute: the crate has neither `docs` nor the pictures. The npm package has them.
fn link_from_outside(folder: &Path, repository: &str, version: &str) -> Result<()> {
    for name in ["README.md", "CHANGELOG.md"] {
        let file = folder.join(name);
        fs::write(&file, absolute(&read(&file)?, repository, version))?;
    }
    Ok(())
}

/// A Markdown text whose relative links lead to a tag of the repository.
fn absolute(text: &str, repository: &str, version: &str) -> String {
    let repository = repository.trim_end_matches(".git").trim_end_matches('/');
    let mut pieces = text.split("](");
    let mut out = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let target = piece.split(')').next().unwrap_or_default();
        out += "](";
        if !target.starts_with('#') && !target.contains("://") && !target.contains(' ') {
            let is_picture = Path::new(target).extension().is_some_and(|kind| kind == "png" || kind == "svg");
            let kind = if is_picture { "raw" } else { "blob" };
            out += &[repository, "/", kind, "/v", version, "/"].concat();
        }
        out += piece;
    }
    out
}

/// Builds the commit in two clones, in folders of different names.
fn twice(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target().join("twice");
    drop(fs::remove_dir_all(&folder));
    let mut sums: Vec<Vec<String>> = Vec::new();
    for name in ["one", "another-one"] {
        let clone = folder.join(name);
        process::run(Command::new("git").args(["clone", "--quiet"]).arg(workspace.root()).arg(&clone))?;
        let mut build = Command::new("cargo");
        process::run(build.args(["xtask", "build"]).current_dir(&clone).env_remove("CARGO_TARGET_DIR"))?;
        sums.push(MADE.iter().map(|file| sum(&clone.join("pkg").join(file))).collect::<Result<_>>()?);
    }
    for (place, file) in MADE.iter().enumerate() {
        ensure!(sums[0][place] == sums[1][place], "{file} differs between two builds of the same commit");
        println!("{}  {file}, twice", sums[0][place]);
    }
    Ok(())
}

fn package_json(workspace: &Workspace) -> Result<Value> {
    Ok(serde_json::from_str(&read(&workspace.pkg().join("package.json"))?)?)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (path, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// SHA-256, as `sha256sum` prints it.
fn sum(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let digits = Sha256::digest(bytes);
    Ok(digits
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{absolute, owner, version};
    use crate::workspace::Workspace;

    #[test]
    fn a_release_needs_an_owner() {
        let filled = r#"{"author":"a","repository":"https://a","homepage":"https://b","bugs":"https://c"}"#;
        assert_eq!(owner(filled).expect("all there").len(), 4);
        for (from, to) in [("https://a", "FILL IN: x"), ("\"a\"", "\"\""), ("bugs", "bug"), ("{", "[{")] {
            assert!(owner(&filled.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn links_lead_to_the_repository() {
        let text = "[a](docs/a.md#b) ![c](docs/c.png) [d](#d) [e](https://e.test) `x[0](y, z)`";
        let expected = "[a](https://r.test/blob/v1.2.3/docs/a.md#b) ![c](https://r.test/raw/v1.2.3/docs/c.png) [d](#d) \
                        [e](https://e.test) `x[0](y, z)`";
        assert_eq!(absolute(text, "https://r.test/.git", "1.2.3"), expected);
    }

    #[test]
    fn all_files_name_the_same_version() {
        let version = version(&Workspace::new().expect("a workspace")).expect("one version");
        assert_eq!(version.split('.').count(), 3);
    }
}
