//! `check`: everything that can be said about the code without running it.

use crate::lanes::{say, stage};
use crate::shell::{self, Result};
use crate::toolchain::{TARGET, native_cargo};
use crate::tools::Tool;
use crate::{imports, long, npm, setup};

/// The folders with a `tsconfig.json`.
const TYPESCRIPT: &[&str] = &["tests", "www"];
/// The folders with a `package-lock.json`.
const LOCKED: &[&str] = &["tests", "tests/elsewhere", "www", "xtask/site"];

/// Runs all checks; the first that fails ends it.
pub(crate) fn run() -> Result<()> {
    quick()?;
    wasm()?;
    documents()
}

/// What takes seconds, and clippy for this machine: of what there is to find, nearly all.
pub(crate) fn quick() -> Result<()> {
    stage("format", || {
        shell::run(native_cargo().args(["fmt", "--all", "--check"]))
            .map_err(|error| format!("{error}\nRun `cargo fmt --all`."))
    })?;
    stage("import order", imports::check)?;
    stage("lockfiles", lockfiles)?;
    stage("dependencies", dependencies)?;
    stage("types", types)?;
    stage("clippy", || {
        shell::run(native_cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })
}

/// Clippy for what is compiled for browsers only.
pub(crate) fn wasm() -> Result<()> {
    stage("clippy for wasm", || {
        let mut cargo = setup::wasm()?.cargo();
        cargo.args([
            "clippy",
            "--quiet",
            "--package",
            "regrant",
            "--package",
            "regrant-protocol",
            "--package",
            "regrant-relay",
            "--all-targets",
            "--target",
            TARGET,
        ]);
        shell::run(cargo.args(["--", "-D", "warnings"]))
    })
}

/// Licences, sources and duplicates among the dependencies; and what is known against them, where there is a network.
fn dependencies() -> Result<()> {
    let wasm = setup::wasm()?;
    Tool::deny().install(&wasm)?;
    let deny = |of: &[&str], config: &str, what: &[&str]| {
        let mut deny = shell::command("cargo-deny");
        wasm.apply(&mut deny);
        deny.args(["--all-features", "--log-level", "error", "--config", config]).args(of);
        shell::quiet(deny.args(["check", "--hide-inclusion-graph"]).args(what))
    };
    deny(&[], "deny.toml", &["licenses", "bans", "sources"])?;
    // What travels to nobody may hold something twice.
    let server = &["--manifest-path", "server/Cargo.toml"];
    deny(server, "server/deny.toml", &["licenses", "bans", "sources"])?;
    match deny(&[], "deny.toml", &["advisories"]).and_then(|_| deny(server, "server/deny.toml", &["advisories"])) {
        Err(why) if why.contains("failed to fetch advisory database") => {
            say("  advisories could not be fetched: not checked");
            Ok(())
        }
        other => other.map(drop),
    }
}

/// The documentation of the crates, and what would be published of them.
pub(crate) fn documents() -> Result<()> {
    stage("docs", || {
        let mut cargo = native_cargo();
        shell::run(cargo.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    stage("the crate's package", crate_package)?;
    long::say_what_is_old()
}

/// What `cargo publish` would send can be put together, and cargo has nothing to say about it.
fn crate_package() -> Result<()> {
    let mut cargo = native_cargo();
    cargo.arg("package");
    for package in ["regrant", "regrant-protocol", "regrant-relay", "regrant-symmetric"] {
        cargo.args(["--package", package]);
    }
    cargo.args(["--allow-dirty", "--no-verify", "--quiet"]);
    let output = shell::output(&mut cargo)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.trim().is_empty() { Ok(()) } else { Err(said.into_owned()) }
}

/// Types of the package's declarations and of all TypeScript that uses them.
pub(crate) fn types() -> Result<()> {
    setup::packages(TYPESCRIPT)?;
    for folder in TYPESCRIPT {
        shell::run(npm::node().arg(npm::program("typescript/bin/tsc")).args(["--noEmit", "--project", folder]))?;
    }
    Ok(())
}

/// Lockfiles name versions and digests, never the address of the registry that somebody happened to use.
fn lockfiles() -> Result<()> {
    for folder in LOCKED {
        let lock = shell::read(&shell::root().join(folder).join("package-lock.json"))?;
        if lock.lines().any(|line| line.trim_start().starts_with("\"resolved\": \"http")) {
            return Err(format!(
                "{folder}/package-lock.json names a registry: run `npm install --package-lock-only` in {folder}/, where \
                 .npmrc leaves addresses out"
            ));
        }
    }
    Ok(())
}
