//! `demo`: builds the demo page against the package and serves it, or runs its story once.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::setup::{self, Machine};
use crate::shell::{self, Result};
use crate::test::stage;
use crate::{npm, package};

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
    let machine = setup::run()?;
    package::run(&machine)?;
    if check {
        return stage("story", || story(&machine, port));
    }
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut site = Site::build_and_serve(port.or(Some(PORT).filter(free)))?;
    println!("\nThe demo is at {} (stop it with Ctrl-C)", site.address);
    // Waiting closes the server's standard input, which would end it: hold that until the server is gone.
    let _stdin = site.server.stdin.take();
    site.server.wait().map(drop).map_err(|error| error.to_string())
}

fn story(machine: &Machine, port: Option<u16>) -> Result<()> {
    let site = Site::build_and_serve(port)?;
    let mut node = npm::node();
    node.arg("tests/e2e/story.mjs").env("REGRANT_URL", &site.address).env("CHROME", &machine.browser.chrome);
    shell::run(&mut node)
}

/// The demo page, built and served on this machine only; stops when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where it is, with a slash at the end.
    pub(crate) address: String,
    server: Child,
}

impl Site {
    /// Builds `www/` with Vite and serves it; without a port, on any that is free. `pkg/` must be built.
    pub(crate) fn build_and_serve(port: Option<u16>) -> Result<Self> {
        let www = shell::root().join("www");
        let vite = www.join("node_modules/vite/bin/vite.js");
        shell::quiet(npm::node().arg(vite).args(["build", "--logLevel", "warn"]).current_dir(&www))?;
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
