//! What the DNS says of those who send: records in, findings out.
//!
//! [`look_up`] asks for every record that a [`Sender`] needs, and hands them to the files of this folder, which
//! judge them without a network: `spf` (RFC 7208), `domain_key` (DKIM, RFC 6376), `dmarc` (RFC 7489) and
//! `exchangers` (MX, RFC 5321, 5.1). A name that could not be asked for is a finding too, never a fault: a line
//! that is down must not look like a record that is missing.

mod dmarc;
mod domain_key;
mod exchangers;
mod finding;
mod records;
mod spf;
mod tags;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

pub use domain_key::DomainKey;
pub use finding::{Finding, State, Subject};
use records::{Answer, Kind, Records};

/// How long one question may take before it is asked again.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a question is asked again.
const ATTEMPTS: usize = 1;
/// Names that are asked for SPF records at most. RFC 7208, 4.6.4 allows ten look-ups, so a record that leads
/// further is wrong anyway.
const SPF_NAMES: usize = 24;

/// Whose records are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// The domain of From: A-labels, lower case.
    pub from: String,
    /// The domain of the reverse-path, likewise.
    pub reverse_path: String,
    /// Through whom the mail leaves.
    pub providers: Vec<Provider>,
    /// The keys that mailrun signs with.
    pub keys: Vec<DomainKey>,
}

/// Somebody through whom mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What the operator calls it.
    pub relay: String,
    /// The domain that its customers name in an SPF `include`; none where that is not known.
    pub include: Option<String>,
    /// How much the reverse-path's SPF record matters.
    pub reverse_path: ReversePath,
}

/// What a provider does with the reverse-path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversePath {
    /// Mail leaves with it as it is.
    Kept,
    /// Services may put their own in its place, for which their own SPF record answers.
    MayBeReplaced,
}

/// Looks up what is published for a sender, and judges it. Asks the resolver at `server`, or those that this
/// machine is set to. Takes seconds where nobody answers.
pub async fn look_up(sender: &Sender, server: Option<SocketAddr>) -> Vec<Finding> {
    let resolver = Asking::of(server);
    let mut records = Records::default();
    resolver.ask_all(&mut records, questions(sender)).await;
    // Where an SPF record leads, which only the record says.
    let mut names = VecDeque::from([sender.reverse_path.clone()]);
    for _ in 0..SPF_NAMES {
        let Some(name) = names.pop_front() else { break };
        resolver.ask(&mut records, Kind::Text, name.clone()).await;
        names.extend(spf::leads_to(&name, &records));
    }
    judge(sender, &records)
}

/// The same for keys alone.
pub async fn look_up_keys(keys: &[DomainKey], server: Option<SocketAddr>) -> Vec<Finding> {
    let resolver = Asking::of(server);
    let mut records = Records::default();
    resolver.ask_all(&mut records, keys.iter().map(|key| (Kind::Text, key.name())).collect()).await;
    keys.iter().map(|key| domain_key::judge(key, &records)).collect()
}

/// What must be asked whatever the answers are.
fn questions(sender: &Sender) -> Vec<(Kind, String)> {
    let policies = dmarc::names(&sender.from).into_iter().chain(dmarc::names(&sender.reverse_path));
    let keys = sender.keys.iter().map(DomainKey::name);
    let senders = [sender.reverse_path.clone()];
    let texts = policies.chain(keys).chain(senders).map(|name| (Kind::Text, name));
    let domains = [&sender.from, &sender.reverse_path].into_iter().cloned();
    let hosts = domains.flat_map(|domain| {
        [Kind::Exchanger, Kind::Address, Kind::LongAddress].map(|kind| (kind, domain.clone()))
    });
    texts.chain(hosts).collect()
}

/// What is to be said of the answers.
fn judge(sender: &Sender, records: &Records) -> Vec<Finding> {
    let mut findings = spf::judge(sender, records);
    findings.extend(sender.keys.iter().map(|key| domain_key::judge(key, records)));
    findings.extend(dmarc::judge(sender, records));
    findings.extend(exchangers::judge(sender, records));
    findings
}

/// Who is asked, or why there is nobody.
struct Asking(Result<TokioResolver, String>);

impl Asking {
    fn of(server: Option<SocketAddr>) -> Self {
        Self(resolver(server).map_err(|error| error.to_string()))
    }

    /// Asks for many records at once, so that a resolver which says nothing is waited for once.
    async fn ask_all(&self, records: &mut Records, questions: Vec<(Kind, String)>) {
        let asked = questions.into_iter().map(|(kind, name)| async move {
            let answer = self.answer(kind, &name).await;
            (kind, name, answer)
        });
        for (kind, name, answer) in join_all(asked).await {
            records.insert(kind, name, answer);
        }
    }

    /// Asks for the records of one name, unless that was done already.
    async fn ask(&self, records: &mut Records, kind: Kind, name: String) {
        if !records.knows(kind, &name) {
            let answer = self.answer(kind, &name).await;
            records.insert(kind, name, answer);
        }
    }

    async fn answer(&self, kind: Kind, name: &str) -> Answer {
        let resolver = match &self.0 {
            Ok(resolver) => resolver,
            Err(why) => return Answer::Unknown(why.clone()),
        };
        let wanted = match kind {
            Kind::Text => RecordType::TXT,
            Kind::Exchanger => RecordType::MX,
            Kind::Address => RecordType::A,
            Kind::LongAddress => RecordType::AAAA,
        };
        let Ok(full) = Name::from_ascii(format!("{name}.")) else {
            // No such name can exist, so nothing is published under it.
            return Answer::Nothing;
        };
        match resolver.lookup(full, wanted).await {
            Ok(found) => {
                Answer::of(found.answers().iter().filter_map(|record| text_of(&record.data)).collect())
            }
            Err(error) if error.is_no_records_found() => Answer::Nothing,
            Err(error) => Answer::Unknown(error.to_string()),
        }
    }
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = PATIENCE;
    options.attempts = ATTEMPTS;
    builder.build()
}

/// A record in words: of a TXT record all its strings in one (RFC 7208, 3.3; RFC 6376, 3.6.2.2).
fn text_of(data: &RData) -> Option<String> {
    match data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        RData::MX(exchanger) => {
            let host = exchanger.exchange.to_ascii().to_ascii_lowercase();
            Some(if host == "." { host } else { host.trim_end_matches('.').to_owned() })
        }
        RData::A(address) => Some(address.to_string()),
        RData::AAAA(address) => Some(address.to_string()),
        // An alias on the way to the records is none of them.
        _ => None,
    }
}
