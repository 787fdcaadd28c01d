//! Builds the files that ship, `pkg/wasm/` and `pkg/guard/`, from Rust.
//!
//! ```text
//! rustc ─▶ traps instead of panics ─▶ wasm-bindgen ─▶ wasm-opt ─▶ valet_key.wasm
//!                                          │ glue.js               │ its hash
//!                                          └────────────────────▶ esbuild ◀─ pkg/vault/worker.js and what it imports
//!                                                                   └─▶ worker.js, worker.js.map
//! ```
//!
//! `pkg/extra/qr.js` and the library that it uses become `pkg/wasm/qr.js`.
//!
//! `pkg/guard/` has all files of a guard's folder except its options: the module, another worker.js, and the redirect page.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha384};
use walrus::Module;
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::{
    enclosed,
    node::Node,
    process,
    sysroot::Panics,
    toolchain::{self, TARGET, Toolchain},
    trap,
    workspace::Workspace,
};

/// The name of the package.
pub const PACKAGE: &str = "valet-key";

/// The name of the crate, and so of the files.
pub const STEM: &str = "valet_key";

/// The file of the module.
pub const WASM: &str = "valet_key.wasm";

/// The features that the engines of the last years have, and that the compiler uses. With all features, wasm-opt would
/// write code that no engine reads.
const FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-extended-const",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// A folder of the package with a module and its worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `pkg/wasm/`
    Vault,
    /// `pkg/guard/`, for the folder of a guard. Other apps do not pay for its code.
    Guard,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Vault => "wasm",
            Self::Guard => "guard",
        }
    }

    fn features(self) -> &'static str {
        match self {
            Self::Vault => "npm",
            Self::Guard => "npm,guard",
        }
    }

    /// The folder for everything that does not ship.
    fn scratch(self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.scratch()?.join(self.name());
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The folder that ships.
    pub fn shipped(self, workspace: &Workspace) -> PathBuf {
        workspace.pkg().join(self.name())
    }

    /// The module between wasm-bindgen and wasm-opt, with the names of its functions.
    fn named_module(self, workspace: &Workspace) -> Result<PathBuf> {
        Ok(self.scratch(workspace)?.join(format!("{STEM}.named.wasm")))
    }
}

/// Makes the files that ship, unless they are up to date.
pub fn build(workspace: &Workspace, node: &Node) -> Result<Toolchain> {
    let _lock = workspace.lock()?;
    let toolchain = Toolchain::find(workspace, Panics::Trap)?;
    // The glue of the last part stays in pkg/wasm, where editors and the check of types find it.
    for part in [Part::Guard, Part::Vault] {
        let wasm = module(workspace, node, &toolchain, part)?;
        let [worker, map] = process::timed("esbuild", || bundle(workspace, node, &wasm, part))?;
        // Last and together, because each contains the name of the other.
        ship(&part.shipped(workspace), &[wasm, worker, map])?;
    }
    let qr = process::timed("esbuild", || qr(workspace, node))?;
    ship(&Part::Vault.shipped(workspace), &qr)?;
    // The same page at a second address, for hosts that send browsers on.
    let (page, copy) =
        (workspace.pkg().join("vault/callback.html"), Part::Guard.scratch(workspace)?.join("sealed.html"));
    fs::copy(&page, &copy)?;
    ship(&Part::Guard.shipped(workspace), &[page, copy])?;
    enclosed::enclose(workspace)?;
    Ok(toolchain)
}

/// The module that ships, and its glue at the place where the worker imports it.
fn module(workspace: &Workspace, node: &Node, toolchain: &Toolchain, part: Part) -> Result<PathBuf> {
    let compiled = process::timed("rustc", || compile(workspace, toolchain, part))?;
    let scratch = part.scratch(workspace)?;
    let (wasm, stamp) = (scratch.join(WASM), scratch.join("stamp"));
    let recipe = recipe(workspace, &compiled)?;
    if !wasm.is_file() || fs::read_to_string(&stamp).ok().as_ref() != Some(&recipe) {
        process::timed("wasm-bindgen", || bind(workspace, &compiled, part))?;
        process::timed("wasm-opt", || optimise(node, &part.named_module(workspace)?, &wasm, &[]))?;
        names_no_folder(workspace, &wasm)?;
        fs::write(stamp, recipe)?;
    }
    let glue = Part::Vault.shipped(workspace);
    fs::create_dir_all(&glue)?;
    for name in GLUE {
        fs::copy(scratch.join(name), glue.join(name))?;
    }
    Ok(wasm)
}

