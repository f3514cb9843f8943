//! The program `regrant-server`.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use regrant_server::cli::{Cli, Command, LogFormat, Serve};
use regrant_server::operate;
use regrant_server::server::{Options, Server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => self::serve(&serve).await,
        Command::Migrate(at) => operate::migrate(&at).await,
        Command::Check { name, database } => operate::check(&name, &database).await,
        Command::Tenant(command) => operate::tenant(&command).await,
        Command::Admin(command) => operate::admin(&command).await,
    };
    // That nobody reads it is no failure.
    match outcome {
        Ok(said) if said.is_empty() => ExitCode::SUCCESS,
        Ok(said) => {
            let _ = writeln!(io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn begin_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("REGRANT_LOG").unwrap_or_else(|_| EnvFilter::new("regrant_server=info,warn"));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

async fn serve(serve: &Serve) -> Result<String, String> {
    begin_log(serve.log_format);
    let server = Server::start(Options::from(serve)).await.map_err(|error| error.to_string())?;
    let _ = writeln!(io::stdout(), "listening on {}", server.url);
    told_to_stop().await.map_err(|error| error.to_string())?;
    tracing::info!("stopping");
    server.stop().await;
    Ok(String::new())
}

async fn told_to_stop() -> io::Result<()> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
