//! The sharing graph, natively: groups, exclusion, renewal, trust, locked versions, delegated access.

use std::rc::Rc;

use crate::support::*;
use regrant::client::Session;
use regrant::delegation::SealOptions;
use regrant::error::Code;
use regrant::graph::ListChange;
use regrant::recovery::access_back::Options;
use regrant::trust::State;
use regrant::wire::MAX_TIME;
use regrant::wire::statement::{MAX_COUNTER, Profile};

fn group(session: &Session, login: &str, members: &[&str]) {
    let members: Vec<String> = members.iter().map(|m| (*m).to_owned()).collect();
    let profile = Profile { kind: "group".into(), name: Some(format!("The {login}")), payload: None };
    block_on(session.create_identity(login, &profile, &members, None, None)).unwrap();
}

fn logins(list: &[&str]) -> Vec<String> {
    list.iter().map(|l| (*l).to_owned()).collect()
}

fn extend(session: &Session, login: &str, more: &[&str]) -> regrant::error::Result<()> {
    block_on(session.extend_sharing_group(login, &logins(more), &no_progress))
}

fn replace(session: &Session, login: &str, with: &[&str]) -> regrant::error::Result<()> {
    block_on(session.replace_sharing_group(login, ListChange::to(&logins(with)), &no_progress))
}

fn people<const N: usize>(names: [&str; N]) -> (regrant::relay::Relay, [Rc<Session>; N]) {
    let relay = relay();
    let mut n = 0;
    let all = names.map(|name| {
        n += 1;
        connect(&device(&relay), name, &pair(n - 1)).unwrap()
    });
    (relay, all)
}

#[test]
fn what_a_group_was_given_its_members_read_also_those_who_join_later() {
    let (_, [alice, bob, carol, dave]) = people(["alice", "bob", "carol", "dave"]);
    group(&alice, "ward", &["alice", "bob"]);
    let (id, bytes) = seal(&dave, "for the ward", &["ward"]);
    assert_eq!(read(&alice, &bytes).unwrap(), "for the ward");
    assert_eq!(read(&bob, &bytes).unwrap(), "for the ward");
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);
    extend(&bob, "ward", &["carol"]).unwrap();
    assert_eq!(read(&carol, &bytes).unwrap(), "for the ward");
    // Twice is as once.
    extend(&alice, "ward", &["carol", "bob"]).unwrap();

    let readers = block_on(carol.who_can_read(id)).unwrap();
    let of = |login: &str| readers.iter().find(|r| r.login == login).map(|r| r.path.clone());
    assert_eq!(of("bob").unwrap(), ["ward", "bob"]);
    assert_eq!(of("carol").unwrap(), ["ward", "carol"]);
    assert_eq!(of("dave").unwrap(), ["dave"]);
    assert_eq!(of("ward").unwrap(), ["ward"]);

    let dry = block_on(dave.revoke(Some(&[id]), "ward", true)).unwrap();
    let losing: Vec<&str> = dry.losing.iter().map(|l| l.login.as_str()).collect();
    assert_eq!(losing, ["alice", "bob", "carol", "ward"]);
    // A member with access of its own keeps it.
    block_on(dave.give_access(Some(&[id]), &logins(&["bob"]), None, &no_progress)).unwrap();
    block_on(dave.revoke(Some(&[id]), "ward", false)).unwrap();
    assert_eq!(read(&bob, &bytes).unwrap(), "for the ward");
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);
}

