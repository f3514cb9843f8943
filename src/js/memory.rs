//! The module's memory: what is given back is wiped first, whoever used it.
//!
//! Secrets are wiped where they are dropped. But a string on its way from JavaScript, a vector that grew, a number
//! inside a crate that knows no wiping: they all leave copies, and JavaScript can read this memory. So the allocator
//! wipes. Bulk data is hardly ever here: it stays in JavaScript.

#![allow(unsafe_code, reason = "an allocator cannot be written without; this one hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{Ordering, compiler_fence};

struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: every call goes to `System` as it came. Growing is left to the trait: a new block, a copy, and the old one
// back to `dealloc`, which owns its `layout.size()` bytes until it hands them on.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe {
            block.write_bytes(0, layout.size());
            // Nobody reads these zeros: they have to be written all the same.
            compiler_fence(Ordering::SeqCst);
            System.dealloc(block, layout);
        }
    }
}
