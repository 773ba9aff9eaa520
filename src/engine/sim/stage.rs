//! A workspace for one thread: campaigns and relays in files, plans frozen once for all of its seeds.
//!
//! It lies in memory where the machine has a file system there, as whoever begins a million times syncs a
//! million times. Journals do not lie in it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::campaign::{Relays, Workspace};
use crate::engine::{Again, Desk, Invalid, PlanRequest, Planned, Render};

/// A campaign: its name, how many people it has, and how many share a message at most.
pub(super) const SHAPES: [(&str, usize, Option<u32>); 9] = [
    ("one", 1, None),
    ("few", 4, None),
    ("some", 15, None),
    ("many", 60, None),
    ("crowd", 200, None),
    ("pair", 6, Some(2)),
    ("groups", 25, Some(4)),
    ("herds", 60, Some(10)),
    ("masses", 200, Some(10)),
];

/// Every kind of relay. What numbers they have is drawn by each seed.
const RELAYS: &str = r#"
[relays.near]
host = "127.0.0.1"
port = 2525
tls = "none"
[relays.far]
host = "mx.far.example"
[relays.rolling]
host = "mx.rolling.example"
quotas = [{ limit = 50, unit = "recipients", per = "24h" }]
[relays.several]
host = "mx.several.example"
quotas = [{ limit = 50, unit = "messages", per = "24h" }, { limit = 20, unit = "recipients", per = "1h" }]
[relays.berlin]
host = "mx.berlin.example"
quotas = [{ limit = 50, unit = "recipients", per = "day", zone = "Europe/Berlin" }]
[relays.york]
host = "mx.york.example"
quotas = [{ limit = 50, unit = "messages", per = "day", zone = "America/New_York" }]
[relays.howe]
host = "mx.howe.example"
quotas = [{ limit = 50, unit = "recipients", per = "day", zone = "Australia/Lord_Howe" }]
[relays.minutes]
host = "mx.minutes.example"
quotas = [{ limit = 10, unit = "recipients", per = "5m" }]
[relays.young]
host = "mx.young.example"
quotas = [{ limit = 50, unit = "recipients", per = "24h" }]
warmup = { from = 5, factor = 2.0, zone = "UTC" }
[relays.slow]
host = "mx.slow.example"
rate = "2/s"
[relays.slow.domains]
"d1.example.net" = { sessions = 1, rate = "1/s" }
"*" = { sessions = 1 }
[relays.twin]
host = "mx.twin.example"
quotas = [{ limit = 50, unit = "recipients", per = "24h" }]
[relays.other_twin]
host = "mx.twin.example"
quotas = [{ limit = 50, unit = "recipients", per = "24h" }]
"#;

/// A workspace, and every campaign planned.
pub(super) struct Stage {
    folder: TempDir,
    /// Each with all relays of the workspace.
    pub(super) shapes: Vec<(Desk, Planned)>,
    /// With a window from morning to evening on working days, in Berlin.
    pub(super) by_day: Desk,
    /// With a window through the night, in New York.
    pub(super) by_night: Desk,
}

impl Stage {
    pub(super) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            TempDir::with_prefix_in("mailrun-sim-", memory)
        } else {
            TempDir::with_prefix("mailrun-sim-")
        };
        let folder = folder.expect("a folder for the simulation");
        write(folder.path(), "campaigns/relays.toml", RELAYS);
        write(folder.path(), "templates/letter/body.txt.hbs", "Dear all,\n\nthis is the letter.\n");
        let day = "window = { days = \"mon-fri\", from = \"09:00\", to = \"17:30\" }";
        let night = "window = { days = \"mon-sun\", from = \"22:00\", to = \"04:00\" }";
        campaign(folder.path(), "by_day", (2, None), ("Europe/Berlin", day));
        campaign(folder.path(), "by_night", (2, None), ("America/New_York", night));
        for (name, people, group) in SHAPES {
            campaign(folder.path(), name, (people, group), ("UTC", ""));
        }
        let load = |name: &str| Desk::load(workspace(folder.path()), name, None).expect("files in order");
        let (by_day, by_night) = (load("by_day"), load("by_night"));
        // So that a seed means the same everywhere: the Message-IDs hang on it.
        fs::create_dir_all(folder.path().join(".mailrun")).expect("a new folder");
        restrict(&folder.path().join(".mailrun"));
        fs::write(folder.path().join(".mailrun/keys"), [1; 33]).expect("a new file");
        let shapes = SHAPES.iter().map(|(name, _, group)| {
            let mut desk = load(name);
            desk.relays = Relays::load(&desk.workspace).expect("relays in order").relays;
            for relay in &mut desk.relays {
                relay.recipients_per_message = group.unwrap_or(1);
            }
            let (again, invalid, render) = (Again::No, Invalid::Stop, Render::No);
            let request = PlanRequest { again, invalid, render, what_if: Vec::new() };
            let planned = desk.plan(&request, &|_| {}).expect("a plan");
            (desk, planned)
        });
        let shapes = shapes.collect();
        Self { folder, shapes, by_day, by_night }
    }

    /// Forgets what a seed has left behind.
    pub(super) fn sweep(&self) {
        // Not there is as good as removed.
        let _ = fs::remove_file(self.state().join("suppressions"));
    }

    /// The state folder.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.path().join(".mailrun")
    }
}

fn workspace(folder: &Path) -> Workspace {
    Workspace::find(folder, Some(folder), None).expect("a workspace")
}

fn campaign(folder: &Path, name: &str, (people, group): (usize, Option<u32>), (zone, send): (&str, &str)) {
    let mode = if group.is_some() { "grouped" } else { "personal" };
    let text = format!(
        "subject = \"The letter\"\nfrom = \"Example News <news@example.com>\"\ntemplate = \"letter\"\n\
         relays = [\"near\"]\nzone = \"{zone}\"\n[list]\nfile = \"recipients.csv\"\n\
         [unsubscribe]\nmailto = \"unsubscribe@example.com\"\n[send]\nmode = \"{mode}\"\n{send}\n"
    );
    write(folder, &format!("campaigns/{name}/campaign.toml"), &text);
    let rows: Vec<String> = (0..people).map(|who| format!("p{who}@d{}.example.net", who % 7)).collect();
    write(folder, &format!("campaigns/{name}/recipients.csv"), &format!("email\n{}\n", rows.join("\n")));
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a new folder");
    fs::write(path, content).expect("a new file");
}

fn restrict(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("our own folder");
}
