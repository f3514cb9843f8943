//! A relay to deploy: the rules of `regrant-relay` over HTTP, on SQLite or PostgreSQL.

pub mod announce;
pub mod cli;
pub mod http;
pub mod hub;
pub mod operate;
pub mod relay;
pub mod serve;
pub mod server;
pub mod storage;
pub mod tenants;
pub mod user_tokens;
