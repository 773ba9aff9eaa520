//! The store under damage, crashes and full disks.

mod aside;
mod checkpoint;
mod clock;
mod crash;
mod damage;
mod examine;
mod index;
mod open;
mod plans;
mod purge;
mod record;
mod rig;
