//! Fuzzing of every reader of foreign bytes, and of the whole client with foreign responses, by libFuzzer.
//!
//! ```text
//! cargo xtask fuzz json ─▶ libFuzzer ─▶ bytes ─▶ Target::run ─▶ a reader, and checks of its result
//!                                                  └─ counts its steps: many for few bytes is a failure, too
//! ```
//!
//! All targets are one program, which `cargo xtask fuzz` instruments, compiles and runs: that needs only a stable
//! compiler, and no installed `cargo-fuzz`. `cargo test` runs the seeds without instrumentation.

#![cfg_attr(fuzzing, no_main)]

#[path = "../support/hostile/mod.rs"]
mod hostile;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod targets;

use targets::TARGETS;

/// A fuzz target.
#[derive(Clone, Copy)]
struct Target {
    name: &'static str,
    /// Reads bytes, and panics if a check fails.
    run: fn(&[u8]),
    /// The first inputs: valid ones, and those that revealed a fault.
    seeds: fn() -> Vec<Vec<u8>>,
    /// Whether an input of twice the length takes about twice the steps.
    is_reader: bool,
}

/// The steps that an input may take in any case, and for each byte: about five times the most that valid inputs took. Texts of which every
/// piece resembles a secret, with several layers of escapes, took 325 for each byte at every length.
const STEPS: u64 = 100_000;
const STEPS_PER_BYTE: u64 = 500;

impl Target {
    /// Runs, and checks that the steps are in proportion to the bytes. Some inputs are then made longer: quadratic
    /// costs show at great lengths.
    fn hold(self, bytes: &[u8]) {
        let check = |bytes: &[u8]| {
            let steps = steps::of(|| (self.run)(bytes));
            let most = STEPS + STEPS_PER_BYTE * bytes.len() as u64;
            assert!(!self.is_reader || steps <= most, "{steps} steps for {} bytes", bytes.len());
        };
        check(bytes);
        let chance = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) % 16;
        if self.is_reader && chance < 2 && bytes.len() >= 16 {
            check(&lengthened(bytes, chance == 0));
        }
    }
}

/// An input whose middle is repeated. A number in each repetition makes them different: names of members must be
/// unique.
fn lengthened(bytes: &[u8], is_numbered: bool) -> Vec<u8> {
    let (begin, rest) = bytes.split_at(bytes.len() / 4);
    let (middle, end) = rest.split_at(bytes.len() / 2);
    let place = middle.iter().position(u8::is_ascii_alphanumeric).filter(|_| is_numbered);
    let mut longer = begin.to_vec();
    for number in 0..32 * 1024 / middle.len() {
        match place {
            Some(place) => {
                longer.extend_from_slice(&middle[..place]);
                longer.extend_from_slice(format!("{number:05}").as_bytes());
                longer.extend_from_slice(&middle[place + 1..]);
            }
            None => longer.extend_from_slice(middle),
        }
    }
    longer.extend_from_slice(end);
    longer
}

#[cfg(fuzzing)]
mod fuzzing {
    //! The functions that libFuzzer calls.

    use std::sync::OnceLock;
    use std::{env, fs, process};

    use super::{TARGETS, Target};

    static TARGET: OnceLock<Target> = OnceLock::new();

    libfuzzer_sys::fuzz_target!(init: init(), |bytes: &[u8]| TARGET.get().expect("a target").hold(bytes));

    fn init() {
        if let Some(folder) = env::var_os("FUZZ_SEEDS") {
            write_seeds(&folder.into()).expect("a folder to write to");
            process::exit(0);
        }
        let name = env::var("FUZZ_TARGET").unwrap_or_default();
        let target = TARGETS.iter().find(|target| target.name == name);
        TARGET.get_or_init(|| *target.unwrap_or_else(|| panic!("FUZZ_TARGET names no target: {name:?}")));
    }

    /// Writes a folder of seeds for each target, and a dictionary of the words in them, which libFuzzer combines.
    fn write_seeds(folder: &std::path::PathBuf) -> std::io::Result<()> {
        for target in TARGETS {
            let seeds = (target.seeds)();
            let own = folder.join(target.name);
            fs::create_dir_all(&own)?;
            for (number, seed) in seeds.iter().enumerate() {
                fs::write(own.join(format!("{number:03}")), seed)?;
            }
            fs::write(own.with_extension("dict"), super::words(&seeds).join("\n") + "\n")?;
        }
        Ok(())
    }
}

/// The words in seeds, in the form of libFuzzer's dictionaries.
#[cfg(any(fuzzing, test))]
fn words(seeds: &[Vec<u8>]) -> Vec<String> {
    let texts = seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok());
    let mut words: Vec<String> = texts
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-.:/".contains(c)))
        .filter(|word| (2..=64).contains(&word.len()))
        .map(|word| format!("\"{word}\""))
        .chain(["\"\\\"\"", "\"\\\\u00\"", "\"%2\"", "\"\\\":\"", "\"\\\",\\\"\""].map(str::to_owned))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Runs a target on its seeds and other inputs without libFuzzer, for a debugger for instance: `cargo run -p fuzz
/// TARGET INPUT …`.
#[cfg(not(fuzzing))]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("no target `{name}` among {}", names.join(", ")));
    let read = |input: String| std::fs::read(&input).unwrap_or_else(|error| panic!("{input}: {error}"));
    for input in (target.seeds)().into_iter().chain(arguments.map(read)) {
        target.hold(&input);
    }
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, lengthened, words};

    #[test]
    fn every_target_holds_for_its_seeds() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for seed in &seeds {
                target.hold(seed);
            }
        }
    }

    #[test]
    fn an_input_is_lengthened_by_repeating_its_middle() {
        let input = br#"{     "a":0      ,"z":0}"#;
        let text = |is_numbered| String::from_utf8(lengthened(input, is_numbered)).expect("text");
        assert!(text(false).starts_with(r#"{     "a":0      ,"a":0      ,"a""#));
        assert!(text(true).starts_with(r#"{     "00000":0      ,"00001":0      ,"00002""#));
        assert!(text(true).ends_with(r#"      ,"z":0}"#) && text(true).len() > 32 * 1024);
    }

    #[test]
    fn the_dictionary_holds_the_words_of_the_seeds() {
        let words = words(&[br#"{"issuer":"https://as.test"}"#.to_vec(), vec![0xff]]);
        assert!(
            ["\"issuer\"", "\"https://as.test\""].iter().all(|word| words.contains(&(*word).to_owned())),
            "{words:?}"
        );
    }
}
