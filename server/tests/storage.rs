//! What a storage means by a commit, a list and a log: on each engine the same as the storage in memory.

use regrant_relay::memory::Memory;
use regrant_relay::{Answer, Append, Ask, Settings, Write};
use regrant_server::storage::{Commit, Database, Found};
use uuid::Uuid;

use crate::places::{Place, places, run};

const TENANT: &str = "shop";

async fn open(place: &Place) -> (Database, i64) {
    let database = Database::open(&place.address, 8).await.unwrap();
    let tenant = database.add_tenant(TENANT, &Settings::default()).await.unwrap();
    (database, tenant.id)
}

/// Runs a test on each engine.
fn on_each<F: Future<Output = ()>>(what: &str, test: impl Fn(Database, i64) -> F) {
    for place in places() {
        run(&format!("{what} on {}", place.address), async {
            let (database, tenant) = open(&place).await;
            test(database.clone(), tenant).await;
            database.close().await;
        });
    }
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.roll(all.len() as u64) as usize]
    }

    /// A key. Some are ordered otherwise where text is not compared byte by byte.
    fn key(&mut self) -> String {
        let folder = self.of(&["a/", "a/b/", "Z/", "ä/", "\u{ff5e}/", "\u{1f600}/", "log/"]);
        format!("{folder}{}", self.roll(12))
    }

    fn list(&mut self) -> Ask {
        let prefix = self.of(&["a/", "a", "", "Z/", "ä/", "\u{ff5e}/", "\u{1f600}/", "log/", "nothing/"]).to_owned();
        let after = if self.roll(2) == 0 { prefix.clone() } else { format!("{prefix}{}", self.roll(12)) };
        let limit = self.roll(9) as usize;
        match self.roll(3) {
            0 => Ask::List { prefix, after, limit },
            1 => Ask::Index { prefix, after, limit },
            _ => Ask::Names { prefix, after, limit },
        }
    }
}

/// A commit of which some expectations are no longer so, made of what is there.
fn some_commit(dice: &mut Dice, memory: &Memory) -> regrant_relay::Commit {
    let mut commit = regrant_relay::Commit::default();
    for _ in 0..dice.roll(4) {
        let key = dice.key();
        let Answer::Record(record) = memory.read(&Ask::Record(key.clone())) else { panic!() };
        let rev = record.map_or(0, |record| record.rev);
        let stale = dice.roll(20) == 0;
        commit.records.push((key, if stale { rev + 1 } else { rev }));
    }
    for _ in 0..dice.roll(3) {
        let ask = dice.list();
        let Answer::Rows(rows) = memory.read(&ask) else { panic!() };
        let mut rows: Vec<(String, u64)> = rows.iter().map(|row| (row.name.clone(), row.stored.rev)).collect();
        if dice.roll(20) == 0 {
            rows.pop();
        }
        commit.lists.push((ask, rows));
    }
    for _ in 0..dice.roll(12) {
        let value = (dice.roll(4) > 0).then(|| format!("{{\"n\":{}}}", dice.roll(1000)).into());
        let key = dice.key();
        // No two records share a name: rules give none twice.
        let names = if value.is_some() { dice.roll(4) } else { 0 };
        let index = (0..names).map(|_| format!("{}/{key}", dice.key())).collect();
        commit.writes.push(Write { key, value, index });
    }
    for n in 0..dice.roll(3) {
        let index = vec![format!("a/told/{}/{n}", dice.roll(1000))];
        commit.appends.push(Append { log: "log/".into(), value: "{}".into(), index });
    }
    commit
}

fn shown(answer: &Answer) -> String {
    match answer {
        Answer::Rows(rows) => {
            let row = |row: &regrant_relay::Row| format!("{} {} {}", row.name, row.key, row.stored.rev);
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        }
        answer => format!("{answer:?}"),
    }
}

