//! A session: greeted, encrypted and authenticated.
//!
//! [`Session::open`] is the one way to a session over the network, [`Session::begin`] to one over any stream;
//! the steps before it cannot be reached, so that nothing can be sent before them. A password leaves over
//! TLS only, or to this machine, or where the operator said `insecure`. STARTTLS that is missing or refused
//! is an error and never a reason to go on in the clear; octets put before the handshake are refused
//! (RFC 3207, 6; CVE-2011-0411), and what was announced before it is forgotten.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::auth::{Binds, Exchange, Line, Login, Mechanism, Peer, choose};
use super::command::{Charset, Command};
use super::connection::{Connection, note_reply};
use super::error::SmtpError;
use super::extension::{Extension, Extensions};
use super::stream::{Encryption, Ends, Route, Stream};
use super::timeouts::Timeouts;
use super::tls::{Trust, encrypt};
use super::transcript::{Said, Transcript};
use crate::mail::{Phase, Reply};

/// How a connection is encrypted. There is no "if possible".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet (RFC 8314, port 465).
    Implicit,
    /// STARTTLS before anything else (RFC 3207, port 587).
    StartTls,
    /// None.
    Clear,
}

/// Where a connection in the clear may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearTo {
    /// To this machine only.
    Loopback,
    /// Anywhere: the operator said `insecure`.
    Anywhere,
}

/// Where a session leads and how it is opened.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name or address of the server; its certificate must carry it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// Where a connection in the clear may lead.
    pub clear_to: ClearTo,
    /// What is known of the way there; targets of one relay share it.
    pub route: Route,
    /// Who logs in; none: nobody does.
    pub login: Option<Login>,
    /// What EHLO calls us; none: the address of our end, as RFC 5321, 4.1.4 has it.
    pub helo: Option<String>,
    /// Whose certificates are believed. Needed wherever there is TLS.
    pub trust: Option<Trust>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// A session in which mail can be sent.
#[derive(Debug)]
pub struct Session<S = TcpStream> {
    pub(super) connection: Connection<S>,
    pub(super) extensions: Extensions,
    pub(super) timeouts: Timeouts,
    mechanism: Option<Mechanism>,
}

impl Session<TcpStream> {
    /// Connects and opens a session.
    ///
    /// # Errors
    /// Whatever kept it from being greeted, encrypted and authenticated; the transcript says how far it came.
    pub async fn open(target: &Target, transcript: &mut Transcript) -> Result<Self, SmtpError> {
        let since = Instant::now();
        let stream = target.route.connect(&target.host, target.port, &target.timeouts).await?;
        transcript.time("connect", since);
        let ends = Ends::of(&stream);
        let peer = stream.peer_addr().ok();
        transcript.add(|| Said::Note(format!("connected to {}", describe(ends))));
        let session = Self::begin(stream, ends, target, transcript).await;
        if let Some(peer) = peer {
            match &session {
                Ok(_) => target.route.worked(peer),
                Err(error) if error.is_silence() => target.route.failed(peer),
                Err(_) => {}
            }
        }
        session
    }
}

fn describe(ends: Ends) -> String {
    ends.peer.map_or_else(|| "the server".to_owned(), |peer| peer.to_string())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Opens a session over a stream that is connected and still in the clear.
    ///
    /// # Errors
    /// As [`open`](Session::open).
    pub async fn begin(
        stream: S,
        ends: Ends,
        target: &Target,
        transcript: &mut Transcript,
    ) -> Result<Self, SmtpError> {
        let loopback = ends.peer.is_some_and(|peer| peer.is_loopback());
        let stream = match target.security {
            Security::Implicit => {
                let since = Instant::now();
                let stream = tls(stream, target, Phase::Connect, transcript).await?;
                transcript.time("TLS", since);
                stream
            }
            Security::StartTls => Stream::Plain(stream),
            Security::Clear if loopback || target.clear_to == ClearTo::Anywhere => Stream::Plain(stream),
            Security::Clear => return Err(SmtpError::InTheClear { host: target.host.clone() }),
        };
        let mut opening =
            Opening { connection: Connection::new(stream), target, name: our_name(target, ends), transcript };
        opening.greeting().await?;
        let mut extensions = opening.ehlo().await?;
        if target.security == Security::StartTls {
            opening = opening.start_tls(&extensions).await?;
            extensions = opening.ehlo().await?;
        }
        let since = Instant::now();
        let mechanism = match &target.login {
            Some(login) => Some(opening.log_in(login, &extensions).await?),
            None => None,
        };
        if mechanism.is_some() {
            opening.transcript.time("AUTH", since);
        }
        let connection = opening.connection;
        Ok(Self { connection, extensions, timeouts: target.timeouts, mechanism })
    }

    /// What the server announced last.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What TLS came to; none in the clear.
    pub fn encryption(&self) -> Option<Encryption> {
        self.connection.stream.encryption()
    }

    /// How we logged in; none if nobody did.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Says a command that stands outside of any transaction (HELP, VRFY, EXPN).
    ///
    /// # Errors
    /// The line was lost, the reply was none or late, or an argument cannot stand in a command.
    pub async fn ask(
        &mut self,
        command: &Command<'_>,
        transcript: &mut Transcript,
    ) -> Result<Reply, SmtpError> {
        say(&mut self.connection, command, Phase::Other, &self.timeouts, transcript).await
    }

    /// Says QUIT and closes. How that goes changes nothing.
    pub async fn quit(self) {
        let Self { mut connection, timeouts, .. } = self;
        connection.quit(&timeouts).await;
    }
}

