//! A world that is hostile by search: the real client on several devices of several people, and a relay that answers with
//! whatever it ever had, or thieves can make.

mod invariants;
mod relay;
mod search;
mod steps;
mod world;

use search::{all, random, truly};
use steps::{Act, Lie, Step};

/// Worlds in every run; `cargo xtask test --long world` names other seeds, and more.
const WORLDS: usize = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_that_a_relay_tells_in_random_worlds_breaks_what_must_hold() {
    let seed = number("REGRANT_SEED").unwrap_or(7);
    let worlds = number("REGRANT_WORLDS").map_or(WORLDS, |worlds| worlds as usize);
    random(seed, worlds);
}

#[test]
fn nothing_that_a_relay_tells_in_small_worlds_breaks_what_must_hold() {
    // Alice shares with Bob and Carol, and is about to exclude Carol.
    let begin = [truly(0, Act::Seal { with: 0b110 }), truly(2, Act::Ask { whom: 0 })];
    let told = |device, act, lie| Step { device, act, lie };
    let steps = [
        truly(0, Act::Revoke { item: 0, whom: 2 }),
        truly(0, Act::Renew),
        truly(0, Act::Exclude),
        truly(2, Act::Compare { whom: 0 }),
        truly(2, Act::Read),
        truly(2, Act::Give { item: 0, to: 2 }),
        truly(4, Act::Write { item: 0 }),
        told(2, Act::Write { item: 0 }, Lie::BringBack),
        told(2, Act::Write { item: 0 }, Lie::Plant { item: 0, says: 0 }),
        told(1, Act::Write { item: 0 }, Lie::BringBack),
        told(2, Act::Ask { whom: 0 }, Lie::Rival { whom: 0 }),
        told(2, Act::Ask { whom: 0 }, Lie::None),
        told(2, Act::Seal { with: 0b001 }, Lie::Impostor { whom: 0 }),
        told(2, Act::GiveBack { to: 0 }, Lie::Rival { whom: 0 }),
        told(3, Act::Refresh, Lie::Impostor { whom: 0 }),
        told(3, Act::Ask { whom: 0 }, Lie::Impostor { whom: 0 }),
    ];
    all(&begin, &steps, 2);
}

#[test]
fn whatever_a_thief_and_the_relay_show_of_renewed_keys_nothing_is_sealed_to_them() {
    // Bob's two devices know Alice, who renews her keys. Somebody has the ones before.
    let begin = [truly(2, Act::Ask { whom: 0 }), truly(0, Act::Seal { with: 0b10 }), truly(0, Act::Renew)];
    let told = |device, act, lie| Step { device, act, lie };
    let rival = Lie::Rival { whom: 0 };
    let steps = [
        truly(2, Act::Ask { whom: 0 }),
        truly(2, Act::Compare { whom: 0 }),
        truly(3, Act::Refresh),
        told(2, Act::Ask { whom: 0 }, rival),
        told(3, Act::Seal { with: 0b1 }, rival),
        told(2, Act::GiveBack { to: 0 }, rival),
    ];
    all(&begin, &steps, 3);
}