#[test]
fn much_is_as_it_is_in_memory() {
    on_each("commits like those in memory", |database, tenant| async move {
        let (mut dice, memory) = (Dice(7), Memory::default());
        let mut made = 0;
        for round in 0..250 {
            let commit = some_commit(&mut dice, &memory);
            let expected = memory.commit(&commit);
            assert_eq!(database.commit(tenant, &Commit::from(&commit)).await.unwrap(), expected, "{round}: {commit:?}");
            made += u32::from(expected);
            let mut asks: Vec<Ask> = (0..6).map(|_| dice.list()).collect();
            asks.extend((0..4).map(|_| Ask::Record(dice.key())));
            asks.push(Ask::Head("log/".into()));
            let found = database.read(tenant, &asks).await.unwrap();
            for (ask, found) in asks.iter().zip(found) {
                let mut expected = memory.read(ask);
                if let (Ask::Names { .. }, Answer::Rows(rows)) = (ask, &mut expected) {
                    rows.iter_mut().for_each(|row| row.stored.value = "".into());
                }
                assert_eq!(shown(&found.into()), shown(&expected), "{round}: {ask:?}");
            }
        }
        assert!((100..250).contains(&made), "{made} commits were made: neither none nor all");
    });
}

fn write(key: &str, value: &str) -> Commit {
    Commit { writes: vec![(key.into(), Some(value.into()), Vec::new())], ..Commit::default() }
}

async fn rev(database: &Database, tenant: i64, key: &str) -> (u64, String) {
    match database.read(tenant, &[Ask::Record(key.into())]).await.unwrap().pop() {
        Some(Found::Record(record)) => record.unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_counts_at_once_loses_nothing() {
    on_each("counting at once", |database, tenant| async move {
        let count = |database: Database| async move {
            for _ in 0..10 {
                loop {
                    let (rev, value) = rev(&database, tenant, "counter").await;
                    let next = value.parse().unwrap_or(0) + 1;
                    let records = vec![("counter".to_owned(), rev)];
                    let commit = Commit { records, ..write("counter", &next.to_string()) };
                    if database.commit(tenant, &commit).await.unwrap() {
                        break;
                    }
                }
            }
        };
        futures::future::join_all((0..8).map(|_| tokio::spawn(count(database.clone())))).await;
        assert_eq!(rev(&database, tenant, "counter").await.1, "80");
    });
}

#[test]
fn of_two_that_each_read_what_the_other_writes_one_wins() {
    on_each("write skew", |database, tenant| async move {
        for round in 0..20 {
            let (one, two) = (format!("one/{round}"), format!("two/{round}"));
            let given = |reads: &str, writes: &str| Commit { records: vec![(reads.into(), 0)], ..write(writes, "1") };
            let (first, second) = (given(&one, &two), given(&two, &one));
            let both = tokio::join!(database.commit(tenant, &first), database.commit(tenant, &second));
            assert_ne!(both.0.unwrap(), both.1.unwrap());
        }
    });
}

#[test]
fn of_two_that_each_add_to_the_list_that_both_read_one_wins() {
    on_each("phantoms", |database, tenant| async move {
        for round in 0..20 {
            let prefix = format!("list/{round}/");
            let ask = Ask::List { prefix: prefix.clone(), after: prefix.clone(), limit: 9 };
            let given = |n| Commit { lists: vec![(ask.clone(), Vec::new())], ..write(&format!("{prefix}{n}"), "1") };
            let (first, second) = (given(1), given(2));
            let both = tokio::join!(database.commit(tenant, &first), database.commit(tenant, &second));
            assert_ne!(both.0.unwrap(), both.1.unwrap());
        }
    });
}

#[test]
fn a_name_goes_over_to_another_record_whichever_is_written_first() {
    on_each("names", |database, tenant| async move {
        let named = |key: &str| (key.to_owned(), Some("1".to_owned()), vec!["n/1".to_owned()]);
        let gone = |key: &str| (key.to_owned(), None, Vec::new());
        let list = Ask::Names { prefix: "n/".into(), after: "n/".into(), limit: 9 };
        for (writes, expected) in [
            (vec![named("a")], vec!["a"]),
            (vec![gone("a"), named("b")], vec!["b"]),
            (vec![named("a"), gone("b")], vec!["a"]),
            (vec![("a".to_owned(), Some("2".to_owned()), Vec::new())], vec![]),
        ] {
            assert!(database.commit(tenant, &Commit { writes, ..Commit::default() }).await.unwrap());
            let found = database.read(tenant, std::slice::from_ref(&list)).await.unwrap().pop();
            let Some(Found::Rows(rows)) = found else { panic!() };
            assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), expected);
        }
    });
}

