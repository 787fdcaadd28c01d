//! The size of the package, and its budgets.
//!
//! The worker's source map does not count: browsers load it only for their developer tools.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    build::{self, Part},
    node::Node,
    shares,
    toolchain::{self, Toolchain},
    workspace::Workspace,
};

/// The page's script before sign-in: the entry `valet-key`, minified and compressed with brotli.
const PAGE_BUDGET: usize = 6250;

/// That script, the worker and the module, compressed with brotli.
const TOTAL_BUDGET: usize = 132 * 1024;

/// The same with the module and the worker for the folder of a guard.
const GUARDED_BUDGET: usize = 143 * 1024;

/// A number of bytes, raw and compressed.
#[derive(Clone, Copy, Default)]
struct Size {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Size {
    fn of(bytes: &[u8]) -> Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(bytes)?;
        let parameters =
            brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, size_hint: bytes.len(), ..Default::default() };
        let mut compressed = Vec::new();
        brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)?;
        Ok(Self { raw: bytes.len(), gzip: gzip.finish()?.len(), brotli: compressed.len() })
    }

    fn and(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, gzip: self.gzip + other.gzip, brotli: self.brotli + other.brotli }
    }
}

/// Prints the table and fails if a budget is exceeded. `arguments` may contain `--json` or `--crates`.
fn size(workspace: &Workspace, node: &Node, toolchain: &Toolchain, arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => weigh(workspace, node, toolchain, false),
        ["--json"] => weigh(workspace, node, toolchain, true),
        ["--crates"] => shares::shares(workspace, toolchain),
        _ => bail!("usage: cargo xtask size [--json | --crates]"),
    }
}

fn weigh(workspace: &Workspace, node: &Node, toolchain: &Toolchain, as_json: bool) -> Result<()> {
    let sizes = |part: Part| {
        let folder = part.shipped(workspace);
        Ok::<_, anyhow::Error>([
            Size::of(&read(&folder.join(build::WASM))?)?,
            Size::of(&read(&folder.join("worker.js"))?)?,
        ])
    };
    let ([module, worker], [guard_module, guard_worker]) = (sizes(Part::Vault)?, sizes(Part::Guard)?);
    let mut rows = vec![
        ("the module".to_owned(), module),
        ("the worker".to_owned(), worker),
        ("the module of a guard".to_owned(), guard_module),
        ("the worker of a guard".to_owned(), guard_worker),
        ("QR codes".to_owned(), Size::of(&read(&workspace.shipped().join("qr.js"))?)?),
    ];
    let mut page = None;
    for (entry, file) in entries(workspace)? {
        let Script { first, later, inputs } = minified(node, &file)?;
        let mut shipped = Size::default();
        for input in inputs {
            shipped = shipped.and(Size::of(&read(&workspace.root().join(input))?)?);
        }
        if entry == "valet-key" {
            page = Some((first, later));
        }
        rows.push((format!("{entry}, minified"), first));
        if later.raw > 0 {
            rows.push((format!("{entry}, loaded on demand"), later));
        }
        rows.push((format!("{entry}, as shipped"), shipped));
    }
    let (page, later) =
        page.context("pkg/package.json has no entry `.` in `exports`, which names the script of the page")?;
    let total = page.and(later).and(worker).and(module);
    rows.push(("together: valet-key minified, worker, module".into(), total));
    let guarded = page.and(later).and(guard_worker).and(guard_module);
    rows.push(("together with a guard".into(), guarded));
    print(&rows, as_json);
    within("the page's script before sign-in", page.brotli, PAGE_BUDGET)?;
    if !toolchain.compiles_its_library() {
        eprintln!(
            "xtask: the total is not compared with its budget, which applies to a standard library compiled here"
        );
        return Ok(());
    }
    within("everything together", total.brotli, TOTAL_BUDGET)?;
    within("everything together with a guard", guarded.brotli, GUARDED_BUDGET)
}

