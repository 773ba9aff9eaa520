//! A run as a whole, over a server of the sandbox in this process that counts what it takes.

mod ends;
mod mute;
mod rig;
mod twice;
mod unfriendly;
