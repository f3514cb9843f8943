//! Several servers on one database, servers that are killed, and databases that are not as they should be.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regrant_server::storage::{Database, SCHEMA_VERSION, StorageError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Running, options, waited};
use crate::places::{self, Place, places, run};

const SOON: Duration = Duration::from_secs(20);
/// How long news take to another server at most.
const TOLD: Duration = Duration::from_secs(8);

fn begin(n: u128) -> Value {
    json!({ "op": "beginUpload", "item": Uuid::from_u128(n), "chunks": 1 })
}

#[test]
fn a_change_at_one_server_is_heard_at_another() {
    for place in places() {
        let (one, two) = (Running::start(options(&place)).unwrap(), Running::start(options(&place)).unwrap());
        let (here, there) = (one.client("test"), two.client("test"));
        let bob = here.register("bob", 1);
        // A session is the same at all of them.
        let mut events = there.events(&bob);
        assert_eq!(events.next().unwrap().0, "open");
        let relay = crate::over_http::relay(&here);
        let alice =
            crate::support::connect(&crate::support::device(&relay), "alice", &crate::support::pair(0)).unwrap();
        // Twice: whoever just began to wait looks once by itself. And sooner than a server looks that is told.
        for _ in 0..2 {
            crate::support::seal(&alice, "for bob", &["bob"]);
            let (news, rest) = waited("news from the other server", TOLD, move || (events.next(), events));
            assert_eq!(news.unwrap().0, "change", "{}", place.address);
            events = rest;
        }
    }
}

#[test]
fn all_of_one_login_write_at_two_servers_and_nothing_is_lost() {
    for place in places() {
        let servers = [Running::start(options(&place)).unwrap(), Running::start(options(&place)).unwrap()];
        let token = servers[0].client("test").register("doctor", 0);
        let write = |n: u128| {
            let (client, token) = (servers[n as usize % 2].client("test"), token.clone());
            std::thread::spawn(move || {
                for round in 0..10 {
                    let said = client.call(Some(&token), &json!([begin(n * 100 + round)]));
                    assert_eq!(said.json()[0]["state"], "new", "{said:?}");
                }
            })
        };
        let writing: Vec<_> = (0..8).map(write).collect();
        writing.into_iter().for_each(|one| one.join().unwrap());
        for n in (0..8).flat_map(|n| (0..10).map(move |round| n * 100 + round)) {
            let said = servers[1].client("test").call(Some(&token), &json!([begin(n)]));
            assert_eq!(said.json()[0]["state"], "open");
        }
    }
}

/// The program itself, in a process of its own, until it is dropped: then it is killed.
struct Process(Child, String);

impl Process {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_regrant-server"))
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--relay-id", "test:relay"])
            .env("REGRANT_DATABASE", &place.address)
            .env("REGRANT_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let line = waited("the line that says where it listens", SOON, move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let url = line.unwrap().trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self(child, url)
    }

    fn client(&self) -> Client {
        Client::new(&format!("{}/v1/test", self.1))
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again, with the same key, until somebody answers.
fn insist(process: &std::sync::Mutex<Process>, token: &str, n: u128) -> Value {
    let until = Instant::now() + SOON;
    let key = format!("idempotency{n:016}");
    loop {
        let client = process.lock().unwrap().client();
        match client.try_call(Some(token), &json!([begin(n)]), &[("idempotency-key", &key)]) {
            Ok(said) if said.status == 200 => return said.json()[0]["state"].clone(),
            other => assert!(Instant::now() < until, "no answer in {SOON:?}: {other:?}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_was_acknowledged_survives_kills_and_nothing_is_done_twice() {
    for place in places() {
        let process = std::sync::Mutex::new(Process::start(&place));
        let token = process.lock().unwrap().client().register("alice", 0);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let write = |n: u128| {
                let (process, token) = (&process, &token);
                scope.spawn(move || {
                    for round in 0..60 {
                        // Done twice, it would be open already.
                        assert_eq!(insist(process, token, n * 100 + round), "new");
                    }
                })
            };
            let writing: Vec<_> = (0..3).map(write).collect();
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(150));
                    let mut process = process.lock().unwrap();
                    process.kill();
                    *process = Process::start(&place);
                }
            });
            let outcomes: Vec<_> = writing.into_iter().map(|one| one.join()).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            outcomes.into_iter().for_each(|outcome| outcome.unwrap());
        });
        let client = process.lock().unwrap().client();
        for n in (0..3).flat_map(|n| (0..60).map(move |round| n * 100 + round)) {
            assert_eq!(client.call(Some(&token), &json!([begin(n)])).json()[0]["state"], "open");
        }
    }
}

#[test]
fn it_stops_when_it_is_told_to() {
    let place = places::sqlite();
    let mut process = Process::start(&place);
    let token = process.client().register("alice", 0);
    let mut events = process.client().events(&token);
    assert_eq!(events.next().unwrap().0, "open");
    let told = Command::new("kill").args(["-TERM", &process.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(waited("the end of the stream", SOON, move || events.count()), 0);
    let until = Instant::now() + SOON;
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until, "it did not stop in {SOON:?}");
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_alone() {
    for place in places() {
        run("a later version", async {
            Database::open(&place.address, 2).await.unwrap().close().await;
            let later = SCHEMA_VERSION + 1;
            places::execute(&place, format!("UPDATE regrant_schema SET version = {later}")).await;
            let refused = Database::open(&place.address, 2).await.err();
            assert!(matches!(refused, Some(StorageError::Newer { found, .. }) if found == later), "{refused:?}");
            places::execute(&place, format!("UPDATE regrant_schema SET version = {SCHEMA_VERSION}")).await;
            assert_eq!(Database::open_as_is(&place.address, 2).await.unwrap().migrate().await.unwrap(), SCHEMA_VERSION);
        });
    }
}

#[test]
fn several_bring_a_new_database_to_its_version_at_once() {
    for place in places() {
        run("migrating at once", async {
            let open = |_| {
                let address = place.address.clone();
                tokio::spawn(async move { Database::open(&address, 2).await.map(drop) })
            };
            for opened in futures::future::join_all((0..6).map(open)).await {
                opened.unwrap().unwrap();
            }
        });
    }
}

#[test]
fn a_database_that_is_away_is_said_to_be() {
    let Some(place) = places::postgres() else { return };
    let running = Running::start(options(&place)).unwrap();
    let client = running.client("test");
    let token = client.register("alice", 0);
    places::drop_database(&place);
    let said = client.call(Some(&token), &json!([{ "op": "ownKeysets" }]));
    assert_eq!(said.refused(), (503, "ERR_RELAY_UNAVAILABLE".to_owned()));
    assert!(!said.header("retry-after").is_empty());
    assert_eq!(Client::new(&running.url).get("/readyz", &[]).status, 503);
    assert_eq!(Client::new(&running.url).get("/healthz", &[]).status, 200);
}
