//! The commands people type: `cargo xtask setup | check | package | test | docs | bench | demo`. Run it without arguments for help.

mod bench;
mod browser;
mod changed;
mod check;
mod debian;
mod demo;
mod engines;
mod imports;
mod lanes;
mod long;
mod npm;
mod package;
mod reproducible;
mod setup;
mod shell;
mod site;
mod test;
mod toolchain;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  setup                    install what is missing: the wasm target, wasm-bindgen, wasm-pack, Chromium, npm packages
  check                    format, clippy (native and wasm), docs, import order, lockfiles, types
  package                  build the npm package into pkg/, with its third-party notices and its list of what is in it
  package --check-reproducible
                           build it twice, in two folders, and compare: prints the SHA-256 of the WebAssembly
  test [SLICE]... [--browsers LIST]
                           what CI runs, or slices of it, in this order:
                             check      as above
                             native     the core, natively
                             server     the relay's server, over SQLite and PostgreSQL
                             browser    the core, in browsers
                             package    the packed package, in browsers and in Node
                             docs       the documentation: its code, errors, links, commands
                             elsewhere  built by other bundlers and frameworks; the examples; what is in the package
                             e2e        the demo page
                           LIST: all, or some of chromium,firefox,webkit, which are installed where they are missing.
                           Without it, Chromium and those of the others that are there
  test --changed [COMMIT]  of the tests those that a change can break: of what is not committed, or of all since COMMIT
  test --long [JOB]... [--shard I/N]
                           what takes hours, in units that are not run twice for a commit; results in tests/long/:
                             loaded     the package and the page beside three busy loops, 20 times
                             graphs     random sharing graphs against a model, by 20 seeds
                             fuzz       ten minutes of each fuzz target
  docs                     build the site of the documentation into target/site/ (it opens from the disk, too)
  bench [--check] [--json FILE] [WORD]
                           measure the package in Chromium; with --check, exit 1 where a target is missed
  bench memory             send a gibibyte through a page, and watch how much memory that takes
  demo [--port N] [--check]
                           build the demo page and serve it; with --check, run its story once in headless Chromium
  help                     this

Environment: CHROME and CHROMEDRIVER name the browser and its driver, as do FIREFOX and GECKODRIVER, and WEBKITDRIVER
(which knows its own browser); REGRANT_WASM=rustup|debian forces the toolchain that builds wasm; CARGO_TARGET_DIR is where
cargo builds; with CI set, build products and npm's cache stay in ~/.cache/regrant, where tools always are.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["setup"] => setup::run(),
        ["check"] => check::run(),
        ["package"] => package::run(),
        ["package", "--check-reproducible"] => reproducible::run(),
        ["docs"] => site::run(),
        ["test", "--changed"] => changed::run("HEAD"),
        ["test", "--changed", since] => changed::run(since),
        ["test", "--long", options @ ..] => long::run(options),
        ["test", options @ ..] => test::run(options),
        ["bench", options @ ..] => bench::run(options),
        ["demo", options @ ..] => demo::run(options),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("unknown command: {}\n\n{HELP}", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nerror: {message}");
            ExitCode::FAILURE
        }
    }
}
