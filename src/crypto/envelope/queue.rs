//! Bytes that come in pieces of any size, and are given out in pieces of the size asked for. Knows no format.

use std::collections::VecDeque;

use crate::crypto::buffer::Buffer;
use crate::error::{Error, Result};

/// Pieces below this many bytes are gathered in buffers of this size: a stream may come byte by byte.
const GATHER: usize = 64 * 1024;

struct Part {
    bytes: Buffer,
    from: usize,
    to: usize,
    /// Whether `bytes` is this queue's own, so that more may be added behind `to`, and nobody else changes it.
    own: bool,
}

/// What came in and was not taken yet.
#[derive(Default)]
pub(super) struct Queue {
    parts: VecDeque<Part>,
    len: usize,
}

impl Queue {
    /// How many bytes are waiting.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds bytes behind those that are there. Large ones are not copied: call [`Queue::settle`] before their owner
    /// may go on.
    pub(super) fn push(&mut self, bytes: Buffer) -> Result<()> {
        let len = bytes.len();
        if len == 0 {
            return Ok(());
        }
        self.len = self.len.checked_add(len).ok_or_else(Error::corrupt)?;
        if len >= GATHER {
            self.parts.push_back(Part { bytes, from: 0, to: len, own: false });
            return Ok(());
        }
        if let Some(last) = self.parts.back_mut().filter(|p| p.own && p.bytes.len() - p.to >= len) {
            last.bytes.put(last.to, &bytes)?;
            last.to += len;
            return Ok(());
        }
        let mut gathering = bytes.zeros_beside(GATHER)?;
        gathering.put(0, &bytes)?;
        self.parts.push_back(Part { bytes: gathering, from: 0, to: len, own: true });
        Ok(())
    }

    /// Copies what still belongs to somebody else.
    pub(super) fn settle(&mut self) -> Result<()> {
        for part in self.parts.iter_mut().filter(|p| !p.own) {
            let rest = part.bytes.slice(part.from, part.to - part.from)?;
            let mut copy = rest.zeros_beside(rest.len())?;
            copy.put(0, &rest)?;
            *part = Part { to: rest.len(), bytes: copy, from: 0, own: true };
        }
        Ok(())
    }

    /// The next `len` bytes; `None` if there are fewer, or if nothing ever came.
    pub(super) fn take(&mut self, len: usize) -> Result<Option<Buffer>> {
        let taken = self.peek(len)?;
        if taken.is_some() {
            self.skip(len);
        }
        Ok(taken)
    }

    /// The same without taking them away.
    pub(super) fn peek(&self, len: usize) -> Result<Option<Buffer>> {
        let Some(first) = self.parts.front().filter(|_| self.len >= len) else { return Ok(None) };
        if first.to - first.from >= len {
            return first.bytes.slice(first.from, len).map(Some);
        }
        let mut out = first.bytes.zeros_beside(len)?;
        let mut filled = 0;
        for part in &self.parts {
            let next = (part.to - part.from).min(len - filled);
            out.put(filled, &part.bytes.slice(part.from, next)?)?;
            filled += next;
            if filled == len {
                break;
            }
        }
        Ok(Some(out))
    }

    fn skip(&mut self, mut len: usize) {
        self.len -= len;
        while let Some(first) = self.parts.front_mut() {
            let next = (first.to - first.from).min(len);
            first.from += next;
            len -= next;
            // A buffer that more may be added to stays, also when it is empty for now: unless it is full.
            if first.from < first.to || (first.own && len == 0 && first.to < first.bytes.len()) {
                break;
            }
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pieces_of_any_size_come_out_as_asked_for() {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        for size in [1usize, 7, 4096, 65_535, 65_536, 100_000, 300_000] {
            for wanted in [1usize, 94, 4096, 70_000, 262_144] {
                if size * wanted < 50 {
                    continue;
                }
                let (mut queue, mut out) = (Queue::default(), Vec::new());
                for piece in bytes.chunks(size) {
                    queue.push(Buffer::Heap(piece.to_vec())).unwrap();
                    while let Some(taken) = queue.take(wanted).unwrap() {
                        out.extend(taken.into_heap());
                    }
                    queue.settle().unwrap();
                }
                assert!(queue.take(queue.len() + 1).unwrap().is_none());
                out.extend(queue.take(queue.len()).unwrap().map(Buffer::into_heap).unwrap_or_default());
                assert!(out == bytes, "{size} {wanted}");
            }
        }
    }
}
