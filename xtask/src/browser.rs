//! Finds Chromium and its driver, and installs them where apt-get can.

use std::path::{Path, PathBuf};

use crate::debian;
use crate::shell::{self, Result};

const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const BROWSER_PATHS: &[&str] = &[
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const DRIVERS: &[&str] = &["chromedriver"];
const DRIVER_PATHS: &[&str] = &[
    "/usr/bin/chromedriver",
    "/usr/lib/chromium/chromedriver",
    "/usr/lib/chromium-browser/chromedriver",
    "/opt/homebrew/bin/chromedriver",
    "/usr/local/bin/chromedriver",
];

/// A browser and the WebDriver that drives it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    /// Chromium or Chrome.
    pub(crate) chrome: PathBuf,
    /// Its chromedriver, of the same major version.
    pub(crate) driver: PathBuf,
}

impl Browser {
    /// What is there, or what apt-get can install; and whether it was installed now.
    pub(crate) fn find_or_install() -> Result<(Self, bool)> {
        if let Some(found) = Self::find()? {
            return Ok((found, false));
        }
        let missing = |why: String| {
            format!(
                "Chromium and chromedriver are needed for the browser tests, and were not found ({why}).\n\
                 Install both, of the same version, or name them in the environment variables CHROME and CHROMEDRIVER."
            )
        };
        debian::install(&["chromium", "chromium-driver"]).map_err(missing)?;
        let found = Self::find()?.ok_or_else(|| missing("apt-get installed them, but not on PATH".to_owned()))?;
        Ok((found, true))
    }

    fn find() -> Result<Option<Self>> {
        let chrome = locate("CHROME", BROWSERS, BROWSER_PATHS)?;
        let driver = locate("CHROMEDRIVER", DRIVERS, DRIVER_PATHS)?;
        Ok(chrome.zip(driver).map(|(chrome, driver)| Self { chrome, driver }))
    }

    /// The versions of both, and whether they go together.
    pub(crate) fn describe(&self) -> Result<String> {
        let ask = |program: &Path| -> Result<String> {
            let text = shell::quiet(shell::command(program).arg("--version"))?;
            let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            Ok(version.unwrap_or("unknown").to_owned())
        };
        let (chrome, driver) = (ask(&self.chrome)?, ask(&self.driver)?);
        if chrome.split('.').next() != driver.split('.').next() {
            return Err(format!(
                "{} is version {chrome}, but {} is version {driver}: install a driver of the browser's major version, \
                 or name a matching pair in CHROME and CHROMEDRIVER",
                self.chrome.display(),
                self.driver.display()
            ));
        }
        Ok(format!("{} {chrome}", self.chrome.display()))
    }
}

/// The file that an environment variable names, else the first of these programs on `PATH`, else the first of these files.
pub(crate) fn locate(variable: &str, names: &[&str], paths: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(given) = std::env::var_os(variable).filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        if given.is_file() {
            return Ok(Some(given));
        }
        return Err(format!("{variable} names {}, which is not a file", given.display()));
    }
    let on_path = names.iter().find_map(|name| shell::which(name));
    Ok(on_path.or_else(|| paths.iter().map(PathBuf::from).find(|path| path.is_file())))
}
