//! `test --long`: what takes hours. It is cut into units; each that passed is a line of `tests/long/results.jsonl`, with
//! date, commit and seed, and is not run again for that commit: whatever is stopped goes on where it was, and machines may
//! share the units between them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::demo::Site;
use crate::engines::Engine;
use crate::lanes::{say, stage};
use crate::shell::{self, Result};
use crate::test::{End, node_tests};
use crate::toolchain::native_cargo;
use crate::{package, setup};

/// A kind of work, how many units it has, and how one of them is run.
struct Job {
    name: &'static str,
    units: u32,
    run: fn(u32) -> Result<()>,
}

const JOBS: &[Job] = &[
    // The package and the page beside three loops that keep the processors busy.
    Job { name: "loaded", units: 20, run: loaded },
    // Random sharing graphs against the model, by other seeds.
    Job { name: "graphs", units: 20, run: graphs },
    // Random worlds with a hostile relay, by other seeds; each unit some minutes.
    Job { name: "world", units: 20, run: world },
    // Ten minutes of each fuzz target.
    Job { name: "fuzz", units: 5, run: fuzz },
    // What judges and what is judged, broken in every way that is known, against the core's tests.
    Job { name: "mutants", units: MUTANT_SHARDS, run: mutants },
];

/// How many shards the mutants are in: some twenty each.
const MUTANT_SHARDS: u32 = 80;
/// Which code is broken.
const MUTATED: &[&str] = &["trust", "keyring", "graph", "recovery", "wire"];
/// Those that no test finds, and why that is right.
const SURVIVORS: &str = "tests/long/survivors.txt";

const TARGETS: &[&str] = &["envelope", "keys", "relay", "text", "wire_records"];

/// `[JOB]… [--shard I/N]`: all jobs, or those that are named; of their units every N-th, from the I-th (from 1).
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let (mut names, mut shard) = (BTreeSet::new(), (1, 1));
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--shard" => {
                shard = options.next().and_then(|given| parse_shard(given)).ok_or("--shard wants I/N, such as 1/2")?
            }
            name if JOBS.iter().any(|job| job.name == name) => drop(names.insert(name)),
            other => {
                let known: Vec<&str> = JOBS.iter().map(|job| job.name).collect();
                return Err(format!("test --long knows {} and --shard I/N, not {other}", known.join(", ")));
            }
        }
    }
    let commit = commit()?;
    let mut at = 0;
    for job in JOBS.iter().filter(|job| names.is_empty() || names.contains(job.name)) {
        for unit in 1..=job.units {
            at += 1;
            if (at - 1) % shard.1 != shard.0 - 1 || done(&commit, job.name, unit)? {
                continue;
            }
            let begun = Instant::now();
            stage(&format!("{} {unit} of {}", job.name, job.units), || (job.run)(unit))?;
            note(&commit, job.name, unit, begun.elapsed().as_secs())?;
        }
    }
    Ok(())
}

fn parse_shard(given: &str) -> Option<(u32, u32)> {
    let (one, of) = given.split_once('/')?;
    let shard: (u32, u32) = (one.parse().ok()?, of.parse().ok()?);
    (1..=shard.1).contains(&shard.0).then_some(shard)
}

fn results() -> PathBuf {
    shell::root().join("tests/long/results.jsonl")
}

/// The commit that is tested. What is not committed has no name that a result could be under.
fn commit() -> Result<String> {
    let changed = shell::quiet(shell::command("git").args(["status", "--porcelain", "--", ".", ":!tests/long"]))?;
    if !changed.trim().is_empty() {
        return Err("commit first: results are noted for a commit".to_owned());
    }
    // What only notes results changes nothing that they are about.
    let tree = ["log", "-1", "--format=%h", "--", ".", ":!tests/long"];
    Ok(shell::quiet(shell::command("git").args(tree))?.trim().to_owned())
}

fn key(commit: &str, job: &str, unit: u32) -> String {
    format!("\"commit\":\"{commit}\",\"job\":\"{job}\",\"unit\":{unit},")
}

fn done(commit: &str, job: &str, unit: u32) -> Result<bool> {
    let lines = std::fs::read_to_string(results()).unwrap_or_default();
    Ok(lines.lines().any(|line| line.contains(&key(commit, job, unit))))
}

fn note(commit: &str, job: &str, unit: u32, seconds: u64) -> Result<()> {
    let date = shell::quiet(shell::command("date").args(["-u", "+%Y-%m-%d"]))?;
    let (date, version) = (date.trim(), package::version()?);
    let key = key(commit, job, unit);
    let line =
        format!("{{\"version\":\"{version}\",\"date\":\"{date}\",{key}\"seed\":{unit},\"seconds\":{seconds}}}\n");
    let file = std::fs::OpenOptions::new().append(true).create(true).open(results());
    file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| format!("tests/long: {error}"))
}

