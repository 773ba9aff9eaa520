//! Postcard written behind what a buffer already holds.
//!
//! Postcard's own ways make a vector of their own or move one in and out; the journal's hot path appends
//! to a buffer that it keeps.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

struct Tail<'a>(&'a mut Vec<u8>);

impl Flavor for Tail<'_> {
    type Output = ();

    fn try_push(&mut self, octet: u8) -> postcard::Result<()> {
        self.0.push(octet);
        Ok(())
    }

    fn try_extend(&mut self, octets: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(octets);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends `value` to `buffer`.
///
/// # Panics
/// If the value is of a kind that postcard does not know, such as a sequence of unknown length; the
/// types of this room are not.
pub(super) fn write_postcard(value: &impl Serialize, buffer: &mut Vec<u8>) {
    postcard::serialize_with_flavor(value, Tail(buffer)).expect("the types of this room can be serialised");
}
