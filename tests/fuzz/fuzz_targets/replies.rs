//! Fuzzes the reply parser.

#![no_main]

#[path = "../oracles.rs"]
mod oracles;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| oracles::replies(octets));
