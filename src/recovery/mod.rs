//! Getting access back after a loss.

pub mod access_back;
pub mod notify;
