//! `bench`: measures the package in Chromium, beside what one would write without it.

use crate::setup;
use crate::shell::{self, Result};
use crate::{npm, package};

/// Hands its options to `benches/run.mjs`: `--check`, `--json FILE`, and words that names of benches hold. `memory` alone
/// sends a gibibyte through a page instead, and watches how much memory that takes.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    setup::packages(&["tests"])?;
    package::run()?;
    let chrome = setup::browser()?.chrome;
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let mut node = npm::node();
    if options == ["memory"] {
        node.args(["--test", "benches/large.test.mjs"]).env("CHROME", &chrome);
        npm::apply_cache(&mut node)?;
        return shell::run(&mut node);
    }
    node.arg("benches/run.mjs").env("CHROME", &chrome);
    let mut file = false;
    for option in options {
        // Relative to where the command was typed, not to the repository's root.
        if std::mem::take(&mut file) {
            node.arg(here.join(option))
        } else {
            node.arg(option)
        };
        file = *option == "--json";
    }
    npm::apply_cache(&mut node)?;
    shell::run(&mut node)
}
