//! How sessions are opened, and how they are not.

use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::super::specimen::{Server, certificate, loopback, target};
use super::*;
use crate::mail::Reply;

pub(super) const EHLO: &str = "EHLO client.example\r\n";

pub(super) fn login() -> Login {
    Login::by_password("ada", "canary")
}

/// Opens a session with a server that plays `script` and says what it heard.
pub(super) async fn open(
    target: &Target,
    script: &[(&str, &str)],
) -> (Result<Session<DuplexStream>, SmtpError>, String) {
    let (client, server) = duplex(4096);
    let mut server = Server::new(server);
    let mut transcript = Transcript::kept();
    let (session, ()) =
        tokio::join!(Session::begin(client, loopback(), target, &mut transcript), server.play(script));
    let shown = format!("{transcript:?}");
    assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
    (session, server.into_parts().0)
}

fn refused(code: u16, text: &str) -> Reply {
    Reply::new(code, text)
}

#[tokio::test(start_paused = true)]
async fn a_server_is_greeted_and_asked_what_it_can() {
    let script = [("", "220-mx\r\n220 ready\r\n"), (EHLO, "250-mx\r\n250-PIPELINING\r\n250 \r\n")];
    let (session, heard) = open(&target(), &script).await;
    assert!(session.expect("open").extensions().offers(Extension::Pipelining));
    assert_eq!(heard, EHLO);
}

#[tokio::test(start_paused = true)]
async fn an_old_server_is_greeted_in_the_old_way() {
    let script = [("", "220 ready\r\n"), (EHLO, "502 what?\r\n"), ("HELO client.example\r\n", "250 mx\r\n")];
    let (session, _) = open(&target(), &script).await;
    assert_eq!(session.expect("open").extensions(), &Extensions::default());
}

