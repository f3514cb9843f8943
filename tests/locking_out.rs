//! Whoever owns or manages goes on excluding, whatever a member, a reader or a thief did before.

use std::rc::Rc;

use crate::support::*;
use regrant::client::Session;
use regrant::delegation::SealOptions;
use regrant::error::{Code, Result};
use regrant::graph::ListChange;
use regrant::keyring::Secret;
use regrant::relay::Relay;
use regrant::wire::statement::Profile;

fn logins(list: &[&str]) -> Vec<String> {
    list.iter().map(|login| (*login).to_owned()).collect()
}

fn extend(session: &Session, login: &str, more: &[&str]) -> Result<()> {
    block_on(session.extend_sharing_group(login, &logins(more), &no_progress))
}

fn replace(session: &Session, login: &str, with: &[&str]) -> Result<()> {
    block_on(session.replace_sharing_group(login, ListChange::to(&logins(with)), &no_progress))
}

fn people<const N: usize>(relay: &Relay, names: [&str; N]) -> [Rc<Session>; N] {
    let mut n = 0;
    names.map(|name| {
        n += 1;
        connect(&device(relay), name, &pair(n - 1)).unwrap()
    })
}

#[test]
fn only_managers_change_a_list_and_renew_its_keys() {
    let [alice, bob, carol, dave] = people(&relay(), ["alice", "bob", "carol", "dave"]);
    let everybody = logins(&["alice", "bob", "carol"]);
    let create = |login: &str, managers: &[&str], secret: Option<&Secret>| {
        let managers = logins(managers);
        block_on(alice.create_identity(login, &Profile::default(), &everybody, Some(&managers), secret))
    };
    for managers in [&[][..], &["dave"], &["alice", "dave"]] {
        assert_eq!(code(create("ward", managers, None)), Code::BadInput);
    }
    assert_eq!(code(create("ward", &["alice"], Some(&vault(3)))), Code::BadInput);
    create("ward", &["alice", "bob"], None).unwrap();

    let renew = |who: &Session| block_on(who.renew_keys_of("ward", None, &no_progress));
    let without = |who: &Session, gone: &str| {
        block_on(who.replace_sharing_group("ward", ListChange::Without(&logins(&[gone])), &no_progress))
    };
    let refused = || {
        assert_eq!(code(extend(&carol, "ward", &["dave"])), Code::Forbidden);
        assert_eq!(code(replace(&carol, "ward", &["carol"])), Code::Forbidden);
        assert_eq!(code(without(&carol, "alice")), Code::Forbidden);
        assert_eq!(code(renew(&carol)), Code::Forbidden);
    };
    refused();
    // They stay the managers over renewals, also of their own keys.
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    renew(&bob).unwrap();
    refused();
    extend(&alice, "ward", &["dave"]).unwrap();
    let (_, bytes) = seal(&dave, "for the ward", &["ward"]);
    assert_eq!(read(&carol, &bytes).unwrap(), "for the ward");
    // Who is excluded manages no more, and there is always somebody who does.
    without(&alice, "bob").unwrap();
    assert_eq!(code(replace(&alice, "ward", &["carol", "dave"])), Code::BadInput);
    extend(&alice, "ward", &["bob"]).unwrap();
    assert_eq!(code(renew(&bob)), Code::Forbidden);
    refused();
}

#[test]
fn after_a_theft_nothing_of_the_thiefs_goes_on() {
    let relay = relay();
    let [alice, bob, eve] = people(&relay, ["alice", "bob", "eve"]);
    let (id, _) = seal(&alice, "alice's", &["bob"]);
    pass(10);
    let since = now();
    // The thief gives the item, shares what comes, and lets somebody act for her.
    let thief = connect(&device(&relay), "alice", &pair(0)).unwrap();
    block_on(thief.give_access(Some(&[id]), &logins(&["eve"]), None, &no_progress)).unwrap();
    block_on(thief.change_shares(&logins(&["eve"]), true)).unwrap();
    extend(&thief, "alice", &["eve"]).unwrap();
    let renew = |secret: Option<&Secret>| block_on(alice.renew_stolen_keys_of("alice", since, secret, &no_progress));
    assert_eq!(code(renew(None)), Code::BadInput);
    assert_eq!(alice.public_key().version, 1);

    let said = renew(Some(&vault(9))).unwrap();
    assert_eq!(said.resigned.into_iter().collect::<Vec<_>>(), ["bob"]);
    assert_eq!(said.not_resigned.into_iter().collect::<Vec<_>>(), ["eve"]);
    assert!(block_on(alice.standing_shares()).unwrap().is_empty());
    assert!(block_on(alice.sharing_group("alice")).unwrap().holders.is_empty());
    assert_eq!(code(block_on(eve.act_for("alice"))), Code::Forbidden);
    let next = SealOptions { id: Some(id), ..SealOptions::default() };
    let next = block_on(alice.encrypt(draft("next"), &next)).unwrap();
    assert_eq!(read(&bob, &next.bytes).unwrap(), "next");
    assert_eq!(code(read(&eve, &next.bytes)), Code::NoAccess);
    // Nor does the thief read on, write, or delete.
    let again = connect(&device(&relay), "alice", &pair(0)).unwrap();
    for thief in [&thief, &again] {
        assert_eq!(code(read(thief, &next.bytes)), Code::NoAccess);
        assert_eq!(code(block_on(thief.encrypt(draft("in her name"), &SealOptions::default()))), Code::Locked);
        assert_eq!(code(block_on(thief.remove_items(&[id], true))), Code::Forbidden);
    }
    let laptop = connect(&device(&relay), "alice", &vault(9)).unwrap();
    assert_eq!(read(&laptop, &next.bytes).unwrap(), "next");
}

#[test]
fn what_a_member_fills_in_keeps_nobody_from_excluding_them() {
    let (relay, memory) = hostile_relay();
    let [alice, bob, _] = people(&relay, ["alice", "bob", "carol"]);
    let members = logins(&["alice", "bob"]);
    block_on(alice.create_identity("ward", &Profile::default(), &members, None, None)).unwrap();
    // As far as the relay lets whoever holds the keys write.
    let mut filled = record(&memory, "identity/ward");
    let most = (12 << 20) - filled.to_string().len() - 100;
    filled["keysets"][0]["keyset"]["filled"] = serde_json::json!("x".repeat(most));
    overwrite(&memory, "identity/ward", &filled);
    assert_eq!(code(extend(&bob, "ward", &["carol"])), Code::BadInput);
    assert_eq!(code(block_on(bob.renew_keys_of("ward", None, &no_progress))), Code::BadInput);
    replace(&alice, "ward", &["alice"]).unwrap();
    assert_eq!(code(block_on(bob.act_for("ward"))), Code::Forbidden);
}
