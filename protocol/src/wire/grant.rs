//! Grants: data keys of one or many items, handed to the other side of an exchange key (protocol section 5).

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::exchange::Exchange;
use super::{Extra, MAX_GRANT_ENTRIES, check_suite, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login, compound};
use crate::error::{Error, Result};

/// The most bytes of logins that the entries of one grant name.
pub const MAX_NAMED: usize = 1 << 14;

/// One version of one item, as a grant lists it: `[item, keyVersion, digest]`, and `{owner?, sealer?}` where whoever gives
/// it does not own it, or did not seal it.
#[derive(Clone, Debug, PartialEq, Eq, std::hash::Hash)]
pub struct GrantEntry(pub Uuid, pub u32, pub Hash, pub Option<Rc<Origin>>);

/// Whose an item is and who sealed a version of it, each only where that is not the grant's delegator. An empty login: the
/// delegator does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, std::hash::Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Who owns the item.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Who sealed this version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sealer: Option<String>,
}

impl GrantEntry {
    /// A version that whoever gives it owns and sealed.
    pub fn new(item: Uuid, version: u32, digest: Hash) -> Self {
        Self(item, version, digest, None)
    }

    /// The item's id and the version of its key.
    pub fn key(&self) -> (Uuid, u32) {
        (self.0, self.1)
    }

    /// The same, as somebody gives it. `None`: they do not know who.
    pub fn given_by(&self, delegator: &str, owner: Option<&str>, sealer: Option<&str>) -> Self {
        let other = |who: Option<&str>| Some(who.unwrap_or_default().to_owned()).filter(|who| who != delegator);
        let origin = Origin { owner: other(owner), sealer: other(sealer) };
        Self(self.0, self.1, self.2, (origin != Origin::default()).then(|| Rc::new(origin)))
    }

    /// Who owns the item, in the words of the grant's delegator. `None`: they do not know.
    pub fn owner<'a>(&'a self, delegator: &'a str) -> Option<&'a str> {
        Self::named(self.3.as_ref().and_then(|origin| origin.owner.as_deref()), delegator)
    }

    /// Who sealed this version, likewise.
    pub fn sealer<'a>(&'a self, delegator: &'a str) -> Option<&'a str> {
        Self::named(self.3.as_ref().and_then(|origin| origin.sealer.as_deref()), delegator)
    }

    fn named<'a>(login: Option<&'a str>, delegator: &'a str) -> Option<&'a str> {
        Some(login.unwrap_or(delegator)).filter(|login| !login.is_empty())
    }

    /// How many bytes of logins it names.
    pub fn named_bytes(&self) -> usize {
        self.logins().map(str::len).sum()
    }

    fn logins(&self) -> impl Iterator<Item = &str> {
        self.3.iter().flat_map(|origin| [&origin.owner, &origin.sealer]).flatten().map(String::as_str)
    }

    /// Item, key version (4 bytes), digest and, if it names somebody, owner and sealer.
    fn encode(&self) -> Vec<u8> {
        let (item, version, digest) = (self.0.as_bytes(), self.1.to_be_bytes(), &self.2.0);
        match &self.3 {
            None => compound(&[item, &version, digest]),
            Some(origin) => {
                let origin = compound(&[&optional(&origin.owner), &optional(&origin.sealer)]);
                compound(&[item, &version, digest, &origin])
            }
        }
    }
}

fn optional(login: &Option<String>) -> Vec<u8> {
    match login {
        None => vec![0],
        Some(login) => [&[1], login.as_bytes()].concat(),
    }
}

impl Serialize for GrantEntry {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.3 {
            None => (self.0, self.1, self.2).serialize(s),
            Some(origin) => (self.0, self.1, self.2, &**origin).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for GrantEntry {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> de::Visitor<'de> for Parts {
            type Value = GrantEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry of a grant")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<GrantEntry, A::Error> {
                let short = || de::Error::custom("an entry of a grant has three or four parts");
                let item = parts.next_element()?.ok_or_else(short)?;
                let version = parts.next_element()?.ok_or_else(short)?;
                let digest = parts.next_element()?.ok_or_else(short)?;
                let origin = parts.next_element::<Origin>()?;
                if parts.next_element::<de::IgnoredAny>()?.is_some() {
                    return Err(short());
                }
                Ok(GrantEntry(item, version, digest, origin.map(Rc::new)))
            }
        }
        d.deserialize_seq(Parts)
    }
}

