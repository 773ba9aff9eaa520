//! Logins over a line: what is said, what is believed, and how each ends.

use aws_lc_rs::{digest, hmac, pbkdf2};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use super::super::auth::Secret;
use super::super::reply::Malformed;
use super::super::specimen::{Server, certificate, loopback, target};
use super::tests::{EHLO, login, open};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_login_is_one_command_or_a_short_exchange() {
    let plain = "AUTH PLAIN AGFkYQBjYW5hcnk=\r\n";
    let offers = |names: &str| format!("250-mx\r\n250 AUTH {names}\r\n");
    let target = Target { login: Some(login()), ..target() };

    let (session, _) =
        open(&target, &[("", "220 a\r\n"), (EHLO, &offers("LOGIN PLAIN")), (plain, "235 ok\r\n")]).await;
    assert_eq!(session.expect("open").mechanism(), Some(Mechanism::Plain));

    let script = [
        ("", "220 a\r\n"),
        (EHLO, &offers("LOGIN")),
        ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
        ("YWRh\r\n", "334 UGFzc3dvcmQ6\r\n"),
        ("Y2FuYXJ5\r\n", "235 ok\r\n"),
    ];
    let (session, _) = open(&target, &script).await;
    assert_eq!(session.expect("open").mechanism(), Some(Mechanism::Login));

    let (session, _) =
        open(&target, &[("", "220 a\r\n"), (EHLO, &offers("PLAIN")), (plain, "535 5.7.8 no\r\n")]).await;
    assert!(matches!(session, Err(SmtpError::Refused { phase: Phase::Auth, .. })), "{session:?}");

    let (session, _) =
        open(&target, &[("", "220 a\r\n"), (EHLO, &offers("PLAIN")), (plain, "334 \r\n")]).await;
    assert!(matches!(session, Err(SmtpError::Unexpected { phase: Phase::Auth, .. })), "{session:?}");

    let (session, _) = open(&target, &[("", "220 a\r\n"), (EHLO, &offers("XOAUTH2"))]).await;
    assert!(matches!(session, Err(SmtpError::NoMechanism { .. })), "{session:?}");
}

fn offers(names: &str) -> String {
    format!("250-mx\r\n250 AUTH {names}\r\n")
}

