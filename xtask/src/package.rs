//! `package`: builds the release WebAssembly and makes an installable npm package of it, in `pkg/`.

use std::path::{Path, PathBuf};

use crate::lanes::{say, stage, together};
use crate::shell::{self, Result};
use crate::toolchain::{TARGET, Wasm, Way};
use crate::{npm, setup};

/// Everything the package is made of. When none of it changed since the last time, nothing is built.
const INPUTS: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "pkg-template",
    "protocol",
    "relay",
    "src",
    "symmetric",
    "tests/package-lock.json",
    "tests/tools/inline.mjs",
    "tests/tools/third-party.mjs",
    "xtask/src/package.rs",
    "xtask/size-budget",
];

/// What rustc turns on for the target by default; wasm-opt must be told the same.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The modules of a package: what each is called there, and the crate that it is compiled from.
const MODULES: [(&str, &str); 2] = [("regrant", "regrant"), ("relay", "regrant_relay")];

/// How a package is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Small, with the build that has everything inside, with notices: what is published, in `pkg/`.
    Release,
    /// By the profile and the very dependencies of the tests, and as large as it comes: to try a change.
    Quick,
}

/// Builds the package and checks its size against the budget.
pub(crate) fn run() -> Result<()> {
    let pkg = shell::root().join("pkg");
    if up_to_date(&pkg, Kind::Release)? {
        say("  package   pkg/ is up to date");
        return Ok(());
    }
    let (wasm, target) = (setup::wasm()?, shell::target_dir()?);
    let core = stage("the release WebAssembly", || compile(&wasm, &shell::root(), &target, Kind::Release))?;
    stage("the package", || {
        assemble(&core, &shell::root(), &pkg, Kind::Release)?;
        for (name, _) in MODULES {
            let size = check_size(&pkg.join(format!("wasm/{name}_bg.wasm")), name)?;
            say(&format!("  package   pkg/wasm/{name}_bg.wasm is {size} bytes, gzipped"));
        }
        shell::write(&stamp(&pkg), inputs(Kind::Release)?)
    })
}

/// What of a quick package is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// What a page takes that a bundler builds.
    Page,
    /// The build that has everything inside, too. Wants the packages of `tests/`.
    All,
}

/// A package by the profile of the tests, and where it is. What is needed besides is seen to meanwhile.
pub(crate) fn quick(parts: Parts, meanwhile: impl FnOnce() -> Result<()> + Send) -> Result<PathBuf> {
    let pkg = quick_core(meanwhile)?;
    if parts == Parts::All && !pkg.join("inline/index.js").is_file() {
        inline(&pkg, &shell::root())?;
    }
    Ok(pkg)
}

fn quick_core(meanwhile: impl FnOnce() -> Result<()> + Send) -> Result<PathBuf> {
    let pkg = shell::target_dir()?.join("quick/pkg");
    if up_to_date(&pkg, Kind::Quick)? {
        meanwhile()?;
        say("  package   is up to date");
        return Ok(pkg);
    }
    let target = shell::target_dir()?;
    let core = || {
        let wasm = setup::wasm()?;
        stage("the WebAssembly", || compile(&wasm, &shell::root(), &target, Kind::Quick)).map(Some)
    };
    let rest = || {
        meanwhile()?;
        setup::bindgen().map(|_| None)
    };
    let built = together(vec![("core", Box::new(core)), ("rest", Box::new(rest))])?;
    let core = built.into_iter().flatten().next().ok_or("nothing was built")?;
    stage("the package", || assemble(&core, &shell::root(), &pkg, Kind::Quick))?;
    shell::write(&stamp(&pkg), inputs(Kind::Quick)?)?;
    Ok(pkg)
}

fn stamp(pkg: &Path) -> PathBuf {
    pkg.join(".built-from")
}

fn up_to_date(pkg: &Path, kind: Kind) -> Result<bool> {
    let wanted = inputs(kind)?;
    Ok(std::fs::read_to_string(stamp(pkg)).is_ok_and(|built| built == wanted))
}