/// RFC 5321, 4.1.4: a host without a name of its own gives its address as a literal.
fn our_name(target: &Target, ends: Ends) -> String {
    match (&target.helo, ends.local) {
        (Some(name), _) => name.clone(),
        (None, Some(std::net::IpAddr::V4(address))) => format!("[{address}]"),
        (None, Some(std::net::IpAddr::V6(address))) => format!("[IPv6:{address}]"),
        (None, None) => "[127.0.0.1]".to_owned(),
    }
}

async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    target: &Target,
    phase: Phase,
    transcript: &mut Transcript,
) -> Result<Stream<S>, SmtpError> {
    let Some(trust) = &target.trust else {
        return Err(SmtpError::TlsSettings { what: "no certificate authority is trusted".into() });
    };
    let stream = encrypt(stream, &target.host, trust, phase, target.timeouts.tls).await?;
    let stream = Stream::Tls(Box::new(stream));
    if let Some(encryption) = stream.encryption() {
        transcript.add(|| Said::Note(format!("{} {}", encryption.version, encryption.cipher)));
    }
    Ok(stream)
}

/// Says one command and takes its reply.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    command: &Command<'_>,
    phase: Phase,
    timeouts: &Timeouts,
    transcript: &mut Transcript,
) -> Result<Reply, SmtpError> {
    let mut line = Vec::new();
    command.write(Charset::Ascii, &mut line)?;
    transcript.add(|| Said::Client(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()));
    connection
        .ask(&line, phase, timeouts, |raw| {
            note_reply(transcript, raw);
            raw.to_reply()
        })
        .await
}

