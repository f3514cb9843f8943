//! What the fuzz targets found interesting once, replayed through the very same functions, on stable Rust.
//!
//! `fuzz/corpus/TARGET.txt` holds a target's corpus: one input a line, in base64url. CONTRIBUTING.md says how fuzzing
//! is done; the two tests that are ignored unpack the corpora for it, and pack them again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use regrant::encoding::{from_base64url, to_base64url};

use crate::probe;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus"].iter().collect()
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join(format!("{target}.txt"))).unwrap_or_default();
    text.lines().map(|line| from_base64url(line).unwrap()).collect()
}

#[test]
fn every_input_of_every_corpus_keeps_its_promises() {
    for (target, probe) in probe::TARGETS {
        let inputs = inputs(target);
        assert!(inputs.len() > 20, "{target}: the corpus is there");
        for input in inputs {
            probe(&input);
        }
    }
}

#[test]
fn corpora_stay_small() {
    let sizes =
        probe::TARGETS.iter().map(|(target, _)| fs::metadata(folder().join(format!("{target}.txt"))).unwrap().len());
    assert!(sizes.sum::<u64>() < 300_000);
}

#[test]
#[ignore = "writes fuzz/corpus/TARGET/, for cargo fuzz"]
fn unpack() {
    for (target, _) in probe::TARGETS {
        let to = folder().join(target);
        fs::create_dir_all(&to).unwrap();
        for (i, input) in inputs(target).iter().enumerate() {
            fs::write(to.join(format!("{i:04}")), input).unwrap();
        }
    }
}

#[test]
#[ignore = "writes fuzz/corpus/TARGET.txt from fuzz/corpus/TARGET/"]
fn pack() {
    for (target, _) in probe::TARGETS {
        let Ok(files) = fs::read_dir(folder().join(target)) else { continue };
        let lines: BTreeSet<String> = files.map(|f| to_base64url(&fs::read(f.unwrap().path()).unwrap())).collect();
        let text: Vec<String> = lines.into_iter().collect();
        fs::write(folder().join(format!("{target}.txt")), text.join("\n") + "\n").unwrap();
    }
}