#[test]
fn whoever_is_excluded_reads_nothing_that_comes_after_and_those_who_remain_read_all() {
    let (_, [alice, bob, carol, dave]) = people(["alice", "bob", "carol", "dave"]);
    group(&alice, "ward", &["alice", "bob", "carol"]);
    let (_, before) = seal(&dave, "before", &["ward"]);
    assert_eq!(read(&carol, &before).unwrap(), "before");
    let acting = block_on(carol.act_for("ward")).unwrap();
    replace(&bob, "ward", &["alice", "bob"]).unwrap();
    // A sender who was away meanwhile.
    let (_, after) = seal(&dave, "after", &["ward"]);
    for member in [&alice, &bob] {
        assert_eq!(read(member, &before).unwrap(), "before");
        assert_eq!(read(member, &after).unwrap(), "after");
    }
    assert_eq!(code(read(&carol, &after)), Code::NoAccess);
    assert_eq!(code(block_on(carol.act_for("ward"))), Code::Forbidden);
    assert_eq!(code(read(&acting, &after)), Code::Forbidden);
    assert_eq!(code(extend(&carol, "ward", &["carol"])), Code::Forbidden);
    assert_eq!(block_on(dave.trust_state("ward")).unwrap(), State::Unverified);
}

#[test]
fn replacing_renews_what_the_excluded_could_reach_only_through_it() {
    let (_, [alice, bob, carol, dave]) = people(["alice", "bob", "carol", "dave"]);
    group(&alice, "ward", &["alice", "bob", "carol"]);
    group(&alice, "files", &["ward"]);
    group(&alice, "cellar", &["files", "carol"]);
    group(&alice, "attic", &["files", "ward"]);
    // A cycle.
    extend(&alice, "ward", &["attic"]).unwrap();
    let version = |login: &str| block_on(alice.identity(login)).unwrap().version;
    let (_, old) = seal(&dave, "old", &["attic"]);
    assert_eq!(read(&carol, &old).unwrap(), "old");
    replace(&alice, "ward", &["alice", "bob", "attic"]).unwrap();
    assert_eq!(["ward", "files", "cellar", "attic"].map(version), [2, 2, 1, 2]);
    for place in ["ward", "files", "attic"] {
        let (_, bytes) = seal(&dave, place, &[place]);
        assert_eq!(read(&bob, &bytes).unwrap(), place);
        assert_eq!(code(read(&carol, &bytes)), Code::NoAccess, "{place}");
    }
    let (_, bytes) = seal(&dave, "cellar", &["cellar"]);
    assert_eq!(read(&carol, &bytes).unwrap(), "cellar");
    assert_eq!(read(&bob, &bytes).unwrap(), "cellar");
    assert_eq!(read(&bob, &old).unwrap(), "old");
}

#[test]
fn two_who_replace_at_once_one_wins_and_the_other_tries_again() {
    let (_, [alice, bob, carol]) = people(["alice", "bob", "carol"]);
    group(&alice, "ward", &["alice", "bob", "carol"]);
    let (list_a, list_b) = (logins(&["alice", "bob"]), logins(&["alice", "bob", "carol"]));
    // Interleaved at every question to the relay.
    let both = futures::future::join(
        alice.replace_sharing_group("ward", ListChange::to(&list_a), &no_progress),
        bob.renew_keys_of("ward", None, &no_progress),
    );
    let (a, b) = block_on(both);
    let outcomes = [a, b.map(drop)];
    let failed: Vec<Code> = outcomes.iter().filter_map(|o| o.as_ref().err()).map(|e| e.code()).collect();
    assert!(failed.len() <= 1 && failed.iter().all(|c| *c == Code::Conflict), "{failed:?}");
    replace(&bob, "ward", &["alice", "bob"]).unwrap();
    assert_eq!(code(block_on(carol.act_for("ward"))), Code::Forbidden);
    let _ = list_b;
}

