//! A command that ended, and one that still runs.
//!
//! Exit codes are checked to the letter. Prose is not: [`Run::says`] looks for words while ignoring
//! white space and the rules that error reports are drawn with, as both depend on the width of a line.

use std::fs;
use std::io::Read;
use std::process::{Child, ExitStatus, Output};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    /// The command, for messages of tests that fail.
    pub(crate) command: String,
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

impl Run {
    /// Takes what a process left behind.
    pub(crate) fn new(command: String, output: Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("mailrun writes UTF-8 to stdout"),
            stderr: String::from_utf8(output.stderr).expect("mailrun writes UTF-8 to stderr"),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the exit code of {self}");
        self
    }

    /// Checks that `words` stand in stdout or stderr, wherever lines were broken.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let said = squeeze(&self.stdout) + &squeeze(&self.stderr);
        assert!(said.contains(&squeeze(words)), "{words:?} is missing from {self}");
        self
    }

    /// Checks that `words` stand in neither.
    #[track_caller]
    pub(crate) fn never_says(self, words: &str) -> Self {
        let said = squeeze(&self.stdout) + &squeeze(&self.stderr);
        assert!(!said.contains(&squeeze(words)), "{words:?} stands in {self}");
        self
    }

    /// The one JSON value that stdout holds.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(formatter, "{command}\nexit code {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}")
    }
}

/// What is left of a text when white space and drawn rules are taken out.
fn squeeze(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && *letter != '│' && *letter != '|').collect()
}

/// A command that still runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    command: String,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Takes charge of a child whose output is piped.
    pub(crate) fn new(command: String, child: Child) -> Self {
        Self { command, child, ended: None }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, signal).expect("a child that was not waited for can be sent a signal");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or(self.child.try_wait().expect("a child can be asked for its end"));
        self.ended.is_some()
    }

    /// Ends it with SIGKILL, as a power cut would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.end_now();
    }

    /// Stops it, and waits until none of its threads runs any more: until one of them has heeded SIGSTOP, the others
    /// go on.
    pub(crate) fn freeze(&self) {
        /// How often is looked, a millisecond apart.
        const LOOKS: u32 = 10_000;
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.pid());
        let stands = |stat: String| {
            // proc_pid_stat(5): the state follows the name, which may hold anything.
            stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['T', 't', 'Z', 'X']))
        };
        for _ in 0..LOOKS {
            let all = fs::read_dir(&threads).expect("the threads of a child").flatten();
            // A thread that has ended meanwhile runs no more either.
            if all.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok()).all(stands) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("{} does not stand still", self.command);
    }

    /// Waits for its own end.
    pub(crate) fn wait(mut self) -> Run {
        self.end()
    }

    /// The same, where it cannot be given away. Only once.
    pub(crate) fn end(&mut self) -> Run {
        let stdout = drain(self.child.stdout.take());
        let stderr = drain(self.child.stderr.take());
        let status = self.child.wait().expect("a child can be waited for");
        self.ended = Some(status);
        let output = Output {
            status,
            stdout: stdout.join().expect("stdout was read"),
            stderr: stderr.join().expect("stderr was read"),
        };
        Run::new(self.command.clone(), output)
    }

    fn end_now(&mut self) {
        if self.ended.is_none() {
            // Both fail only where the process has ended by itself, which is as good.
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_now();
    }
}

/// Reads a pipe to its end beside the caller, so that neither pipe of a child can fill up and stall it.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut octets).expect("a pipe of a child can be read");
        }
        octets
    })
}
