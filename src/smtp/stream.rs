//! A connection, encrypted or not.
//!
//! A [`Route`] finds the address of the host that answers, and turns Nagle's algorithm off: with it, a group
//! that waits for the acknowledgement of the one before costs 40 ms a message.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use super::addresses::Addresses;
use super::error::SmtpError;
use super::overheard::Overheard;
use super::timeouts::Timeouts;
use crate::mail::Phase;

/// How long an address is tried alone before the next is tried beside it (RFC 8305, 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Octets both ways, over TLS or in the clear.
#[derive(Debug)]
pub enum Stream<S = TcpStream> {
    /// In the clear.
    Plain(S),
    /// Over TLS.
    Tls(Box<TlsStream<Overheard<S>>>),
}

/// What TLS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// `TLSv1_3` or `TLSv1_2`.
    pub version: String,
    /// The cipher suite, by its name in the registry.
    pub cipher: String,
    /// The server's certificate (DER), if it sent one.
    pub certificate: Option<Vec<u8>>,
}

impl<S> Stream<S> {
    /// What binds a login to this connection (RFC 9266): the exporter of TLS 1.3, which is the same at both
    /// ends of one connection and nowhere else. None in the clear and before TLS 1.3.
    pub(super) fn binding(&self) -> Option<[u8; 32]> {
        let Self::Tls(stream) = self else { return None };
        let (_, tls) = stream.get_ref();
        if tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).ok()
    }

    /// What TLS came to; none in the clear.
    pub fn encryption(&self) -> Option<Encryption> {
        let Self::Tls(stream) = self else { return None };
        let (_, tls) = stream.get_ref();
        let version = tls.protocol_version().map(|version| format!("{version:?}"));
        let cipher = tls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let certificate = tls.peer_certificates().and_then(<[_]>::first);
        Some(Encryption {
            version: version.unwrap_or_default(),
            cipher: cipher.unwrap_or_default(),
            certificate: certificate.map(|certificate| certificate.to_vec()),
        })
    }
}

/// The two ends of a connection, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// Ours; it names us in EHLO where the settings do not.
    pub local: Option<IpAddr>,
    /// The server's.
    pub peer: Option<IpAddr>,
}

impl Ends {
    /// The ends of a TCP connection.
    pub(super) fn of(stream: &TcpStream) -> Self {
        let address = |address: io::Result<std::net::SocketAddr>| address.ok().map(|address| address.ip());
        Self { local: address(stream.local_addr()), peer: address(stream.peer_addr()) }
    }
}

/// What is known of the way to one host. Clones share it, so that each session learns from the others.
#[derive(Debug, Clone, Default)]
pub struct Route {
    addresses: Arc<Mutex<Addresses>>,
}

