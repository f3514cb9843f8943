//! Node and npm: whether they are there, and the packages of `tests/` and `www/`.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Result};

const NODE_MAJOR: u32 = 20;

/// `node`, at the repository's root.
pub(crate) fn node() -> Command {
    shell::command("node")
}

/// The version of node, which must be at least 20 and have npm beside it.
pub(crate) fn check_node() -> Result<String> {
    let advice = format!("install Node {NODE_MAJOR} or later, with npm, from your system or a version manager");
    let version = shell::quiet(node().arg("--version")).map_err(|error| format!("{error}\n{advice}"))?;
    let version = version.trim().trim_start_matches('v').to_owned();
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < NODE_MAJOR {
        return Err(format!("node is version {version}: {advice}"));
    }
    let npm = shell::quiet(shell::command("npm").arg("--version")).map_err(|error| format!("{error}\n{advice}"))?;
    Ok(format!("{version}, npm {}", npm.trim()))
}

/// Installs a folder's packages exactly as its lockfile says, unless that was already done for this lockfile.
/// Gives whether it had to.
pub(crate) fn install(folder: &str) -> Result<bool> {
    let folder = shell::root().join(folder);
    let lock = folder.join("package-lock.json");
    let marker = folder.join("node_modules/.installed-for");
    let wanted = shell::digest(std::slice::from_ref(&lock));
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(false);
    }
    let mut npm = shell::command("npm");
    npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]);
    apply_cache(&mut npm)?;
    shell::quiet(&mut npm)?;
    shell::write(&marker, wanted)?;
    Ok(true)
}

/// In CI, npm's cache outlives the clone beside the other tools.
pub(crate) fn apply_cache(command: &mut Command) -> Result<()> {
    if shell::ci() {
        command.env("npm_config_cache", shell::cache()?.join("npm"));
    }
    Ok(())
}

/// A program's JavaScript file in `tests/node_modules`, to be run with [`node`].
pub(crate) fn program(path: &str) -> PathBuf {
    shell::root().join("tests/node_modules").join(path)
}
