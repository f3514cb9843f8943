//! Who owns an item, and who sealed a version of it, by what those say who gave it. Not by the relay's word, which would
//! let a reader be put in the owner's place.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::exchange::OpenGrant;
use super::seal::Given;
use crate::encoding::Hash;

/// What one grant says: somebody's word, signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    /// Who says it.
    pub(super) by: String,
    /// Whether they signed it with their newest keys.
    pub(super) newest: bool,
    /// Whether their code was compared.
    pub(super) verified: bool,
    /// Whom they name.
    pub(super) who: String,
}

/// Whom to believe. `None`: nobody says it, or they contradict each other.
///
/// One's own word counts first, then what all say; if they do not agree, what those say whose code was compared. Of what
/// somebody said with keys that were renewed since, nothing counts beside what the newest say: whoever stole the old ones
/// could have said it. So one's own older keys count like a stranger's, and can only contradict.
pub(super) fn agreed(me: &str, claims: &[Claim]) -> Option<String> {
    let own: BTreeSet<&String> = claims.iter().filter(|c| c.by == me && c.newest).map(|c| &c.who).collect();
    if !own.is_empty() {
        return only(own);
    }
    let renewed: BTreeSet<&String> = claims.iter().filter(|c| c.newest).map(|c| &c.by).collect();
    let counts: Vec<&Claim> = claims.iter().filter(|c| c.newest || !renewed.contains(&c.by)).collect();
    if let Some(who) = only(counts.iter().map(|c| &c.who).collect()) {
        return Some(who);
    }
    let of_the_verified = only(counts.iter().filter(|c| c.verified && c.by != me).map(|c| &c.who).collect())?;
    counts.iter().all(|c| c.by != me || c.who == of_the_verified).then_some(of_the_verified)
}

/// Who sealed a version, where it is known who owns the item: whoever owns it is believed first.
pub(super) fn sealed_by(me: &str, owner: Option<&str>, claims: &[Claim]) -> Option<String> {
    let owners: Vec<Claim> = claims.iter().filter(|c| Some(c.by.as_str()) == owner && c.newest).cloned().collect();
    let own = claims.iter().any(|c| c.by == me && c.newest);
    owner.and_then(|_| agreed(me, if own || owners.is_empty() { claims } else { &owners }))
}

/// Has what one is about to give name who owns and sealed it, as far as one knows. `whose`: those versions that one's
/// newest keys did not give before.
pub(super) fn name(
    me: &str,
    newest: &BTreeMap<String, Hash>,
    grants: &[&OpenGrant],
    whose: &HashSet<(Uuid, u32)>,
    given: &mut [Given],
) {
    let items: HashSet<Uuid> = whose.iter().map(|(item, _)| *item).collect();
    let mut owners: HashMap<Uuid, Vec<Claim>> = HashMap::new();
    let mut sealers: HashMap<(Uuid, u32), Vec<Claim>> = HashMap::new();
    for grant in grants {
        let (by, record) = (&grant.delegator, &grant.record);
        let newest = newest.get(by) == Some(&record.grant.grantor_fingerprint);
        let claim = |who: &str| Claim { by: by.clone(), newest, verified: grant.signer.verified, who: who.to_owned() };
        for entry in record.grant.entries.iter().filter(|e| items.contains(&e.0) && !record.cuts.contains(&e.0)) {
            owners.entry(entry.0).or_default().extend(entry.owner(by).map(claim));
            sealers.entry(entry.key()).or_default().extend(entry.sealer(by).map(claim));
        }
    }
    for one in given.iter_mut().filter(|one| whose.contains(&one.entry.key())) {
        let owner = owners.get(&one.entry.0).and_then(|claims| agreed(me, claims));
        let sealer = sealers.get(&one.entry.key()).and_then(|claims| sealed_by(me, owner.as_deref(), claims));
        one.entry = one.entry.given_by(me, owner.as_deref(), sealer.as_deref());
    }
}

fn only(all: BTreeSet<&String>) -> Option<String> {
    all.first().filter(|_| all.len() == 1).map(|who| (*who).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `by:who`, with `+` for the newest keys, and `!` where the code was compared.
    fn claims(claims: &str) -> Vec<Claim> {
        let claim = |text: &str| {
            let (by, who) = text.split_once(':').unwrap_or_default();
            let name = by.trim_end_matches(['+', '!']).to_owned();
            Claim { by: name, newest: by.contains('+'), verified: by.contains('!'), who: who.to_owned() }
        };
        claims.split_whitespace().map(claim).collect()
    }

    fn believed(all: &str) -> Option<String> {
        agreed("me", &claims(all))
    }

    #[test]
    fn whoever_owns_an_item_is_believed_first_about_who_sealed_it() {
        for (owner, all, who) in [
            (Some("a"), "a+:a m+!:m", Some("a")),
            (Some("a"), "a+:b b+:b m+!:m", Some("b")),
            // Keys of the owner's that were renewed are nobody's word against others.
            (Some("a"), "a:a m+:m", None),
            (Some("a"), "m+:m", Some("m")),
            (Some("a"), "me+:me a+:a", Some("me")),
            (None, "a+:a", None),
        ] {
            assert_eq!(sealed_by("me", owner, &claims(all)).as_deref(), who, "{owner:?} {all}");
        }
    }

    #[test]
    fn whom_to_believe() {
        for (claims, who) in [
            ("", None),
            ("a+:a", Some("a")),
            ("a+:a b+:a", Some("a")),
            // A reader says that it is theirs.
            ("a+:a m+:m", None),
            ("a+!:a m+:m", Some("a")),
            ("a+!:a m+!:m", None),
            ("a+!:a b+!:a m+:m", Some("a")),
            // One's own word.
            ("me+:a m+!:m n+!:m", Some("a")),
            ("me+:a me+:b a+!:a", None),
            // Keys that were renewed say nothing beside the newest, and something where these say nothing.
            ("a+:a a:m", Some("a")),
            ("a:a", Some("a")),
            ("a:a m+:m", None),
            // Whoever stole one's own old keys can contradict, and no more.
            ("me:m a+:a", None),
            ("me:m a+!:a", None),
            ("me:a a+!:a m+!:a m+:m", Some("a")),
            ("me:me", Some("me")),
            ("me:me m+!:m", None),
        ] {
            assert_eq!(believed(claims).as_deref(), who, "{claims}");
        }
    }
}
