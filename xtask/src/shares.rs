//! Attributes the bytes of the module to crates.
//!
//! The module is compiled again, with line tables. They name for each instruction the function in which it was written,
//! even if that function was inlined into another one. A byte counts for the crate of that function, no matter which
//! crate calls it, and generated code counts for the derive macro. Static data has no names and gets one row.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use addr2line::{Context as Lines, LookupResult};
use anyhow::{Context as _, Result};
use gimli::{EndianSlice, LittleEndian};
use rustc_demangle::demangle;
use wasmparser::{Name, NameSectionReader, Parser, Payload};

use crate::{
    build::{self, WASM},
    toolchain::Toolchain,
    workspace::Workspace,
};

/// How many functions of each crate are named.
const NAMED: usize = 4;

/// The share of a crate in the module.
#[derive(Default)]
struct Share {
    bytes: usize,
    functions: HashMap<String, usize>,
}

/// Prints a row for each crate, the largest first, with its largest functions.
pub fn shares(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let module = build::with_lines(workspace, toolchain)?;
    let shares = attributed(&module)?;
    let total: usize = shares.values().map(|share| share.bytes).sum();
    let mut rows: Vec<_> = shares.into_iter().collect();
    rows.sort_by_key(|(_, share)| std::cmp::Reverse(share.bytes));

    println!("{:28}  {:>7}  {:>6}  its largest functions", "raw bytes before wasm-opt", "bytes", "share");
    for (name, Share { bytes, functions }) in &rows {
        let mut functions: Vec<_> = functions.iter().collect();
        functions.sort_by_key(|(name, bytes)| (std::cmp::Reverse(**bytes), *name));
        let named: Vec<_> = functions.iter().take(NAMED).map(|(name, bytes)| format!("{name} {bytes}")).collect();
        println!("{name:28}  {bytes:>7}  {:>5.1}%  {}", percent(*bytes, total), named.join(", "));
    }
    let shipped = fs::metadata(workspace.shipped().join(WASM))?.len();
    println!("{:28}  {total:>7}  100.0%  {shipped} after wasm-opt, which reduces all of them", "together");
    Ok(())
}

fn attributed(module: &[u8]) -> Result<BTreeMap<String, Share>> {
    let mut sections: HashMap<&str, &[u8]> = HashMap::new();
    let (mut names, mut imported, mut bodies, mut start, mut data) = (HashMap::new(), 0, Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("the module cannot be read")? {
            Payload::ImportSection(imports) => imported = function_imports(imports)?,
            Payload::CodeSectionStart { range, .. } => start = range.start,
            Payload::CodeSectionEntry(body) => bodies.push(body),
            Payload::DataSection(segments) => {
                for segment in segments {
                    data += segment?.data.len();
                }
            }
            Payload::CustomSection(section) if section.name() == "name" => {
                names = function_names(NameSectionReader::new(wasmparser::BinaryReader::new(section.data(), 0)))?;
            }
            Payload::CustomSection(section) => drop(sections.insert(section.name(), section.data())),
            _ => {}
        }
    }
    let dwarf = gimli::Dwarf::load(|id| {
        let data = sections.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
    })?;
    let lines = Lines::from_dwarf(dwarf)?;

    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    shares.entry("static data (text and tables)".into()).or_default().bytes = data;
    for (index, body) in bodies.iter().enumerate() {
        let symbol =
            u32::try_from(imported + index).ok().and_then(|index| names.get(&index)).copied().unwrap_or_default();
        let mut reader = body.get_operators_reader()?;
        let mut at = body.range().start;
        while !reader.eof() {
            let instruction = reader.original_position();
            reader.read()?;
            let end = reader.original_position();
            // The locals count as part of the first instruction.
            let (krate, function) = match written_at(&lines, (instruction - start) as u64)? {
                Some((file, function)) => (author(&file, &function), function),
                None => (owner(symbol), format!("{:#}", demangle(symbol))),
            };
            let share = shares.entry(krate).or_default();
            share.bytes += end - at;
            *share.functions.entry(function).or_default() += end - at;
            at = end;
        }
    }
    Ok(shares)
}