#[test]
fn keys_are_renewed_by_whoever_shares_them_and_every_way_of_opening_stays() {
    let relay = relay();
    let phone = device(&relay);
    let alice = connect(&phone, "alice", &vault(1)).unwrap();
    let laptop = connect(&device(&relay), "alice-laptop", &pair(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(2)).unwrap();
    extend(&alice, "alice", &["alice-laptop"]).unwrap();
    let (_, old) = seal(&bob, "old", &["alice"]);
    assert_eq!(read(&laptop, &old).unwrap(), "old");
    let later = now();
    block_on(laptop.renew_keys_of("alice", None, &no_progress)).unwrap();
    let (_, new) = seal(&bob, "new", &["alice"]);
    assert_eq!(read(&laptop, &new).unwrap(), "new");
    assert_eq!(read(&alice, &old).unwrap(), "old");
    // The open session says precisely what it needs.
    assert_eq!(code(block_on(alice.encrypt(draft("x"), &SealOptions::default()))), Code::Locked);
    block_on(alice.unlock(&vault(1))).unwrap();
    assert_eq!(read(&alice, &new).unwrap(), "new");
    seal(&alice, "goes on", &["bob"]);
    // With a new secret: the old one opens nothing any more.
    block_on(laptop.renew_keys_of("alice", Some(&vault(2)), &no_progress)).unwrap();
    assert_eq!(code(connect(&device(&relay), "alice", &vault(1))), Code::WrongSecret);
    let again = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(read(&again, &old).unwrap(), "old");
    assert_eq!(read(&again, &new).unwrap(), "new");
    // Renewing oneself keeps the laptop.
    block_on(again.renew_keys(None, &no_progress)).unwrap();
    let (_, newest) = seal(&bob, "newest", &["alice"]);
    assert_eq!(read(&laptop, &newest).unwrap(), "newest");
    // The laptop is told of a loss, and can give the old keys themselves back.
    let anew = reset(&device(&relay), "alice", &vault(7)).unwrap();
    assert_eq!(block_on(laptop.pending_after(later, None)).unwrap().len(), 1);
    let spoken = block_on(anew.verification_code("alice")).unwrap();
    let options = Options { code: Some(spoken), ..Options::default() };
    block_on(laptop.give_access_back("alice", &spki(&anew), &options, &no_progress)).unwrap();
    block_on(anew.refresh()).unwrap();
    assert_eq!(read(&anew, &newest).unwrap(), "newest");
}

#[test]
fn somebody_who_lost_their_keys_gets_groups_back_too() {
    let (relay, [alice, bob, carol]) = people(["alice", "bob", "carol"]);
    group(&alice, "ward", &["alice", "bob"]);
    group(&alice, "left", &["alice", "bob", "carol"]);
    let (_, for_ward) = seal(&carol, "ward", &["ward"]);
    let lost = device(&relay);
    let bob_anew = reset(&lost, "bob", &pair(5)).unwrap();
    assert_eq!(code(read(&bob_anew, &for_ward)), Code::NoAccess);
    // Whoever shares a group with him is told.
    assert_eq!(block_on(alice.pending_after(0, None)).unwrap().len(), 1);
    assert_eq!(block_on(carol.pending_after(0, None)).unwrap().len(), 1);
    let spoken = block_on(bob_anew.verification_code("bob")).unwrap();
    let options = Options { code: Some(spoken), ..Options::default() };
    let receipt = block_on(alice.give_access_back("bob", &spki(&bob_anew), &options, &no_progress)).unwrap();
    assert_eq!(receipt.slots.len(), 2);
    block_on(bob_anew.refresh()).unwrap();
    assert_eq!(read(&bob_anew, &for_ward).unwrap(), "ward");
    let again = block_on(alice.give_access_back("bob", &spki(&bob_anew), &options, &no_progress)).unwrap();
    assert_eq!(again.slots, receipt.slots);
    let _ = bob;
}

#[test]
fn an_administrator_begins_keys_anew_and_old_versions_open_with_old_secrets() {
    let relay = relay();
    let admin = connect(&device(&relay), "admin", &pair(0)).unwrap();
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    group(&bob, "ward", &["bob", "alice"]);
    let (_, to_alice) = seal(&bob, "to alice", &["alice"]);
    let (_, to_ward) = seal(&bob, "to the ward", &["ward"]);
    assert_eq!(code(block_on(bob.overwrite_keys("alice", &vault(9)))), Code::Forbidden);
    block_on(admin.overwrite_keys("alice", &vault(2))).unwrap();
    // Her open session is stale; the old secret no longer logs her in to the newest.
    assert_eq!(code(block_on(alice.encrypt(draft("x"), &SealOptions::default()))), Code::IdentityChanged);
    let anew = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(code(read(&anew, &to_alice)), Code::NoAccess);
    assert_eq!(block_on(anew.locked_versions("alice")).unwrap().len(), 1);
    let links = block_on(anew.access_group("alice")).unwrap();
    assert!(links.iter().all(|l| l.login == "ward" && l.locked), "{links:?}");
    assert_eq!(code(block_on(anew.unlock_versions("alice", &vault(3)))), Code::WrongSecret);
    assert_eq!(block_on(anew.unlock_versions("alice", &vault(1))).unwrap(), [1]);
    assert!(block_on(anew.locked_versions("alice")).unwrap().is_empty());
    assert_eq!(read(&anew, &to_alice).unwrap(), "to alice");
    assert_eq!(read(&anew, &to_ward).unwrap(), "to the ward");
    assert!(!block_on(anew.access_group("alice")).unwrap()[0].locked);
    assert_eq!(read(&bob, &to_ward).unwrap(), "to the ward");
    // Another device opens everything with the new secret alone.
    let tablet = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(read(&tablet, &to_alice).unwrap(), "to alice");
}

#[test]
fn a_new_device_has_the_pins_of_the_others() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    let code_of_bob = block_on(alice.verification_code("bob")).unwrap();
    block_on(alice.verify("bob", &code_of_bob)).unwrap();
    let tablet = connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(block_on(tablet.trust_state("bob")).unwrap(), State::Verified);
    reset(&device(&relay), "bob", &pair(2)).unwrap();
    let third = connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(block_on(third.trust_state("bob")).unwrap(), State::Changed);
}

