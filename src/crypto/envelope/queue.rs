//! Bytes that come in pieces of any size, and are given out in pieces of the size asked for. Knows no format.

use std::collections::VecDeque;

use crate::crypto::buffer::Buffer;
use crate::error::{Error, Result};

/// How large the buffers are that small pieces are gathered in, until [`Queue::expect`] says better.
const GATHER: usize = 64 * 1024;

/// How many buffers are kept to be filled again.
const SPARE: usize = 8;

struct Part {
    bytes: Buffer,
    from: usize,
    to: usize,
    /// Whether `bytes` is this queue's own, so that more may be added behind `to`, and nobody else changes it.
    own: bool,
}

impl Part {
    fn room(&self) -> usize {
        if self.own { self.bytes.len() - self.to } else { 0 }
    }
}

/// Bytes that were taken.
pub(super) struct Taken {
    pub(super) bytes: Buffer,
    /// The same memory, if it is the queue's and may be filled again: for [`Queue::give_back`].
    pub(super) again: Option<Buffer>,
}

/// What came in and was not taken yet.
pub(super) struct Queue {
    parts: VecDeque<Part>,
    len: usize,
    gather: usize,
    /// Buffers of `gather` bytes. Fresh ones for every chunk would be garbage faster than browsers collect it.
    spare: Vec<Buffer>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { parts: VecDeque::new(), len: 0, gather: GATHER, spare: Vec::new() }
    }
}

impl Queue {
    /// How many bytes are waiting.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Says that from now on `size` bytes will be taken at a time: they are gathered so that they lie together then.
    pub(super) fn expect(&mut self, size: usize) {
        self.gather = size.max(1);
        self.spare.clear();
    }

    /// Adds bytes behind those that are there. What does not fit into the buffer under way is not copied: call
    /// [`Queue::settle`] before its owner may go on.
    pub(super) fn push(&mut self, bytes: Buffer) -> Result<()> {
        let len = bytes.len();
        self.len = self.len.checked_add(len).ok_or_else(Error::corrupt)?;
        let filled = self.fill(&bytes, 0, len)?;
        if filled < len {
            self.parts.push_back(Part { bytes, from: filled, to: len, own: false });
        }
        Ok(())
    }

    /// Copies as much of a part as the last buffer has room for, and says how much that was.
    fn fill(&mut self, bytes: &Buffer, from: usize, to: usize) -> Result<usize> {
        let Some(last) = self.parts.back_mut() else { return Ok(0) };
        let len = last.room().min(to - from);
        if len > 0 {
            last.bytes.put(last.to, &bytes.slice(from, len)?)?;
            last.to += len;
        }
        Ok(len)
    }

    /// Copies what still belongs to somebody else, and moves what waits to where a buffer begins.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.parts.iter().all(|p| p.own) && self.parts.front().is_none_or(|p| p.from == 0) {
            return Ok(());
        }
        for mut part in std::mem::take(&mut self.parts) {
            if part.own && part.from == 0 && self.parts.back().is_none_or(|last| last.room() == 0) {
                self.parts.push_back(part);
                continue;
            }
            while part.from < part.to {
                part.from += self.fill(&part.bytes, part.from, part.to)?;
                if part.from < part.to {
                    let bytes = match self.spare.pop() {
                        Some(spare) => spare,
                        None => part.bytes.zeros_beside(self.gather)?,
                    };
                    self.parts.push_back(Part { bytes, from: 0, to: 0, own: true });
                }
            }
        }
        Ok(())
    }

    /// The next `len` bytes; `None` if there are fewer, or if nothing ever came.
    pub(super) fn take(&mut self, len: usize) -> Result<Option<Taken>> {
        let Some(first) = self.parts.front().filter(|_| self.len >= len) else { return Ok(None) };
        let whole = first.own && first.from == 0 && len == first.bytes.len();
        let bytes = self.put_together(first, len)?;
        self.skip(len);
        let again = if whole { bytes.same_memory() } else { None };
        Ok(Some(Taken { bytes, again }))
    }

    /// Takes back what nobody reads any more, to gather in it again.
    pub(super) fn give_back(&mut self, again: impl IntoIterator<Item = Buffer>) {
        let fitting = again.into_iter().filter(|bytes| bytes.len() == self.gather);
        self.spare.extend(fitting.take(SPARE - self.spare.len().min(SPARE)));
    }

    fn put_together(&self, first: &Part, len: usize) -> Result<Buffer> {
        if first.to - first.from >= len {
            return first.bytes.slice(first.from, len);
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
        Ok(out)
    }

    fn skip(&mut self, mut len: usize) {
        self.len -= len;
        while let Some(first) = self.parts.front_mut() {
            let next = (first.to - first.from).min(len);
            first.from += next;
            len -= next;
            // A buffer that more may be added to stays, also when it is empty for now: unless it is full.
            if first.from < first.to || (len == 0 && first.room() > 0) {
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
                for expected in [None, Some(wanted), Some(wanted + 16)] {
                    let (mut queue, mut out) = (Queue::default(), Vec::new());
                    // As a header does: what follows does not lie where a buffer begins.
                    for (at, piece) in bytes.chunks(size).enumerate() {
                        queue.push(Buffer::Heap(piece.to_vec())).unwrap();
                        if at == 0 {
                            out.extend(queue.take(1).unwrap().unwrap().bytes.into_heap());
                            expected.into_iter().for_each(|size| queue.expect(size));
                        }
                        while let Some(taken) = queue.take(wanted).unwrap() {
                            out.extend(taken.bytes.into_heap());
                        }
                        queue.settle().unwrap();
                    }
                    assert!(queue.take(queue.len() + 1).unwrap().is_none());
                    out.extend(queue.take(queue.len()).unwrap().map(|t| t.bytes.into_heap()).unwrap_or_default());
                    assert!(out == bytes, "{size} {wanted} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_expected_lies_together_in_memory_that_is_filled_again() {
        let mut queue = Queue::default();
        queue.push(Buffer::Heap(vec![1; 100])).unwrap();
        queue.take(58).unwrap().unwrap();
        queue.expect(1000);
        queue.settle().unwrap();
        for _ in 0..40 {
            queue.push(Buffer::Heap(vec![1; 300])).unwrap();
            while queue.len() >= 1000 {
                assert!(queue.parts[0].to - queue.parts[0].from >= 1000, "not put together anew");
                queue.take(1000).unwrap();
            }
            queue.settle().unwrap();
            assert!(queue.parts.iter().all(|part| part.own && part.from == 0));
        }
        queue.give_back((0..20).map(|_| Buffer::Heap(vec![0; 1000])));
        queue.give_back([Buffer::Heap(vec![0; 999])]);
        assert_eq!((queue.spare.len(), queue.spare.iter().all(|b| b.len() == 1000)), (SPARE, true));
        queue.push(Buffer::Heap(vec![2; 2000])).unwrap();
        queue.settle().unwrap();
        assert_eq!(queue.spare.len(), SPARE - 2);
    }
}
