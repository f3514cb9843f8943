//! `test --changed`: of the tests those that a change can break, by the folders that it is in; meant to take a minute or two.
//! What it leaves out is in `cargo xtask test`.

use std::collections::BTreeSet;

use crate::demo::Site;
use crate::engines::Engine;
use crate::lanes::{say, stage, together};
use crate::package::Parts;
use crate::shell::{self, Result};
use crate::test::{End, TESTS, node_tests};
use crate::toolchain::native_cargo;
use crate::{check, package, setup, test};

/// Programs that go through all of the package, quickly: what is run of it when the core changed.
const THROUGHOUT: &[&str] = &["at-once", "files", "hostile", "listeners", "story", "stores"];

/// What is to be run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// The core, natively.
    core: bool,
    /// The commands.
    commands: bool,
    /// TypeScript.
    types: bool,
    /// The storages of a relay.
    storages: bool,
    /// A relay over HTTP.
    http: bool,
    /// These programs of tests/package/programs/, or all of them.
    programs: BTreeSet<String>,
    all_programs: bool,
    /// These files of tests/e2e/, or all of them.
    stories: BTreeSet<String>,
    all_stories: bool,
    /// Slices that are run whole.
    slices: BTreeSet<&'static str>,
}

impl Plan {
    fn of(files: &[String]) -> Self {
        let mut plan = Self::default();
        for file in files {
            plan.add(file);
        }
        plan
    }

    fn add(&mut self, file: &str) {
        let parts: Vec<&str> = file.split('/').collect();
        let stem = parts.last().and_then(|name| name.strip_suffix(".mjs")).map(str::to_owned);
        match (parts.as_slice(), stem) {
            (["protocol" | "relay" | "src" | "symmetric", ..] | ["Cargo.toml" | "Cargo.lock"], _) => {
                self.core = true;
                self.programs.extend(THROUGHOUT.iter().map(|name| (*name).to_owned()));
            }
            (["server", ..], _) => drop(self.slices.insert("server")),
            (["xtask", "src", ..], _) => self.commands = true,
            (["xtask", "site", ..] | ["docs", ..] | ["tests", "docs", ..], _) => drop(self.slices.insert("docs")),
            (["examples", ..] | ["tests", "elsewhere", ..], _) => drop(self.slices.insert("elsewhere")),
            (["pkg-template", folder, ..], _) => {
                (self.types, self.all_programs) = (true, true);
                self.storages |= ["relay", "relay-server", "testing"].contains(folder);
                self.http |= ["relay", "relay-server", "server"].contains(folder);
            }
            (["tests", "storage", ..], _) => self.storages = true,
            (["tests", "http", ..], _) => self.http = true,
            (["www", ..], _) => (self.types, self.all_stories) = (true, true),
            (["tests", "package", "programs", ..], Some(stem)) => drop(self.programs.insert(stem)),
            (["tests", "package", "runner", ..], _) => self.all_programs = true,
            (["tests", "package" | "independent" | "fixtures", ..], _) => drop(self.slices.insert("package")),
            (["tests", "e2e", ..], Some(stem)) => drop(self.stories.insert(stem)),
            (["tests", "tools", ..], _) => (self.all_programs, self.all_stories) = (true, true),
            (["tests", ..], _) if file.ends_with(".ts") => self.types = true,
            (["tests", ..], _) => self.core = true,
            _ if file.ends_with(".md") => drop(self.slices.insert("docs")),
            // What remains (licences, settings of editors) breaks nothing that runs.
            _ => {}
        }
    }

    /// What `--test-name-pattern` is to match: the names of the programs' tests.
    fn pattern(&self) -> Option<String> {
        if self.all_programs {
            return Some("(programs|http)/".to_owned());
        }
        let names: Vec<&str> = self.programs.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("(programs|http)/({})\\.mjs", names.join("|")))
    }
}

