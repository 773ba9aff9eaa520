//! A workspace in a folder of its own, and the binary let loose in it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::run::{Run, Running};

/// How long a command of a hermetic test may take before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a campaign of these tests says unless a test says otherwise.
const CAMPAIGN: &str = r#"
subject = "{{first_name}}, the letter"
from = "Example News <news@example.com>"
template = "letter"
relays = ["desk"]
[list]
file = "recipients.csv"
name = "{{first_name}}"
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

const TEXT: &str = "Dear {{first_name}},\n\nthis is the letter.\n";
const HTML: &str = "<p>Dear {{first_name}},</p>\n<p>this is the letter.</p>\n";

/// A folder with campaigns, lists and templates; removed when dropped.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::with_prefix("mailrun-").expect("a folder for the test");
        let workspace = Self { folder };
        fs::create_dir(workspace.path("campaigns")).expect("a new folder");
        workspace
    }

    /// One campaign, `letter`, to `count` people through the built-in sandbox.
    pub(crate) fn letter(count: usize) -> Self {
        let workspace = Self::empty();
        workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\n");
        workspace.write("campaigns/letter/campaign.toml", CAMPAIGN);
        workspace.write("templates/letter/body.txt.hbs", TEXT);
        workspace.write("templates/letter/body.html.hbs", HTML);
        workspace.list(count);
        workspace
    }

    /// The same, through a server that listens on `port` of this machine.
    pub(crate) fn letter_to(port: u16, count: usize) -> Self {
        let workspace = Self::letter(count);
        workspace.relay(port, "");
        workspace
    }

    /// Makes the relay `desk` a server that listens on `port` of this machine, with more `settings`.
    pub(crate) fn relay(&self, port: u16, settings: &str) {
        let relay = format!(
            "[relays.desk]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nsessions = 1\n{settings}\n"
        );
        self.write("campaigns/relays.toml", &relay);
    }

    /// Replaces the list by `count` people: `person1@example.net` and so on.
    pub(crate) fn list(&self, count: usize) {
        self.list_with(count, "");
    }

    /// The same, with more rows at the end.
    pub(crate) fn list_with(&self, count: usize, rows: &str) {
        let mut list = String::from("email,first_name\n");
        for number in 1..=count {
            writeln!(list, "person{number}@example.net,Person {number}")
                .expect("a text takes what is written");
        }
        list.push_str(rows);
        self.write("campaigns/letter/recipients.csv", list);
    }

    /// Replaces a text that stands in a file.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, before: &str, after: &str) {
        let content = fs::read_to_string(self.path(path)).expect("a file of the workspace can be read");
        assert!(content.contains(before), "{before:?} stands in {path}");
        self.write(path, content.replace(before, after));
    }

    /// Adds settings to the end of the campaign `letter`.
    pub(crate) fn settings(&self, settings: &str) {
        self.write("campaigns/letter/campaign.toml", format!("{CAMPAIGN}\n{settings}\n"));
    }

    /// Makes a second campaign of the same files.
    pub(crate) fn copy_campaign(&self, from: &str, to: &str) {
        for file in ["campaign.toml", "recipients.csv"] {
            let content =
                fs::read(self.path(&format!("campaigns/{from}/{file}"))).expect("a file of the campaign");
            self.write(&format!("campaigns/{to}/{file}"), content);
        }
    }

    /// Writes a file, and the folders it stands in.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a new folder");
        fs::write(path, content).expect("a file of the workspace can be written");
    }

    /// Where a file of the workspace lies.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs mailrun to its end.
    #[track_caller]
    pub(crate) fn mailrun(&self, arguments: &[&str]) -> Run {
        self.mailrun_with(&[], arguments)
    }

    /// Runs mailrun to its end with more variables in its environment.
    #[track_caller]
    pub(crate) fn mailrun_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let output = assert_cmd::Command::from_std(self.command(arguments))
            .envs(variables.iter().copied())
            .timeout(PATIENCE)
            .output()
            .expect("the binary can be started");
        Run::new(format!("mailrun {}", arguments.join(" ")), output)
    }

    /// Starts mailrun and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(&[], arguments)
    }

    /// Starts mailrun with more variables in its environment.
    pub(crate) fn start_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Running {
        let child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        Running::new(format!("mailrun {}", arguments.join(" ")), child)
    }

    /// The command, in this workspace and away from whatever the machine is set to.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            .env_remove("MAILRUN_DIR")
            .env_remove("MAILRUN_STATE")
            .env_remove("RUST_BACKTRACE");
        command
    }

    /// Every file below a folder of the workspace whose name ends in `ending`.
    pub(crate) fn files(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.path(folder), ending, &mut found);
        found.sort();
        found
    }
}

/// The binary under test: the one cargo built beside the tests, or the one `MAILRUN_BINARY` names.
pub(crate) fn binary() -> PathBuf {
    match std::env::var_os("MAILRUN_BINARY") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_mailrun")),
    }
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            collect(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}
