//! What holds for whatever comes from outside: it is read as it was written, or refused; nothing panics, nothing
//! takes more memory than its length allows, and every limit stands exactly where `docs/protocol.md` says.

mod allocation;
mod anything;
mod limits;
mod records;