#[test]
fn removed_items_and_identities() {
    let (relay, [alice, bob, carol]) = people(["alice", "bob", "carol"]);
    let (id, bytes) = seal(&alice, "one", &["bob", "carol"]);
    block_on(bob.remove_items(&[id], false)).unwrap();
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    block_on(bob.refresh()).unwrap();
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    assert_eq!(read(&carol, &bytes).unwrap(), "one");
    assert_eq!(code(block_on(carol.remove_items(&[id], true))), Code::Forbidden);
    // Given again, it is there again.
    block_on(alice.give_access(Some(&[id]), &logins(&["bob"]), None, &no_progress)).unwrap();
    assert_eq!(read(&bob, &bytes).unwrap(), "one");
    block_on(alice.remove_items(&[id], true)).unwrap();
    for person in [&alice, &bob, &carol] {
        assert_eq!(code(read(person, &bytes)), Code::NoAccess);
    }
    let (_, kept) = seal(&bob, "kept", &["carol"]);
    block_on(bob.remove_identity("bob")).unwrap();
    assert_eq!(code(read(&bob, &kept)), Code::NotConnected);
    assert_eq!(read(&carol, &kept).unwrap(), "kept");
    assert_eq!(code(block_on(carol.identity("bob"))), Code::IdentityNotFound);
    // Somebody takes the login: visible to whoever knew it.
    let other = connect(&device(&relay), "bob", &pair(6)).unwrap();
    assert_eq!(other.public_key().version, 2);
    assert_eq!(block_on(carol.trust_state("bob")).unwrap(), State::Changed);
    assert_eq!(code(read(&other, &kept)), Code::NoAccess);
}

