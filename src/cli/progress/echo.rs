//! Keeps the terminal from writing `^C` among the bars.
//!
//! The cursor rests at the right edge below the bars, so the two characters would begin a line that the
//! next picture knows nothing of. Everything else that is typed shows as ever, and the terminal is as it
//! was once this is dropped; a kill leaves behind a terminal that does not write `^C`, and no other harm.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// A terminal on stdin that writes no control characters.
#[derive(Debug)]
pub(super) struct Echo(());

impl Echo {
    /// Begins; nothing happens if stdin is no terminal, or one that writes none anyway.
    pub(super) fn without_controls() -> Option<Self> {
        let mut modes = tcgetattr(io::stdin()).ok()?;
        if !modes.local_modes.contains(LocalModes::ECHOCTL) {
            return None;
        }
        modes.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(io::stdin(), OptionalActions::Now, &modes).ok()?;
        Some(Self(()))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Ok(mut modes) = tcgetattr(io::stdin()) {
            modes.local_modes.insert(LocalModes::ECHOCTL);
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        }
    }
}
