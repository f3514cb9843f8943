//! Running programs and finding files. Every error says which program, and what to do when it is missing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::lanes;

/// What every step gives: an error is a message for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// `~/.cache/regrant`: tools and, in CI, build products. Outlives clones.
pub(crate) fn cache() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    let home = home.ok_or("no home folder: set HOME to a folder in which tools may be kept")?;
    Ok(Path::new(&home).join(".cache").join("regrant"))
}

/// Whether this is a continuous-integration run.
pub(crate) fn ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(given) => Ok(root().join(given)),
        None if ci() => Ok(cache()?.join("target")),
        None => Ok(root().join("target")),
    }
}

/// Two processes at once would install the same things twice: the second waits while the first holds this.
pub(crate) fn lock(what: &str) -> Result<File> {
    let path = cache()?.join(format!("{what}.lock"));
    write(&path, "")?;
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if file.try_lock().is_err() {
        lanes::say(&format!("  {what:<9} is being seen to elsewhere; waiting"));
        file.lock().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(file)
}

/// A command that runs at the repository's root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs to the end with the terminal's output; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", show(command))) }
}

/// Runs to the end in silence; when it fails, the error carries the end of what it printed.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let all = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = all.lines().collect();
    let end = lines[lines.len().saturating_sub(25)..].join("\n");
    Err(format!("{} failed ({})\n{end}", show(command), output.status))
}

/// Runs to the end and hands over whatever came of it.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))
}

/// Runs to the end, showing each line that it prints as it comes, and hands over those of its standard output. When it
/// fails, the error carries the end of what it printed.
pub(crate) fn tee(command: &mut Command) -> Result<Vec<String>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let (prefix, all) = (lanes::prefix(), Mutex::new(Vec::new()));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let lines = thread::scope(|scope| {
        let errors = scope.spawn(|| show_lines(&prefix, stderr, &all));
        let lines = show_lines(&prefix, stdout, &all);
        drop(errors.join());
        lines
    });
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(lines);
    }
    let all = all.into_inner().unwrap_or_default();
    Err(format!("{} failed ({status})\n{}", show(command), ending(&all)))
}

/// Shows each line of a stream, puts it with those of others, and gives all of this stream.
fn show_lines(prefix: &str, stream: Option<impl Read>, all: &Mutex<Vec<String>>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in stream.into_iter().flat_map(|stream| BufReader::new(stream).split(b'\n')).map_while(std::io::Result::ok)
    {
        let line = String::from_utf8_lossy(&line).into_owned();
        lanes::show(prefix, &line);
        if let Ok(mut all) = all.lock() {
            all.push(line.clone());
        }
        lines.push(line);
    }
    lines
}

/// The end of what a failed program printed: from where a test runner begins to tell of failures, or the last lines.
fn ending(lines: &[String]) -> String {
    let begins = |line: &String| ["failures:", "failing tests:"].contains(&line.trim());
    let first = lines.iter().position(begins).unwrap_or(lines.len().saturating_sub(25));
    lines[first.max(lines.len().saturating_sub(200))..].join("\n")
}

/// A command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => {
            format!("{program} is not installed; `cargo xtask setup` says what is needed")
        }
        _ => format!("{program} could not be started: {error}"),
    }
}

/// The first program of that name on `PATH`.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file, making its folder.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(path, contents).map_err(|error| format!("{}: {error}", path.display()))
}

/// Copies a file, making its folder.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    write(to, std::fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?)
}

/// All files under a folder (or the file itself), in a stable order; none where there is nothing.
/// Folders named `node_modules` and `dist` are left out.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.to_owned()];
    }
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    let wanted = |path: &PathBuf| !path.ends_with("node_modules") && !path.ends_with("dist");
    found.into_iter().filter(wanted).flat_map(|path| files(&path)).collect()
}

/// A digest of the contents of files, to see whether anything changed. Not for anything that an attacker may choose.
pub(crate) fn digest(paths: &[PathBuf]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for path in paths {
        path.strip_prefix(root()).unwrap_or(path).hash(&mut hasher);
        std::fs::read(path).ok().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn of_a_failure_the_end_is_told_from_where_failures_begin() {
        let cargo = "test a ... ok\ntest b ... FAILED\n\nfailures:\n    b\n";
        assert_eq!(ending(&lines(cargo)), "failures:\n    b");
        let node = "✖ x › y (1 ms)\npass 1\nfail 1\nfailing tests:\n\n✖ x › y\nError: z\n";
        assert_eq!(ending(&lines(node)), "failing tests:\n\n✖ x › y\nError: z");
        let other: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(ending(&other).lines().count(), 25);
    }

    #[test]
    fn what_a_failed_program_printed_is_in_its_error() {
        let failed = tee(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        assert!(failed.is_err_and(|why| why.contains("out") && why.contains("err") && why.contains('3')));
    }
}