/// What the server plays, the step that it refuses, and in which words.
type Unwelcome<'a> = (&'a [(&'a str, &'a str)], Phase, Reply);

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_is_heard() {
    let table: [Unwelcome<'_>; 4] = [
        (&[("", "554 5.7.1 blocked\r\n")], Phase::Connect, refused(554, "5.7.1 blocked")),
        (&[("", "421 busy\r\n")], Phase::Connect, refused(421, "busy")),
        (&[("", "220 a\r\n"), (EHLO, "451 not now\r\n")], Phase::Ehlo, refused(451, "not now")),
        (
            &[("", "220 a\r\n"), (EHLO, "550 no\r\n"), ("HELO client.example\r\n", "550 never\r\n")],
            Phase::Ehlo,
            refused(550, "never"),
        ),
    ];
    for (script, expected_phase, expected_reply) in table {
        let (session, _) = open(&target(), script).await;
        let Err(SmtpError::Refused { phase, reply }) = session else { panic!("{script:?}: {session:?}") };
        assert_eq!((phase, reply), (expected_phase, expected_reply));
    }
    let (session, _) = open(&target(), &[("", "HTTP/1.1 400 Bad Request\r\n")]).await;
    assert!(matches!(session, Err(SmtpError::Malformed { phase: Phase::Connect, .. })), "{session:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_five_minutes() {
    let (client, _server) = duplex(4096);
    let begun = tokio::time::Instant::now();
    let session = Session::begin(client, loopback(), &target(), &mut Transcript::discarded()).await;
    assert!(matches!(session, Err(SmtpError::TimedOut { phase: Phase::Connect, .. })), "{session:?}");
    assert_eq!(begun.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_in_the_clear_to_another_machine() {
    let (client, server) = duplex(4096);
    let ends = Ends { peer: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))), ..loopback() };
    let target = Target { login: Some(login()), ..target() };
    let session = Session::begin(client, ends, &target, &mut Transcript::discarded()).await;
    assert!(matches!(session, Err(SmtpError::InTheClear { .. })), "{session:?}");
    assert_eq!(Server::new(server).rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn starttls_that_is_missing_refused_or_tampered_with_ends_the_session() {
    let target = Target {
        security: Security::StartTls,
        trust: Some(Trust::new(Some(&certificate("mx.example").1)).expect("trust")),
        login: Some(login()),
        ..target()
    };
    let stripped = [("", "220 a\r\n"), (EHLO, "250-mx\r\n250 AUTH PLAIN\r\n")];
    let (session, heard) = open(&target, &stripped).await;
    assert!(matches!(session, Err(SmtpError::NoStartTls)), "{session:?}");
    assert_eq!(heard, EHLO, "no octet of AUTH leaves in the clear");

    let offered = "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n";
    let refused = [("", "220 a\r\n"), (EHLO, offered), ("STARTTLS\r\n", "454 4.7.0 no\r\n")];
    let (session, _) = open(&target, &refused).await;
    assert!(matches!(session, Err(SmtpError::Refused { phase: Phase::StartTls, .. })), "{session:?}");

    let injected =
        [("", "220 a\r\n"), (EHLO, offered), ("STARTTLS\r\n", "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n")];
    let (session, heard) = open(&target, &injected).await;
    assert!(matches!(session, Err(SmtpError::Injected)), "{session:?}");
    assert_eq!(heard, format!("{EHLO}STARTTLS\r\n"));
}

/// A server behind STARTTLS with a certificate for `name`.
async fn behind_starttls(
    target: &Target,
    acceptor: tokio_rustls::TlsAcceptor,
) -> Result<Extensions, SmtpError> {
    let (client, server) = duplex(64 * 1024);
    let play = async move {
        let mut server = Server::new(server);
        let offered = "250-mx\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH LOGIN\r\n";
        server.play(&[("", "220 a\r\n"), (EHLO, offered), ("STARTTLS\r\n", "220 go\r\n")]).await;
        let (_, stream) = server.into_parts();
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let mut server = Server::new(stream);
        let offered = "250-mx\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n";
        server.play(&[(EHLO, offered), ("AUTH PLAIN AGFkYQBjYW5hcnk=\r\n", "235 ok\r\n")]).await;
    };
    let mut transcript = Transcript::discarded();
    let (session, ()) = tokio::join!(Session::begin(client, loopback(), target, &mut transcript), play);
    session.map(|session| session.extensions().clone())
}

#[tokio::test]
async fn only_what_is_announced_inside_tls_counts() {
    let (acceptor, pem) = certificate("mx.example");
    let trust = Some(Trust::new(Some(&pem)).expect("trust"));
    let target = Target { security: Security::StartTls, trust, login: Some(login()), ..target() };
    let extensions = behind_starttls(&target, acceptor).await.expect("open");
    assert!(extensions.offers(Extension::EightBitMime));
    assert!(!extensions.offers(Extension::Pipelining) && !extensions.offers(Extension::StartTls));
}

#[tokio::test]
async fn a_certificate_of_another_host_or_of_nobody_known_is_refused() {
    let (acceptor, pem) = certificate("mx.example");
    let (_, other) = certificate("mx.example");
    let table = [("evil.example", &pem), ("mx.example", &other)];
    for (host, roots) in table {
        let trust = Some(Trust::new(Some(roots)).expect("trust"));
        let target = Target {
            host: host.into(),
            security: Security::StartTls,
            trust,
            login: Some(login()),
            ..target()
        };
        let error = behind_starttls(&target, acceptor.clone()).await.expect_err("refused");
        let SmtpError::Tls { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[tokio::test]
async fn implicit_tls_comes_before_the_greeting() {
    let (acceptor, pem) = certificate("mx.example");
    let trust = Some(Trust::new(Some(&pem)).expect("trust"));
    let target = Target { security: Security::Implicit, trust, ..target() };
    let (client, server) = duplex(64 * 1024);
    let play = async move {
        let mut server = Server::new(acceptor.accept(server).await.expect("a client that trusts us"));
        server.play(&[("", "220 a\r\n"), (EHLO, "250 mx\r\n"), ("QUIT\r\n", "221 bye\r\n")]).await;
        let (_, mut stream) = server.into_parts();
        let _ = stream.shutdown().await;
    };
    let open = async {
        let session = Session::begin(client, loopback(), &target, &mut Transcript::discarded()).await?;
        let encryption = session.encryption().expect("TLS");
        assert_eq!(encryption.version, "TLSv1_3");
        assert!(encryption.certificate.is_some());
        session.quit().await;
        Ok::<_, SmtpError>(())
    };
    let (session, ()) = tokio::join!(open, play);
    session.expect("open");
}

#[tokio::test]
async fn a_refusal_in_place_of_tls_is_heard() {
    let trust = Some(Trust::new(Some(&certificate("mx.example").1)).expect("trust"));
    let target = Target { security: Security::Implicit, trust, ..target() };
    let busy = "421 Too many concurrent SMTP connections from this IP address\r\n";
    let (session, _) = open(&target, &[("", busy)]).await;
    let Err(SmtpError::Refused { phase: Phase::Connect, reply }) = session else { panic!("{session:?}") };
    assert_eq!(reply.code, 421);

    // A server that greets in the clear does not speak TLS, and will not learn it.
    for said in ["220 ready\r\n", "421 cut off", "no reply at all\r\n"] {
        let (session, _) = open(&target, &[("", said)]).await;
        let Err(SmtpError::Tls { source, .. }) = session else { panic!("{said}: {session:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::InvalidData, "{said}");
    }
}

#[test]
fn a_file_without_a_certificate_is_told() {
    assert!(matches!(Trust::new(Some(b"nothing")), Err(SmtpError::TlsSettings { .. })));
}

#[tokio::test]
async fn an_address_that_takes_a_connection_and_never_speaks_is_passed_over() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let here = listener.local_addr().expect("bound");
    let target = Target { host: here.ip().to_string(), port: here.port(), ..target() };
    let mut transcript = Transcript::discarded();
    let play = async {
        drop(listener.accept().await.expect("a client"));
        let (stream, _) = listener.accept().await.expect("a client");
        Server::new(stream).play(&[("", "554 5.7.1 not you\r\n")]).await;
    };
    let opened = async {
        let silent = Session::open(&target, &mut transcript).await;
        assert!(matches!(silent, Err(SmtpError::Lost { phase: Phase::Connect, .. })), "{silent:?}");
        let other = std::net::SocketAddr::from(([127, 0, 0, 2], here.port()));
        for _ in 0..2 {
            assert_eq!(target.route.first_of(&[here, other]), other);
        }
        // Who refuses speaks.
        let refused = Session::open(&target, &mut transcript).await;
        assert!(matches!(refused, Err(SmtpError::Refused { phase: Phase::Connect, .. })), "{refused:?}");
    };
    tokio::join!(opened, play);
}
