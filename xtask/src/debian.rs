//! Debian's way: packages by apt-get, and a wasm32 standard library built from Debian's own Rust source.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lanes::say;
use crate::shell::{self, Result};
use crate::toolchain::{TARGET, has_standard_library};

const RUST: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld-19"];
const RUSTC: &str = "/usr/bin/rustc";

/// Why apt-get cannot be used here, or `Ok`.
pub(crate) fn usable() -> Result<()> {
    if shell::which("apt-get").is_none() {
        return Err("there is no apt-get".to_owned());
    }
    if is_root() || shell::quiet(shell::command("sudo").args(["-n", "true"])).is_ok() {
        return Ok(());
    }
    Err("apt-get needs root, or sudo without a password".to_owned())
}

/// Installs packages; the lists are brought up to date first, once per run.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    static UPDATED: AtomicBool = AtomicBool::new(false);
    usable()?;
    let _one_at_a_time = shell::lock("apt-get")?;
    if !UPDATED.swap(true, Ordering::Relaxed) {
        shell::quiet(as_root("apt-get").args(["update", "-q"]))?;
    }
    let mut install = as_root("apt-get");
    // Another apt-get may be at work: it is waited for.
    install.args(["-o", "DPkg::Lock::Timeout=600", "install", "-y", "-q", "--no-install-recommends"]).args(packages);
    shell::quiet(install.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}

/// Installs Debian's Rust for the web, and gives it a wasm32 standard library.
pub(crate) fn install_rust() -> Result<()> {
    let present = Path::new(RUSTC).is_file()
        && Path::new("/usr/bin/cargo-clippy").is_file()
        && Path::new("/usr/bin/wasm-ld-19").is_file()
        && sysroot()?.join("lib/rustlib/src/rust/library/std").exists();
    if !present {
        say(&format!("            installing {} with apt-get", RUST.join(", ")));
        install(RUST)?;
    }
    let libraries = sysroot()?.join("lib/rustlib").join(TARGET).join("lib");
    if has_standard_library(&libraries) {
        return Ok(());
    }
    let built = standard_library()?;
    shell::quiet(as_root("mkdir").arg("-p").arg(&libraries))?;
    shell::quiet(as_root("cp").args(&built).arg(&libraries)).map(drop)
}

fn sysroot() -> Result<PathBuf> {
    let mut rustc = shell::command(RUSTC);
    let rustc = rustc.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN");
    Ok(PathBuf::from(shell::quiet(rustc.args(["--print", "sysroot"]))?.trim()))
}

/// Builds the standard library in an empty crate, once for each compiler, and gives its .rlib files.
fn standard_library() -> Result<Vec<PathBuf>> {
    let version = shell::quiet(shell::command(RUSTC).env_remove("LD_LIBRARY_PATH").arg("-vV"))?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let folder = shell::cache()?.join("wasm-std").join(commit);
    let products = folder.join("target").join(TARGET).join("release/deps");
    if !folder.join("complete").is_file() {
        say("            building the wasm32 standard library from Debian's source (about 40 s)");
        shell::write(&folder.join("src/lib.rs"), "#![no_std]\n")?;
        let manifest = "[package]\nname = \"emptycrate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
        shell::write(&folder.join("Cargo.toml"), manifest)?;
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo.current_dir(&folder).args(["build", "--release", "--target", TARGET]);
        cargo.arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro").env("RUSTC_BOOTSTRAP", "1");
        cargo.env("PATH", format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default()));
        cargo.env("CARGO_TARGET_DIR", folder.join("target"));
        for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "LD_LIBRARY_PATH"] {
            cargo.env_remove(name);
        }
        shell::quiet(&mut cargo)?;
        shell::write(&folder.join("complete"), "")?;
    }
    let library = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".rlib") && !name.starts_with("libemptycrate")
    };
    Ok(shell::files(&products).into_iter().filter(library).collect())
}

/// A command with root's rights: itself for root, else by sudo.
fn as_root(program: &str) -> Command {
    if is_root() {
        return shell::command(program);
    }
    let mut sudo = shell::command("sudo");
    sudo.args(["-n", program]);
    sudo
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    shell::quiet(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
