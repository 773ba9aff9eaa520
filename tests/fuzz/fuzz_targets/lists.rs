//! Fuzzes what stands in a list.

#![no_main]

#[path = "../lists.rs"]
mod lists;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| lists::row(octets));
