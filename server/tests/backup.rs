//! Backups as `docs/operations.md` says, of a server that is written to meanwhile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Running, options};
use crate::places::{self, Place, run};

fn begin(n: u64) -> Value {
    json!({ "op": "beginUpload", "item": Uuid::from_u128(n.into()), "chunks": 1 })
}

fn state(client: &Client, token: &str, n: u64) -> Value {
    client.call(Some(token), &json!([begin(n)])).json()[0]["state"].clone()
}

/// Backs up while it is written, and starts a server over the copy: what was acknowledged before is there.
fn restored(place: &Place, back_up: impl FnOnce(), copy: &Place) {
    let running = Running::start(options(place)).unwrap();
    let client = running.client("test");
    let token = client.register("alice", 0);
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let before = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=200 {
                assert_eq!(state(&client, &token, n), "new");
                acknowledged.store(n, Ordering::SeqCst);
                if done.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        while acknowledged.load(Ordering::SeqCst) < 20 {
            std::thread::yield_now();
        }
        let before = acknowledged.load(Ordering::SeqCst);
        back_up();
        done.store(true, Ordering::SeqCst);
        before
    });
    drop(running);
    let again = Running::start(options(copy)).unwrap();
    let client = again.client("test");
    for n in 1..=before {
        assert_eq!(state(&client, &token, n), "open", "{n} of {before}");
    }
    assert_eq!(state(&client, &token, 1_000), "new");
}

#[test]
fn sqlite_is_backed_up_while_it_is_written() {
    let (place, folder) = (places::sqlite(), tempfile::tempdir().unwrap());
    let file = folder.path().join("copy.db").display().to_string();
    let back_up = || run("VACUUM INTO", places::execute(&place, format!("VACUUM INTO '{file}'")));
    restored(&place, back_up, &places::at(&format!("sqlite:{file}")));
}

/// The folder of a program of PostgreSQL's.
fn folder_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let known = versions.map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(known).find(|folder| folder.join(program).exists())
}

fn carried_out(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn postgresql_is_backed_up_while_it_is_written() {
    let (Some(place), Some(copy)) = (places::postgres(), places::postgres()) else { return };
    let Some(programs) = folder_of("pg_dump") else {
        eprintln!("\nNOT TESTED: backing up PostgreSQL, as pg_dump is not installed\n");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump").display().to_string();
    let back_up = || {
        carried_out(&programs.join("pg_dump"), &["--format=custom", "--file", &file, "--dbname", &place.address]);
        carried_out(&programs.join("pg_restore"), &["--dbname", &copy.address, &file]);
    };
    restored(&place, back_up, &copy);
}
