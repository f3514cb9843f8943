//! Pieces: what an identity says to itself and its own devices, divided so that a change rewrites little (protocol
//! section 7).
//!
//! Entries are text to JSON. Where an entry stands follows from the hash of its key, and how they are divided follows from
//! the entries alone: devices that know the same things make the same pieces.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::to_json;
use crate::encoding::{Hash, Transcript, from_json_bytes};
use crate::error::{Error, Result};

/// The longest piece with more than one entry, in bytes before it is boxed.
pub const MAX_PIECE: usize = 8 << 10;
/// The longest piece with one entry, which is then the longest entry.
pub const MAX_ENTRY: usize = 256 << 10;
/// The most pieces of one identity.
pub const MAX_PIECES: usize = 4096;
/// The most that the boxed pieces of one identity have together, in bytes.
pub const MAX_ALL_PIECES: usize = 16 << 20;

/// What is said: JSON text by key. The parts of a key are separated by a line feed, which is in none of them.
pub type Entries = BTreeMap<String, String>;

/// Where a piece stands: the first half-bytes of the places of all that is in it or below.
pub type Prefix = Vec<u8>;

/// A piece, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Entries.
    Leaf(Entries),
    /// The names of the pieces below, by the next half-byte of the place.
    Node(Vec<Option<Hash>>),
}

/// A piece that is to be: a node is written once the names of those below are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text of a leaf.
    Leaf(String),
    /// A node.
    Node,
}

/// The context of the box that a piece is.
pub fn context(login: &str) -> Transcript {
    Transcript::new("piece").text(login)
}

/// The name of a piece: SHA-256(T("piece/name", the box)).
pub fn name(sealed: &[u8]) -> Hash {
    Transcript::new("piece/name").bytes(sealed).into()
}

fn place(key: &str) -> [u8; 32] {
    Transcript::new("piece/place").text(key).sha256()
}

fn nibble(place: &[u8; 32], at: usize) -> u8 {
    (place[at / 2] >> (4 * (1 - at % 2))) & 15
}

/// Divides entries: a piece holds all entries below its place if they fit, and otherwise leads to up to 16 below it. Each
/// comes after those below it; the last one is the root, and there is none where there are no entries.
/// Errors: [`crate::error::Code::BadInput`] where there are too many of them, or too long ones.
pub fn divide(entries: &Entries) -> Result<Vec<(Prefix, Part)>> {
    let mut placed = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        placed.push((place(key), format!("{}:{value}", to_json(key)?)));
    }
    placed.sort_unstable();
    let mut out = Vec::new();
    if !placed.is_empty() {
        below(&placed, &mut Prefix::new(), &mut out)?;
    }
    if out.len() > MAX_PIECES {
        return Err(too_much());
    }
    Ok(out)
}

fn too_much() -> Error {
    Error::bad_input("this identity remembers, shares and names more than can be kept of it")
}

fn below(placed: &[([u8; 32], String)], prefix: &mut Prefix, out: &mut Vec<(Prefix, Part)>) -> Result<()> {
    let length = 1 + placed.iter().map(|(_, entry)| entry.len() + 1).sum::<usize>();
    if placed.len() == 1 || length <= MAX_PIECE || prefix.len() == 64 {
        if length > MAX_ENTRY {
            return Err(too_much());
        }
        let all: Vec<&str> = placed.iter().map(|(_, entry)| entry.as_str()).collect();
        out.push((prefix.clone(), Part::Leaf(format!("{{{}}}", all.join(",")))));
        return Ok(());
    }
    let depth = prefix.len();
    for part in placed.chunk_by(|(a, _), (b, _)| nibble(a, depth) == nibble(b, depth)) {
        prefix.push(nibble(&part[0].0, depth));
        below(part, prefix, out)?;
        prefix.pop();
    }
    out.push((prefix.clone(), Part::Node));
    Ok(())
}

impl Piece {
    /// Reads what was in a box.
    pub fn parse(plain: &[u8]) -> Result<Self> {
        if plain.first() == Some(&b'[') {
            let names: Vec<Option<Hash>> = from_json_bytes(plain).map_err(|_| Error::corrupt())?;
            return if names.len() == 16 { Ok(Self::Node(names)) } else { Err(Error::corrupt()) };
        }
        // Values are kept as they were written, which only serde_json itself can do.
        let entries: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(plain).map_err(|_| Error::corrupt())?;
        Ok(Self::Leaf(entries.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn contacts(all: impl Iterator<Item = usize>) -> Entries {
        all.map(|n| (format!("seen\ncontact {n}\n{}", "f".repeat(43)), "1".to_owned())).collect()
    }

    fn leaves(parts: &[(Prefix, Part)]) -> Entries {
        let leaf = |part: &Part| match part {
            Part::Leaf(text) => match Piece::parse(text.as_bytes()).unwrap() {
                Piece::Leaf(entries) => entries,
                Piece::Node(_) => panic!("a leaf"),
            },
            Part::Node => Entries::new(),
        };
        parts.iter().flat_map(|(_, part)| leaf(part)).collect()
    }

    #[test]
    fn every_entry_is_in_one_piece_of_at_most_8_kb_and_one_more_changes_one_leaf() {
        assert!(divide(&Entries::new()).unwrap().is_empty());
        assert_eq!(divide(&contacts(0..10)).unwrap().len(), 1);
        let before = divide(&contacts(0..1000)).unwrap();
        assert_eq!(leaves(&before), contacts(0..1000));
        assert_eq!(before.last().unwrap(), &(Prefix::new(), Part::Node));
        for (prefix, part) in &before {
            if let Part::Leaf(text) = part {
                assert!(text.len() <= MAX_PIECE, "{prefix:?}");
            }
        }
        for more in 1000..1020 {
            let after = divide(&contacts((0..1000).chain([more]))).unwrap();
            let changed = after.iter().filter(|part| !before.contains(part)).count();
            // One leaf, or the sixteen that it was divided into and the node in its place.
            assert!(changed <= 17, "{changed}");
        }
    }

    #[test]
    fn an_entry_that_is_longer_than_a_piece_is_one_and_too_long_a_one_is_refused() {
        let long = |length: usize| -> Entries {
            let mut all = contacts(0..20);
            all.insert("long".to_owned(), format!("\"{}\"", "x".repeat(length)));
            all
        };
        let parts = divide(&long(MAX_PIECE)).unwrap();
        assert!(parts.iter().any(|(_, part)| matches!(part, Part::Leaf(text) if text.len() > MAX_PIECE)));
        assert_eq!(leaves(&parts), long(MAX_PIECE));
        let frame = "{\"long\":\"\"}".len();
        divide(&long(MAX_ENTRY - frame)).unwrap();
        divide(&long(MAX_ENTRY - frame + 1)).unwrap_err();
        let many = contacts(0..200_000);
        divide(&many.into_keys().map(|key| (key, format!("\"{}\"", "x".repeat(600)))).collect()).unwrap_err();
    }

    #[test]
    fn a_node_has_sixteen_names() {
        let text = |names: usize| format!("[{}]", vec!["null"; names].join(","));
        assert_eq!(Piece::parse(text(16).as_bytes()).unwrap(), Piece::Node(vec![None; 16]));
        for wrong in [&text(15), &text(17), "[", "{", "{\"a\":}", "7", ""] {
            Piece::parse(wrong.as_bytes()).unwrap_err();
        }
    }
}
