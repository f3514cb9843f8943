//! `setup`: finds or installs everything the other commands need, one line for each step. Safe to run again and again.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::browser::Browser;
use crate::shell::{self, Result};
use crate::toolchain::{self, TARGET, Wasm, Way};
use crate::{debian, npm};

/// What the other commands need to know of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The toolchain that builds WebAssembly.
    pub(crate) wasm: Wasm,
    /// Chromium and its driver.
    pub(crate) browser: Browser,
}

/// Runs all steps; those that are done already only say so.
pub(crate) fn run() -> Result<Machine> {
    let _one_at_a_time = lock()?;
    let wasm = wasm_target()?;
    let bindgen = pinned_bindgen()?;
    tool(&wasm, "wasm-bindgen", "wasm-bindgen-cli", Some(&bindgen))?;
    tool(&wasm, "wasm-pack", "wasm-pack", None)?;
    let (browser, installed) = Browser::find_or_install()?;
    step(
        "browser",
        &format!("{} ({})", browser.describe()?, if installed { "installed with apt-get" } else { "found" }),
    );
    step("node", &npm::check_node()?);
    for folder in ["tests", "www"] {
        let installed = npm::install(folder)?;
        step("npm", &format!("packages of {folder}/ {}", if installed { "installed" } else { "are there" }));
    }
    Ok(Machine { wasm, browser })
}

/// Says what became of a step.
pub(crate) fn step(what: &str, how: &str) {
    println!("  {what:<9} {how}");
}

/// Two runs at once would install the same things twice: the second waits.
fn lock() -> Result<File> {
    let path = shell::cache()?.join("setup.lock");
    shell::write(&path, "")?;
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if file.try_lock().is_err() {
        println!("  another setup is under way; waiting for it");
        file.lock().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(file)
}

fn wasm_target() -> Result<Wasm> {
    let (wasm, way) = match Wasm::find() {
        Some(wasm) => (wasm, "is there"),
        None => install_wasm_target()?,
    };
    let whose = match wasm.way() {
        Way::Ordinary => "the toolchain on PATH",
        Way::Debian => "Debian's rustc-web in /usr/bin",
    };
    step("wasm", &format!("{TARGET} {way}, for {whose}"));
    Ok(wasm)
}

fn install_wasm_target() -> Result<(Wasm, &'static str)> {
    let mut tried = Vec::new();
    if toolchain::forced() != Some(Way::Debian) {
        match rustup_target() {
            Ok(()) => match Wasm::find() {
                Some(wasm) => return Ok((wasm, "installed with rustup")),
                None => {
                    tried.push("rustup: it installed the target, but the toolchain on PATH cannot use it".to_owned())
                }
            },
            Err(why) => tried.push(format!("rustup: {why}")),
        }
    }
    if toolchain::forced() != Some(Way::Ordinary) {
        match debian::usable().and_then(|()| debian::install_rust()) {
            Ok(()) => match Wasm::find() {
                Some(wasm) => return Ok((wasm, "installed with apt-get")),
                None => {
                    tried.push("Debian: the packages are installed, but the compiler cannot use the target".to_owned())
                }
            },
            Err(why) => tried.push(format!("Debian: {why}")),
        }
    }
    Err(format!(
        "Rust's standard library for {TARGET} is missing, and could not be installed:\n  {}\n\
         Run `rustup target add {TARGET}`, or install your system's package of it.",
        tried.join("\n  ")
    ))
}

/// The ordinary way. Without a network rustup may try for long: it gets three minutes.
fn rustup_target() -> Result<()> {
    if shell::which("rustup").is_none() {
        return Err("it is not installed".to_owned());
    }
    let mut rustup = shell::command("rustup");
    rustup.args(["target", "add", TARGET]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = rustup.spawn().map_err(|error| error.to_string())?;
    for _ in 0..1800 {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => {
                return Err(format!("`rustup target add {TARGET}` failed: run it to see why"));
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    drop(child.kill());
    drop(child.wait());
    Err(format!("`rustup target add {TARGET}` did not finish in three minutes"))
}

/// The version of wasm-bindgen in Cargo.toml: the tool and the crate must be exactly the same.
fn pinned_bindgen() -> Result<String> {
    let manifest = shell::read(&shell::root().join("Cargo.toml"))?;
    let line = manifest.lines().find(|line| line.starts_with("wasm-bindgen ="));
    let version = line.and_then(|line| line.split("\"=").nth(1)).and_then(|rest| rest.split('"').next());
    version
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml does not pin wasm-bindgen: it must say wasm-bindgen = \"=X.Y.Z\"".to_owned())
}

/// Installs a Rust program into our own folder, unless it is there (or on `PATH`) in the right version.
/// Without `--locked`: a registry mirror may lag behind the versions in its lockfile.
pub(crate) fn tool(wasm: &Wasm, program: &str, package: &str, version: Option<&str>) -> Result<()> {
    let folder = shell::cache()?.join("tools");
    let present = || {
        let mut ask = Command::new(program);
        wasm.apply(&mut ask);
        let text = shell::quiet(ask.arg("--version")).ok()?;
        let found = text.split_whitespace().nth(1)?.to_owned();
        version.is_none_or(|version| version == found).then_some(found)
    };
    if let Some(found) = present() {
        step(program, &format!("{found} is there"));
        return Ok(());
    }
    println!("  {program:<9} installing {package} with cargo (two minutes or so)");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(parent(&folder)).args(["install", package, "--force", "--root"]).arg(&folder);
    if let Some(version) = version {
        cargo.args(["--version", version]);
    }
    shell::quiet(cargo.env_remove("CARGO_TARGET_DIR"))?;
    let found =
        present().ok_or_else(|| format!("{package} was installed into {}, but does not run", folder.display()))?;
    step(program, &format!("{found} installed"));
    Ok(())
}

fn parent(folder: &Path) -> &Path {
    folder.parent().unwrap_or(folder)
}
