//! The whole engine in a world made of chance: a campaign is sent, cut off at any point and resumed, a million
//! times over, and everything is judged after every step.
//!
//! Loop, settling, gate, scheduler, ledger, journal and recovery are the real ones. In place of the rest there
//! are a disk that tears and forgets, clocks that are told the time, relays that submit to nobody, and virtual
//! time. One seed decides all of it, so that whatever goes wrong can be made to go wrong again:
//! `MAILRUN_SEED=N` replays the life of seed N, and it is the same life. In reading order:
//!
//! - `chance`: throws from a seed; `stage`: a workspace for a thread; `scenario`: what a seed decides before
//!   anything happens;
//! - `time`: what is true and what clocks show; `server`: what was taken, and limits that must hold;
//!   `replies`: how servers refuse;
//! - `relay`, `session`, `line`: relays that are simulated, from batch to outcome;
//! - `world`: all that is not the engine, and the power switch; `weather`: what befalls a process;
//! - `judge`: what is durable, record by record; `checks`: what must hold between the steps; `trace`: what
//!   happened;
//! - `life`: one seed from its beginning to its end; `soak`: many of them, and those that are kept.

mod chance;
mod checks;
mod judge;
mod life;
mod line;
mod relay;
mod replies;
mod scenario;
mod server;
mod session;
mod soak;
mod stage;
mod time;
mod trace;
mod weather;
mod world;