/// Says for which jobs there is no result of this version yet.
pub(crate) fn say_what_is_old() -> Result<()> {
    let (lines, version) = (std::fs::read_to_string(results()).unwrap_or_default(), package::version()?);
    let of = |job: &Job| {
        let fits = |line: &&str| {
            line.contains(&format!("\"version\":\"{version}\"")) && line.contains(&format!("\"job\":\"{}\"", job.name))
        };
        lines.lines().filter(fits).count()
    };
    for job in JOBS.iter().filter(|job| of(job) < job.units as usize) {
        say(&format!(
            "  long      {}: {} of {} units passed in version {version} (cargo xtask test --long {})",
            job.name,
            of(job),
            job.units,
            job.name
        ));
    }
    Ok(())
}

fn loaded(_: u32) -> Result<()> {
    package::run()?;
    let chromium = [Engine::Chromium(setup::browser()?)];
    let _busy: Vec<Busy> = (0..3).map(|_| Busy::start()).collect::<Result<_>>()?;
    node_tests(&chromium, "tests/package", &End::With(".test.mjs"), &[], &[])?;
    let site = Site::build_and_serve(&shell::root().join("pkg"), None)?;
    node_tests(&chromium, "tests/e2e", &End::With(".mjs"), &[("REGRANT_URL", &site.address)], &[]).map(drop)
}

fn graphs(unit: u32) -> Result<()> {
    let mut cargo = native_cargo();
    cargo.args(["test", "--quiet", "--test", "all", "random_graphs"]).env("REGRANT_SEED", (1000 + unit).to_string());
    shell::tee(&mut cargo).map(drop)
}

fn world(unit: u32) -> Result<()> {
    let mut cargo = native_cargo();
    cargo.args(["test", "--quiet", "--test", "all", "hostile_world"]);
    cargo.env("REGRANT_SEED", (1000 + unit).to_string()).env("REGRANT_WORLDS", "2000");
    shell::tee(&mut cargo).map(drop)
}

fn fuzz(unit: u32) -> Result<()> {
    let target = TARGETS.get(unit as usize - 1).ok_or("there is no such target")?;
    let mut cargo = native_cargo();
    // cargo-fuzz wants what only nightly compilers allow without being told.
    cargo.args(["fuzz", "run", target, "--", "-max_total_time=600"]).env("RUSTC_BOOTSTRAP", "1");
    shell::tee(&mut cargo).map(drop)
}

/// Breaks a share of the core, one thing at a time, and expects a red test each time, unless it is argued why there can be
/// none: a line of [`SURVIVORS`] is the mutant's name without its line number, and lines that begin with `#` say why.
fn mutants(unit: u32) -> Result<()> {
    setup::mutants()?;
    let out = shell::target_dir()?.join("mutants");
    drop(std::fs::remove_dir_all(&out));
    let mut cargo = native_cargo();
    cargo.args(["mutants", "--no-times", "--colors", "never", "--timeout", "600", "--output"]).arg(&out);
    cargo.args(["--shard", &format!("{}/{MUTANT_SHARDS}", unit - 1), "--package", "regrant"]);
    for folder in MUTATED {
        cargo.args(["--file", &format!("src/{folder}/**")]);
    }
    cargo.args(["--", "--test", "all"]);
    // That some survived is no failure of the run: which ones is looked at.
    let ended = shell::tee(&mut cargo);
    let missed = std::fs::read_to_string(out.join("mutants.out/missed.txt"));
    let missed = missed.map_err(|error| format!("cargo mutants found nothing out ({error}; {ended:?})"))?;
    let argued = shell::read(&shell::root().join(SURVIVORS))?;
    let argued: BTreeSet<&str> = argued.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let news: Vec<String> = missed.lines().map(unplaced).filter(|name| !argued.contains(name.as_str())).collect();
    if news.is_empty() { Ok(()) } else { Err(format!("no test finds these:\n  {}", news.join("\n  "))) }
}

/// A mutant's name without its line and column, which every change moves.
fn unplaced(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    let file = parts.next().unwrap_or_default();
    parts.nth(2).map_or_else(|| name.to_owned(), |what| format!("{file}:{what}"))
}

/// A loop that keeps a processor busy. It ends when dropped, and by itself when whoever started it is gone.
struct Busy(Child);

impl Busy {
    fn start() -> Result<Self> {
        let count = "while kill -0 $0; do i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; done";
        let mut shell = shell::command("sh");
        shell.args(["-c", count, &std::process::id().to_string()]).stderr(Stdio::null());
        shell.spawn().map(Self).map_err(|error| format!("sh: {error}"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_from_one_to_as_many_as_there_are() {
        assert_eq!(parse_shard("2/3"), Some((2, 3)));
        assert_eq!([parse_shard("0/3"), parse_shard("4/3"), parse_shard("x"), parse_shard("1/0")], [None; 4]);
    }

    #[test]
    fn a_mutant_has_the_same_name_wherever_it_stands() {
        assert_eq!(unplaced("src/a.rs:12:5: replace f -> bool with true"), "src/a.rs: replace f -> bool with true");
        assert_eq!(unplaced("src/a.rs:7:33: replace == with !="), "src/a.rs: replace == with !=");
        assert_eq!(unplaced("odd"), "odd");
    }

    #[test]
    fn a_unit_is_found_by_its_whole_number() {
        assert!(!key("abc", "loaded", 11).contains(&key("abc", "loaded", 1)));
    }
}
