//! A connection, encrypted or not.
//!
//! [`connect`] tries each address of the host in turn and turns Nagle's algorithm off: with it, a group that
//! waits for the acknowledgement of the one before costs 40 ms a message.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::error::SmtpError;
use super::timeouts::Timeouts;
use crate::mail::Phase;

/// Octets both ways, over TLS or in the clear.
#[derive(Debug)]
pub enum Stream<S = TcpStream> {
    /// In the clear.
    Plain(S),
    /// Over TLS.
    Tls(Box<TlsStream<S>>),
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

/// Connects to the first address of `host` that takes the connection.
///
/// # Errors
/// The name is not known, or no address takes the connection in time.
pub(super) async fn connect(host: &str, port: u16, timeouts: &Timeouts) -> Result<TcpStream, SmtpError> {
    let limit = timeouts.connect;
    let late = SmtpError::TimedOut { phase: Phase::Connect, after: limit };
    let found = match timeout(limit, lookup_host((host, port))).await {
        Ok(found) => found.map_err(|source| SmtpError::Name { host: host.to_owned(), source })?,
        Err(_) => return Err(late),
    };
    let mut last = None;
    for address in found {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A connection that keeps Nagle's algorithm works too, only slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(source)) => last = Some(SmtpError::Connect { host: host.to_owned(), port, source }),
            Err(_) => last = Some(SmtpError::TimedOut { phase: Phase::Connect, after: limit }),
        }
    }
    let none = || SmtpError::Name { host: host.to_owned(), source: io::ErrorKind::NotFound.into() };
    Err(last.unwrap_or_else(none))
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
