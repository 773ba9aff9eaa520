//! A run while it goes on.
//!
//! The engine tells; a [`Watcher`] shows, as bars on a terminal, as lines elsewhere, as JSON Lines for
//! programs, or not at all. A slow terminal never holds up a run: what is shown is the newest picture at
//! each beat. In reading order:
//!
//! - `watch`: the loop between engine and watcher;
//! - `pace`: how fast, and how much longer;
//! - `picture`: what there is to see, as text for a width;
//! - `bars`, `lines`, `stream`: the ways to show it; `echo`: what the terminal writes by itself.

mod bars;
mod echo;
mod lines;
mod pace;
mod picture;
mod stream;
mod watch;

pub(crate) use watch::{Watched, Watcher, watch};