/// What a package would be built from.
fn inputs(kind: Kind) -> Result<String> {
    let files: Vec<PathBuf> = INPUTS.iter().flat_map(|input| shell::files(&shell::root().join(input))).collect();
    let rustc = shell::quiet(setup::wasm()?.rustc().arg("--version"))?;
    Ok(format!("{} {kind:?} {}", shell::digest(&files), rustc.trim()))
}

/// Builds the release package into `pkg` from the sources in `root`, with cargo's own products in `target`.
pub(crate) fn build(root: &Path, target: &Path, pkg: &Path) -> Result<()> {
    let core = compile(&setup::wasm()?, root, target, Kind::Release)?;
    assemble(&core, root, pkg, Kind::Release)
}

/// Makes the package of the compiled modules, which lie in the folder `core`.
fn assemble(core: &Path, root: &Path, pkg: &Path, kind: Kind) -> Result<()> {
    clear(pkg)?;
    for (name, krate) in MODULES {
        bind(&core.join(krate).with_extension("wasm"), pkg, name)?;
    }
    copy_template(root, pkg)?;
    if kind == Kind::Quick {
        return Ok(());
    }
    setup::packages(&["tests"])?;
    for (name, _) in MODULES {
        optimise(&pkg.join(format!("wasm/{name}_bg.wasm")))?;
    }
    inline(pkg, root)?;
    // The notices for, and the list of, what is built into the WebAssembly.
    shell::quiet(npm::node().arg("tests/tools/third-party.mjs").arg(pkg).arg(root)).map(drop)
}

fn inline(pkg: &Path, root: &Path) -> Result<()> {
    shell::quiet(npm::node().arg("tests/tools/inline.mjs").arg(pkg).arg(root.join("pkg-template"))).map(drop)
}

/// The folder stays, because `www/node_modules` links to it; what is in it goes.
fn clear(pkg: &Path) -> Result<()> {
    if !pkg.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(pkg).map_err(|error| format!("{}: {error}", pkg.display()))
}

fn compile(wasm: &Wasm, root: &Path, target: &Path, kind: Kind) -> Result<PathBuf> {
    let mut cargo = wasm.cargo();
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target);
    cargo.args(["build", "--quiet", "--package", "regrant", "--package", "regrant-relay", "--lib", "--target", TARGET]);
    let folder = match kind {
        Kind::Quick => "debug",
        Kind::Release => {
            cargo.arg("--release");
            // Debian's standard library carries no bitcode, which LTO across crates needs.
            if wasm.way() == Way::Ordinary {
                cargo.env("CARGO_PROFILE_RELEASE_LTO", "fat");
            }
            // Panic messages name source files: not by this machine's paths.
            if let (Some(home), Err(_)) = (cargo_home(), std::env::var("RUSTFLAGS")) {
                cargo.env("RUSTFLAGS", format!("--remap-path-prefix={}=/cargo", home.display()));
            }
            "release"
        }
    };
    shell::run(&mut cargo)?;
    Ok(target.join(TARGET).join(folder))
}

fn cargo_home() -> Option<PathBuf> {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
}

fn bind(module: &Path, pkg: &Path, name: &str) -> Result<()> {
    let out = pkg.join("wasm");
    let mut bindgen = shell::command("wasm-bindgen");
    setup::bindgen()?.apply(&mut bindgen);
    bindgen.args([
        "--target",
        "web",
        "--out-name",
        name,
        "--omit-default-module-path",
        "--remove-producers-section",
        // Lets init() start the module anew after a panic.
        "--experimental-reset-state-function",
    ]);
    shell::quiet(bindgen.arg("--out-dir").arg(&out).arg(module))?;
    let bindings = out.join(name).with_extension("js");
    // The relay's has no futures, and nothing that calls back into it.
    if name == "regrant" {
        survive_traps(&bindings)?;
    }
    pass_long_text(&bindings)
}

fn optimise(file: &Path) -> Result<()> {
    let mut opt = npm::node();
    opt.arg(npm::program("binaryen/bin/wasm-opt")).args(["--merge-similar-functions", "-Oz"]).args(WASM_FEATURES);
    shell::quiet(opt.arg(file).arg("-o").arg(file)).map(drop)
}

