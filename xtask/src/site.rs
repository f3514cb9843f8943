//! `docs`: builds the site of the documentation from `docs/` and the package's types, into `target/site/`.

use crate::lanes::say;
use crate::shell::{self, Result};
use crate::{npm, setup};

/// Runs TypeDoc, whose own packages nothing else needs. Warnings are errors: broken links, types that are named and not
/// exported, comments that do not fit.
pub(crate) fn run() -> Result<()> {
    setup::packages(&["xtask/site"])?;
    let typedoc = shell::root().join("xtask/site/node_modules/typedoc/bin/typedoc");
    let out = shell::root().join("target/site");
    let mut node = npm::node();
    shell::run(node.arg(typedoc).args(["--options", "xtask/site/typedoc.json", "--out"]).arg(&out))?;
    say(&format!("The site is in {}: open index.html", out.display()));
    Ok(())
}
