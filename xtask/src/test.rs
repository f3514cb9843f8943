//! `test`: setup and check, then every kind of test, in the order in which failures are cheapest to find; or slices of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::demo::Site;
use crate::engines::{self, Engine};
use crate::lanes::{say, stage, together};
use crate::shell::{self, Result};
use crate::toolchain::native_cargo;
use crate::{check, npm, package, setup};

/// What can be run by itself, in the order in which failures are cheapest to find.
const SLICES: &[&str] = &["check", "native", "server", "browser", "package", "docs", "elsewhere", "e2e"];

/// The test files of a folder that holds other files, too.
pub(crate) const TESTS: End<'_> = End::With(".test.mjs");

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
///
/// Two lanes: what compiles and runs the core, and what makes the package, which is one long compilation on one
/// processor. What needs both, browsers above all, comes after them.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let wanted = Wanted::parse(options)?;
    let begun = Instant::now();
    prune()?;
    let core = || {
        let mut passed = 0;
        if wanted.has("check") {
            check::quick()?;
        }
        if wanted.has("native") {
            passed += stage("native tests", native)?;
        }
        if wanted.has("server") {
            passed += stage("the server", server)?;
        }
        if wanted.has("check") {
            check::documents()?;
            check::wasm()?;
        }
        Ok(passed)
    };
    let package = || {
        if ["package", "docs", "elsewhere", "e2e"].iter().any(|slice| wanted.has(slice)) {
            package::run()?;
        }
        Ok(0)
    };
    let mut passed: u64 = together(vec![("core", Box::new(core)), ("package", Box::new(package))])?.into_iter().sum();
    let engines = engines::choose(wanted.browsers)?;
    let chromium: Vec<Engine> = engines.iter().filter(|engine| engine.name() == "chromium").cloned().collect();
    if wanted.has("browser") {
        for engine in &engines {
            passed += stage(&format!("browser tests in {}", engine.name()), || browser(engine))?;
        }
    }
    if wanted.has("package") {
        // Who names engines wants all of it in each; otherwise programs say where they differ.
        let everywhere: &[_] = if wanted.browsers.is_some() { &[("REGRANT_EVERYWHERE", "1")] } else { &[] };
        passed += stage("storages of a relay", || storages(&engines))?;
        passed += stage("a relay over HTTP", || node_tests(&engines, "tests/http", &TESTS, &[], &[]))?;
        passed += stage("package tests", || node_tests(&engines, "tests/package", &TESTS, everywhere, &[]))?;
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
    say(&format!("\nall of it took {:.0} s", begun.elapsed().as_secs_f64()));
    say(&format!("{passed} passed, 0 failed"));
    Ok(())
}

/// The core and the commands, on this machine.
fn native() -> Result<u64> {
    Ok(count(&shell::tee(native_cargo().args(["test", "--workspace", "--exclude", "regrant-server"]))?))
}

/// The stories of the relay that are told over PostgreSQL, too.
const OVER_POSTGRES: &[&str] = &["rules::", "sessions::", "story::", "takeover::"];

/// The server, over SQLite and, where it is installed, PostgreSQL. What is about databases is tested on both in the first
/// run.
fn server() -> Result<u64> {
    let cargo = |more: &[&str]| {
        let mut cargo = native_cargo();
        cargo.args(["test", "--package", "regrant-server"]).args(more);
        cargo
    };
    let passed = count(&shell::tee(&mut cargo(&[]))?);
    if !postgres_is_here() {
        say("  the stories over PostgreSQL were NOT RUN: it is not installed (apt-get install postgresql)");
        return Ok(passed);
    }
    let mut over_postgres = cargo(&["--test", "all", "--"]);
    over_postgres.args(OVER_POSTGRES).env("REGRANT_TEST_ENGINE", "postgres");
    Ok(passed + count(&shell::tee(&mut over_postgres)?))
}

/// As `server/tests/places/postgres.rs` looks for it.
fn postgres_is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let known = versions.map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(known).any(|folder| folder.join("initdb").exists())
}