/// Changes what the generated bindings do when the module traps, or was started anew after that. As generated, a trap in
/// the middle of a future is an uncaught error that settles no promise, and so is a promise that settles after the
/// restart. The texts must be there once for each kind of closure: another wasm-bindgen may need another change.
fn survive_traps(file: &Path) -> Result<()> {
    let over = "throw new Error('Cannot invoke closure from previous WASM instance');";
    let calls = [
        ("return f(a, state.b, ...args);", "return surviving(() => f(a, state.b, ...args));"),
        ("return f(state.a, state.b, ...args);", "return surviving(() => f(state.a, state.b, ...args));"),
    ];
    let mut text = shell::read(file)?;
    let closures = text.matches("function makeMutClosure(").count() + text.matches("function makeClosure(").count();
    let called: usize = calls.iter().map(|(from, _)| text.matches(from).count()).sum();
    if closures == 0 || called != closures || text.matches(over).count() != closures {
        return Err(format!(
            "{}: {closures} closures, of which {called} are called in a way that is known",
            file.display()
        ));
    }
    text = text.replace(over, "return undefined; // what an earlier start waited for is gone with it");
    for (from, to) in calls {
        text = text.replace(from, to);
    }
    shell::write(file, format!("import {{ surviving }} from \"../calls.js\";\n{text}"))
}

/// Changes how long text comes into the module: at once, where it is ASCII, as records are. As generated, every character
/// is put there by itself, which took a quarter of the time in which a large record is read.
fn pass_long_text(file: &Path) -> Result<()> {
    let text = shell::read(file)?;
    let from = "    let offset = 0;\n\n    for (; offset < len; offset++) {\n";
    if text.matches(from).count() != 1 {
        return Err(format!("{}: text is passed in another way than is known", file.display()));
    }
    let at_once = "    let offset = 0;\n\n    if (len > 256) {\n        \
         const { read, written } = cachedTextEncoder.encodeInto(arg, mem.subarray(ptr, ptr + len));\n        \
         if (read === len && written === len) offset = len;\n    }\n    for (; offset < len; offset++) {\n";
    shell::write(file, text.replace(from, at_once))
}

/// Copies `pkg-template/`, with the workspace's version, and the licences.
fn copy_template(root: &Path, pkg: &Path) -> Result<()> {
    let template = root.join("pkg-template");
    for file in shell::files(&template) {
        let name = file.strip_prefix(&template).map_err(|error| error.to_string())?;
        let to = match name.to_str() {
            // Goes into the inline build, and is no use by itself.
            Some("source/inline.js" | "source/inline-relay.js" | "source/decoded.js") => continue,
            _ => pkg.join(name),
        };
        shell::copy(&file, &to)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        shell::copy(&root.join(licence), &pkg.join(licence))?;
    }
    let manifest = pkg.join("package.json");
    let placeholder = "\"version\": \"0.0.0\"";
    let text = shell::read(&manifest)?;
    if !text.contains(placeholder) {
        return Err(format!("pkg-template/package.json must say {placeholder}: the version comes from Cargo.toml"));
    }
    shell::write(&manifest, text.replace(placeholder, &format!("\"version\": \"{}\"", version()?)))
}

/// The version in Cargo.toml's `[workspace.package]`.
pub(crate) fn version() -> Result<String> {
    let manifest = shell::read(&shell::root().join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    line.and_then(|rest| rest.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml names no version".to_owned())
}

fn check_size(wasm: &Path, name: &str) -> Result<u64> {
    let size = shell::quiet(npm::node().arg("tests/tools/gzip-size.mjs").arg(wasm))?;
    let size: u64 = size.trim().parse().map_err(|_| format!("gzip-size.mjs printed {size}"))?;
    let file = shell::read(&shell::root().join("xtask/size-budget"))?;
    let budget = file.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let budget: u64 = budget.ok_or_else(|| format!("xtask/size-budget must hold a line \"{name} BYTES\""))?;
    if size > budget {
        return Err(format!(
            "wasm/{name}_bg.wasm is {size} bytes gzipped; the budget is {budget}. Make it smaller (`cargo tree` shows \
             what came in), or raise xtask/size-budget in the same change and say why."
        ));
    }
    Ok(size)
}
