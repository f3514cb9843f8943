//! `demo`: builds the demo page against the package and serves it, or runs its story once.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::lanes::{say, stage};
use crate::package::Parts;
use crate::shell::{self, Result};
use crate::{npm, package, setup};

const PORT: u16 = 4173;

/// Serves the demo until it is interrupted; with `--check` runs its story once.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let (mut port, mut check) = (None, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--check" => check = true,
            "--port" => {
                let given = options.next().and_then(|given| given.parse::<u16>().ok());
                port = Some(given.ok_or("--port needs a number from 0 to 65535")?);
            }
            other => return Err(format!("demo knows --port N and --check, not {other}")),
        }
    }
    let begun = Instant::now();
    let story = if check { &["tests", "www"][..] } else { &["www"] };
    let pkg = package::quick(Parts::Page, || setup::packages(story))?;
    if check {
        let chrome = setup::browser()?.chrome;
        let site = Site::build_and_serve(&pkg, port)?;
        let mut node = npm::node();
        node.arg("tests/e2e/story.mjs").env("REGRANT_URL", &site.address).env("CHROME", chrome);
        return stage("story", || shell::run(&mut node));
    }
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut site = Site::build_and_serve(&pkg, port.or(Some(PORT).filter(free)))?;
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("\nThe demo is at {} after {seconds:.0} s (stop it with Ctrl-C)", site.address));
    // Waiting closes the server's standard input, which would end it: hold that until the server is gone.
    let _stdin = site.server.stdin.take();
    site.server.wait().map(drop).map_err(|error| error.to_string())
}

/// The demo page, built and served on this machine only; stops when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where it is, with a slash at the end.
    pub(crate) address: String,
    server: Child,
}

impl Site {
    /// Builds `www/` with Vite on a package and serves it; without a port, on any that is free.
    pub(crate) fn build_and_serve(pkg: &Path, port: Option<u16>) -> Result<Self> {
        setup::packages(&["www"])?;
        let www = shell::root().join("www");
        let vite = www.join("node_modules/vite/bin/vite.js");
        let mut build = npm::node();
        build.arg(vite).args(["build", "--logLevel", "warn"]).current_dir(&www).env("REGRANT_PACKAGE", pkg);
        stage("the page", || shell::quiet(&mut build))?;
        let mut serve = npm::node();
        serve.args(["tests/tools/serve.mjs", "www/dist", "--port", &port.unwrap_or(0).to_string(), "--while-stdin"]);
        Self::start(&mut serve)
    }

    fn start(serve: &mut Command) -> Result<Self> {
        let mut server = serve
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node could not be started: {error}"))?;
        let mut address = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut address).map_err(|error| error.to_string())?;
        }
        let site = Self { address: address.trim().to_owned(), server };
        if site.address.is_empty() { Err("the demo's server did not start (see above)".to_owned()) } else { Ok(site) }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
