//! The probes of `tests/probe/`, which the fuzz targets share with the tests that replay their corpora.

#[path = "../tests/support/here.rs"]
pub mod here;
#[path = "../tests/probe/mod.rs"]
pub mod probe;