/// Copies files into a folder of the package, except those that are there already.
fn ship(folder: &Path, files: &[PathBuf]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut sizes = Vec::new();
    for file in files {
        let name = file.file_name().context("a file has a name")?;
        let (new, shipped) = (fs::read(file)?, folder.join(name));
        if fs::read(&shipped).ok().as_ref() != Some(&new) {
            fs::write(&shipped, &new).with_context(|| format!("cannot write {}", shipped.display()))?;
        }
        sizes.push(format!("{} {} bytes", name.display(), new.len()));
    }
    eprintln!("xtask: {}: {}", process::short(folder), sizes.join(", "));
    Ok(())
}

/// The module as the compiler writes it.
fn compile(workspace: &Workspace, toolchain: &Toolchain, part: Part) -> Result<PathBuf> {
    // One folder for each part: with other features, Cargo would write the module to the same place, and compile it each time.
    let folder = workspace.target().join("xtask/cargo").join(part.name());
    process::run(&mut compiler(workspace, toolchain, &folder, part)?)?;
    Ok(compiled(&folder))
}

fn compiler(workspace: &Workspace, toolchain: &Toolchain, folder: &Path, part: Part) -> Result<Command> {
    let mut command = toolchain.cargo(workspace, "rustc", &[])?;
    command
        .args(["--package", PACKAGE, "--lib", "--crate-type", "cdylib", "--features", part.features()])
        .args(["--profile", "wasm", "--target", TARGET, "--target-dir"])
        .arg(folder);
    Ok(command)
}

fn compiled(folder: &Path) -> PathBuf {
    folder.join(TARGET).join("wasm").join(format!("{STEM}.wasm"))
}