fn by_token() -> Target {
    let token = Login { secret: Secret::Token("canary".into()), ..login() };
    Target { login: Some(token), ..target() }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_asked_after_and_the_session_goes_on() {
    // base64 of {"status":"401","schemes":"bearer"}.
    let reason = "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=\r\n";
    let xoauth2 = "AUTH XOAUTH2 dXNlcj1hZGEBYXV0aD1CZWFyZXIgY2FuYXJ5AQE=\r\n";
    let bearer =
        "AUTH OAUTHBEARER bixhPWFkYSwBaG9zdD1teC5leGFtcGxlAXBvcnQ9MAFhdXRoPUJlYXJlciBjYW5hcnkBAQ==\r\n";
    for (name, first, second) in [("XOAUTH2", xoauth2, "\r\n"), ("XOAUTH2 OAUTHBEARER", bearer, "AQ==\r\n")] {
        let script =
            [("", "220 a\r\n"), (EHLO, &offers(name)), (first, reason), (second, "535 5.7.8 no\r\n")];
        let (session, _) = open(&by_token(), &script).await;
        let Err(SmtpError::LoginRefused { reply, reason: told }) = session else { panic!("{session:?}") };
        assert_eq!((reply.code, told.as_str()), (535, "status 401, schemes bearer"));
        // A server that asks for ever is not answered for ever.
        let script = [("", "220 a\r\n"), (EHLO, &offers(name)), (first, reason), (second, reason)];
        let (session, _) = open(&by_token(), &script).await;
        assert!(matches!(session, Err(SmtpError::Unexpected { phase: Phase::Auth, .. })), "{session:?}");
    }
    let (session, _) =
        open(&by_token(), &[("", "220 a\r\n"), (EHLO, &offers("XOAUTH2")), (xoauth2, "235 in\r\n")]).await;
    assert_eq!(session.expect("open").mechanism(), Some(Mechanism::Xoauth2));
}

#[tokio::test(start_paused = true)]
async fn a_secret_goes_to_no_mechanism_that_it_is_not_for() {
    for (target, names) in
        [(by_token(), "PLAIN LOGIN SCRAM-SHA-256"), (password(), "XOAUTH2 OAUTHBEARER CRAM-MD5")]
    {
        let (session, heard) = open(&target, &[("", "220 a\r\n"), (EHLO, &offers(names))]).await;
        assert!(matches!(session, Err(SmtpError::NoMechanism { .. })), "{session:?}");
        assert_eq!(heard, EHLO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_of_ten_megabytes_costs_a_session() {
    let (client, server) = duplex(4096);
    let mut server = Server::new(server);
    let play = async {
        let plain = "AUTH PLAIN AGFkYQBjYW5hcnk=\r\n";
        server.play(&[("", "220 a\r\n"), (EHLO, &offers("PLAIN")), (plain, "334 ")]).await;
        let block = "QUFB".repeat(1024);
        let mut said = 0;
        while server.try_say(&block).await.is_ok() {
            said += block.len();
        }
        said
    };
    let target = password();
    let open = async {
        let opened = Session::begin(client, loopback(), &target, &mut Transcript::discarded()).await;
        opened.map(|_| ())
    };
    let (session, said) = tokio::join!(open, play);
    let malformed =
        matches!(session, Err(SmtpError::Malformed { phase: Phase::Auth, source: Malformed::LineTooLong }));
    assert!(malformed && said < 64 * 1024, "{session:?} after {said} octets");
}

fn password() -> Target {
    Target { login: Some(login()), ..target() }
}

/// What a server does that speaks SCRAM-SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Honesty {
    /// It knows the password and proves it.
    Knows,
    /// It lets everybody in, with a signature of its own.
    Pretends,
    /// It lets everybody in, without any.
    Presumes,
    /// It refuses the proof.
    Refuses,
}

/// Plays the server's side for the user `ada`, whose password is `canary`; gives the first message and what
/// the last one said of binding.
async fn scram<S: AsyncRead + AsyncWrite + Unpin>(
    server: &mut Server<S>,
    honesty: Honesty,
) -> (String, Vec<u8>) {
    let decode = |text: &str| String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text");
    let first = server.line().await;
    let first = decode(first.rsplit(' ').next().expect("an initial response"));
    let bare = first.splitn(3, ',').nth(2).expect("a header and a message").to_owned();
    let nonce = bare.rsplit("r=").next().expect("a nonce");
    let (salt, iterations) = (b"salt of the sea", 4096);
    let challenge = format!("r={nonce}more,s={},i={iterations}", STANDARD.encode(salt));
    server.try_say(&format!("334 {}\r\n", STANDARD.encode(&challenge))).await.expect("a client");

    let last = decode(&server.line().await);
    let (without, proof) = last.rsplit_once(",p=").expect("a proof");
    let echo = without.split(',').next().and_then(|echo| echo.strip_prefix("c=")).expect("an echo");
    let echo = STANDARD.decode(echo).expect("base64");
    let said = format!("{bare},{challenge},{without}");
    let mut salted = [0; 32];
    let count = std::num::NonZeroU32::new(iterations).expect("not zero");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, salt, b"canary", &mut salted);
    let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let client_key = sign(&salted, b"Client Key");
    let stored = digest::digest(&digest::SHA256, client_key.as_ref());
    let signature = sign(stored.as_ref(), said.as_bytes());
    let expected: Vec<u8> =
        client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, octet)| key ^ octet).collect();
    assert_eq!(STANDARD.decode(proof).expect("base64"), expected, "the proof of one who knows the password");

    let truth = sign(sign(&salted, b"Server Key").as_ref(), said.as_bytes());
    let words = match honesty {
        Honesty::Knows => format!("v={}", STANDARD.encode(truth)),
        Honesty::Pretends => format!("v={}", STANDARD.encode([0; 32])),
        Honesty::Presumes => {
            server.try_say("235 2.7.0 in\r\n").await.expect("a client");
            return (first, echo);
        }
        Honesty::Refuses => "e=other-error".to_owned(),
    };
    server.try_say(&format!("334 {}\r\n", STANDARD.encode(words))).await.expect("a client");
    match honesty {
        Honesty::Knows => {
            assert_eq!(server.line().await, "");
            server.try_say("235 2.7.0 in\r\n").await.expect("a client");
        }
        Honesty::Refuses => {
            assert_eq!(server.line().await, "");
            server.try_say("535 5.7.8 no\r\n").await.expect("a client");
        }
        Honesty::Pretends | Honesty::Presumes => {}
    }
    (first, echo)
}

