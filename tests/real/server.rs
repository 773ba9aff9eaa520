//! A mail server in a root of its own, where its package is installed and no other: see `peers.sh`.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificate;
use crate::server_log::ServerLog;
use crate::stage::free_port;

/// How long to wait between two looks at a server, and how often to look.
const GLANCE: Duration = Duration::from_millis(100);
const GLANCES: usize = 600;

/// The running server; killed when dropped, with all that it started.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    /// What vouches for its certificate, a PEM file.
    pub(crate) authority: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Server {
    /// Runs `script DIR PORT arguments..` above the layer of `package`, and waits until it listens.
    pub(crate) fn start(package: &str, script: &str, arguments: &[&str]) -> Self {
        let layers = std::env::var_os("MAILRUN_PEERS").expect(
            "MAILRUN_PEERS names the folder that `tests/real/peers.sh make` filled; tests/run does it all",
        );
        let folder = TempDir::with_prefix("mailrun-peer-").expect("a folder for the server");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of our own");
        let authority = certificate::issue(folder.path());
        let port = free_port();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real");
        let child = Command::new(here.join("peers.sh"))
            .args(["run".as_ref(), layers.as_os_str(), package.as_ref(), folder.path().as_os_str()])
            .arg(here.join(script))
            .arg(folder.path())
            .arg(port.to_string())
            .args(arguments)
            .spawn()
            .expect("bash runs");
        let mut server = Self { child, folder, authority, port };
        for _ in 0..GLANCES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            let ended = server.child.try_wait().expect("a child can be asked for its end");
            assert!(ended.is_none(), "{script} ended at once: {ended:?}");
            thread::sleep(GLANCE);
        }
        panic!("{script}: nobody listens on port {port}");
    }

    /// What stands in a file of its folder.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).expect("a server keeps its log")
    }

    /// Its log, once everything it took has left its queue.
    pub(crate) fn log(&self, file: &str, read: fn(&str) -> ServerLog) -> ServerLog {
        settled(|| read(&self.read(file)))
    }
}

/// A log, once everything taken has left the queue.
pub(crate) fn settled(read: impl Fn() -> ServerLog) -> ServerLog {
    let mut queued = 0;
    for _ in 0..GLANCES {
        let log = read();
        if log.queued == 0 {
            return log;
        }
        queued = log.queued;
        thread::sleep(GLANCE);
    }
    panic!("{queued} messages were taken and not delivered");
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
