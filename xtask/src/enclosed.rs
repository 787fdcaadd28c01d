//! The texts that go into the package: README with the guides to which it links, the changelog and the licences.
//!
//! npm packs no file from outside of the package's folder, so `build` copies them there.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Files of the repository's root that are copied as they are.
const UNCHANGED: [&str; 4] = ["CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];

/// What is in `docs` for contributors alone, to which no guide links.
const FOR_CONTRIBUTORS: [&str; 3] = ["architecture.md", "record.md", "site"];

/// Copies the texts into the package's folder.
pub fn enclose(workspace: &Workspace) -> Result<()> {
    let (root, pkg) = (workspace.root(), workspace.pkg());
    for name in UNCHANGED {
        copy(&root.join(name), &pkg.join(name))?;
    }
    let docs = pkg.join("docs");
    // A guide that is gone from the repository must not stay in the package.
    if docs.is_dir() {
        fs::remove_dir_all(&docs).with_context(|| format!("cannot empty {}", docs.display()))?;
    }
    copy(&root.join("docs"), &docs)?;
    let readme = fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    fs::write(pkg.join("README.md"), in_package(&readme)?).context("cannot write pkg/README.md")
}

/// Copies a file, or a folder without what is for contributors.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let name = entry?.file_name();
        if !FOR_CONTRIBUTORS.iter().any(|other| name == *other) {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

/// README with the links that work in the package, where the folder `pkg` is the root, and without the section for contributors.
fn in_package(readme: &str) -> Result<String> {
    let (before, rest) = readme.split_once("## Development\n").context("README.md has no section `Development`")?;
    let (_, after) = rest.split_once("\n## ").context("README.md ends with the section `Development`")?;
    Ok(format!("{before}## {after}").replace("](pkg/", "]("))
}

#[cfg(test)]
mod tests {
    use super::in_package;

    #[test]
    fn the_readme_of_the_package_links_to_its_own_files() {
        let readme = "[types](pkg/index.d.ts)\n\n## Development\n\n[how](CONTRIBUTING.md)\n\n## License\n\nMIT\n";
        let expected = "[types](index.d.ts)\n\n## License\n\nMIT\n";
        assert_eq!(in_package(readme).expect("a text"), expected);
        assert!(in_package("# Without the section\n").is_err());
    }
}