#[tokio::test]
async fn a_server_must_prove_that_it_knows_the_password() {
    for honesty in [Honesty::Knows, Honesty::Pretends, Honesty::Presumes, Honesty::Refuses] {
        let (client, server) = duplex(4096);
        let mut server = Server::new(server);
        let play = async {
            server
                .play(&[("", "220 a\r\n"), (EHLO, &offers("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"))])
                .await;
            scram(&mut server, honesty).await
        };
        let mut transcript = Transcript::kept();
        let target = password();
        let (session, (first, _)) =
            tokio::join!(Session::begin(client, loopback(), &target, &mut transcript), play);
        assert!(first.starts_with("n,,n=ada,r="), "{first}");
        match (honesty, session) {
            (Honesty::Knows, Ok(session)) => {
                assert_eq!(session.mechanism(), Some(Mechanism::ScramSha256));
                let steps: Vec<&str> = transcript.steps().iter().map(|step| step.name).collect();
                assert_eq!(steps, ["greeting", "EHLO", "AUTH"]);
            }
            (Honesty::Pretends | Honesty::Presumes, Err(SmtpError::Unproven)) => {}
            (Honesty::Refuses, Err(SmtpError::LoginRefused { reply, reason })) => {
                assert_eq!((reply.code, reason.as_str()), (535, "other-error"));
            }
            (_, session) => panic!("{honesty:?}: {session:?}"),
        }
        let shown = format!("{transcript:?}");
        let guessable = STANDARD.encode("salt of the sea");
        assert!(shown.contains("AUTH SCRAM-SHA-256 ****") && !shown.contains(&guessable), "{shown}");
    }
}

#[tokio::test]
async fn a_login_is_bound_to_its_tls_connection_where_the_server_can() {
    for (names, expected, begins) in [
        ("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", Mechanism::ScramSha256Plus, "p=tls-exporter,,n=ada"),
        ("PLAIN SCRAM-SHA-256", Mechanism::ScramSha256, "y,,n=ada"),
    ] {
        let (acceptor, pem) = certificate("mx.example");
        let trust = Some(Trust::new(Some(&pem)).expect("trust"));
        let target = Target { security: Security::Implicit, trust, ..password() };
        let (client, server) = duplex(64 * 1024);
        let play = async {
            let stream = acceptor.accept(server).await.expect("a client that trusts us");
            let ours = stream.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
            let mut server = Server::new(stream);
            server.play(&[("", "220 a\r\n"), (EHLO, &offers(names))]).await;
            (scram(&mut server, Honesty::Knows).await, ours.expect("TLS 1.3"))
        };
        let mut transcript = Transcript::discarded();
        let (session, ((first, echo), ours)) =
            tokio::join!(Session::begin(client, loopback(), &target, &mut transcript), play);
        assert_eq!(session.expect("open").mechanism(), Some(expected));
        assert!(first.starts_with(begins), "{first}");
        assert_eq!(echo.ends_with(&ours), expected == Mechanism::ScramSha256Plus);
    }
}
