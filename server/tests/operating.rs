//! What an operator does at the command line.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::client::{Running, options, registration};
use crate::places::{Place, places, sqlite};
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