fn print(rows: &[(String, Size)], as_json: bool) {
    if as_json {
        let value: Value = rows
            .iter()
            .map(|(name, size)| json!({ "name": name, "raw": size.raw, "gzip": size.gzip, "brotli": size.brotli }))
            .collect();
        println!("{value}");
        return;
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    println!("{:width$}  {:>8}  {:>8}  {:>8}", "bytes", "raw", "gzip", "brotli");
    for (name, size) in rows {
        println!("{name:width$}  {:>8}  {:>8}  {:>8}", size.raw, size.gzip, size.brotli);
    }
}

fn within(what: &str, bytes: usize, budget: usize) -> Result<()> {
    eprintln!("xtask: {what}: {bytes} of {budget} bytes");
    if bytes > budget {
        bail!(
            "{what} is {} bytes over its budget of {budget}: see `cargo xtask size --crates`, or raise the number in \
             xtask/src/size.rs in plain sight",
            bytes - budget
        );
    }
    Ok(())
}

/// The entries that a page may import, by import name.
fn entries(workspace: &Workspace) -> Result<Vec<(String, std::path::PathBuf)>> {
    let path = workspace.pkg().join("package.json");
    let package: Value = serde_json::from_slice(&read(&path)?).context("pkg/package.json is not JSON")?;
    let exports = package["exports"].as_object().context("pkg/package.json has no `exports`")?;
    let is_script =
        |file: &&str| Path::new(file).extension().is_some_and(|extension| extension == "js") && !file.contains('*');
    Ok(exports
        .iter()
        .filter_map(|(name, value)| {
            let file = value.as_str().or(value["import"].as_str()).or(value["default"].as_str()).filter(is_script)?;
            // The worker is measured separately.
            let file = workspace.pkg().join(file);
            (!file.starts_with(workspace.shipped())).then(|| (name.replacen('.', "valet-key", 1), file))
        })
        .collect())
}

/// A script as a bundler would ship it.
struct Script {
    /// The script and its static imports.
    first: Size,
    /// The modules that it imports on demand.
    later: Size,
    /// The source files.
    inputs: Vec<String>,
}

/// Minifies a script and its imports. The worker and other packages are excluded.
fn minified(node: &Node, entry: &Path) -> Result<Script> {
    let workspace = Workspace::new()?;
    let folder = workspace.scratch()?.join("minified");
    let metafile = folder.join("about.json");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let mut command = node.tool("esbuild/bin/esbuild");
    command
        .current_dir(workspace.root())
        .arg(entry)
        .args([
            "--bundle",
            "--splitting",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--log-level=warning",
            "--legal-comments=none",
            // A hash in a name would change the size by some bytes whenever another file changes.
            "--chunk-names=[name]",
        ])
        .args(["--packages=external", "--external:*/worker.js", "--external:*/qr.js"])
        .arg(format!("--outdir={}", toolchain::utf8(&folder)?))
        .arg(format!("--metafile={}", toolchain::utf8(&metafile)?));
    crate::process::run(&mut command)?;
    let about: Value = serde_json::from_slice(&read(&metafile)?)?;
    let inputs = about["inputs"].as_object().context("esbuild does not list its inputs")?;
    let outputs = about["outputs"].as_object().context("esbuild does not list its outputs")?;
    let (mut first, mut later) = (Size::default(), Size::default());
    for file in outputs.keys() {
        let size = Size::of(&read(&workspace.root().join(file))?)?;
        let is_deferred = outputs.values().filter_map(|by| by["imports"].as_array()).flatten().any(|import| {
            import["path"].as_str() == Some(file.as_str()) && import["kind"].as_str() == Some("dynamic-import")
        });
        if is_deferred { later = later.and(size) } else { first = first.and(size) }
    }
    Ok(Script { first, later, inputs: inputs.keys().cloned().collect() })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Builds, and then measures.
pub fn run(workspace: &Workspace, node: &Node, arguments: &[String]) -> Result<()> {
    let toolchain = build::build(workspace, node)?;
    size(workspace, node, &toolchain, arguments)
}