/// The module before wasm-opt, with line tables.
pub fn with_lines(workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<u8>> {
    let folder = workspace.target().join("xtask/shares");
    let mut command = compiler(workspace, toolchain, &folder, Part::Vault)?;
    command.env("CARGO_PROFILE_WASM_DEBUG", "line-tables-only").env("CARGO_PROFILE_WASM_STRIP", "none");
    process::run(&mut command)?;
    let mut output = generator()?.input_path(compiled(&folder)).keep_debug(true).generate_output()?;
    Ok(output.wasm_mut().emit_wasm())
}

/// All later inputs of the module, as one line.
fn recipe(workspace: &Workspace, compiled: &Path) -> Result<String> {
    let tools = fs::read(workspace.tests().join("package-lock.json")).context("cannot read tests/package-lock.json")?;
    let mut digest = Sha256::new();
    for input in [fs::read(compiled)?, tools] {
        digest.update(Sha256::digest(input));
    }
    let xtask = fs::metadata(env::current_exe()?)?.modified()?.duration_since(UNIX_EPOCH)?;
    Ok(format!("{} {}", STANDARD.encode(digest.finalize()), xtask.as_nanos()))
}

/// Runs wasm-bindgen: writes the named module, and the glue with its types.
fn bind(workspace: &Workspace, compiled: &Path, part: Part) -> Result<()> {
    let mut module = Module::from_file(compiled).context("the compiler's module cannot be read")?;
    trap::instead_of_panics(&mut module);
    let mut output = generator()?.input_module(STEM, module).generate_output()?;
    ensure!(
        output.snippets().values().all(Vec::is_empty) && output.local_modules().is_empty(),
        "a crate contains JavaScript, which the package cannot ship: remove that crate"
    );
    let [no_guard, no_guard_type] = if part == Part::Guard { [""; 2] } else { NO_GUARD };
    let glue = [HOST, output.js(), no_guard].concat();
    let types = [output.ts().unwrap_or_default(), no_guard_type].concat();
    let names = short_names(output.wasm_mut(), &glue);
    let scratch = part.scratch(workspace)?;
    for (name, text) in GLUE.into_iter().zip([glue, types]) {
        fs::write(scratch.join(name), text)?;
    }
    fs::write(scratch.join(NAMES), names)?;
    fs::write(part.named_module(workspace)?, output.wasm_mut().emit_wasm())?;
    Ok(())
}

fn generator() -> Result<Bindgen> {
    let mut generator = Bindgen::new();
    generator
        .web(true)?
        .typescript(true)
        .demangle(false)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        // A page that has its tokens itself restarts the core after a trap.
        .reset_state_function(true)
        .encode_into(EncodeInto::Test);
    Ok(generator)
}

/// The export that only the module of a guard has: `pkg/vault/worker.js` imports it in any case. With its type.
const NO_GUARD: [&str; 2] =
    ["export const guard = undefined;\n", "export function guard(message: string): Promise<string>;\n"];

/// The functions that the glue calls instead of the browser's own.
const HOST: &str = "import { fetch, queueMicrotask } from '../vault/host.js';\n";

/// The glue between the module and `pkg/vault/worker.js`. It does not ship: esbuild puts it into the worker.
const GLUE: [&str; 2] = ["glue.js", "glue.d.ts"];

/// The short names of the module's imports and exports.
const NAMES: &str = "names.json";

/// Shortens the names that only the glue and the module use, and removes exports that the glue does not use. The
/// long names hold hashes, which do not compress, and stand on both sides.
///
/// Returns the list of names in the form that esbuild reads, to rename them in the glue.
fn short_names(module: &mut Module, glue: &str) -> String {
    let unused: Vec<_> =
        module.exports.iter().filter(|export| !glue.contains(&export.name)).map(walrus::Export::id).collect();
    for export in unused {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(module);
    let imports = module.imports.iter_mut().map(|import| &mut import.name);
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    let mut names = serde_json::Map::new();
    for name in imports.chain(exports).filter(|name| name.starts_with(INTERNAL)) {
        let short = names
            .get(name)
            .map_or_else(|| format!("_{}", names.len()), |short| short.as_str().unwrap_or_default().to_owned());
        names.insert(std::mem::replace(name, short.clone()), short.into());
    }
    serde_json::Value::Object(names).to_string()
}

/// The prefixes of the names that wasm-bindgen generates.
const INTERNAL: &str = "__wb";

/// Runs wasm-opt, for size. Without further arguments only code and data remain.
fn optimise(node: &Node, from: &Path, to: &Path, further: &[&str]) -> Result<()> {
    let strip: &[&str] = if further.contains(&"-g") { &[] } else { &["--strip-debug", "--strip-producers"] };
    let mut command = node.tool("binaryen/bin/wasm-opt");
    // New memory is zero, and its first kilobyte is the far end of the stack, from which no address is computed.
    // Functions that the compiler kept separate are not inlined: similar bodies compress best as separate functions.
    command
        .args([
            "-Os",
            "--converge",
            "--one-caller-inline-max-function-size=20",
            "--zero-filled-memory",
            "--low-memory-unused",
        ])
        .args(FEATURES)
        .args(strip)
        .arg("--strip-target-features")
        .args(further);
    process::run(command.arg(from).arg("-o").arg(to))
}

/// What ships must not contain local paths.
fn names_no_folder(workspace: &Workspace, file: &Path) -> Result<()> {
    let bytes = fs::read(file)?;
    for folder in [Some(workspace.root().to_owned()), toolchain::cargo_home()].into_iter().flatten() {
        let name = toolchain::utf8(&folder)?.as_bytes();
        if bytes.windows(name.len()).any(|window| window == name) {
            bail!(
                "{} contains the path {}: in a module, a --remap-path-prefix is missing in xtask/src/toolchain.rs",
                file.display(),
                folder.display()
            );
        }
    }
    Ok(())
}

/// Bundles `pkg/vault/worker.js` and its imports into one file, with the hash of the module, and writes its source map. esbuild
/// shortens the names itself, so the map matches the file that ships.
fn bundle(workspace: &Workspace, node: &Node, wasm: &Path, part: Part) -> Result<[PathBuf; 2]> {
    let entry = workspace.pkg().join("vault/worker.js");
    if !entry.is_file() {
        bail!("pkg/vault/worker.js is missing, so only the module was made");
    }
    let hash = STANDARD.encode(Sha384::digest(fs::read(wasm)?));
    let scratch = part.scratch(workspace)?;
    let outfile = scratch.join("worker.js");
    // esbuild writes into the list that it reads.
    let cache = scratch.join("names.cache.json");
    fs::copy(scratch.join(NAMES), &cache)?;
    let mut command = node.tool("esbuild/bin/esbuild");
    command
        .current_dir(workspace.root())
        .arg(entry)
        .args([
            "--bundle",
            "--minify",
            "--format=iife",
            "--target=es2022",
            "--log-level=warning",
            "--legal-comments=none",
            // With the sources in it: most of them do not ship otherwise.
            "--sourcemap=linked",
        ])
        .arg(format!("--define:__WASM_INTEGRITY__=\"sha384-{hash}\""))
        .arg(format!("--define:__IS_PINNED__={}", part == Part::Guard))
        .arg(format!("--mangle-props=^{INTERNAL}"))
        // The glue also contains this name as a string.
        .arg("--reserve-props=^__wbg_inst$")
        .arg(format!("--mangle-cache={}", toolchain::utf8(&cache)?))
        .arg(format!("--outfile={}", toolchain::utf8(&outfile)?));
    process::run(&mut command)?;
    let made = fs::read_to_string(&outfile)?;
    ensure!(
        !made.contains("import\"") && !made.contains("from\"") && !made.contains("export{"),
        "the worker must be one script, but it imports or exports something"
    );
    let names: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&fs::read(scratch.join(NAMES))?)?;
    let long = names.keys().find(|name| made.contains(name.as_str()));
    ensure!(long.is_none(), "the module has a short name for what the glue calls {long:?}");
    let map = outfile.with_extension("js.map");
    let sources = from_shipped(workspace, &outfile, &fs::read(&map)?, part)?;
    fs::write(&map, sources)?;
    names_no_folder(workspace, &map)?;
    Ok([outfile, map])
}

/// Bundles `pkg/extra/qr.js` with the library that it uses, and writes its type. The library's licence goes with it.
fn qr(workspace: &Workspace, node: &Node) -> Result<[PathBuf; 2]> {
    let scratch = Part::Vault.scratch(workspace)?;
    let [outfile, types] = ["qr.js", "qr.d.ts"].map(|name| scratch.join(name));
    let mut command = node.tool("esbuild/bin/esbuild");
    command
        .current_dir(workspace.root())
        // The library lies among the tools of the tests, not beside the package.
        .env("NODE_PATH", node.modules())
        .arg(workspace.pkg().join("extra/qr.js"))
        .args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"])
        .arg("--banner:js=// lean-qr, MIT License: see LICENSE-lean-qr")
        .arg(format!("--outfile={}", toolchain::utf8(&outfile)?));
    process::run(&mut command)?;
    fs::write(&types, "export function svg(text: string): string;\n")?;
    fs::copy(node.modules().join("lean-qr/LICENSE"), workspace.pkg().join("LICENSE-lean-qr"))?;
    Ok([outfile, types])
}

/// A source map with the paths of its sources relative to the folder where it ships. esbuild writes them relative to its own
/// output.
fn from_shipped(workspace: &Workspace, outfile: &Path, map: &[u8], part: Part) -> Result<String> {
    let mut map: serde_json::Value = serde_json::from_slice(map).context("esbuild's source map is not JSON")?;
    let folder = outfile.parent().context("the worker has a folder")?;
    for source in map["sources"].as_array_mut().context("the source map has no `sources`")? {
        let file = fs::canonicalize(folder.join(source.as_str().context("a source is no text")?))?;
        let within = file.strip_prefix(fs::canonicalize(workspace.pkg())?).context("a source lies outside of pkg")?;
        let path = within.strip_prefix(part.name()).map_or_else(|_| Path::new("..").join(within), Path::to_owned);
        *source = toolchain::utf8(&path)?.into();
    }
    Ok(map.to_string())
}
