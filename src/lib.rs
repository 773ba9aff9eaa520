//! mailrun: a bulk mailing campaign engine for the terminal.
//!
//! The rooms, from the ground up; each opens with its own story. A line may import from a lower room,
//! never from a higher one (`tests/architecture.rs` keeps the arrows, `ARCHITECTURE.md` draws them).

pub mod campaign;
pub mod cli;
pub mod compose;
pub mod engine;
pub mod mail;
pub mod plan;
pub mod policy;
pub mod relay;
pub mod sandbox;
pub mod schedule;
pub mod smtp;
pub mod store;
