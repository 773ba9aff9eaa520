//! Postfix's smtp-sink: a server that takes everything, and dumps envelope and message into a file.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::server_log::{ServerLog, bare};

/// The running server; killed when dropped.
pub(crate) struct Sink {
    child: Child,
    folder: TempDir,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Sink {
    /// Starts it, as root under another user's name, as it demands.
    pub(crate) fn start(port: u16) -> Self {
        let folder = TempDir::with_prefix("mailrun-sink-").expect("a folder for the sink");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("a folder of our own");
        let child = Command::new("smtp-sink")
            .args(["-u", "nobody", "-m", "1000", "-D"])
            .arg(folder.path().join("dump"))
            .args([&format!("127.0.0.1:{port}"), "1024"])
            .spawn()
            .expect("smtp-sink, of Debian's postfix");
        let sink = Self { child, folder, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return sink;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("smtp-sink does not listen on port {port}");
    }

    /// What it took; it refuses nobody.
    pub(crate) fn log(&self) -> ServerLog {
        let dump = fs::read(self.dump()).unwrap_or_default();
        read_dump(&String::from_utf8_lossy(&dump))
    }

    fn dump(&self) -> PathBuf {
        self.folder.path().join("dump")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a dump: for each message `X-..-Args:` lines of the envelope, the message, an empty line.
fn read_dump(text: &str) -> ServerLog {
    let mut log = ServerLog::default();
    let mut recipients: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("X-Mail-Args:") {
            recipients.clear();
        } else if let Some(arguments) = line.strip_prefix("X-Rcpt-Args:") {
            let path = arguments.trim().split('>').next().unwrap_or_default();
            recipients.push(bare(path).to_owned());
        } else if let Some((_, message_id)) =
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("message-id"))
        {
            for recipient in recipients.drain(..) {
                log.took(&recipient, "", message_id);
            }
        }
    }
    log
}

#[test]
fn a_dump_is_read_as_smtp_sink_writes_it() {
    let log = read_dump(
        "X-Client-Addr: 127.0.0.1\nX-Mail-Args: <a@example.com>\nX-Rcpt-Args: <1@example.net>\n\
         X-Rcpt-Args: <2@example.net>\nReceived: from vm\nMessage-Id: <5e2b@vm>\n\ntext\n\n\
         X-Mail-Args: <a@example.com>\nX-Rcpt-Args: <2@example.net> NOTIFY=NEVER\nMessage-ID: <6e2b@vm>\n\n",
    );
    let ids = |recipient: &str| {
        log.taken[recipient].iter().map(|taken| taken.message_id.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(ids("1@example.net"), ["5e2b@vm"]);
    assert_eq!(ids("2@example.net"), ["5e2b@vm", "6e2b@vm"]);
}
