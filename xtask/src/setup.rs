//! What the commands need of the machine: each takes what it needs, and what is missing is installed then, once. Safe to
//! ask again and again, and from several lanes and processes at once.

use std::sync::Mutex;
use std::time::Duration;

use crate::browser::Browser;
use crate::lanes::{say, together};
use crate::shell::{self, Result};
use crate::toolchain::{self, TARGET, Wasm, Way};
use crate::tools::Tool;
use crate::{debian, npm};

/// `setup`: all of it.
pub(crate) fn run() -> Result<()> {
    together(vec![
        ("rust", Box::new(|| bindgen().and_then(|_| wasm_pack()).map(drop))),
        (
            "browser",
            Box::new(|| {
                packages(&["tests", "www"])?;
                browser().map(drop)
            }),
        ),
    ])
    .map(drop)
}

/// Says what became of a step.
pub(crate) fn step(what: &str, how: &str) {
    say(&format!("  {what:<9} {how}"));
}

/// What was found once is not looked for again; lanes that ask at once wait for each other.
fn once<T: Clone>(known: &Mutex<Option<T>>, find: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut known = known.lock().map_err(|_| "another lane panicked")?;
    if known.is_none() {
        *known = Some(find()?);
    }
    known.clone().ok_or_else(|| "nothing was found".to_owned())
}

/// The toolchain that builds WebAssembly.
pub(crate) fn wasm() -> Result<Wasm> {
    static WASM: Mutex<Option<Wasm>> = Mutex::new(None);
    once(&WASM, || {
        let _one_at_a_time = shell::lock("wasm")?;
        wasm_target()
    })
}

/// The same, with wasm-bindgen's command.
pub(crate) fn bindgen() -> Result<Wasm> {
    static BINDGEN: Mutex<Option<Wasm>> = Mutex::new(None);
    once(&BINDGEN, || {
        let wasm = wasm()?;
        Tool::bindgen()?.install(&wasm)?;
        Ok(wasm)
    })
}

/// The same, with wasm-pack.
pub(crate) fn wasm_pack() -> Result<Wasm> {
    static WASM_PACK: Mutex<Option<Wasm>> = Mutex::new(None);
    once(&WASM_PACK, || {
        let wasm = bindgen()?;
        Tool::wasm_pack().install(&wasm)?;
        Ok(wasm)
    })
}

/// What breaks the core on purpose.
pub(crate) fn mutants() -> Result<()> {
    Tool::mutants().install(&wasm()?)
}

/// Chromium and its driver.
pub(crate) fn browser() -> Result<Browser> {
    static BROWSER: Mutex<Option<Browser>> = Mutex::new(None);
    once(&BROWSER, || {
        let (browser, installed) = Browser::find_or_install()?;
        let how = if installed { "installed with apt-get" } else { "found" };
        step("browser", &format!("{} ({how})", browser.describe()?));
        Ok(browser)
    })
}

/// The npm packages of these folders.
pub(crate) fn packages(folders: &[&str]) -> Result<()> {
    static NODE: Mutex<Option<()>> = Mutex::new(None);
    once(&NODE, || {
        step("node", &npm::check_node()?);
        Ok(())
    })?;
    for folder in folders {
        let _one_at_a_time = shell::lock("npm")?;
        if npm::install(folder)? {
            step("npm", &format!("packages of {folder}/ installed"));
        }
    }
    Ok(())
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
