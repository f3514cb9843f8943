//! `test`: setup and check, then every kind of test, in the order in which failures are cheapest to find; or slices of it.

use std::time::Instant;

use crate::demo::Site;
use crate::engines::{self, Engine};
use crate::setup::{self, Machine};
use crate::shell::{self, Result};
use crate::toolchain::native_cargo;
use crate::{check, npm, package};

/// What can be run by itself, in the order in which failures are cheapest to find.
const SLICES: &[&str] = &["check", "native", "browser", "package", "docs", "elsewhere", "e2e"];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    slices: Vec<&'a str>,
    browsers: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// `[SLICE…] [--browsers LIST]`; without a slice, all of them.
    fn parse(options: &[&'a str]) -> Result<Self> {
        let (mut slices, mut browsers) = (Vec::new(), None);
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                "--browsers" => browsers = Some(*options.next().ok_or("--browsers needs a list, such as all")?),
                slice if SLICES.contains(&slice) => slices.push(slice),
                other => {
                    return Err(format!("test knows {} and --browsers LIST, not {other}", SLICES.join(", ")));
                }
            }
        }
        if slices.is_empty() {
            slices = SLICES.to_vec();
        }
        Ok(Self { slices, browsers })
    }

    fn has(&self, slice: &str) -> bool {
        self.slices.contains(&slice)
    }
}

/// Runs everything, or the slices that are named, and ends with one line: how many tests passed. `--browsers`: see
/// [`engines::choose`].
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let wanted = Wanted::parse(options)?;
    let begun = Instant::now();
    let (machine, engines) = stage("setup", || {
        let machine = setup::run()?;
        let engines = engines::choose(&machine, wanted.browsers)?;
        Ok((machine, engines))
    })?;
    let chromium = [Engine::Chromium(machine.browser.clone())];
    if wanted.has("check") {
        check::run(&machine)?;
    }
    let mut passed = 0;
    if wanted.has("native") {
        passed +=
            stage("native tests", || Ok(count(&shell::tee(native_cargo().args(["test", "--quiet", "--workspace"]))?)))?;
    }
    if wanted.has("browser") {
        for engine in &engines {
            passed += stage(&format!("browser tests in {}", engine.name()), || browser(&machine, engine))?;
        }
    }
    if ["package", "docs", "elsewhere", "e2e"].iter().any(|slice| wanted.has(slice)) {
        stage("package", || package::run(&machine))?;
    }
    if wanted.has("package") {
        // Who names engines wants all of it in each; otherwise programs say where they differ.
        let everywhere: &[_] = if wanted.browsers.is_some() { &[("REGRANT_EVERYWHERE", "1")] } else { &[] };
        passed += stage("package tests", || node_tests(&engines, "tests/package", ".test.mjs", everywhere))?;
    }
    if wanted.has("docs") {
        passed += stage("documentation", || documentation(&chromium))?;
    }
    if wanted.has("elsewhere") {
        passed += stage("the package elsewhere", || elsewhere(&engines))?;
    }
    if wanted.has("e2e") {
        passed += stage("end to end", || end_to_end(&chromium))?;
    }
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
fn browser(machine: &Machine, engine: &Engine) -> Result<u64> {
    let mut wasm_pack = shell::command("wasm-pack");
    machine.wasm.apply(&mut wasm_pack);
    wasm_pack.args(["test", "--headless", "--mode", "no-install"]);
    let _display = engine.apply_to_wasm_pack(&mut wasm_pack)?;
    wasm_pack.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(count(&shell::tee(&mut wasm_pack)?))
}

/// The documentation, and its site, whose own packages nothing else needs.
fn documentation(chromium: &[Engine]) -> Result<u64> {
    npm::install("xtask/site")?;
    node_tests(chromium, "tests/docs", ".test.mjs", &[])
}

/// The package built by other bundlers and frameworks, whose own packages nothing else needs.
fn elsewhere(engines: &[Engine]) -> Result<u64> {
    npm::install("tests/elsewhere")?;
    node_tests(engines, "tests/elsewhere", ".test.mjs", &[])
}

/// The story that the demo page tells, and other flows, against the built page.
fn end_to_end(chromium: &[Engine]) -> Result<u64> {
    let site = Site::build_and_serve(None)?;
    node_tests(chromium, "tests/e2e", ".mjs", &[("REGRANT_URL", &site.address)])
}

/// Runs the files of a folder whose names end so with Node's test runner, with what they need to know in the environment.
fn node_tests(engines: &[Engine], folder: &str, ending: &str, told: &[(&str, &str)]) -> Result<u64> {
    let all = std::fs::read_dir(shell::root().join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = all.filter(|file| file.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{folder} holds no files named *{ending}"));
    }
    let mut node = npm::node();
    // Two files at once, also where there are no more cores: they wait for browsers and for files half of the time.
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=2"]).args(files);
    for engine in engines {
        engine.apply(&mut node);
    }
    node.env("REGRANT_BROWSERS", engines.iter().map(Engine::name).collect::<Vec<_>>().join(","));
    node.envs(told.iter().copied());
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

    #[test]
    fn slices_are_chosen_by_name_and_all_of_them_without() -> Result<()> {
        assert_eq!(Wanted::parse(&[])?, Wanted { slices: SLICES.to_vec(), browsers: None });
        let some = Wanted::parse(&["docs", "--browsers", "all", "e2e"])?;
        assert_eq!(some, Wanted { slices: vec!["docs", "e2e"], browsers: Some("all") });
        assert!(some.has("e2e") && !some.has("native"));
        assert!(Wanted::parse(&["dosc"]).is_err());
        assert!(Wanted::parse(&["--browsers"]).is_err());
        Ok(())
    }
}