impl Route {
    /// Connects to an address of `host`.
    ///
    /// # Errors
    /// The name is not known, or no address takes the connection in time.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        timeouts: &Timeouts,
    ) -> Result<TcpStream, SmtpError> {
        let find = async { lookup_host((host, port)).await.map(Iterator::collect) };
        self.connect_to(find, host, port, timeouts.connect).await
    }

    /// Connects to one of the addresses that `find` finds. The next is tried as soon as one fails, and
    /// beside it where it takes its time, so that one that answers nothing costs a moment and not `limit`
    /// (RFC 8305, 5).
    async fn connect_to(
        &self,
        find: impl Future<Output = io::Result<Vec<SocketAddr>>>,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<TcpStream, SmtpError> {
        let late = || SmtpError::TimedOut { phase: Phase::Connect, after: limit };
        let unknown = |source| SmtpError::Name { host: host.to_owned(), source };
        let found = timeout(limit, find).await.map_err(|_| late())?.map_err(unknown)?;
        let mut order = self.addresses().order(&found, Instant::now()).into_iter();
        let mut error = unknown(io::ErrorKind::NotFound.into());
        let mut tries = FuturesUnordered::new();
        // The addresses being tried, in the order in which they were begun with.
        let mut begun = Vec::new();
        let mut next_at = Instant::now();
        loop {
            if tries.is_empty() || Instant::now() >= next_at {
                match order.next() {
                    Some(address) => {
                        begun.push(address);
                        tries.push(
                            async move { (address, timeout(limit, TcpStream::connect(address)).await) },
                        );
                        next_at = Instant::now() + HEAD_START;
                    }
                    None if tries.is_empty() => return Err(error),
                    None => {}
                }
            }
            tokio::select! {
                Some((address, result)) = tries.next() => {
                    let place = begun.iter().position(|other| *other == address).unwrap_or_default();
                    begun.remove(place);
                    match result {
                        Ok(Ok(stream)) => {
                            // Those that had a head start and lost it are far slower, or dead.
                            begun[..place].iter().for_each(|slower| self.failed(*slower));
                            // A connection that keeps Nagle's algorithm works too, only slower.
                            let _ = stream.set_nodelay(true);
                            return Ok(stream);
                        }
                        Ok(Err(source)) => {
                            self.failed(address);
                            error = SmtpError::Connect { host: host.to_owned(), port, source };
                            next_at = Instant::now();
                        }
                        Err(_) => {
                            self.failed(address);
                            error = late();
                        }
                    }
                }
                () = sleep_until(next_at), if order.len() > 0 => {}
            }
        }
    }

    /// The address took a connection and answered.
    pub(super) fn worked(&self, address: SocketAddr) {
        self.addresses().worked(address);
    }

    /// The address did not take a connection, or did not answer.
    pub(super) fn failed(&self, address: SocketAddr) {
        self.addresses().failed(address, Instant::now());
    }

    /// The address that the next session would try first.
    #[cfg(test)]
    pub(super) fn first_of(&self, found: &[SocketAddr]) -> SocketAddr {
        self.addresses().order(found, Instant::now())[0]
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        // What is known is changed by whole steps, so it is sound after a panic too.
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// Sockets on one port of several loopback addresses, all of them listening.
    async fn listen(hosts: &[&str]) -> (Vec<TcpListener>, u16) {
        'ports: loop {
            let mut port = 0;
            let mut listeners = Vec::new();
            for host in hosts {
                let Ok(listener) = TcpListener::bind((*host, port)).await else { continue 'ports };
                port = listener.local_addr().expect("bound").port();
                listeners.push(listener);
            }
            return (listeners, port);
        }
    }

    fn at(host: &str, port: u16) -> SocketAddr {
        format!("{host}:{port}").parse().expect("an address")
    }

    async fn peer(route: &Route, found: &[SocketAddr]) -> Result<String, SmtpError> {
        let found = found.to_vec();
        let stream = route.connect_to(async { Ok(found) }, "mx.example", 25, LIMIT).await?;
        Ok(stream.peer_addr().expect("connected").ip().to_string())
    }

    #[tokio::test]
    async fn sessions_go_to_every_address_and_past_a_dead_one() {
        let (mut listeners, port) = listen(&["127.0.0.1", "127.0.0.2"]).await;
        let found = [at("127.0.0.1", port), at("127.0.0.2", port)];
        let route = Route::default();
        let mut peers = Vec::new();
        for _ in 0..4 {
            peers.push(peer(&route, &found).await.expect("a connection"));
        }
        assert_eq!(peers, ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]);
        listeners.remove(0);
        for _ in 0..4 {
            assert_eq!(peer(&route, &found).await.expect("a connection"), "127.0.0.2");
        }
        listeners.clear();
        let error = peer(&route, &found).await.expect_err("nobody listens");
        assert!(matches!(error, SmtpError::Connect { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_address_that_answers_nothing_costs_a_moment_once() {
        let (_listeners, port) = listen(&["127.0.0.1"]).await;
        // A queue that is full answers no further connection.
        let full =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
        let full = full.expect("a socket");
        rustix::net::bind(&full, &at("127.0.0.3", port)).expect("a port");
        rustix::net::listen(&full, 0).expect("a queue");
        let hole = at("127.0.0.3", port);
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = timeout(HEAD_START, TcpStream::connect(hole)).await {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue of one is never full");
        }
        let found = [hole, at("127.0.0.1", port)];
        let route = Route::default();
        let begun = Instant::now();
        assert_eq!(peer(&route, &found).await.expect("a connection"), "127.0.0.1");
        assert!(begun.elapsed() < LIMIT / 2, "{:?}", begun.elapsed());
        for _ in 0..2 {
            assert_eq!(route.first_of(&found), found[1], "it is remembered, whoever's turn it is");
        }
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_no_host() {
        let error = peer(&Route::default(), &[]).await.expect_err("nothing to connect to");
        assert!(matches!(error, SmtpError::Name { .. }), "{error:?}");
    }
}
