//! What is read takes memory in proportion to its length, whatever lengths it claims.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::probe::{Input, data_key, envelope, key, records, text};

/// How much one thread has, and the most that it had.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn note(by: isize) {
    let _ = NOW.try_with(|now| {
        now.set(now.get() + by);
        let _ = MOST.try_with(|most| most.set(most.get().max(now.get())));
    });
}

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }
}

/// The most bytes that were held at once, beyond what was held before.
fn taken(f: impl FnOnce()) -> usize {
    let before = NOW.get();
    MOST.set(before);
    f();
    (MOST.get() - before).max(0) as usize
}

#[test]
fn the_counter_counts() {
    assert!((1_000_000..1_001_000).contains(&taken(|| drop(vec![1u8; 1_000_000]))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn reading_a_record_takes_memory_in_proportion_to_its_length(
        which: u8, json in prop_oneof![any::<String>(), vec("[\\[\\]{}\",:0-9a]{0,4}", 0..200).prop_map(|t| t.concat())],
    ) {
        // A list of empty lists is the worst: two bytes become a value of 32, in a buffer, a value and a text.
        prop_assert!(taken(|| _ = records::read(which, &json)) < 400 * json.len() + 20_000);
    }

    #[test]
    fn opening_an_envelope_takes_memory_in_proportion_to_its_length(
        mut bytes in vec(any::<u8>(), 94..2000), metadata: u32, log2 in 12..25u8, flags: u8,
    ) {
        bytes[..5].copy_from_slice(b"RGR1\x01");
        bytes[5] = log2 | flags & 0xc0;
        bytes[26..30].copy_from_slice(&metadata.to_be_bytes());
        // A stream gathers small pieces in buffers of 64 KiB.
        prop_assert!(taken(|| _ = envelope::agree(&data_key(7), &bytes, 9)) < 20 * bytes.len() + 300_000);
    }

    #[test]
    fn an_envelope_under_a_known_key_takes_memory_in_proportion_to_its_length(length: u64, padded: bool, size in 0..2000usize) {
        let metadata = format!("{{\"type\":\"bytes\",\"length\":{length}}}");
        let sealed = envelope::seal(&data_key(7), padded, metadata.as_bytes(), &vec![1; size], None);
        prop_assert!(taken(|| _ = envelope::agree(&data_key(7), &sealed, 9)) < 20 * sealed.len() + 300_000);
    }

    #[test]
    fn text_takes_memory_in_proportion_to_its_length(text in any::<String>()) {
        let _ = key(1);
        let most = taken(|| {
            text::login(&text);
            text::encodings(&text);
            text::metadata(&text);
            text::resume("session/alice", &text);
        });
        prop_assert!(most < 100 * text.len() + 200_000, "{most}");
    }

    #[test]
    fn lengths_that_are_not_there_take_nothing(lengths in vec(any::<u32>(), 1..20)) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| length.to_be_bytes()).collect();
        let most = taken(|| {
            let mut rest = Input(&bytes).rest();
            while regrant::encoding::take_lp(&mut rest).is_ok() {}
        });
        prop_assert!(most < 2000, "{most}");
    }
}
