//! Rust programs that the commands call. Each is taken from `PATH`; else a prebuilt one where the network has it; else it
//! is compiled, which takes a minute or two.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lanes::say;
use crate::setup::step;
use crate::shell::{self, Result};
use crate::toolchain::{Wasm, native_cargo};

/// Where prebuilt programs are, unless `REGRANT_TOOLS_FROM` names a mirror with the same paths.
const RELEASES: &str = "https://github.com";

/// A program, and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) program: &'static str,
    /// The crate that it is in.
    pub(crate) package: &'static str,
    /// The version that is installed where none is there.
    pub(crate) version: String,
    /// Whether that very version is needed.
    pub(crate) exactly: bool,
    /// Its archive below [`RELEASES`], with `{version}` and `{host}`; none if it is always compiled.
    pub(crate) archive: Option<&'static str>,
    /// How much it is optimised when it is compiled here: little, unless it works for long.
    pub(crate) optimised: &'static str,
}

impl Tool {
    /// wasm-bindgen's command, which must be of exactly the crate's version.
    pub(crate) fn bindgen() -> Result<Self> {
        Ok(Self {
            program: "wasm-bindgen",
            package: "wasm-bindgen-cli",
            version: pinned_bindgen()?,
            exactly: true,
            archive: Some("wasm-bindgen/wasm-bindgen/releases/download/{version}/wasm-bindgen-{version}-{host}.tar.gz"),
            optimised: "1",
        })
    }

    /// Runs the browser tests.
    pub(crate) fn wasm_pack() -> Self {
        Self {
            program: "wasm-pack",
            package: "wasm-pack",
            version: "0.15.1".to_owned(),
            exactly: false,
            archive: Some("wasm-bindgen/wasm-pack/releases/download/v{version}/wasm-pack-v{version}-{host}.tar.gz"),
            optimised: "0",
        }
    }

    /// Says what the dependencies are.
    pub(crate) fn deny() -> Self {
        Self {
            program: "cargo-deny",
            package: "cargo-deny",
            version: "0.20.2".to_owned(),
            exactly: false,
            archive: Some("EmbarkStudios/cargo-deny/releases/download/{version}/cargo-deny-{version}-{host}.tar.gz"),
            optimised: "0",
        }
    }

    /// Breaks the core on purpose.
    pub(crate) fn mutants() -> Self {
        Self {
            program: "cargo-mutants",
            package: "cargo-mutants",
            version: "27.1.0".to_owned(),
            exactly: false,
            archive: None,
            optimised: "0",
        }
    }

    /// Drives Firefox.
    pub(crate) fn geckodriver() -> Self {
        Self {
            program: "geckodriver",
            package: "geckodriver",
            version: "0.37.1".to_owned(),
            exactly: false,
            archive: None,
            optimised: "0",
        }
    }

    /// Finds it, or puts it into our own folder.
    pub(crate) fn install(&self, wasm: &Wasm) -> Result<()> {
        let _one_at_a_time = shell::lock(self.program)?;
        if let Some(found) = self.present(wasm) {
            step(self.program, &format!("{found} is there"));
            return Ok(());
        }
        let how = match self.take_prebuilt() {
            Ok(()) if self.present(wasm).is_some() => "prebuilt",
            Ok(()) => self.compile("the prebuilt one does not run here")?,
            Err(why) => self.compile(&why)?,
        };
        let Some(found) = self.present(wasm) else {
            return Err(format!("{} was installed into {}, but does not run", self.package, folder()?.display()));
        };
        step(self.program, &format!("{found} installed, {how}"));
        Ok(())
    }

    fn present(&self, wasm: &Wasm) -> Option<String> {
        let mut ask = Command::new(self.program);
        wasm.apply(&mut ask);
        let text = shell::quiet(ask.arg("--version")).ok()?;
        let found = text.split_whitespace().nth(1)?.to_owned();
        (!self.exactly || found == self.version).then_some(found)
    }

    /// Without a network this fails in a moment.
    fn take_prebuilt(&self) -> Result<()> {
        let archive = self.archive.ok_or("it has no prebuilt archive")?;
        let from = std::env::var("REGRANT_TOOLS_FROM").unwrap_or_else(|_| RELEASES.to_owned());
        let address = format!("{from}/{archive}").replace("{version}", &self.version).replace("{host}", &host()?);
        let scratch = folder()?.join(format!("{}.download", self.program));
        let packed = scratch.join("packed.tar.gz");
        shell::write(&packed, "")?;
        let mut curl = Command::new("curl");
        curl.args(["--fail", "--silent", "--show-error", "--location", "--connect-timeout", "5", "--max-time", "180"]);
        let taken = shell::quiet(curl.arg("--output").arg(&packed).arg(&address)).and_then(|_| {
            let mut tar = Command::new("tar");
            shell::quiet(tar.arg("-xzf").arg(&packed).arg("-C").arg(&scratch).arg("--strip-components=1"))?;
            let programs = shell::files(&scratch).into_iter().filter(|file| executable(file));
            for file in programs {
                let name = file.file_name().unwrap_or_default();
                let to = folder()?.join("bin").join(name);
                shell::copy(&file, &to)?;
                std::fs::set_permissions(&to, permissions(&file)?).map_err(|error| error.to_string())?;
            }
            Ok(())
        });
        drop(std::fs::remove_dir_all(&scratch));
        taken.map_err(|why| format!("no prebuilt one: {}", why.lines().last().unwrap_or_default()))
    }

    /// Without `--locked`: a registry mirror may lag behind the versions in its lockfile.
    fn compile(&self, why: &str) -> Result<&'static str> {
        say(&format!("  {:<9} compiling {} {} ({why})", self.program, self.package, self.version));
        let mut cargo = native_cargo();
        cargo.current_dir(shell::cache()?).args(["install", self.package, "--version", &self.version, "--force"]);
        cargo.arg("--root").arg(folder()?).env_remove("CARGO_TARGET_DIR");
        for (what, how) in [("OPT_LEVEL", self.optimised), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")]
        {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{what}"), how);
        }
        shell::quiet(&mut cargo)?;
        Ok("compiled")
    }
}

/// Our own folder for tools.
fn folder() -> Result<PathBuf> {
    Ok(shell::cache()?.join("tools"))
}

/// This machine as archives name it: on Linux they hold programs that bring their C library along.
fn host() -> Result<String> {
    let version = shell::quiet(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    Ok(host.replace("-linux-gnu", "-linux-musl"))
}

fn permissions(file: &Path) -> Result<std::fs::Permissions> {
    Ok(std::fs::metadata(file).map_err(|error| error.to_string())?.permissions())
}

#[cfg(unix)]
fn executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    permissions(file).is_ok_and(|permissions| permissions.mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn executable(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "exe")
}

/// The version of wasm-bindgen in Cargo.toml: the tool and the crate must be exactly the same.
fn pinned_bindgen() -> Result<String> {
    let manifest = shell::read(&shell::root().join("Cargo.toml"))?;
    let line = manifest.lines().find(|line| line.starts_with("wasm-bindgen ="));
    let version = line.and_then(|line| line.split("\"=").nth(1)).and_then(|rest| rest.split('"').next());
    version
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml does not pin wasm-bindgen: it must say wasm-bindgen = \"=X.Y.Z\"".to_owned())
}