#[test]
fn tenants_never_see_each_other() {
    on_each("tenants", |database, tenant| async move {
        let other = database.add_tenant("other", &Settings::default()).await.unwrap().id;
        database.commit(tenant, &write("a/1", "mine")).await.unwrap();
        assert_eq!(rev(&database, other, "a/1").await, (0, String::new()));
        assert_eq!(database.head(other).await.unwrap(), 0);
        let list = Ask::List { prefix: "a/".into(), after: "a/".into(), limit: 9 };
        let found = database.read(other, &[list]).await.unwrap();
        assert!(matches!(&found[..], [Found::Rows(rows)] if rows.is_empty()));
        database.commit(other, &write("a/1", "theirs")).await.unwrap();
        assert_eq!(rev(&database, tenant, "a/1").await.1, "mine");
        let item = Uuid::from_u128(1);
        database.put_parts(tenant, item, &[("head".into(), vec![1])]).await.unwrap();
        assert_eq!(database.get_parts(other, item, &["head".into()]).await.unwrap(), [None]);
        let drop_parts = Commit { dropped: vec![item], ..write("x", "1") };
        database.commit(other, &drop_parts).await.unwrap();
        assert_eq!(database.get_parts(tenant, item, &["head".into()]).await.unwrap(), [Some(vec![1])]);
    });
}

#[test]
fn parts_of_files_are_kept_by_item_and_name() {
    on_each("parts", |database, tenant| async move {
        let (item, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let names = ["0000000001", "trailer", "head", "empty"].map(str::to_owned);
        let count = || async {
            let found = database.read(tenant, &[Ask::Parts(item), Ask::Parts(other)]).await.unwrap();
            found.into_iter().map(|found| if let Found::Number(n) = found { n } else { 99 }).collect::<Vec<_>>()
        };
        let part = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        database
            .put_parts(tenant, item, &[part("head", b"1"), part("0000000001", b"2"), part("empty", b"")])
            .await
            .unwrap();
        database.put_parts(tenant, other, &[part("head", b"other")]).await.unwrap();
        database.put_parts(tenant, item, &[part("head", b"again")]).await.unwrap();
        let found = database.get_parts(tenant, item, &names).await.unwrap();
        assert_eq!(found, [Some(b"2".to_vec()), None, Some(b"again".to_vec()), Some(Vec::new())]);
        assert_eq!(count().await, [3, 1]);
        // Not with a commit that is not made.
        let not = Commit { records: vec![("x".into(), 9)], dropped: vec![item], ..write("x", "1") };
        assert!(!database.commit(tenant, &not).await.unwrap());
        assert_eq!(count().await, [3, 1]);
        database.commit(tenant, &Commit { abandoned: vec![item], ..write("x", "1") }).await.unwrap();
        assert_eq!(count().await, [0, 1]);
    });
}

#[test]
fn what_was_committed_is_there_when_it_is_opened_again() {
    for place in places() {
        run("opening again", async {
            let (database, tenant) = open(&place).await;
            database.commit(tenant, &write("a/1", "1")).await.unwrap();
            let before = rev(&database, tenant, "a/1").await;
            database.close().await;
            let (database, tenant) = open(&place).await;
            assert_eq!(rev(&database, tenant, "a/1").await, before);
            // No number is given twice.
            database.commit(tenant, &write("a/1", "2")).await.unwrap();
            assert!(rev(&database, tenant, "a/1").await.0 > before.0);
            database.close().await;
        });
    }
}

#[test]
fn a_large_commit_is_one() {
    on_each("a large commit", |database, tenant| async move {
        let writes = (0..5000).map(|n| (format!("k/{n:05}"), Some("x".repeat(200)), vec![format!("n/{n:05}")]));
        let commit = Commit { writes: writes.collect(), ..Commit::default() };
        assert!(database.commit(tenant, &commit).await.unwrap());
        let ask = |prefix: &str, after: &str| Ask::Names { prefix: prefix.into(), after: after.into(), limit: 9999 };
        let found = database.read(tenant, &[ask("n/", "n/"), ask("n/", "n/04998")]).await.unwrap();
        let lengths = found.iter().map(|found| if let Found::Rows(rows) = found { rows.len() } else { 0 });
        assert_eq!(lengths.collect::<Vec<_>>(), [5000, 1]);
        let long = "x".repeat(16 << 20);
        assert!(database.commit(tenant, &write("long", &long)).await.unwrap());
        assert_eq!(rev(&database, tenant, "long").await.1, long);
    });
}
