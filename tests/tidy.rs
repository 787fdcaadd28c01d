//! Rules about the project's own files.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project with one of these endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), ".git" | "target" | "node_modules" | "wasm") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rust_file_begins_with_a_description() {
    for path in files(&[".rs"]) {
        assert!(text(&path).starts_with("//! "), "{}", path.display());
    }
}

#[test]
fn every_module_of_the_page_begins_with_a_description() {
    for path in files(&[".mjs"]) {
        let text = text(&path);
        assert!(text.starts_with("/**") || text.starts_with("#!"), "{}", path.display());
    }
}

#[test]
fn protocol_client_and_vault_do_not_depend_on_a_browser() {
    let pure = |path: &&PathBuf| {
        ["src/protocol", "src/client", "src/vault"].iter().any(|room| path.to_string_lossy().contains(room))
    };
    for path in files(&[".rs"]).iter().filter(pure) {
        for word in ["wasm_bindgen", "js_sys", "web_sys", "gloo", "SystemTime", "Instant", "getrandom", "format!"] {
            let shipped = text(path);
            let shipped = shipped.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(!shipped.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn specifications_are_cited_in_one_form() {
    for path in files(&[".rs", ".js", ".mjs", ".d.ts"]) {
        let text = text(&path);
        for (number, line) in text.lines().enumerate() {
            for wrong in ["RFC6", "RFC7", "RFC8", "RFC9", "rfc 6", "Section 3.", "section 5."] {
                assert!(
                    !line.contains(wrong) || path.ends_with("tests/tidy.rs"),
                    "{}:{}: {line}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn no_file_names_a_machine_or_the_address_of_a_registry() {
    let words = ["/home/", "/root/", "registry.npm", "crates.io/", "deb.debian", "files.python", "\"resolved\""]
        .map(str::to_owned);
    for path in files(&[
        ".rs", ".js", ".mjs", ".ts", ".md", ".json", ".toml", ".lock", ".html", ".yml", ".py", ".rb", ".pl", ".txt",
        "run",
    ]) {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        let text = text(&path).replace("registry+https://github.com/rust-lang/crates.io-index", "");
        for word in &words {
            assert!(!text.contains(word.as_str()), "{}: {word}", path.display());
        }
    }
}

#[test]
fn pop_07_no_message_is_posted_to_any_origin() {
    let folders = ["pkg", "pkg/vault"].map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder"));
    for entry in folders.into_iter().flatten().flatten() {
        let Ok(script) = std::fs::read_to_string(entry.path()) else { continue };
        for forbidden in ["'*'", "\"*\"", "document.domain", ".opener.", "parent.post"] {
            assert!(!script.contains(forbidden), "{}: {forbidden}", entry.path().display());
        }
    }
}

#[test]
fn all_files_have_the_same_version() {
    let package = text(&root().join("pkg/package.json"));
    assert!(package.contains(&format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"))));
    let port = text(&root().join("pkg/port.js"));
    assert!(port.contains(&format!("export const VERSION = '{}';", env!("CARGO_PKG_VERSION"))));
    assert!(text(&root().join("pkg/connection.js")).contains("name: `valet-key ${VERSION} "));
    assert!(text(&root().join("CHANGELOG.md")).contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}
