//! `package --check-reproducible`: builds the package twice, from copies in two folders, and compares every byte.

use std::path::{Path, PathBuf};

use crate::lanes::say;
use crate::shell::{self, Result};
use crate::{npm, package};

/// What the package is built from, and what cargo wants beside it to read the workspace.
const SOURCES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "pkg-template",
    "protocol",
    "relay",
    "src",
    "symmetric",
    "tests/all.rs",
    "xtask",
];

/// Builds in `target/reproducible/`; the folders' names are not of one length, so that paths show wherever they get in.
pub(crate) fn run() -> Result<()> {
    let scratch = shell::target_dir()?.join("reproducible");
    remove(&scratch)?;
    let (one, other) = (scratch.join("one"), scratch.join("a-folder-with-a-longer-name"));
    // Both copies first: what is edited meanwhile is in neither.
    for place in [&one, &other] {
        copy_sources(place)?;
    }
    for place in [&one, &other] {
        package::build(place, &place.join("target"), &place.join("pkg"))?;
    }
    let different = compare(&one.join("pkg"), &other.join("pkg"))?;
    if !different.is_empty() {
        return Err(format!(
            "two builds differ in {}\nThey are left in {}: look for paths with `strings`.",
            different.join(", "),
            scratch.display()
        ));
    }
    let hash = "console.log(crypto.createHash('sha256').update(fs.readFileSync(process.argv[1])).digest('hex'))";
    say("  package   two builds are the same");
    for name in ["regrant", "relay"] {
        let wasm = one.join(format!("pkg/wasm/{name}_bg.wasm"));
        let hash = shell::quiet(npm::node().args(["--eval", hash]).arg(&wasm))?;
        say(&format!("  package   wasm/{name}_bg.wasm has SHA-256 {}", hash.trim()));
    }
    remove(&scratch)
}

fn copy_sources(to: &Path) -> Result<()> {
    let root = shell::root();
    for file in SOURCES.iter().flat_map(|source| shell::files(&root.join(source))) {
        let name = file.strip_prefix(&root).map_err(|error| error.to_string())?;
        shell::copy(&file, &to.join(name))?;
    }
    Ok(())
}

/// The names of files that only one folder has, or that differ.
fn compare(one: &Path, other: &Path) -> Result<Vec<String>> {
    let names = |folder: &Path| -> Vec<PathBuf> {
        shell::files(folder).iter().filter_map(|file| file.strip_prefix(folder).ok().map(Path::to_owned)).collect()
    };
    let (mut all, mut different) = (names(one), Vec::new());
    all.extend(names(other));
    all.sort();
    all.dedup();
    if all.is_empty() {
        return Err("nothing was built".to_owned());
    }
    for name in all {
        let read = |folder: &Path| std::fs::read(folder.join(&name)).ok();
        if read(one) != read(other) {
            different.push(name.display().to_string());
        }
    }
    Ok(different)
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_and_a_missing_file_are_differences() -> Result<()> {
        let scratch = std::env::temp_dir().join(format!("regrant-compare-{}", std::process::id()));
        let (one, other) = (scratch.join("one"), scratch.join("other"));
        for (folder, text) in [(&one, "a"), (&other, "b")] {
            shell::write(&folder.join("same"), "same")?;
            shell::write(&folder.join("in/differs"), text)?;
        }
        shell::write(&other.join("only"), "x")?;
        let found = compare(&one, &other)?;
        remove(&scratch)?;
        assert_eq!(found, ["in/differs", "only"]);
        Ok(())
    }
}
