//! `test`: setup and check, then every kind of test, in the order in which failures are cheapest to find.

use std::time::Instant;

use crate::demo::Site;
use crate::setup::{self, Machine};
use crate::shell::{self, Result};
use crate::toolchain::native_cargo;
use crate::{check, npm, package};

/// Runs everything and ends with one line: how many tests passed.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let machine = stage("setup", setup::run)?;
    check::run(&machine)?;
    let mut passed = 0;
    passed +=
        stage("native tests", || Ok(count(&shell::tee(native_cargo().args(["test", "--quiet", "--workspace"]))?)))?;
    passed += stage("browser tests", || browser(&machine))?;
    stage("package", || package::run(&machine))?;
    passed += stage("package tests", || node_tests(&machine, "tests/package", ".test.mjs", None))?;
    passed += stage("end to end", || end_to_end(&machine))?;
    println!("\nall of it took {:.0} s", begun.elapsed().as_secs_f64());
    println!("{passed} passed, 0 failed");
    Ok(())
}

/// Runs one stage, printing its name before and its time after.
pub(crate) fn stage<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {name}");
    let begun = Instant::now();
    let done = work().map_err(|error| format!("{name}: {error}"))?;
    println!("== {name}: ok, {:.1} s", begun.elapsed().as_secs_f64());
    Ok(done)
}

/// The crate's own tests, compiled to wasm and run in a headless browser.
fn browser(machine: &Machine) -> Result<u64> {
    let mut wasm_pack = shell::command("wasm-pack");
    machine.wasm.apply(&mut wasm_pack);
    wasm_pack.args(["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"]);
    wasm_pack.arg(&machine.browser.driver);
    wasm_pack.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", machine.browser.webdriver_json()?);
    wasm_pack.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(count(&shell::tee(&mut wasm_pack)?))
}

/// The story that the demo page tells, and other flows, against the built page.
fn end_to_end(machine: &Machine) -> Result<u64> {
    let site = Site::build_and_serve(None)?;
    node_tests(machine, "tests/e2e", ".mjs", Some(&site.address))
}

/// Runs the files of a folder whose names end so with Node's test runner, with what they need to know in the environment.
pub(crate) fn node_tests(machine: &Machine, folder: &str, ending: &str, address: Option<&str>) -> Result<u64> {
    let all = std::fs::read_dir(shell::root().join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = all.filter(|file| file.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{folder} holds no files named *{ending}"));
    }
    let mut node = npm::node();
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .args(files)
        .env("CHROME", &machine.browser.chrome);
    if let Some(address) = address {
        node.env("REGRANT_URL", address);
    }
    npm::apply_cache(&mut node)?;
    Ok(count(&shell::tee(&mut node)?))
}

/// Adds up what test runners say: cargo's `test result: ok. 3 passed`, Node's `pass 3`.
fn count(lines: &[String]) -> u64 {
    let counted = |line: &String| {
        let line = line.trim().trim_start_matches(['ℹ', '#']).trim_start();
        let number = match line.strip_prefix("test result: ok. ") {
            Some(rest) => rest.split_once(" passed")?.0,
            None => line.strip_prefix("pass ")?,
        };
        number.trim().parse::<u64>().ok()
    };
    lines.iter().filter_map(counted).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_of_all_runners_are_counted() {
        let lines = ["test result: ok. 3 passed; 0 failed; 1 ignored", "ℹ pass 2", "# pass 4", "pass the salt", "ok"];
        assert_eq!(count(&lines.map(str::to_owned)), 9);
    }
}
