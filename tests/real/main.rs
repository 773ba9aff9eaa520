//! mailrun against what it did not bring along: Debian's Postfix, Exim and `OpenSMTPD`, a full disk and one
//! that fails, a clock that was set back.
//!
//! Each test says what it needs, and is left out of a plain `cargo test`; `tests/run` installs what is
//! missing and runs them all, with the release binary in `MAILRUN_BINARY`.

#[allow(dead_code, unused_imports, reason = "each test crate uses its part of the stage")]
#[path = "../stage/mod.rs"]
mod stage;

mod certificate;
mod clock;
mod disk;
mod exim;
mod exim_log;
mod failing_sync;
mod foreign;
mod greylist;
mod letters;
mod opensmtpd;
mod opensmtpd_log;
mod postfix;
mod postfix_log;
mod races;
mod server;
mod server_log;
mod signals;
mod sink;
mod suspend;
mod trial;
