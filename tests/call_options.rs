//! What whoever drives a relay says of a call: who may register and begin anew, who administers, and that a request which
//! is asked again is not done again.

use crate::support::*;
use regrant::error::{Code, Result};
use regrant::relay::{Operation, Reply, Token};
use regrant::wire::keyset::Keyset;
use regrant_relay::memory::Relay as Rules;
use regrant_relay::{Options, Registration, Reset, Settings, User};

const KEY: &str = "0123456789abcdef";
const DAY: u64 = 24 * 3_600_000;

/// The very rules, over a storage in memory.
fn rules() -> Rules {
    Rules::over(Memory::default())
}

fn options(key: Option<&str>) -> Options {
    Options { idempotency_key: key.map(str::to_owned), ..Options::new("test:relay", now()) }
}

fn ask(rules: &Rules, token: Option<&Token>, operation: &Operation, options: Options) -> Result<Reply> {
    rules.call_with(token, vec![operation.clone()], options).unwrap().0.remove(0)
}

fn keyset(operation: &Operation) -> Keyset {
    match operation {
        Operation::Register { new, .. } | Operation::Reset { new, .. } => new.keyset.clone(),
        other => panic!("{other:?}"),
    }
}

fn token(reply: Result<Reply>) -> Token {
    match reply.unwrap() {
        Reply::Session { token, .. } => token,
        other => panic!("{other:?}"),
    }
}

fn user(login: &str) -> Option<User> {
    Some(User { uid: login.into(), gid: None, iat: now() / 1000 })
}

#[test]
fn registering_is_for_whom_the_operator_lets_in() {
    let register = registration("alice", 0, None);
    let with = |registration, user| {
        let settings = Settings { registration, ..Settings::default() };
        ask(&rules(), None, &register, Options { settings, user, ..options(None) })
    };
    with(Registration::Open, None).unwrap();
    assert_eq!(code(with(Registration::Token, None)), Code::Unauthenticated);
    assert_eq!(code(with(Registration::Token, user("bob"))), Code::Forbidden);
    with(Registration::Token, user("alice")).unwrap();
    assert_eq!(code(with(Registration::Closed, user("alice"))), Code::Forbidden);
}

#[test]
fn beginning_anew_is_for_whom_the_operator_lets() {
    let rules = rules();
    let register = registration("alice", 0, None);
    ask(&rules, None, &register, options(None)).unwrap();
    let anew = registration("alice", 1, Some(&keyset(&register)));
    let with = |reset, user| {
        let settings = Settings { reset, registration: Registration::Closed, ..Settings::default() };
        ask(&rules, None, &anew, Options { settings, user, ..options(None) })
    };
    assert_eq!(code(with(Reset::Token, None)), Code::Unauthenticated);
    assert_eq!(code(with(Reset::Token, user("bob"))), Code::Forbidden);
    with(Reset::Token, user("alice")).unwrap();
}

#[test]
fn who_comes_first_administers_only_where_the_operator_wants_it() {
    for (first_administers, expected) in [(true, "\"alice\""), (false, "")] {
        let rules = rules();
        let settings = Settings { first_administers, ..Settings::default() };
        ask(&rules, None, &registration("alice", 0, None), Options { settings, ..options(None) }).unwrap();
        let record = rules.memory().dump().into_iter().find(|(key, _, _)| key == regrant_relay::ADMINISTRATOR);
        assert_eq!(record.map(|(_, _, json)| json).unwrap_or_default(), expected);
    }
}

#[test]
fn an_operator_names_several_administrators() {
    let (relay, memory) = hostile_relay();
    for (n, login) in ["alice", "bob", "carol"].iter().enumerate() {
        connect(&device(&relay), login, &pair(n)).unwrap();
    }
    let overwrite = |by: usize, name: &str| {
        let me = principal(&relay, name, &pair(by));
        let offer = block_on(me.resolve(&["carol".into()])).unwrap().remove(0).offer;
        let Operation::Reset { new, secrets, head } = registration("carol", 3, offer.last()) else { panic!() };
        block_on(me.call(&Operation::Overwrite { new, secrets, head }))
    };
    let message = |result: Result<Reply>| result.unwrap_err().message().to_owned();
    assert!(message(overwrite(1, "bob")).contains("administrator"));
    let said = regrant_relay::with_administrator(Some("\"alice\""), "bob").unwrap();
    assert_eq!(said, "[\"alice\",\"bob\"]");
    assert_eq!(regrant_relay::with_administrator(Some(&said), "bob").unwrap(), said);
    memory.overwrite(regrant_relay::ADMINISTRATOR, Some(said));
    // Now it is only the keys that do not name who made them.
    for (by, name) in [(0, "alice"), (1, "bob")] {
        assert!(message(overwrite(by, name)).contains("name that administrator"));
    }
}

