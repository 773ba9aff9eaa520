//! A terminal that somebody types at: for questions, which are asked nowhere else.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Output;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::run::Run;
use super::workspace::Workspace;

/// How long a test waits for a question.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command at a terminal of its own: stdin and stderr are the terminal, stdout is a pipe.
pub(crate) struct Terminal {
    command: String,
    child: std::process::Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    /// Starts mailrun at it.
    pub(crate) fn start(workspace: &Workspace, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal of our own");
        let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
        let line = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        let stderr = line.try_clone().expect("a second handle");
        let child = workspace
            .command(arguments)
            .env("TERM", "xterm")
            .stdin(line)
            .stdout(std::process::Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary can be started");
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("a second handle");
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Ends with an error once nobody holds the other end.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let command = format!("mailrun {} (at a terminal)", arguments.join(" "));
        Self { command, child, keyboard, screen, shown: String::new() }
    }

    /// Waits until `words` stand on the screen, in one line.
    #[track_caller]
    pub(crate) fn waits_for(mut self, words: &str) -> Self {
        while !self.shown.contains(words) {
            let Ok(more) = self.screen.recv_timeout(PATIENCE) else {
                panic!("{words:?} does not come: {}", self.shown);
            };
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
        self
    }

    /// Types a line.
    pub(crate) fn types(mut self, line: &str) -> Self {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).expect("a terminal takes what is typed");
        self
    }

    /// Waits for the end; what stood on the screen is stderr.
    pub(crate) fn wait(mut self) -> Run {
        let mut stdout = Vec::new();
        let pipe = self.child.stdout.as_mut().expect("stdout is a pipe");
        pipe.read_to_end(&mut stdout).expect("a pipe of a child can be read");
        let status = self.child.wait().expect("a child can be waited for");
        while let Ok(more) = self.screen.recv_timeout(PATIENCE) {
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
        let stderr = console::strip_ansi_codes(&self.shown).into_owned().into_bytes();
        Run::new(self.command.clone(), Output { status, stdout, stderr })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only where the process has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
