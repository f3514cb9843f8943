//! The tests of the server, in one binary: each further one costs a link.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unimplemented,
    missing_docs,
    unreachable_pub
)]

mod backup;
mod client;
mod here;
mod nodes;
mod operating;
mod over_http;
mod places;
mod storage;
mod wire;

// The stories that the relay in memory is tested by, over a database.
#[path = "../../tests/carried_over.rs"]
mod carried_over;
#[path = "../../tests/co_writers.rs"]
mod co_writers;
#[path = "../../tests/graph.rs"]
mod graph;
#[path = "../../tests/locking_out.rs"]
mod locking_out;
#[path = "../../tests/rules.rs"]
mod rules;
#[path = "../../tests/sessions.rs"]
mod sessions;
#[path = "../../tests/story.rs"]
mod story;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/takeover.rs"]
mod takeover;