#[test]
fn what_identities_say_of_themselves() {
    let (_, [alice, bob]) = people(["alice", "bob"]);
    group(&alice, "ward", &["alice"]);
    let ward = block_on(bob.identity("ward")).unwrap();
    assert_eq!((ward.kind.as_str(), ward.name.as_deref()), ("group", Some("The ward")));
    block_on(alice.update_identity("ward", Some(Some("Ward 7".into())), None, None)).unwrap();
    assert_eq!(block_on(bob.identity("ward")).unwrap().name.as_deref(), Some("Ward 7"));
    assert_eq!(code(block_on(bob.update_identity("ward", Some(None), None, None))), Code::Forbidden);
    let found = block_on(bob.find_identities("WARD", None, 10, None)).unwrap();
    assert_eq!(found.items.iter().map(|i| i.login.as_str()).collect::<Vec<_>>(), ["ward"]);
    let first = block_on(bob.find_identities("", None, 2, None)).unwrap();
    assert_eq!(first.items.len(), 2);
    let rest = block_on(bob.find_identities("", None, 2, first.cursor)).unwrap();
    assert_eq!((rest.items.len(), rest.cursor), (1, None));
    let users = block_on(bob.find_identities("", Some("user"), 10, None)).unwrap();
    assert_eq!(users.items.len(), 2);

    let (id, _) = seal(&alice, "x", &[]);
    block_on(alice.set_named("ward", "plan", Some(id))).unwrap();
    assert_eq!(block_on(alice.get_named("ward", "plan")).unwrap(), Some(id));
    assert_eq!(code(block_on(bob.get_named("ward", "plan"))), Code::Forbidden);

    block_on(alice.change_shares(&logins(&["bob"]), true)).unwrap();
    block_on(alice.change_shares(&logins(&["bob"]), true)).unwrap();
    let (_, shared) = seal(&alice, "standing", &[]);
    assert_eq!(read(&bob, &shared).unwrap(), "standing");
    block_on(alice.change_shares(&logins(&["bob"]), false)).unwrap();
    let (_, alone) = seal(&alice, "alone", &[]);
    assert_eq!(code(read(&bob, &alone)), Code::NoAccess);

    let (all, _) = block_on(alice.openings(None, None, None, 10, None)).unwrap();
    assert_eq!((all.len(), all[0].login.as_str()), (1, "bob"));
}

#[test]
fn access_is_asked_for_and_given_once() {
    let (_, [alice, shop]) = people(["alice", "shop"]);
    let asking =
        block_on(shop.request_access("alice", "shop", "https://shop.example", Some("address".into()), None)).unwrap();
    assert!(block_on(shop.take_answer(&asking)).unwrap().is_none());
    let (requests, _) = block_on(alice.access_requests("alice", 10, None)).unwrap();
    assert_eq!(requests[0].request.scope.as_deref(), Some("address"));
    let id = requests[0].request.id;
    block_on(alice.resolve_access("alice", id, Some(b"Main Street 1"), None)).unwrap();
    assert_eq!(code(block_on(alice.resolve_access("alice", id, None, None))), Code::Conflict);
    let answered = block_on(shop.take_answer(&asking)).unwrap().unwrap();
    assert_eq!((answered.answer.expose(), answered.verified), (&b"Main Street 1"[..], false));
    assert_eq!(code(block_on(shop.take_answer(&asking))), Code::NotFound);
    let other = block_on(shop.request_access("alice", "shop", "https://shop.example", None, None)).unwrap();
    block_on(alice.resolve_access("alice", other.request.id, None, None)).unwrap();
    assert_eq!(code(block_on(shop.take_answer(&other))), Code::Forbidden);
}

/// How many RSA operations something takes.
fn rsa<T>(session: &Session, work: impl FnOnce() -> T) -> (u64, T) {
    let before = session.rsa_operations();
    let done = work();
    (session.rsa_operations() - before, done)
}

#[test]
fn a_chain_of_fifty_groups_costs_one_private_key_operation_a_hop_and_then_none() {
    let (_, [alice, bob]) = people(["alice", "bob"]);
    let mut before = "alice".to_owned();
    for n in 1..=50 {
        group(&alice, &format!("g{n}"), &[&before]);
        before = format!("g{n}");
    }
    let (first, one) = seal(&bob, "one", &["g50"]);
    let (_, two) = seal(&bob, "two", &["g50"]);
    // Fifty slots, and the exchange key at the end.
    let (cost, text) = rsa(&alice, || read(&alice, &one).unwrap());
    assert_eq!((cost, text.as_str()), (51, "one"));
    let (cost, text) = rsa(&alice, || read(&alice, &two).unwrap());
    assert_eq!((cost, text.as_str()), (0, "two"));
    // A place in the middle is on the way already.
    let (_, middle) = seal(&bob, "middle", &["g25"]);
    assert_eq!(rsa(&alice, || read(&alice, &middle).unwrap()).0, 1);
    let readers = block_on(bob.who_can_read(first)).unwrap();
    let path = &readers.iter().find(|r| r.login == "alice").unwrap().path;
    assert_eq!((path.len(), path[0].as_str(), path[50].as_str()), (51, "g50", "alice"));
}

