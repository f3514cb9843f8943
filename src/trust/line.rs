//! The rules: what follows from the events of a login.
//!
//! 1. *Anchors* are the decisions that no other one replaced; only where there are none, what devices saw first.
//! 2. From the lowest anchor, signatures are followed down to where they begin, and from there up, but for what a decision
//!    set aside. This is the *line*.
//! 3. Two keysets of one version on it, or an anchor that is not on it: *forked*. Otherwise its newest one is relied on,
//!    and is verified if one of the decisions was made by comparing a code.

use std::collections::{BTreeMap, BTreeSet};

use super::{Relied, Trust};
use crate::encoding::Hash;

/// What is known without contradiction.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// By version, without gaps; of a fork, what is below it.
    agreed: BTreeMap<u64, Hash>,
    forked: bool,
    compared: bool,
}

impl Line {
    /// The newest keyset, which is relied on; `None` where there is none, or a fork.
    pub(super) fn head(&self) -> Option<Relied> {
        let (version, fingerprint) = self.agreed.last_key_value().filter(|_| !self.forked)?;
        Some(Relied { version: *version, fingerprint: *fingerprint, verified: self.compared })
    }

    pub(super) fn at(&self, version: u64) -> Option<Hash> {
        self.agreed.get(&version).copied()
    }

    pub(super) fn has(&self, version: u64, fingerprint: &Hash) -> bool {
        self.agreed.get(&version) == Some(fingerprint)
    }

    pub(super) fn first(&self) -> Option<(u64, Hash)> {
        self.agreed.first_key_value().map(|(version, fingerprint)| (*version, *fingerprint))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Hash, u64)> {
        self.agreed.iter().map(|(version, fingerprint)| (*fingerprint, *version))
    }
}

impl Trust {
    /// Computes the line.
    pub(super) fn line(&self) -> Line {
        let mut anchors: BTreeSet<(u64, Hash)> = self.live().map(|(_, d)| (d.version, d.fingerprint)).collect();
        let compared = self.live().any(|(_, d)| d.compared);
        if anchors.is_empty() {
            anchors = self.seen().iter().map(|(fingerprint, version)| (*version, *fingerprint)).collect();
        }
        let mut line = Line { compared, ..Line::default() };
        let Some(lowest) = anchors.first().copied() else { return line };
        let aside = self.aside();
        let Some(root) = self.down_from(lowest, &aside).last().copied() else { return line };

        let next = self.followers();
        let mut reached: BTreeSet<(u64, Hash)> = BTreeSet::new();
        let mut level = vec![root];
        while let Some((version, fingerprint)) = level.first().copied() {
            line.forked |= level.len() > 1;
            if !line.forked {
                line.agreed.insert(version, fingerprint);
            }
            reached.extend(level.iter().copied());
            let above = level.iter().flat_map(|at| next.get(at).into_iter().flatten());
            level = above.filter(|(_, fingerprint)| !aside.contains(fingerprint)).copied().collect();
        }
        if !anchors.is_subset(&reached) {
            (line.forked, line.agreed) = (true, BTreeMap::new());
        }
        line
    }

    /// A keyset and those that it follows by signature, newest first, down to where the signatures begin.
    fn down_from(&self, (mut version, mut fingerprint): (u64, Hash), aside: &BTreeSet<Hash>) -> Vec<(u64, Hash)> {
        let mut all = vec![(version, fingerprint)];
        while let Some(link) = self.chained().get(&fingerprint)
            && link.version == version
            && version > 1
            && !aside.contains(&link.previous)
        {
            (version, fingerprint) = (version - 1, link.previous);
            all.push((version, fingerprint));
        }
        all
    }

    /// What follows each keyset by signature.
    fn followers(&self) -> BTreeMap<(u64, Hash), Vec<(u64, Hash)>> {
        let mut next: BTreeMap<(u64, Hash), Vec<(u64, Hash)>> = BTreeMap::new();
        for (fingerprint, link) in self.chained() {
            let before = (link.version.saturating_sub(1), link.previous);
            next.entry(before).or_default().push((link.version, *fingerprint));
        }
        next
    }

    /// What follows a keyset, or another one that it follows, and is neither it nor one of these.
    pub(super) fn besides(&self, version: u64, fingerprint: &Hash) -> BTreeSet<Hash> {
        let aside = self.aside();
        let own: BTreeSet<(u64, Hash)> = self.down_from((version, *fingerprint), &aside).into_iter().collect();
        let next = self.followers();
        let all = own.iter().flat_map(|at| next.get(at).into_iter().flatten());
        all.filter(|at| !own.contains(at)).map(|(_, fingerprint)| *fingerprint).collect()
    }
}
