//! What happens, as data: a failing run prints its steps, and is shrunk by leaving some out or having the relay tell the
//! truth in others.

/// Devices: two of Alice's, two of Bob's, one of Carol's. Carol is at the relay's side.
pub(super) const DEVICES: [usize; 5] = [0, 0, 1, 1, 2];
/// People, and the group that they share.
pub(super) const NAMES: [&str; 4] = ["alice", "bob", "carol", "ward"];
pub(super) const PEOPLE: usize = 3;
pub(super) const CAROL: usize = 2;
pub(super) const WARD: usize = 3;

/// A device does something, while the relay tells it something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) device: usize,
    pub(super) act: Act,
    pub(super) lie: Lie,
}

/// What a device is asked to do. Items are numbers of those that there are, taken modulo how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Encrypts something, for everybody whose bit is set.
    Seal {
        with: u8,
    },
    /// Writes the next version.
    Write {
        item: usize,
    },
    Give {
        item: usize,
        to: usize,
    },
    Revoke {
        item: usize,
        whom: usize,
    },
    /// Opens everything that there is.
    Read,
    Renew,
    /// Takes Carol out of the group.
    Exclude,
    /// Compares a code with what the person's own device shows.
    Compare {
        whom: usize,
    },
    /// Looks how far somebody can be relied on.
    Ask {
        whom: usize,
    },
    /// Gives somebody access back, for the keys that the relay shows, without a code.
    GiveBack {
        to: usize,
    },
    Refresh,
    /// The page is loaded again.
    Reload,
    /// A second page over the same store goes on in this one's place.
    Tab,
    /// Locks, and is unlocked.
    Lock,
}

/// What the relay tells, for one step, in place of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    /// What somebody's record said before.
    Old {
        whom: usize,
        age: usize,
    },
    /// A second version by whoever stole the first keys, signed by these.
    Rival {
        whom: usize,
    },
    /// The same, which these did not sign.
    Unsigned {
        whom: usize,
    },
    /// Other keys from the first version on.
    Impostor {
        whom: usize,
    },
    /// Every grant that ever was.
    BringBack,
    /// The same, and nothing that ended access.
    Withhold,
    /// A grant by Carol to whoever acts, which says whose the item is: 0 hers, 1 sealed by her, 2 sealed by its owner.
    Plant {
        item: usize,
        says: usize,
    },
    /// The end of a person's log is missing.
    HoldBack {
        from: usize,
    },
    /// What a person's devices told each other before.
    OldPins {
        age: usize,
    },
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    fn act(&mut self) -> Act {
        match self.roll(32) {
            0..4 => Act::Seal { with: self.roll(16) as u8 },
            4..10 => Act::Write { item: self.roll(3) },
            10..12 => Act::Give { item: self.roll(3), to: self.roll(4) },
            12..15 => Act::Revoke { item: self.roll(3), whom: self.roll(4) },
            15..17 => Act::Read,
            17..19 => Act::Renew,
            19 => Act::Exclude,
            20..22 => Act::Compare { whom: self.roll(4) },
            22..26 => Act::Ask { whom: self.roll(4) },
            26 => Act::GiveBack { to: self.roll(PEOPLE) },
            27..30 => Act::Refresh,
            30 if self.roll(2) == 0 => Act::Reload,
            30 => Act::Tab,
            _ => Act::Lock,
        }
    }

    /// What the relay tells; mostly about whom something is done to, as far as that is known here.
    fn lie(&mut self, act: Act) -> Lie {
        let near = match act {
            Act::Seal { with } => (0..NAMES.len()).find(|whom| with & (1 << whom) != 0),
            Act::Give { to: whom, .. } | Act::Compare { whom } | Act::Ask { whom } | Act::GiveBack { to: whom } => {
                Some(whom)
            }
            _ => None,
        };
        let any = self.roll(NAMES.len());
        let whom = near.filter(|_| self.roll(4) > 0).unwrap_or(any);
        match self.roll(20) {
            0..6 => Lie::None,
            6..9 => Lie::Old { whom, age: self.roll(2) },
            9 | 10 => Lie::Rival { whom: whom % PEOPLE },
            11 => Lie::Unsigned { whom: whom % PEOPLE },
            12 => Lie::Impostor { whom: whom % PEOPLE },
            13 | 14 => Lie::BringBack,
            15 => Lie::Withhold,
            16 | 17 => Lie::Plant { item: self.roll(3), says: self.roll(3) },
            18 => Lie::HoldBack { from: self.roll(8) },
            _ => Lie::OldPins { age: self.roll(3) },
        }
    }

    pub(super) fn steps(&mut self) -> Vec<Step> {
        let count = 6 + self.roll(14);
        // In some worlds the relay is honest: whatever holds there must be because of the client.
        let lies = self.roll(4) > 0;
        (0..count)
            .map(|_| {
                let act = self.act();
                let lie = self.lie(act);
                Step { device: self.roll(DEVICES.len()), act, lie: if lies { lie } else { Lie::None } }
            })
            .collect()
    }
}
