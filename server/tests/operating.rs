//! What an operator does at the command line.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::client::{Running, options, registration};
use crate::places::{Place, places, run, sqlite};
use regrant_server::server::Options;

/// What the program says, and whether it is content.
fn regrant_server(place: &Place, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regrant-server"));
    let output = command.args(arguments).env("REGRANT_DATABASE", &place.address).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap().trim().to_owned())
}

fn done(said: &str) -> (bool, String) {
    (true, said.to_owned())
}

/// A key as `openssl genpkey -algorithm ed25519 | openssl pkey -pubout` writes it.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn key_file(folder: &Path) -> String {
    let file = folder.join("key.pem");
    std::fs::write(&file, KEY).unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn applications_are_added_listed_and_changed() {
    let folder = tempfile::tempdir().unwrap();
    let key = key_file(folder.path());
    for place in places() {
        let say = |arguments: &[&str]| regrant_server(&place, arguments);
        assert_eq!(say(&["migrate"]), done("the database was of version 0, and is of version 1"));
        assert_eq!(say(&["migrate"]), done("the database was of version 1, and is of version 1"));
        assert_eq!(say(&["tenant", "list"]), done(""));
        assert_eq!(say(&["tenant", "add", "shop"]), done("shop: registration closed, reset token"));
        let (content, why) = say(&["tenant", "add", "shop"]);
        assert!(!content && why.contains("there is shop already"), "{why}");
        assert_eq!(say(&["tenant", "add", "hotel", "--key", &key]), done("hotel: registration token, reset token"));
        let changed = say(&["tenant", "set", "shop", "--registration", "open", "--reset", "open"]);
        assert_eq!(changed, done("shop: registration open, reset open"));
        assert_eq!(say(&["tenant", "key", "shop", &key, "--key-id", "first"]), done("shop has the key first"));
        let listed = say(&["tenant", "list"]);
        assert_eq!(listed, done("hotel: registration token, reset token\nshop: registration open, reset open"));
        for wrong in [
            &["tenant", "add", "x", "--key", "/nothing"][..],
            &["tenant", "set", "nobody", "--reset", "open"],
            &["tenant", "add", ""],
            &["admin", "add", "nobody", "alice"],
            &["admin", "add", "shop", ""],
        ] {
            assert!(!say(wrong).0, "{wrong:?}");
        }
    }
}

#[test]
fn a_check_names_what_is_not_as_the_relay_writes_it() {
    for place in places() {
        let running = Running::start(options(&place)).unwrap();
        let client = running.client("test");
        client.register("bob", 1);
        let relay = crate::over_http::relay(&client);
        let pair = crate::support::pair(0);
        let alice = crate::support::connect(&crate::support::device(&relay), "alice", &pair).unwrap();
        crate::support::seal(&alice, "for bob", &["bob"]);
        drop(running);
        let check = || regrant_server(&place, &["check", "test"]);
        let execute = |sql: &str| run("a statement", crate::places::execute(&place, sql.to_owned()));
        let (content, said) = check();
        assert!(content && said.ends_with("records are as they should be"), "{said}");
        execute("UPDATE name SET name = 'elsewhere' WHERE name LIKE 'readers/%/bob/%'");
        let (content, said) = check();
        assert!(!content && said.starts_with("grant/") && said.ends_with(": its names are others"), "{said}");
        execute("DELETE FROM record WHERE key LIKE 'grant/%'");
        let (content, said) = check();
        assert!(!content && said.starts_with("grant/") && said.contains("there is no such record"), "{said}");
        execute("UPDATE record SET value = '{' WHERE key = 'identity/bob'");
        execute("UPDATE record SET rev = 1000000 WHERE key = 'identity/alice'");
        let (content, said) = check();
        let has = |line: &str| said.lines().any(|said| said == line);
        assert!(!content && has("identity/bob: it is no JSON"), "{said}");
        assert!(has("identity/alice: its number was never given"), "{said}");
    }
}

#[test]
fn an_address_of_no_database_is_refused_without_showing_it() {
    for address in ["mysql://root:secret@host/name", "sqlite::memory:", "sqlite:file?mode=memory", "secret", ""] {
        let place = crate::places::at(address);
        let (content, why) = regrant_server(&place, &["tenant", "list"]);
        assert!(!content && why.contains("postgres://") && !why.contains("secret@"), "{why}");
    }
}

#[test]
fn an_application_is_there_once_it_is_added_and_its_administrators_are_named() {
    let place = sqlite();
    let running = Running::start(Options { dev: false, ..options(&place) }).unwrap();
    let client = running.client("shop");
    let register = json!([registration("alice", 0)]);
    assert_eq!(client.call(None, &register).status, 404);
    assert!(regrant_server(&place, &["tenant", "add", "shop", "--registration", "open"]).0);
    assert_eq!(client.call(None, &register).status, 200);
    // Nobody administers by coming first.
    let said = client.call(None, &register).json();
    assert_eq!(said[0]["refused"], "ERR_IDENTITY_EXISTS");
    assert_eq!(regrant_server(&place, &["admin", "add", "shop", "bob"]), done("bob administers shop"));
    assert_eq!(regrant_server(&place, &["admin", "add", "shop", "carol"]), done("carol administers shop"));
}
