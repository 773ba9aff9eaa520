//! A run as a whole, over a server of the sandbox in this process that counts what it takes.

mod breakers;
mod ends;
mod mute;
pub(super) mod rig;
mod twice;
mod unfriendly;
