//! Which crate the bytes of the module belong to.
//!
//! wasm-opt runs once more and keeps the functions' names. Each function then counts for the crate whose path its name
//! begins with: the crate that wrote the code, whoever asked for it. So a generic function counts for its author and
//! not for the type it was made for, what the optimiser moved into a caller counts for the caller, and code that a
//! derive wrote counts for the derive. Static data has no names and stays in one row.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use rustc_demangle::demangle;
use walrus::{FunctionKind, Module, ModuleConfig};

use crate::{
    build::{self, STEM},
    node::Node,
    workspace::Workspace,
};

/// Prints a row for each crate, the largest first.
pub fn shares(workspace: &Workspace, node: &Node) -> Result<()> {
    let named = workspace.scratch()?.join(format!("{STEM}.shares.wasm"));
    build::optimise(node, &build::named_module(workspace)?, &named, &["-g"])?;
    let bytes = fs::read(&named)?;
    let module: Module = ModuleConfig::new().parse(&bytes).context("wasm-opt's module cannot be read")?;
    let shipped = fs::metadata(workspace.shipped().join(build::WASM))?.len();
    let shipped = usize::try_from(shipped)?;

    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    for function in module.funcs.iter() {
        let FunctionKind::Local(local) = &function.kind else { continue };
        let length = local.original_range.as_ref().map_or(0, |range| range.end - range.start);
        *rows.entry(owner(function.name.as_deref().unwrap_or_default())).or_default() += length;
    }
    let data = module.data.iter().map(|segment| segment.value.len()).sum();
    rows.insert("static data (text and tables)".into(), data);
    let counted: usize = rows.values().sum();
    rows.insert("the module's own tables".into(), shipped.saturating_sub(counted));
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));

    println!("{:36}  {:>8}  {:>6}", "raw bytes in the module", "bytes", "share");
    for (name, length) in &rows {
        println!("{name:36}  {length:>8}  {:>5.1}%", percent(*length, shipped));
    }
    println!("{:36}  {shipped:>8}  100.0%", "together");
    let worker = fs::metadata(workspace.shipped().join("worker.js"))?.len();
    println!("{:36}  {worker:>8}", "beside it: the worker");
    println!(
        "\nA function counts for the crate that wrote it; what was inlined counts for the function it ended up in."
    );
    Ok(())
}

fn percent(part: usize, whole: usize) -> f32 {
    let per_mille = part * 1000 / whole.max(1);
    f32::from(u16::try_from(per_mille).unwrap_or(u16::MAX)) / 10.0
}

/// The crate that wrote a function, by its symbol.
fn owner(symbol: &str) -> String {
    let path = format!("{:#}", demangle(symbol));
    if path.contains("::_::") || path.contains("__Visitor") || path.contains("__Field") {
        return "serde, derived code".into();
    }
    let owner = match path.strip_prefix('<') {
        // `<Type as Trait>::function` is where the type is, unless that is the language's and the trait is not.
        Some(rest) => {
            let (this, of) = rest.split_once(" as ").unwrap_or((rest, ""));
            let (this, of) = (first_name(this), first_name(of));
            if is_language(&this) && !of.is_empty() { of } else { this }
        }
        None => first_name(&path),
    };
    match owner.as_str() {
        name if is_language(name) && !name.is_empty() => "core, alloc and std".into(),
        // Exports have plain names.
        _ if !path.contains("::") && !path.starts_with('<') => match path.as_str() {
            "memcpy" | "memmove" | "memset" | "memcmp" | "bcmp" => "core, alloc and std".into(),
            "" => "without a name".into(),
            _ => "valet_key".into(),
        },
        _ => owner,
    }
}

/// Whether a name is the language's own: its libraries, its types (`str`, `f64`) or a type parameter.
fn is_language(name: &str) -> bool {
    let bits = name.trim_start_matches(['f', 'i', 'u']);
    matches!(name, "" | "core" | "alloc" | "std" | "__rustc" | "compiler_builtins" | "bool" | "char" | "str")
        || matches!(bits, "8" | "16" | "32" | "64" | "128" | "size")
        || name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The first identifier, past references, brackets and keywords.
fn first_name(path: &str) -> String {
    let rest = path.trim_start_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for keyword in ["mut ", "dyn ", "const ", "impl "] {
        if let Some(rest) = rest.strip_prefix(keyword) {
            return first_name(rest);
        }
    }
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn a_function_belongs_to_the_crate_that_wrote_it() {
        let rows = [
            ("_ZN4sha26sha25611compress25617h6947193ac5824c9fE", "sha2"),
            (
                "_ZN66_$LT$serde_json..error..Error$u20$as$u20$serde_core..de..Error$GT$6custom17hc085b6ec902df097E",
                "serde_json",
            ),
            ("_ZN44_$LT$D$u20$as$u20$digest..digest..Digest$GT$6digest17he34ba9a02607926fE", "digest"),
            (
                "_RNvMs0_NtCs9p1MkmNz69R_8dlmalloc8dlmallocINtB5_8DlmallocNtNtB7_3sys6SystemE6mallocCs62v1WRk8Dro_3std",
                "dlmalloc",
            ),
            ("_RNvXs7_NtNtCs1CYXbLPYCFn_4core3fmt5floatdNtB7_7Display3fmt", "core, alloc and std"),
            ("room", "valet_key"),
        ];
        for (symbol, expected) in rows {
            assert_eq!(owner(symbol), expected, "{symbol}");
        }
    }
}
