//! Which Rust toolchain builds WebAssembly, and how cargo is called with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// The target that browsers and Node run.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where the compiler and its wasm32 standard library come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The toolchain on `PATH`, usually rustup's.
    Ordinary,
    /// Debian's `rustc-web` and `cargo-web` in /usr/bin, with a standard library built from their source.
    Debian,
}

/// A toolchain that can build for [`TARGET`].
#[derive(Clone, Debug)]
pub(crate) struct Wasm {
    way: Way,
    linker: Option<PathBuf>,
}

impl Wasm {
    /// The toolchain that is ready now: the one on `PATH` if it can, else Debian's.
    /// `REGRANT_WASM=rustup` or `debian` leaves only that one.
    pub(crate) fn find() -> Option<Self> {
        let wanted = |way: &&Way| forced().is_none_or(|forced| forced == **way);
        [Way::Ordinary, Way::Debian].iter().filter(wanted).find_map(|way| Self::ready(*way))
    }

    fn ready(way: Way) -> Option<Self> {
        if way == Way::Debian && !Path::new("/usr/bin/rustc").is_file() {
            return None;
        }
        let mut wasm = Self { way, linker: None };
        let ask = |what: &[&str]| shell::quiet(wasm.rustc().args(what)).ok().map(|text| PathBuf::from(text.trim()));
        if !has_standard_library(&ask(&["--print", "target-libdir", "--target", TARGET])?) {
            return None;
        }
        let host = ask(&["--print", "target-libdir"])?;
        if !host.with_file_name("bin").join("rust-lld").is_file() {
            wasm.linker = Some(lld()?);
        }
        Some(wasm)
    }

    /// Which toolchain it is.
    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// `cargo` of this toolchain, set up to build for wasm32 when told `--target`.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = shell::command(if self.way == Way::Debian { "/usr/bin/cargo" } else { "cargo" });
        self.apply(&mut cargo);
        cargo
    }

    /// `rustc` of this toolchain.
    pub(crate) fn rustc(&self) -> Command {
        let mut rustc = shell::command(if self.way == Way::Debian { "/usr/bin/rustc" } else { "rustc" });
        self.apply(&mut rustc);
        rustc
    }

    /// Makes a program that calls `cargo` and `rustc` by name (wasm-pack) call these. Our own tools come first on `PATH`.
    pub(crate) fn apply(&self, command: &mut Command) {
        let mut path: Vec<PathBuf> = shell::cache().map(|cache| cache.join("tools/bin")).into_iter().collect();
        if self.way == Way::Debian {
            path.push("/usr/bin".into());
            for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "LD_LIBRARY_PATH"] {
                command.env_remove(name);
            }
        }
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        if let Some(linker) = &self.linker {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        apply_cache(command);
    }
}

/// Native `cargo`: the toolchain on `PATH`.
pub(crate) fn native_cargo() -> Command {
    let mut cargo = shell::command("cargo");
    apply_cache(&mut cargo);
    cargo
}

/// In CI, build products outlive the clone, and incremental ones, which are large and never used again, are not made.
fn apply_cache(command: &mut Command) {
    if shell::ci() {
        command.env("CARGO_INCREMENTAL", "0");
        if let Ok(target) = shell::target_dir() {
            command.env("CARGO_TARGET_DIR", target);
        }
    }
}

/// The toolchain that the environment asks for, if it does.
pub(crate) fn forced() -> Option<Way> {
    match std::env::var("REGRANT_WASM").ok()?.as_str() {
        "rustup" => Some(Way::Ordinary),
        "debian" => Some(Way::Debian),
        _ => None,
    }
}

/// Whether a library folder holds a standard library.
pub(crate) fn has_standard_library(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| {
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// A WebAssembly linker on `PATH`.
fn lld() -> Option<PathBuf> {
    let versions = (14..40).rev().map(|version| format!("wasm-ld-{version}"));
    std::iter::once("wasm-ld".to_owned()).chain(versions).find_map(|name| shell::which(&name))
}