/// The file and the function in which the instruction at an address was written.
fn written_at(lines: &Lines<EndianSlice<'_, LittleEndian>>, address: u64) -> Result<Option<(String, String)>> {
    let mut lookup = lines.find_frames(address);
    let mut frames = loop {
        match lookup {
            LookupResult::Output(frames) => break frames?,
            // There are no further files to load.
            LookupResult::Load { continuation, .. } => {
                lookup = addr2line::LookupContinuation::resume(continuation, None);
            }
        }
    };
    let Some(frame) = frames.next()? else { return Ok(None) };
    let file = frame.location.and_then(|location| location.file).unwrap_or_default().to_owned();
    let name = frame.function.and_then(|function| function.name.to_string().ok()).unwrap_or_default();
    // Without the type parameters.
    let name = name.split('<').next().unwrap_or_default();
    Ok((!file.is_empty()).then(|| (file, name.to_owned())))
}

/// The crate that a file belongs to, by its path: `…/base64-0.23.1/src/engine/mod.rs`.
fn author(file: &str, function: &str) -> String {
    let derives = function.starts_with("visit_") || matches!(function, "deserialize" | "serialize");
    if file.contains("/library/") || file.starts_with("library/") {
        return "core, alloc and std".into();
    }
    // The sources of the registry are in a folder of that name, too, and crates have subfolders.
    let folders = file.split('/').rev();
    let folder = folders.skip_while(|folder| *folder != "src").nth(1).unwrap_or_default();
    match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => name.replace('-', "_"),
        // Code that a derive macro generated has the location of the type.
        _ if derives && !file.contains("/json/") => "serde, derived code".into(),
        _ => "valet_key".into(),
    }
}

fn function_imports(imports: wasmparser::ImportSectionReader<'_>) -> Result<usize> {
    let mut count = 0;
    for import in imports.into_imports() {
        count += usize::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
    }
    Ok(count)
}

fn function_names(reader: NameSectionReader<'_>) -> Result<HashMap<u32, &str>> {
    let mut names = HashMap::new();
    for part in reader {
        if let Name::Function(functions) = part? {
            for naming in functions {
                let naming = naming?;
                names.insert(naming.index, naming.name);
            }
        }
    }
    Ok(names)
}

fn percent(part: usize, whole: usize) -> f32 {
    let per_mille = part * 1000 / whole.max(1);
    f32::from(u16::try_from(per_mille).unwrap_or(u16::MAX)) / 10.0
}

/// The crate that contains a function, by its symbol.
fn owner(symbol: &str) -> String {
    let path = format!("{:#}", demangle(symbol));
    if path.contains("::_::") || path.contains("__Visitor") || path.contains("__Field") {
        return "serde, derived code".into();
    }
    let owner = match path.strip_prefix('<') {
        // `<Type as Trait>::function` is in the crate of the type, unless the type belongs to the language and the
        // trait does not.
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

/// Whether a name belongs to the language: its libraries, its types (`str`, `f64`) or a type parameter.
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
    use super::{author, owner};

    #[test]
    fn a_file_belongs_to_a_crate() {
        let rows = [
            ("cargo/registry/src/index/base64-0.23.1/src/engine/mod.rs", "decode", "base64"),
            ("cargo/registry/src/index/wasm-bindgen-futures-0.4.80/src/lib.rs", "poll", "wasm_bindgen_futures"),
            ("/rustc/59807616e1/library/core/src/str/mod.rs", "get", "core, alloc and std"),
            ("src/protocol/metadata.rs", "visit_seq", "serde, derived code"),
            ("src/protocol/json/de.rs", "deserialize", "valet_key"),
            ("src/protocol/metadata.rs", "parse", "valet_key"),
        ];
        for (file, function, expected) in rows {
            assert_eq!(author(file, function), expected, "{file}");
        }
    }

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