#[test]
fn in_a_clique_of_a_hundred_everybody_is_one_hop_away() {
    const SIZE: usize = 100;
    let (_, [alice, bob]) = people(["alice", "bob"]);
    let names: Vec<String> = (0..SIZE).map(|n| format!("n{n}")).collect();
    for name in &names {
        group(&alice, name, &["alice"]);
    }
    for name in &names {
        let others: Vec<String> = names.iter().filter(|n| *n != name).cloned().collect();
        block_on(alice.extend_sharing_group(name, &others, &no_progress)).unwrap();
    }
    block_on(alice.extend_sharing_group("n99", &logins(&["bob"]), &no_progress)).unwrap();
    let (item, bytes) = seal(&alice, "in the clique", &["n0"]);
    // Bob, to one of them, to the one that was given the item.
    let (cost, text) = rsa(&bob, || read(&bob, &bytes).unwrap());
    assert_eq!((cost, text.as_str()), (3, "in the clique"));
    assert_eq!(block_on(bob.who_can_read(item)).unwrap().len(), SIZE + 2);
    // Whoever is excluded from one of them acts for it through the others.
    let stay: Vec<String> = names.iter().filter(|n| *n != "n1").cloned().chain(logins(&["alice"])).collect();
    block_on(alice.replace_sharing_group("n0", ListChange::to(&stay), &no_progress)).unwrap();
    assert_eq!(block_on(alice.identity("n0")).unwrap().version, 2);
    assert_eq!(block_on(alice.identity("n2")).unwrap().version, 1);
    let (_, after) = seal(&alice, "after", &["n0"]);
    assert_eq!(read(&bob, &after).unwrap(), "after");
}

#[test]
fn a_group_of_a_thousand_members_is_renewed_with_progress_and_an_abort_changes_nothing() {
    const MEMBERS: usize = 1000;
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let members: Vec<String> = (0..MEMBERS).map(|n| format!("m{n}")).collect();
    let host = device(&relay);
    let sessions: Vec<Rc<Session>> = members.iter().map(|m| connect(&host, m, &pair(1)).unwrap()).collect();
    let last = sessions.last().unwrap();
    let everybody: Vec<String> = members.iter().cloned().chain(logins(&["alice"])).collect();
    block_on(alice.create_identity("crowd", &Profile::default(), &everybody, None, None)).unwrap();
    let (_, old) = seal(&alice, "old", &["crowd"]);
    let aborted = |done: usize| {
        if done < 500 { Ok(()) } else { Err(regrant::error::Error::new(Code::Aborted, "enough")) }
    };
    assert_eq!(code(block_on(alice.renew_keys_of("crowd", None, &aborted))), Code::Aborted);
    assert_eq!(block_on(alice.identity("crowd")).unwrap().version, 1);
    let heard = std::cell::RefCell::new(Vec::new());
    let progress = |done| {
        heard.borrow_mut().push(done);
        Ok(())
    };
    block_on(alice.renew_keys_of("crowd", None, &progress)).unwrap();
    let heard = heard.into_inner();
    assert!(heard.len() > 30 && heard.is_sorted() && heard.last() == Some(&(MEMBERS + 1)), "{heard:?}");
    let (_, new) = seal(&alice, "new", &["crowd"]);
    assert_eq!(read(last, &old).unwrap(), "old");
    assert_eq!(read(last, &new).unwrap(), "new");
}

