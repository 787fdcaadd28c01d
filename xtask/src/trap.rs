//! Replaces panics by traps.
//!
//! A panic ends the instance either way: the code for its message only makes the module larger. The standard library is
//! linked, so the module cannot contain its own panic handler; instead, the functions that every panic goes through
//! lose their bodies here, before wasm-opt removes the code that only they needed.
//!
//! A library that was compiled to trap (see [`crate::sysroot`]) has none of these functions, and is even smaller,
//! because the compiler then drops the messages as well. This module is for compilers that include a compiled library.

use rustc_demangle::demangle;
use walrus::{FunctionBuilder, FunctionKind, Module};

/// Functions that never return, by the start of their paths.
const DIVERGING: &[&str] = &[
    "__rustc::rust_begin_unwind",
    "rust_begin_unwind",
    "core::panicking::",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::cell::panic_already_",
    "core::slice::index::slice_",
    "core::str::slice_error_fail",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "std::alloc::rust_oom",
    "std::alloc::_::__rust_alloc_error_handler",
    "std::panicking::begin_panic",
    "std::panicking::default_hook",
    "std::panicking::panic_handler",
    "std::panicking::rust_panic",
    "std::thread::local::panic_access_error",
];

/// Empties them, and returns how many there were.
pub fn instead_of_panics(module: &mut Module) -> usize {
    let found: Vec<_> = module
        .funcs
        .iter()
        .filter(|function| matches!(function.kind, FunctionKind::Local(_)))
        .filter(|function| function.name.as_deref().is_some_and(diverges))
        .filter(|function| module.types.get(function.ty()).results().is_empty())
        .map(|function| (function.id(), function.ty()))
        .collect();
    for &(id, ty) in &found {
        let (parameters, results) = module.types.params_results(ty);
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let arguments = parameters.iter().map(|&ty| module.locals.add(ty)).collect();
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
        builder.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
    }
    found.len()
}

fn diverges(symbol: &str) -> bool {
    // Without the hashes that both symbol formats add.
    let path = without_disambiguators(&format!("{:#}", demangle(symbol)));
    let path = path.trim_start_matches('<');
    DIVERGING.iter().any(|start| path.starts_with(start))
}

/// `core[0f3a]::panicking` as `core::panicking`.
fn without_disambiguators(path: &str) -> String {
    let mut depth = 0;
    path.chars()
        .filter(|&c| {
            depth += i32::from(c == '[');
            let keep = depth == 0;
            depth -= i32::from(c == ']');
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::diverges;

    #[test]
    fn only_functions_that_never_return_are_emptied() {
        let rows = [
            ("_ZN4core9panicking9panic_fmt17h0123456789abcdefE", true),
            ("_ZN4core6option13unwrap_failed17h0123456789abcdefE", true),
            ("_RNvNtCs1234_4core9panicking9panic_fmt", true),
            ("_RNvCs1234_7___rustc17rust_begin_unwind", true),
            ("_ZN3std9panicking11panic_count17is_zero_slow_path17h0123456789abcdefE", false),
            ("_ZN3std9panicking9panicking17h0123456789abcdefE", false),
            ("_ZN9valet_key9panicking5other17h0123456789abcdefE", false),
        ];
        for (symbol, expected) in rows {
            assert_eq!(diverges(symbol), expected, "{symbol}");
        }
    }
}
