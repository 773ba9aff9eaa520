//! Whose certificates are believed, and the handshake.
//!
//! TLS 1.2 or newer, chain and host name always verified, against the roots of the operating system and
//! those of the operator's own file. There is no switch that turns this off. Early data is never sent, as
//! it can be replayed; sessions are resumed, as one [`Trust`] serves every connection of a relay.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::SmtpError;
use super::overheard::Overheard;
use crate::mail::Phase;

/// The certificate authorities that a relay's certificate may come from.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The roots of the operating system and, beside them, those of a PEM file (`tls_ca`). Reads the
    /// system's store, so make one for each relay and keep it.
    ///
    /// # Errors
    /// The file holds no certificate, or there is no root at all.
    pub fn new(extra_roots: Option<&[u8]>) -> Result<Self, SmtpError> {
        let roots = match extra_roots {
            Some(pem) => parse_roots(pem)?,
            None => Vec::new(),
        };
        let settings = |error: rustls::Error| SmtpError::TlsSettings { what: error.to_string() };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(settings)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(settings)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }
}

fn parse_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SmtpError> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        Ok(_) => Err(SmtpError::TlsSettings { what: "the file of tls_ca holds no certificate".into() }),
        Err(error) => Err(SmtpError::TlsSettings { what: format!("the file of tls_ca: {error}") }),
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Trust").finish_non_exhaustive()
    }
}

/// Octets that wait in TLS for the network to take them: a record's worth (RFC 8446, 5.1).
const BUFFER: usize = 16 * 1024;

/// Encrypts a connection to `host`. A refusal in place of TLS answers `phase`.
///
/// # Errors
/// The certificate is not to be trusted, the server refuses in the clear, does not speak TLS, or took too
/// long.
pub(super) async fn encrypt<S>(
    stream: S,
    host: &str,
    trust: &Trust,
    phase: Phase,
    limit: Duration,
) -> Result<TlsStream<Overheard<S>>, SmtpError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| SmtpError::TlsSettings { what: format!("{host:?} is not the name of a host") })?;
    let connector = TlsConnector::from(Arc::clone(&trust.config));
    let handshake = connector.connect(name, Overheard::new(stream)).into_fallible();
    match timeout(limit, handshake).await {
        Ok(Ok(mut stream)) => {
            stream.get_mut().0.forget();
            stream.get_mut().1.set_buffer_limit(Some(BUFFER));
            Ok(stream)
        }
        Ok(Err((source, stream))) => Err(match stream.refusal() {
            Some(reply) => SmtpError::Refused { phase, reply },
            None => SmtpError::Tls { host: host.to_owned(), source },
        }),
        Err(_) => Err(SmtpError::TimedOut { phase: Phase::StartTls, after: limit }),
    }
}