#[test]
fn excluding_somebody_for_whom_the_group_acts_leaves_their_own_login_alone() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &vault(1)).unwrap();
    group(&alice, "admins", &["alice", "bob"]);
    extend(&bob, "bob", &["admins"]).unwrap();
    replace(&alice, "admins", &["alice"]).unwrap();
    assert_eq!(block_on(alice.identity("bob")).unwrap().version, 1);
    let again = connect(&device(&relay), "bob", &vault(1)).unwrap();
    seal(&again, "still himself", &[]);
    assert_eq!(code(block_on(again.act_for("admins"))), Code::Forbidden);
    // Also whoever leaves of their own accord.
    group(&bob, "club", &["alice", "bob"]);
    extend(&bob, "bob", &["club"]).unwrap();
    replace(&bob, "club", &["alice"]).unwrap();
    connect(&device(&relay), "bob", &vault(1)).unwrap();
}

#[test]
fn a_password_that_a_member_set_falls_with_the_member() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(alice.create_identity("ward", &Profile::default(), &logins(&["alice", "bob"]), None, Some(&vault(3))))
        .unwrap();
    let acting = block_on(bob.act_for("ward")).unwrap();
    block_on(acting.change_secret(&vault(4), None)).unwrap();
    connect(&device(&relay), "ward", &vault(4)).unwrap();
    replace(&alice, "ward", &["alice"]).unwrap();
    assert_eq!(code(connect(&device(&relay), "ward", &vault(4))), Code::WrongSecret);
    block_on(alice.renew_keys_of("ward", Some(&vault(5)), &no_progress)).unwrap();
    connect(&device(&relay), "ward", &vault(5)).unwrap();
}

#[test]
fn no_change_leaves_an_identity_that_nobody_can_open() {
    let (_, [alice, bob]) = people(["alice", "bob"]);
    block_on(bob.create_identity("ward", &Profile::default(), &logins(&["bob", "alice"]), None, Some(&vault(3))))
        .unwrap();
    // The password is bob's, and falls with him.
    assert_eq!(code(replace(&bob, "ward", &[])), Code::NoRecipient);
    assert_eq!(block_on(alice.identity("ward")).unwrap().version, 1);
    replace(&alice, "ward", &["alice"]).unwrap();
}

#[test]
fn keys_renewed_to_exclude_somebody_go_on_reading_and_say_what_they_need() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    let laptop = connect(&device(&relay), "laptop", &vault(2)).unwrap();
    let phone = connect(&device(&relay), "phone", &vault(3)).unwrap();
    extend(&laptop, "laptop", &["alice"]).unwrap();
    extend(&alice, "alice", &["laptop", "phone"]).unwrap();
    let (_, old) = seal(&phone, "old", &["alice", "laptop"]);
    assert_eq!(read(&laptop, &old).unwrap(), "old");
    // The phone could act for the laptop through alice: that is renewed, too.
    replace(&alice, "alice", &["laptop"]).unwrap();
    let (_, new) = seal(&phone, "new", &["laptop"]);
    assert_eq!(read(&laptop, &old).unwrap(), "old");
    assert_eq!(code(read(&laptop, &new)), Code::Locked);
    block_on(laptop.unlock(&vault(2))).unwrap();
    assert_eq!(read(&laptop, &new).unwrap(), "new");
    assert_eq!(read(&alice, &old).unwrap(), "old");
}

#[test]
fn what_an_identity_said_is_said_anew_with_every_renewal() {
    let (_, [alice, bob, carol]) = people(["alice", "bob", "carol"]);
    group(&alice, "ward", &["alice", "bob", "carol"]);
    let (id, _) = seal(&alice, "the plan", &["ward"]);
    let acting = block_on(alice.act_for("ward")).unwrap();
    block_on(acting.set_named("ward", "plan", Some(id))).unwrap();
    block_on(acting.change_shares(&logins(&["carol"]), true)).unwrap();
    for (session, login) in [(&alice, "ward"), (&alice, "alice"), (&alice, "ward")] {
        block_on(session.set_named("alice", "mine", Some(id))).unwrap();
        block_on(session.renew_keys_of(login, None, &no_progress)).unwrap();
    }
    replace(&bob, "ward", &["alice", "bob"]).unwrap();
    let identity = block_on(carol.identity("ward")).unwrap();
    assert_eq!((identity.version, identity.name.as_deref()), (4, Some("The ward")));
    assert_eq!(block_on(bob.get_named("ward", "plan")).unwrap(), Some(id));
    assert_eq!(block_on(alice.get_named("alice", "mine")).unwrap(), Some(id));
    let acting = block_on(bob.act_for("ward")).unwrap();
    assert_eq!(block_on(acting.standing_shares()).unwrap(), ["carol"]);
    // Taken away, it stays away.
    block_on(acting.change_shares(&logins(&["carol"]), false)).unwrap();
    block_on(bob.set_named("ward", "plan", None)).unwrap();
    block_on(bob.renew_keys_of("ward", None, &no_progress)).unwrap();
    assert_eq!(block_on(bob.get_named("ward", "plan")).unwrap(), None);
    assert!(block_on(block_on(alice.act_for("ward")).unwrap().standing_shares()).unwrap().is_empty());
}

