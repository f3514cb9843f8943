//! The browser engines in which the tests run: which are wanted, which are there, and how those that are not get here.
//! Chromium is always there (`browser.rs`); Firefox and WebKitGTK are installed when somebody asks for them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::browser::{Browser, locate};
use crate::lanes::say;
use crate::shell::{self, Result};
use crate::tools::Tool;
use crate::{debian, npm, setup};

/// A browser engine, ready to be driven.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// Chromium or Chrome.
    Chromium(Browser),
    /// Firefox, and its geckodriver.
    Firefox { firefox: PathBuf, driver: PathBuf },
    /// WebKitGTK's driver, which knows its browser, and the display that it needs.
    Webkit { driver: PathBuf, xvfb: PathBuf },
}

const ALL: [&str; 3] = ["chromium", "firefox", "webkit"];

/// The engines that `--browsers` names, installed where they are missing. Without it, those that are there.
pub(crate) fn choose(wanted: Option<&str>) -> Result<Vec<Engine>> {
    let names = match wanted {
        None | Some("all") => ALL.to_vec(),
        Some(list) => list.split(',').collect(),
    };
    let (mut engines, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match find(name)? {
            Some(engine) => engines.push(engine),
            None if wanted.is_none() => missing.push(name),
            None => {
                install(name)?;
                let found = find(name)?;
                engines.push(found.ok_or_else(|| format!("{name} was installed, but is not found"))?);
            }
        }
    }
    let run: Vec<&str> = engines.iter().map(Engine::name).collect();
    let not = if missing.is_empty() {
        String::new()
    } else {
        format!("; not in {}, which are not installed: `cargo xtask test --browsers all` does", missing.join(" and "))
    };
    setup::step("browsers", &format!("the tests run in {}{not}", run.join(", ")));
    Ok(engines)
}

fn find(name: &str) -> Result<Option<Engine>> {
    Ok(match name {
        "chromium" => Some(Engine::Chromium(setup::browser()?)),
        "firefox" => {
            let firefox = locate("FIREFOX", &["firefox-esr", "firefox"], &[])?;
            let ours = shell::cache()?.join("tools/bin/geckodriver");
            let driver = locate("GECKODRIVER", &["geckodriver"], &[&ours.to_string_lossy()])?;
            firefox.zip(driver).map(|(firefox, driver)| Engine::Firefox { firefox, driver })
        }
        "webkit" => {
            let driver = locate("WEBKITDRIVER", &["WebKitWebDriver"], &["/usr/lib/webkit2gtk-4.1/WebKitWebDriver"])?;
            driver.zip(shell::which("Xvfb")).map(|(driver, xvfb)| Engine::Webkit { driver, xvfb })
        }
        other => {
            return Err(format!(
                "--browsers takes all, or some of {} with commas between, not {other}",
                ALL.join(", ")
            ));
        }
    })
}

fn install(name: &str) -> Result<()> {
    let packages: &[&str] = if name == "firefox" { &["firefox-esr"] } else { &["webkit2gtk-driver", "xvfb"] };
    let there = name == "firefox" && locate("FIREFOX", &["firefox-esr", "firefox"], &[])?.is_some();
    if !there {
        say(&format!("            installing {} with apt-get", packages.join(", ")));
        debian::install(packages).map_err(|why| {
            format!("{name} was asked for, and is missing ({why}): install {}", packages.join(" and "))
        })?;
    }
    if name == "firefox" {
        Tool::geckodriver().install(&setup::wasm()?)?;
    }
    Ok(())
}

impl Engine {
    /// Its name for `--browsers`, and for tests/tools/engines.mjs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Chromium(_) => "chromium",
            Self::Firefox { .. } => "firefox",
            Self::Webkit { .. } => "webkit",
        }
    }

    /// Tells Node's tests which files to start.
    pub(crate) fn apply(&self, command: &mut Command) {
        match self {
            Self::Chromium(browser) => command.env("CHROME", &browser.chrome),
            Self::Firefox { firefox, driver } => command.env("FIREFOX", firefox).env("GECKODRIVER", driver),
            Self::Webkit { driver, .. } => command.env("WEBKITDRIVER", driver),
        };
    }

    /// Makes wasm-pack's test command run in this engine. What it gives must live as long as the tests run.
    pub(crate) fn apply_to_wasm_pack(&self, wasm_pack: &mut Command) -> Result<Option<Display>> {
        // Of several drivers in the environment the test runner takes the one that it likes best.
        for name in ["CHROMEDRIVER", "GECKODRIVER", "SAFARIDRIVER", "MSEDGEDRIVER"] {
            wasm_pack.env_remove(name).env_remove(format!("{name}_REMOTE"));
        }
        match self {
            Self::Chromium(browser) => {
                wasm_pack.args(["--chrome", "--chromedriver"]).arg(&browser.driver);
            }
            Self::Firefox { driver, .. } => {
                wasm_pack.args(["--firefox", "--geckodriver"]).arg(driver);
            }
            // wasm-bindgen's test runner asks Safari's driver for a session without options, and reads what the page
            // says by plain WebDriver: WebKitGTK's understands all of it, and starts its own browser.
            Self::Webkit { driver, xvfb } => {
                let display = Display::start(xvfb)?;
                wasm_pack.args(["--safari", "--safaridriver"]).arg(driver);
                wasm_pack.env("DISPLAY", &display.name);
                wasm_pack.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
                if debian::is_root() {
                    // Its sandbox cannot work for root.
                    wasm_pack.env("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1");
                }
                return Ok(Some(display));
            }
        }
        wasm_pack.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", self.webdriver_json()?);
        Ok(None)
    }

    /// Writes a `webdriver.json` for this machine beside the build products and gives its path; the one in the
    /// repository names no browser and stays as it is.
    fn webdriver_json(&self) -> Result<PathBuf> {
        let mut node = npm::node();
        self.apply(node.args(["tests/tools/webdriver.mjs", self.name()]));
        let file = shell::target_dir()?.join("xtask").join(format!("webdriver-{}.json", self.name()));
        shell::write(&file, shell::quiet(&mut node)?)?;
        Ok(file)
    }
}

/// A display that nobody sees, for a browser without a headless mode; ends when dropped.
#[derive(Debug)]
pub(crate) struct Display {
    name: String,
    server: Child,
}

impl Display {
    fn start(xvfb: &PathBuf) -> Result<Self> {
        let mut command = shell::command(xvfb);
        // It chooses a number that is free, and prints it once it is ready.
        command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} could not be started: {error}", xvfb.display()))?;
        let mut number = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut number).map_err(|error| error.to_string())?;
        }
        let display = Self { name: format!(":{}", number.trim()), server };
        if display.name == ":" { Err(format!("{} did not start", xvfb.display())) } else { Ok(display) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
