//! The commands people type: `cargo xtask setup | check | package | test | bench | demo`. Run it without arguments for help.

mod bench;
mod browser;
mod check;
mod debian;
mod demo;
mod imports;
mod npm;
mod package;
mod setup;
mod shell;
mod test;
mod toolchain;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  setup                    install what is missing: the wasm target, wasm-bindgen, wasm-pack, Chromium, npm packages
  check                    format, clippy (native and wasm), docs, import order, types
  package                  build the npm package into pkg/
  test                     setup, check, native tests, browser tests, the package, end to end (what CI runs)
  bench [--check] [--json FILE] [WORD]
                           measure the package in Chromium; with --check, exit 1 where a target is missed
  bench memory             send a gibibyte through a page, and watch how much memory that takes
  demo [--port N] [--check]
                           build the demo page and serve it; with --check, run its story once in headless Chromium

Environment: CHROME and CHROMEDRIVER name the browser and its driver; REGRANT_WASM=rustup|debian forces the
toolchain that builds wasm; with CI set, build products stay in ~/.cache/regrant.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["setup"] => setup::run().map(drop),
        ["check"] => setup::run().and_then(|machine| check::run(&machine)),
        ["package"] => setup::run().and_then(|machine| package::run(&machine)),
        ["test"] => test::run(),
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