/// The crate's own tests, compiled to wasm and run in a headless browser.
fn browser(engine: &Engine) -> Result<u64> {
    let mut wasm_pack = shell::command("wasm-pack");
    setup::wasm_pack()?.apply(&mut wasm_pack);
    wasm_pack.args(["test", "--headless", "--mode", "no-install"]);
    let _display = engine.apply_to_wasm_pack(&mut wasm_pack)?;
    wasm_pack.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    // The core has no unit test that is for browsers, and each binary costs a start of one.
    Ok(count(&shell::tee(wasm_pack.args(["--", "--test", "all"]))?))
}

/// The storages of a relay, as the files in `pkg-template/` are: they need no package.
pub(crate) fn storages(engines: &[Engine]) -> Result<u64> {
    node_tests(engines, "tests/storage", &TESTS, &[], &[])
}

/// The documentation, and its site, whose own packages nothing else needs.
fn documentation(chromium: &[Engine]) -> Result<u64> {
    setup::packages(&["xtask/site"])?;
    node_tests(chromium, "tests/docs", &TESTS, &[], &[])
}

/// The package built by other bundlers and frameworks, whose own packages nothing else needs.
fn elsewhere(engines: &[Engine]) -> Result<u64> {
    setup::packages(&["tests/elsewhere"])?;
    node_tests(engines, "tests/elsewhere", &TESTS, &[], &[])
}

/// The story that the demo page tells, and other flows, against the built page.
fn end_to_end(chromium: &[Engine]) -> Result<u64> {
    let site = Site::build_and_serve(&shell::root().join("pkg"), None)?;
    node_tests(chromium, "tests/e2e", &End::With(".mjs"), &[("REGRANT_URL", &site.address)], &[])
}

/// Which files of a folder are run.
#[derive(Debug)]
pub(crate) enum End<'a> {
    /// Those whose names end so.
    With(&'a str),
    /// This one.
    File(&'a str),
    /// Those of these names, without their ending.
    Stems(&'a BTreeSet<String>),
}

impl End<'_> {
    fn fits(&self, file: &Path) -> bool {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Self::With(ending) => part(file.file_name()).ends_with(ending),
            Self::File(name) => part(file.file_name()) == *name,
            Self::Stems(names) => names.contains(&part(file.file_stem())),
        }
    }
}

/// Runs files of a folder with Node's test runner, told what they need to know in the environment.
pub(crate) fn node_tests(
    engines: &[Engine],
    folder: &str,
    which: &End<'_>,
    told: &[(&str, &str)],
    options: &[String],
) -> Result<u64> {
    let all = std::fs::read_dir(shell::root().join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = all.filter(|file| which.fits(file)).collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{folder} holds none of {which:?}"));
    }
    setup::packages(&["tests"])?;
    let mut node = npm::node();
    // Two files at once, also where there are no more cores: they wait for browsers and for files half of the time.
    node.args(["--test", "--test-reporter=./tests/tools/reporter.mjs", "--test-concurrency=2"])
        .args(options)
        .args(files);
    for engine in engines {
        engine.apply(&mut node);
    }
    node.env("REGRANT_BROWSERS", engines.iter().map(Engine::name).collect::<Vec<_>>().join(","));
    node.env("REGRANT_PAIRS", shell::target_dir()?.join("test-pairs.json"));
    node.envs(told.iter().copied());
    npm::apply_cache(&mut node)?;
    Ok(count(&shell::tee(&mut node)?))
}

/// In CI, where build products outlive the clone: those of another compiler are never used again, and of what changes in
/// every run something stays each time.
fn prune() -> Result<()> {
    const MOST: u64 = 8 << 30;
    if !shell::ci() {
        return Ok(());
    }
    let target = shell::target_dir()?;
    let (stamp, compiler) = (target.join("compiler"), shell::quiet(native_cargo().arg("--version"))?);
    let size: u64 = shell::files(&target).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    if size > MOST || std::fs::read_to_string(&stamp).is_ok_and(|before| before != compiler) {
        say(&format!("  cache     {} is {} MiB: begun anew", target.display(), size >> 20));
        std::fs::remove_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
    }
    shell::write(&stamp, compiler)
}

/// Adds up what test runners say: cargo's `test result: ok. 3 passed`, Node's `pass 3`.
pub(crate) fn count(lines: &[String]) -> u64 {
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