/// A session on its way: connected, and not yet of use to anybody.
struct Opening<'a, S> {
    connection: Connection<S>,
    target: &'a Target,
    name: String,
    transcript: &'a mut Transcript,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<'_, S> {
    async fn greeting(&mut self) -> Result<(), SmtpError> {
        let since = Instant::now();
        let transcript = &mut *self.transcript;
        let read = |raw: &super::reply::RawReply<'_>| {
            note_reply(transcript, raw);
            raw.to_reply()
        };
        let reply = self.connection.ask(b"", Phase::Connect, &self.target.timeouts, read).await?;
        self.transcript.time("greeting", since);
        accept(Phase::Connect, reply, 220)
    }

    async fn ehlo(&mut self) -> Result<Extensions, SmtpError> {
        let since = Instant::now();
        let extensions = self.ask_extensions().await?;
        self.transcript.time("EHLO", since);
        Ok(extensions)
    }

    async fn ask_extensions(&mut self) -> Result<Extensions, SmtpError> {
        let mut line = Vec::new();
        Command::Ehlo(&self.name).write(Charset::Ascii, &mut line)?;
        let transcript = &mut *self.transcript;
        transcript.add(|| Said::Client(format!("EHLO {}", self.name)));
        let read = |raw: &super::reply::RawReply<'_>| {
            note_reply(transcript, raw);
            if raw.code() == 250 { Ok(Extensions::parse(raw)) } else { Err(raw.to_reply()) }
        };
        match self.connection.ask(&line, Phase::Ehlo, &self.target.timeouts, read).await? {
            Ok(extensions) => Ok(extensions),
            // RFC 5321, 4.1.4: an old server knows HELO only, and no extension.
            Err(reply) if reply.is_permanent() => {
                let reply = self.say(&Command::Helo(&self.name.clone()), Phase::Ehlo).await?;
                accept(Phase::Ehlo, reply, 250)?;
                Ok(Extensions::default())
            }
            Err(reply) => Err(SmtpError::Refused { phase: Phase::Ehlo, reply }),
        }
    }

    async fn start_tls(mut self, extensions: &Extensions) -> Result<Self, SmtpError> {
        if !extensions.offers(Extension::StartTls) {
            return Err(SmtpError::NoStartTls);
        }
        let since = Instant::now();
        let reply = self.say(&Command::StartTls, Phase::StartTls).await?;
        accept(Phase::StartTls, reply, 220)?;
        if self.connection.replies.has_rest() {
            return Err(SmtpError::Injected);
        }
        let Stream::Plain(stream) = self.connection.stream else {
            return Err(SmtpError::TlsSettings { what: "STARTTLS inside TLS".into() });
        };
        let stream = tls(stream, self.target, Phase::StartTls, self.transcript).await?;
        self.transcript.time("STARTTLS", since);
        Ok(Self { connection: Connection::new(stream), ..self })
    }

    async fn log_in(&mut self, login: &Login, extensions: &Extensions) -> Result<Mechanism, SmtpError> {
        let announced = extensions.mechanisms();
        let plus = announced.iter().any(|name| name == Mechanism::ScramSha256Plus.name());
        let peer = Peer {
            host: self.target.host.clone(),
            port: self.target.port,
            binding: self.connection.stream.binding(),
            binds: if plus { Binds::Announced } else { Binds::NotAnnounced },
        };
        let mechanism = choose(login, announced, peer.binding.as_ref())?;
        let mut exchange = Exchange::new(login, mechanism, &peer, &nonce())?;
        let mut line = exchange.first();
        loop {
            let reply = self.say_secretly(&line, &exchange).await?;
            match reply.code {
                334 => (exchange, line) = answer(exchange, reply).await?,
                200..=299 => return exchange.finish().map(|()| mechanism),
                400..=599 => return Err(exchange.refused(reply)),
                _ => return Err(SmtpError::Unexpected { phase: Phase::Auth, reply }),
            }
        }
    }

    /// Says a line of a login and takes the reply; neither is noted where it would help to guess.
    async fn say_secretly(&mut self, line: &Line, exchange: &Exchange) -> Result<Reply, SmtpError> {
        let transcript = &mut *self.transcript;
        transcript.add(|| Said::Client(line.shown.clone()));
        let read = |raw: &super::reply::RawReply<'_>| {
            if raw.code() == 334 && exchange.hides_challenges() {
                transcript.add(|| Said::Server("334 ****".to_owned()));
            } else {
                note_reply(transcript, raw);
            }
            raw.to_reply()
        };
        let octets = line.octets.expose_secret();
        self.connection.ask(octets, Phase::Auth, &self.target.timeouts, read).await
    }

    async fn say(&mut self, command: &Command<'_>, phase: Phase) -> Result<Reply, SmtpError> {
        say(&mut self.connection, command, phase, &self.target.timeouts, self.transcript).await
    }
}

/// The answer to a challenge. Proving a password takes up to a second, which is spent where nobody waits.
async fn answer(mut exchange: Exchange, challenge: Reply) -> Result<(Exchange, Line), SmtpError> {
    if !exchange.is_slow() {
        let line = exchange.answer(&challenge.text)?;
        return Ok((exchange, line));
    }
    let thinking = spawn_blocking(move || exchange.answer(&challenge.text).map(|line| (exchange, line)));
    // It is only ever ended by the end of the program.
    thinking.await.unwrap_or(Err(SmtpError::Lost { phase: Phase::Auth, source: None }))
}

/// 144 bits that nobody can foresee, in letters that may stand in a nonce.
fn nonce() -> String {
    let mut octets = [0; 18];
    aws_lc_rs::rand::fill(&mut octets).expect("the system gives randomness");
    STANDARD.encode(octets)
}

/// Takes `code` and refuses everything else.
fn accept(phase: Phase, reply: Reply, code: u16) -> Result<(), SmtpError> {
    if reply.code == code {
        Ok(())
    } else if reply.code >= 400 {
        Err(SmtpError::Refused { phase, reply })
    } else {
        Err(SmtpError::Unexpected { phase, reply })
    }
}

#[cfg(test)]
mod logins;
#[cfg(test)]
mod tests;