/// Access to the items in `entries`, for the delegate of an exchange key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Unique; kept when the grant is written anew.
    pub id: Uuid,
    /// The suite; 1.
    pub suite: u64,
    /// The exchange key under which the data keys are sealed.
    pub exchange: Uuid,
    /// To whom it gives: signed here, so that a reader cannot show it to somebody else as given to them.
    pub delegate: String,
    /// The delegator's keyset that signs.
    pub grantor_fingerprint: Hash,
    /// What is given.
    pub entries: Vec<GrantEntry>,
    /// Unix milliseconds.
    pub created: u64,
    /// Unix milliseconds after which clients and the relay treat the grant as gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<u64>,
    /// box(K, "grant", [every preceding field], the entries' data keys in order).
    pub sealed: Bytes,
    /// By the delegator.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Grant {
    fn body(&self, name: &str) -> Transcript {
        Transcript::new(name)
            .uuid(self.id)
            .int(self.suite)
            .uuid(self.exchange)
            .text(&self.delegate)
            .bytes(&self.grantor_fingerprint.0)
            .list(self.entries.iter().map(GrantEntry::encode))
            .int(self.created)
            .option(self.not_after.map(u64::to_be_bytes).as_ref().map(|b| &b[..]))
    }

    /// The context of the box.
    pub fn context(&self) -> Transcript {
        self.body("grant")
    }

    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        self.body("grant/signature").bytes(&self.sealed.0)
    }

    /// Whether it is for the delegate of this exchange key, and sealed under it.
    pub fn is_under(&self, exchange: &Exchange) -> bool {
        self.exchange == exchange.id && self.delegate == exchange.delegate
    }

    /// Whether the grant still counts at `now` (Unix milliseconds).
    pub fn is_current(&self, now: u64) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }

    /// Checks the form alone: suite, times, number of entries, no duplicate, whom they name, the box's exact length.
    pub fn check_form(&self) -> Result<()> {
        check_suite(self.suite)?;
        check_login(&self.delegate)?;
        check_time(self.created)?;
        check_time(self.not_after.unwrap_or_default())?;
        if self.entries.is_empty() || self.entries.len() > MAX_GRANT_ENTRIES {
            return Err(Error::bad_input("a grant has 1 to 4096 entries"));
        }
        // In order no two are alike; otherwise it takes a closer look.
        let mut seen = std::collections::HashSet::new();
        let unique =
            self.entries.is_sorted_by(|a, b| a.key() < b.key()) || self.entries.iter().all(|e| seen.insert(e.key()));
        if !unique || self.entries.iter().any(|e| e.1 == 0) {
            return Err(Error::bad_input("a grant lists an item twice, or at version 0"));
        }
        for entry in &self.entries {
            // Named so that it can only be said in one way.
            if entry.3.as_deref() == Some(&Origin::default()) {
                return Err(Error::bad_input("an entry of a grant names nobody"));
            }
            entry.logins().filter(|login| !login.is_empty()).try_for_each(check_login)?;
        }
        if self.entries.iter().map(GrantEntry::named_bytes).sum::<usize>() > MAX_NAMED {
            return Err(Error::bad_input("the entries of a grant name too many logins"));
        }
        if self.sealed.0.len() != self.entries.len() * 32 + super::BOX_OVERHEAD {
            return Err(Error::bad_input("a grant's sealed keys have the wrong length"));
        }
        Ok(())
    }

    /// Checks form and signature; `signing_key` belongs to `grantorFingerprint`.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        self.check_form()?;
        verify(signing_key, &self.transcript(), &self.signature)
    }
}