#[test]
fn after_a_loss_nothing_is_shared_by_what_the_lost_keys_said() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(alice.change_shares(&logins(&["bob"]), true)).unwrap();
    block_on(alice.set_named("alice", "mine", Some(Uuid::from_u128(7)))).unwrap();
    let anew = reset(&device(&relay), "alice", &pair(2)).unwrap();
    assert!(block_on(anew.standing_shares()).unwrap().is_empty());
    assert_eq!(block_on(anew.get_named("alice", "mine")).unwrap(), None);
    let (_, bytes) = seal(&anew, "mine alone", &[]);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    block_on(anew.renew_keys_of("alice", None, &no_progress)).unwrap();
    block_on(anew.change_shares(&logins(&["bob"]), true)).unwrap();
    assert_eq!(block_on(anew.standing_shares()).unwrap(), ["bob"]);
}

#[test]
fn whoever_says_the_last_number_keeps_nobody_from_excluding_them() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    group(&alice, "ward", &["alice", "bob"]);
    let plan = |item: u128| block_on(alice.set_named("ward", "plan", Some(Uuid::from_u128(item))));
    plan(1).unwrap();
    // A member, with a relay that lets the number through: of the group, and somebody of alice herself.
    let ward = block_on(principal(&relay, "bob", &pair(1)).act_for("ward")).unwrap();
    let named = |item: u128| [("named\nplan", format!(r#"{{"at":{MAX_TIME},"value":"{}"}}"#, Uuid::from_u128(item)))];
    let counter = |login: &str| record(&memory, &format!("said/{login}"))["head"]["counter"].clone();
    say_as(&memory, &ward, &ward.current().unwrap(), MAX_COUNTER, &named(2));
    assert_eq!(block_on(alice.get_named("ward", "plan")).unwrap(), Some(Uuid::from_u128(2)));
    assert_eq!(code(plan(3)), Code::BadInput);
    replace(&alice, "ward", &["alice"]).unwrap();
    assert_eq!(counter("ward"), 1);
    // Nor is a time the last word.
    plan(3).unwrap();
    assert_eq!(counter("ward"), 2);
    // What was said before is nobody's word now, whatever its number: not where more is known, and not on a new device.
    let newest: Vec<_> =
        memory.dump().into_iter().filter(|(key, ..)| key == "said/ward" || key.starts_with("piece/ward/")).collect();
    say_as(&memory, &ward, &ward.current().unwrap(), MAX_COUNTER, &named(4));
    assert_eq!(block_on(alice.get_named("ward", "plan")).unwrap(), Some(Uuid::from_u128(3)));
    let tablet = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(code(block_on(tablet.get_named("ward", "plan"))), Code::VerificationFailed);
    newest.into_iter().for_each(|(key, _, value)| memory.overwrite(&key, Some(value)));
    assert_eq!(block_on(tablet.get_named("ward", "plan")).unwrap(), Some(Uuid::from_u128(3)));

    let (me, key) = opened(&relay, "alice", &pair(0));
    say_as::<&str>(&memory, &me, &key, MAX_COUNTER, &[]);
    let again = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    seal(&again, "for carol", &["carol"]);
    block_on(again.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(counter("alice"), 1);
}