/// Runs what the change since a commit can break: what is not committed, if no commit is given.
pub(crate) fn run(since: &str) -> Result<()> {
    let (mut files, quoted) = (Vec::new(), "core.quotepath=false");
    for what in [&["diff", "--name-only", since][..], &["ls-files", "--others", "--exclude-standard"]] {
        let listed = shell::quiet(shell::command("git").args(["-c", quoted]).args(what))?;
        files.extend(listed.lines().map(str::to_owned));
    }
    let plan = Plan::of(&files);
    say(&format!("  changed   {} files since {since}", files.len()));
    if plan == Plan::default() {
        say("nothing that runs was changed");
        return Ok(());
    }
    let native = || natively(&plan).map(|passed| (passed, None));
    let quick = || {
        let pkg = match plan.pattern().is_some() || plan.http || plan.all_stories || !plan.stories.is_empty() {
            true => Some(package::quick(Parts::All, || setup::packages(&["tests", "www"]))?),
            false => None,
        };
        Ok((0, pkg))
    };
    let done = together(vec![("core", Box::new(native)), ("package", Box::new(quick))])?;
    let mut passed: u64 = done.iter().map(|(passed, _)| passed).sum();
    let chromium = || Ok::<_, String>([Engine::Chromium(setup::browser()?)]);
    if plan.storages {
        let engines = chromium()?;
        passed += stage("storages of a relay", || test::storages(&engines))?;
    }
    if let Some(pkg) = done.into_iter().find_map(|(_, pkg)| pkg) {
        let chromium = chromium()?;
        let address = pkg.to_string_lossy().into_owned();
        let told = &[("REGRANT_PACKAGE", address.as_str())];
        if plan.http {
            passed += stage("a relay over HTTP", || node_tests(&chromium, "tests/http", &TESTS, told, &[]))?;
        }
        if let Some(pattern) = plan.pattern() {
            let more = &[format!("--test-name-pattern={pattern}")];
            let programs = || node_tests(&chromium, "tests/package", &End::File("package.test.mjs"), told, more);
            passed += stage("programs", programs)?;
        }
        if plan.all_stories || !plan.stories.is_empty() {
            let which = match plan.all_stories {
                true => End::With(".mjs"),
                false => End::Stems(&plan.stories),
            };
            let stories = || {
                let site = Site::build_and_serve(&pkg, None)?;
                node_tests(&chromium, "tests/e2e", &which, &[("REGRANT_URL", &site.address)], &[])
            };
            passed += stage("stories", stories)?;
        }
    }
    say(&format!("{passed} passed, 0 failed"));
    match plan.slices.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        slices => test::run(slices),
    }
}

/// What is run without the package.
fn natively(plan: &Plan) -> Result<u64> {
    stage("format", || shell::run(native_cargo().args(["fmt", "--all", "--check"])))?;
    if plan.types {
        stage("types", check::types)?;
    }
    let mut passed = 0;
    for (wanted, package) in [(plan.core, "regrant"), (plan.commands, "xtask")] {
        if wanted {
            let clippy = ["clippy", "--quiet", "--package", package, "--all-targets", "--", "-D", "warnings"];
            stage(&format!("clippy of {package}"), || shell::run(native_cargo().args(clippy)))?;
            let tests = || shell::tee(native_cargo().args(["test", "--quiet", "--package", package]));
            passed += test::count(&stage(&format!("tests of {package}"), tests)?);
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[&str]) -> Plan {
        Plan::of(&files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_change_leads_to_what_it_can_break() {
        let core = plan(&["src/trust.rs"]);
        assert!(core.core && core.pattern().is_some_and(|pattern| pattern.contains("story")) && core.slices.is_empty());
        assert_eq!(
            plan(&["tests/package/programs/files.mjs"]).pattern().as_deref(),
            Some("(programs|http)/(files)\\.mjs")
        );
        assert_eq!(plan(&["pkg-template/session.js"]).pattern().as_deref(), Some("(programs|http)/"));
        assert!(plan(&["pkg-template/relay/log.js"]).storages && !plan(&["pkg-template/session.js"]).storages);
        assert!(plan(&["tests/http/changes.test.mjs"]).http && plan(&["pkg-template/relay-server/relay.js"]).http);
        assert!(plan(&["tests/storage/suite.mjs"]).storages && !plan(&["tests/storage/suite.mjs"]).core);
        assert!(plan(&["www/src/app.tsx"]).all_stories && plan(&["tests/e2e/codes.mjs"]).stories.contains("codes"));
        assert_eq!(plan(&["README.md", "docs/errors.md"]).slices, BTreeSet::from(["docs"]));
        assert!(plan(&["xtask/src/main.rs"]).commands && !plan(&["xtask/src/main.rs"]).core);
        assert_eq!(plan(&["server/src/relay.rs"]).slices, BTreeSet::from(["server"]));
        assert_eq!(plan(&["LICENSE-MIT"]), Plan::default());
    }
}