#[test]
fn what_is_asked_again_is_answered_as_before_and_done_once() {
    let rules = rules();
    let alice = token(ask(&rules, None, &registration("alice", 0, None), options(None)));
    let item = Uuid::from_u128(1);
    let operations = vec![Operation::BeginUpload { item, chunks: 1 }, Operation::GiveUpUpload { item }];
    let call = || rules.call_with(Some(&alice), operations.clone(), options(Some(KEY))).unwrap().0;
    let shown = |replies: Vec<Result<Reply>>| replies.iter().map(|r| format!("{r:?}")).collect::<Vec<_>>();
    let first = shown(call());
    let before = rules.memory().dump();
    assert_eq!(shown(call()), first);
    assert_eq!(rules.memory().dump(), before);
    // Without the key, giving up again would be refused; with another, beginning again is new.
    assert_eq!(code(ask(&rules, Some(&alice), &operations[1], options(None))), Code::NotFound);
    let other = ask(&rules, Some(&alice), &operations[0], options(Some("fedcba9876543210"))).unwrap();
    assert!(format!("{other:?}").contains("New"));
}

#[test]
fn a_key_that_came_with_other_operations_is_refused() {
    let rules = rules();
    let alice = token(ask(&rules, None, &registration("alice", 0, None), options(None)));
    let bob = token(ask(&rules, None, &registration("bob", 1, None), options(None)));
    let begin = |n| Operation::BeginUpload { item: Uuid::from_u128(n), chunks: 1 };
    ask(&rules, Some(&alice), &begin(1), options(Some(KEY))).unwrap();
    let refused = ask(&rules, Some(&alice), &begin(2), options(Some(KEY))).unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::BadInput, regrant_relay::OTHER_OPERATIONS));
    // Another login's keys are its own.
    ask(&rules, Some(&bob), &begin(2), options(Some(KEY))).unwrap();
    for wrong in ["0123456789abcde", "0123456789abcde/", &"k".repeat(65)] {
        assert_eq!(code(rules.call_with(None, vec![begin(1)], options(Some(wrong)))), Code::BadInput);
    }
}

#[test]
fn whoever_registers_again_with_the_same_request_gets_a_session_and_no_token_is_kept() {
    let rules = rules();
    let register = registration("alice", 0, None);
    let first = token(ask(&rules, None, &register, options(Some(KEY))));
    assert_eq!(code(ask(&rules, None, &register, options(None))), Code::IdentityExists);
    let second = token(ask(&rules, None, &register, options(Some(KEY))));
    assert_ne!(first, second);
    for session in [&first, &second] {
        ask(&rules, Some(session), &Operation::OwnKeysets, options(None)).unwrap();
        assert!(rules.memory().dump().iter().all(|(key, _, json)| !format!("{key}{json}").contains(session.expose())));
    }
    // Beginning anew, too; and once a login is removed, there is nobody whose session it could be.
    let anew = registration("alice", 1, Some(&keyset(&register)));
    let third = token(ask(&rules, None, &anew, options(Some(KEY))));
    token(ask(&rules, None, &anew, options(Some(KEY))));
    // It is asked for by whoever has no session any more, and is still answered.
    let settings = Settings { first_administers: false, ..Settings::default() };
    let own = Options { settings, ..options(Some(KEY)) };
    rules.memory().overwrite(regrant_relay::ADMINISTRATOR, None);
    ask(&rules, Some(&third), &Operation::RemoveIdentity, own.clone()).unwrap();
    ask(&rules, Some(&third), &Operation::RemoveIdentity, own).unwrap();
    assert_eq!(code(ask(&rules, Some(&third), &Operation::RemoveIdentity, options(None))), Code::Unauthenticated);
    assert_eq!(code(ask(&rules, None, &anew, options(Some(KEY)))), Code::IdentityNotFound);
}

#[test]
fn an_answer_is_found_after_logging_in_anew_and_for_a_day() {
    let memory = Memory::default();
    let rules = Rules::over(memory.clone());
    let register = registration("alice", 0, None);
    let first = token(ask(&rules, None, &register, options(None)));
    let begin = Operation::BeginUpload { item: Uuid::from_u128(1), chunks: 1 };
    let state = |session: &Token| format!("{:?}", ask(&rules, Some(session), &begin, options(Some(KEY))).unwrap());
    let new = state(&first);
    let again = crate::here::token_of(&memory, "alice", &keyset(&register).fingerprint());
    pass(DAY - 60_000);
    assert_eq!(state(&again), new);
    pass(60_001);
    assert_ne!(state(&again), new, "it was begun before");
}

#[test]
fn answers_that_ended_are_swept_with_those_that_come() {
    let memory = Memory::default();
    let rules = Rules::over(memory.clone());
    let register = registration("alice", 0, None);
    token(ask(&rules, None, &register, options(None)));
    let alice = crate::here::token_of(&memory, "alice", &keyset(&register).fingerprint());
    let mut next = 0;
    let mut write = || {
        next += 1;
        let operation = Operation::BeginUpload { item: Uuid::from_u128(next), chunks: 1 };
        ask(&rules, Some(&alice), &operation, options(Some(&format!("{next:016}")))).unwrap();
    };
    let kept = || keys_of(&memory, "kept-answer/").len();
    (0..40).for_each(|_| write());
    assert_eq!(kept(), 40);
    pass(DAY);
    write();
    assert_eq!(kept(), 41 - 16);
    (0..40).for_each(|_| write());
    assert!(kept() <= 41 + 16, "{} are kept", kept());
}
