//! Session tokens, what rests on keys that moved, and how much one question may name.

use crate::here::{Memory, relay_over};
use crate::support::*;
use regrant::encoding::Hash;
use regrant::error::Code;
use regrant::keyring::Secret;
use regrant::relay::{Operation, Relay, Relied, Reply, Token};

fn log_in(relay: &Relay, login: &str, n: usize) -> Token {
    let Secret::KeyPair(pair) = pair(n) else { panic!("a key pair") };
    let offer =
        block_on(relay.call(None, &Operation::Identities { logins: vec![login.into()], removed: false })).unwrap();
    let Reply::Identities { mut identities } = offer else { panic!("identities") };
    let offer = identities.remove(0).unwrap();
    let keyset = offer.iter().find(|k| k.encryption_key.0 == pair.spki).unwrap();
    let seed = pair.seed(login).unwrap();
    let key = block_on(pair.own_key(&engine(), keyset, &seed)).unwrap();
    let (session, _) = block_on(regrant::graph::log_in_ahead(&engine(), relay, "test", &key, Vec::new())).unwrap();
    session.token
}

fn knows(relay: &Relay, token: &Token) -> bool {
    match block_on(relay.call(Some(token), &Operation::OwnKeysets)) {
        Ok(_) => true,
        Err(e) => {
            assert_eq!(e.code(), Code::Unauthenticated);
            false
        }
    }
}

#[test]
fn a_token_ends_after_twelve_hours_and_with_its_login() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    // The first administers the relay, and stays.
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let token = log_in(&relay, "bob", 1);
    assert!(knows(&relay, &token));
    // What the relay keeps of it is no token.
    assert!(
        memory.dump().iter().all(|(key, _, value)| !key.contains(token.expose()) && !value.contains(token.expose()))
    );
    assert!(!knows(&relay, &"invented".to_owned().into()) && !knows(&relay, &"x".repeat(10_000).into()));
    pass(12 * 3_600_000 - 60_000);
    assert!(knows(&relay, &token));
    pass(60_000);
    assert!(!knows(&relay, &token));
    // A client goes on by itself.
    block_on(alice.refresh()).unwrap();
    let token = log_in(&relay, "bob", 1);
    block_on(bob.remove_identity("bob")).unwrap();
    assert!(!knows(&relay, &token));
    connect(&device(&relay), "bob", &pair(2)).unwrap();
    assert!(!knows(&relay, &token), "whoever has the login next has no session of the one before");
}

#[test]
fn sessions_and_challenges_of_one_login_do_not_pile_up() {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    pass(1);
    let first = log_in(&relay, "alice", 0);
    pass(1);
    let tokens: Vec<Token> = (0..256).map(|_| log_in(&relay, "alice", 0)).collect();
    assert!(!knows(&relay, &first), "the one that would end first ended");
    assert!(knows(&relay, &tokens[255]));
    assert!(keys_of(&memory, "session/").len() <= 256);
    let challenge = || {
        let Secret::KeyPair(pair) = pair(0) else { panic!("a key pair") };
        let offer = block_on(relay.call(None, &Operation::Identities { logins: vec!["alice".into()], removed: false }));
        let Reply::Identities { mut identities } = offer.unwrap() else { panic!("identities") };
        let offer = identities.remove(0).unwrap();
        let keyset = offer.iter().find(|k| k.encryption_key.0 == pair.spki).unwrap();
        let fingerprint = keyset.fingerprint();
        block_on(relay.call(None, &Operation::Challenge { login: "alice".into(), fingerprint })).unwrap();
    };
    (0..50).for_each(|_| challenge());
    assert!(keys_of(&memory, "challenge/").len() >= 50);
    pass(61_000);
    challenge();
    assert_eq!(keys_of(&memory, "challenge/").len(), 1);
}

#[test]
fn what_was_decided_by_keys_that_are_not_the_newest_any_more_is_a_conflict() {
    let (relay, _) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let newest = |session: &regrant::client::Session| session.public_key().fingerprint();
    let put = |login: &str, fingerprint: Hash| {
        let relied = vec![Relied { login: login.into(), fingerprint }];
        block_on(me.call(&Operation::PutGrants { create: vec![], grants: vec![], basis: vec![], relied }))
    };
    let before = newest(&bob);
    put("bob", before).unwrap();
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    let refused = put("bob", before).unwrap_err();
    assert_eq!((refused.code(), refused.logins()), (Code::Conflict, &["bob".to_owned()][..]));
    put("bob", newest(&bob)).unwrap();
    assert_eq!(code(put("nobody", before)), Code::Conflict);
    // A client that took the old ones for the newest seals again, for those that are.
    let (_, first) = seal(&alice, "one", &["bob"]);
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    let (_, second) = seal(&alice, "two", &["bob"]);
    assert_eq!((read(&bob, &first).unwrap(), read(&bob, &second).unwrap()), ("one".to_owned(), "two".to_owned()));
}

#[test]
fn one_question_names_so_much_and_no_more() {
    let memory = Memory::default();
    let relay = relay_over(&memory, "test:relay", now);
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let ids = |n: usize| (0..n as u128).map(Uuid::from_u128).collect::<Vec<_>>();
    let logins = |n: usize| (0..n).map(|i| format!("somebody {i}")).collect::<Vec<_>>();
    let grants = |n, to: Vec<String>| block_on(me.call(&Operation::Grants { items: ids(n), to, after: None }));
    assert!(grants(256, vec![]).is_ok() && grants(1, logins(256)).is_ok());
    assert_eq!(code(grants(257, vec![])), Code::BadInput);
    assert_eq!(code(grants(1, logins(257))), Code::BadInput);
    let exchanges = |n| block_on(me.call(&Operation::Exchanges { with: logins(n) }));
    assert!(exchanges(256).is_ok());
    assert_eq!(code(exchanges(257)), Code::BadInput);
}
