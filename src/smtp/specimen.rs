//! Messages and gates for the tests of this room and of the one above it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::extension::Extensions;
use super::reply::Replies;
use super::session::{ClearTo, Security, Target};
use super::stream::{Ends, Route};
use super::timeouts::Timeouts;
use super::transaction::{Ending, Fate};
use crate::mail::{
    Address, Batch, BatchId, Digest, Envelope, Gate, Intent, Message, Permit, RecipientNo, Refused, RunNo,
    Ticket,
};

/// What servers announce: commands one by one.
pub(crate) const PLAIN: &str = "250-mx.example\r\n250 SIZE 1000\r\n";
/// What servers announce: commands in groups.
pub(crate) const PIPELINING: &str = "250-mx.example\r\n250 PIPELINING\r\n";
/// What servers announce: messages in one piece, several in flight.
pub(crate) const CHUNKING: &str = "250-mx.example\r\n250-CHUNKING\r\n250 PIPELINING\r\n";

/// What a reply to EHLO announces.
pub(crate) fn announced(octets: &str) -> Extensions {
    let mut replies = Replies::default();
    replies.extend(octets.as_bytes());
    let reply = replies.next_reply().expect("a reply").expect("a whole one");
    Extensions::parse(&reply)
}

/// The message of batch `number`, from `s@x.example`, whose recipients count on from `number * 100`.
pub(crate) fn message(number: u32, paths: &[&str], content: &str) -> Message {
    let address = |text: &&str| Address::parse(text).expect("an address");
    let count = u32::try_from(paths.len()).expect("few");
    Message {
        batch: Batch {
            id: BatchId { run: RunNo(1), number, part: 0 },
            attempt: 1,
            date: None,
            recipients: (0..count).map(|offset| RecipientNo(number * 100 + offset)).collect(),
        },
        envelope: Envelope {
            reverse_path: Some(address(&"s@x.example")),
            forward_paths: paths.iter().map(address).collect(),
            notify: None,
        },
        octets: Bytes::copy_from_slice(content.as_bytes()),
        digest: Digest([0; 16]),
        eight_bit: !content.is_ascii(),
        tail: Vec::new(),
    }
}

/// A permit for a batch, without any journal.
pub(crate) fn permit(batch: BatchId) -> Permit {
    Ticket::new(batch, std::future::ready(Ok(()))).permit().now_or_never().expect("ready").expect("given")
}

/// A gate that permits everything at once.
#[derive(Debug, Default)]
pub(crate) struct OpenGate;

impl Gate for OpenGate {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        Ok(Ticket::new(intent.batch.id, std::future::ready(Ok(()))))
    }
}

/// An ending in one line: the number of the batch, a star where an intent was recorded, the fates.
pub(crate) fn show(ending: &Ending) -> String {
    let fates: Vec<String> = ending.fates.iter().map(show_fate).collect();
    let star = if ending.intended.is_some() { "*" } else { "" };
    format!("{}{star}: {}", ending.batch.id.number, fates.join(", "))
}

fn show_fate(fate: &Fate) -> String {
    match fate {
        Fate::Answered(answer) => format!("{} {:?}", answer.reply.code, answer.phase),
        Fate::Unfit(answer) => format!("unfit {}", answer.reply.code),
        Fate::Doubtful(doubt) => format!("uncertain {doubt:?}"),
        Fate::Lost => "lost".to_owned(),
        Fate::NotSent => "not sent".to_owned(),
        Fate::Suppressed => "suppressed".to_owned(),
    }
}

/// What tests take for a server: waits for what we say and answers, line by line of `script`.
pub(crate) struct Server<S> {
    stream: S,
    heard: Vec<u8>,
    /// Up to where what was heard has been waited for.
    answered: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Server<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, heard: Vec::new(), answered: 0 }
    }

    /// Waits for each first half and answers with the second.
    pub(crate) async fn play(&mut self, script: &[(&str, &str)]) {
        for (awaited, reply) in script {
            self.hear(awaited).await;
            self.stream.write_all(reply.as_bytes()).await.expect("a client");
        }
    }

    /// Waits until what was heard since the last time ends with `awaited`.
    pub(crate) async fn hear(&mut self, awaited: &str) {
        while !self.heard[self.answered..].ends_with(awaited.as_bytes()) {
            let count = self.stream.read_buf(&mut self.heard).await.expect("a client");
            let heard = String::from_utf8_lossy(&self.heard);
            assert!(count > 0, "the client closed; waiting for {awaited:?}, heard {heard:?}");
        }
        self.answered = self.heard.len();
    }

    /// Waits for a line and gives it without its end.
    pub(crate) async fn line(&mut self) -> String {
        let from = self.answered;
        self.hear("\r\n").await;
        String::from_utf8_lossy(&self.heard[from..self.answered]).trim_end().to_owned()
    }

    /// Says something unasked.
    pub(crate) async fn try_say(&mut self, said: &str) -> std::io::Result<()> {
        self.stream.write_all(said.as_bytes()).await
    }

    /// Everything heard until the client closes.
    pub(crate) async fn rest(mut self) -> String {
        while matches!(self.stream.read_buf(&mut self.heard).await, Ok(count) if count > 0) {}
        String::from_utf8(self.heard).expect("text")
    }

    /// Everything heard so far, and the stream.
    pub(crate) fn into_parts(self) -> (String, S) {
        (String::from_utf8(self.heard).expect("text"), self.stream)
    }
}

/// A server's certificate for `name`: how it is presented, and how it is trusted (PEM).
pub(crate) fn certificate(name: &str) -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem().into_bytes())
}

/// A target in the clear on this machine, for streams that are no sockets.
pub(crate) fn target() -> Target {
    Target {
        host: "mx.example".into(),
        port: 0,
        security: Security::Clear,
        clear_to: ClearTo::Loopback,
        route: Route::default(),
        login: None,
        helo: Some("client.example".into()),
        trust: None,
        timeouts: Timeouts::default(),
    }
}

/// The ends of a connection on this machine.
pub(crate) fn loopback() -> Ends {
    let address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Ends { local: address, peer: address }
}
