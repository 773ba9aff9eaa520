//! A workspace in a folder of its own, and a server that writes down whom it took mail for.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;
use tokio::sync::mpsc::unbounded_channel;

use crate::campaign::Workspace;
use crate::engine::shutdown::Shutdown;
use crate::engine::{
    Again, Desk, Ending, EngineError, Invalid, Orders, PlanRequest, Planned, Render, Run, clock,
};
use crate::mail::{RecipientNo, State};
use crate::sandbox::{Mailbox, Server};
use crate::store::{History, Plan};

const CAMPAIGN: &str = r#"
subject = "The letter"
from = "Example News <news@example.com>"
template = "letter"
relays = ["desk"]
[list]
file = "recipients.csv"
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

/// A workspace with one campaign, `letter`, and the server behind its one relay.
pub(in crate::engine) struct Rig {
    folder: TempDir,
    pub(in crate::engine) server: Server,
}

impl Rig {
    /// A campaign to these, through a server that behaves as `persona` says. `relay` and `send` are more
    /// settings of the relay and of the campaign's `[send]`.
    pub(in crate::engine) fn new(people: &[String], persona: &str, (relay, send): (&str, &str)) -> Self {
        let folder = TempDir::with_prefix("mailrun-").expect("a folder for the test");
        let mailbox = Mailbox::count().logged(folder.path().join("taken"), clock::now());
        let persona = toml::from_str(persona).expect("a persona");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(address, persona, mailbox).expect("a free port");
        let rig = Self { folder, server };
        rig.write("campaigns/letter/campaign.toml", &format!("{CAMPAIGN}\n[send]\n{send}\n"));
        rig.write("templates/letter/body.txt.hbs", "Dear all,\n\nthis is the letter.\n");
        rig.write("campaigns/letter/recipients.csv", &format!("email\n{}\n", people.join("\n")));
        rig.relay(relay);
        rig
    }

    /// Sets the relay up anew.
    pub(in crate::engine) fn relay(&self, settings: &str) {
        self.relay_at(self.server.address().port(), settings);
    }

    /// Sets the relay up anew, as what listens on `port` of this machine.
    pub(in crate::engine) fn relay_at(&self, port: u16, settings: &str) {
        let relay =
            format!("[relays.desk]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n{settings}\n");
        self.write("campaigns/relays.toml", &relay);
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a new folder");
        fs::write(path, content).expect("a new file");
    }

    pub(in crate::engine) fn workspace(&self) -> Workspace {
        Workspace::find(self.folder.path(), Some(self.folder.path()), None).expect("a workspace")
    }

    pub(in crate::engine) fn desk(&self) -> Desk {
        Desk::load(self.workspace(), "letter", None).expect("files in order")
    }

    pub(in crate::engine) fn plan(&self) -> Planned {
        let (again, invalid, render) = (Again::No, Invalid::Stop, Render::Strict);
        let request = PlanRequest { again, invalid, render, what_if: Vec::new() };
        self.desk().plan(&request, &|_| {}).expect("a plan")
    }

    /// A run from the beginning.
    pub(in crate::engine) fn send(&self, orders: Orders) -> Run {
        Run::send(self.desk(), &self.plan(), orders).expect("nothing else runs")
    }

    pub(in crate::engine) fn resume(&self, orders: Orders) -> Result<Run, EngineError> {
        Run::resume(self.desk(), orders)
    }

    /// Where everybody stands, by address, as the journal of the last run has it.
    pub(in crate::engine) fn states(&self) -> BTreeMap<String, State> {
        let history = History::read(self.workspace().state_dir()).expect("a journal");
        let run = history.latest("letter").expect("a run");
        let plan = Plan::open(self.workspace().state_dir(), run.plan).expect("a plan");
        (0..plan.len())
            .map(|place| {
                let recipient = plan.recipient(RecipientNo(place)).expect("a row");
                (recipient.address.to_string(), run.states[place as usize])
            })
            .collect()
    }

    /// The Message-IDs under which the server took mail, by recipient.
    pub(in crate::engine) fn taken(&self) -> BTreeMap<String, Vec<String>> {
        let log = fs::read_to_string(self.folder.path().join("taken")).unwrap_or_default();
        let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in log.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            taken.entry(fields[3].to_owned()).or_default().push(fields[1].to_owned());
        }
        taken
    }

    /// What the journal says agrees with what the server took: who was accepted was taken once, who was
    /// taken is accepted or named uncertain, and nobody was taken twice.
    #[track_caller]
    pub(in crate::engine) fn agrees(&self) -> BTreeMap<String, State> {
        let (states, taken) = (self.states(), self.taken());
        for (who, state) in &states {
            let times = taken.get(who).map_or(0, Vec::len);
            match state {
                State::Accepted => assert_eq!(times, 1, "{who} is accepted"),
                State::Uncertain => assert!(times <= 1, "{who} was taken {times} times"),
                other => assert_eq!(times, 0, "{who} is {other:?}"),
            }
        }
        states
    }
}

/// `count` people whose addresses begin with `name`.
pub(in crate::engine) fn people(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name}{number}@example.net")).collect()
}

/// Drives a run to its end; nobody sends it a signal.
pub(in crate::engine) async fn to_its_end(run: Run) -> Result<Ending, EngineError> {
    let ((_signals, heard), (events, _told)) = (unbounded_channel(), unbounded_channel());
    run.drive_until(Shutdown::hear(heard), events).await
}
