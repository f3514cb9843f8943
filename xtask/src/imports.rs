//! The order of the crate's modules: imports point one way, and Web APIs stay in the files named for them.

use std::path::{Path, PathBuf};

use crate::shell::{self, Result};

/// A module may import what stands before it, and nothing that stands after it.
const ORDER: &[&str] =
    &["crypto", "store", "relay", "trust", "auth", "keyring", "graph", "delegation", "recovery", "client", "js"];

/// The files (or folders) that may use Web APIs, and the crates that give them.
const WEB_FILES: &[&str] = &[
    "src/js/",
    "src/crypto/webcrypto",
    "src/store/indexed_db.rs",
    "src/store/local_storage.rs",
    "src/store/foreign.rs",
    "src/store/lock.rs",
    "src/relay/object.rs",
];
const WEB_CRATES: &[&str] =
    &["web_sys", "js_sys", "wasm_bindgen", "wasm_bindgen_futures", "serde_wasm_bindgen", "idb", "gloo_storage"];

/// Reads all of `src/` and lists what breaks the order.
pub(crate) fn check() -> Result<()> {
    let root = shell::root();
    let mut wrong = Vec::new();
    for file in shell::files(&root.join("src")) {
        let name = file.strip_prefix(&root).unwrap_or(&file).to_owned();
        if name.extension().is_some_and(|extension| extension == "rs") {
            wrong.extend(faults(&name, &shell::read(&file)?));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("imports point one way (the table is in xtask/src/imports.rs), but:\n  {}", wrong.join("\n  ")))
}

fn faults(file: &Path, source: &str) -> Vec<String> {
    let code = code_of(source);
    let shown = file.display().to_string().replace('\\', "/");
    let mut found = Vec::new();
    let may_use_web = WEB_FILES.iter().any(|allowed| shown.starts_with(allowed));
    for (name, line) in if may_use_web { Vec::new() } else { paths_to_web(&code) } {
        found.push(format!("{shown}:{line} uses {name}: Web APIs stay in {}", WEB_FILES.join(", ")));
    }
    let parts = module_of(file);
    let Some(module) = parts.first() else {
        return found;
    };
    let Some(own) = rank(module) else {
        found.push(format!("{shown}: module `{module}` is not in the table"));
        return found;
    };
    for (name, line) in imported(&code, parts.len()) {
        if rank(&name).is_some_and(|other| other > own) {
            found.push(format!("{shown}:{line} imports `{name}`, which stands above `{module}`"));
        }
    }
    found
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

/// `src/a/b.rs` is `[a, b]`, `src/a/mod.rs` is `[a]`, `src/lib.rs` is `[]`.
fn module_of(file: &Path) -> Vec<String> {
    let stem = file.with_extension("");
    let inside = stem.strip_prefix("src").map(Path::to_owned).unwrap_or_else(|_| PathBuf::new());
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// The source without comments and without its unit tests, which may look anywhere; lines keep their numbers.
fn code_of(source: &str) -> String {
    let mut code = String::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let tests_follow = lines.peek().is_some_and(|next| next.trim_start().starts_with("mod "));
        if line.trim() == "#[cfg(test)]" && tests_follow {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// The top-level modules that the code names, with their lines: by `crate::`, or by as many `super::` as the file is deep.
fn imported(code: &str, depth: usize) -> Vec<(String, usize)> {
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", up.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = &code[..at];
            // Neither the end of a longer word (`$crate::` is one too, and counts) nor of a longer chain of `super::`.
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') || before.ends_with("super::") {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            found.extend(heads(&code[at + prefix.len()..]).into_iter().map(|name| (name, line)));
        }
    }
    found
}

/// The first names of a path or of a group: `a::b` is `[a]`, `{a::{b, c}, d}` is `[a, d]`.
fn heads(path: &str) -> Vec<String> {
    let word =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(word(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(word(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The Web API crates that the code names, with their lines.
fn paths_to_web(code: &str) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        // A crate is named before `::`, or alone after `use`.
        let named = |name: &&&str| {
            words.contains(*name) && (line.contains(&format!("{name}::")) || line.contains(&format!("use {name}")))
        };
        found.extend(WEB_CRATES.iter().filter(named).map(|name| (*name, number + 1)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_from_above_is_found() {
        let wrong = faults(Path::new("src/crypto/boxes.rs"), "use crate::{crypto::keys, client::{A, B}};\n");
        assert_eq!(wrong, ["src/crypto/boxes.rs:1 imports `client`, which stands above `crypto`"]);
        let wrong = faults(Path::new("src/crypto/boxes.rs"), "\nuse super::super::keyring::Keyring;\n");
        assert_eq!(wrong, ["src/crypto/boxes.rs:2 imports `keyring`, which stands above `crypto`"]);
    }

    #[test]
    fn imports_from_below_comments_and_tests_are_fine() {
        let source = "//! See crate::client.\nuse crate::crypto::Engine;\nuse super::keys;\n#[cfg(test)]\nmod tests { use crate::js; }\n";
        assert!(faults(Path::new("src/crypto/mod.rs"), source).is_empty());
        assert!(faults(Path::new("src/lib.rs"), "pub use crate::client::Client;\n").is_empty());
    }

    #[test]
    fn web_apis_stay_in_their_files() {
        let source = "use wasm_bindgen::prelude::*;\nfn f() { let idb = 1; }\n";
        assert!(faults(Path::new("src/js/mod.rs"), source).is_empty());
        assert_eq!(faults(Path::new("src/crypto/rust.rs"), source).len(), 1);
    }

    #[test]
    fn a_new_module_must_enter_the_table() {
        assert_eq!(faults(Path::new("src/surprise.rs"), "").len(), 1);
    }
}
