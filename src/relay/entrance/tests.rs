//! Logins by token against a server that takes some of them.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::super::settings::Credentials;
use super::super::token::TokenCommand;
use super::*;
use crate::smtp::{ClearTo, Security};

/// A server that answers logins in turn with `replies`, a connection each; gives the tokens that it heard.
async fn serve(listener: TcpListener, replies: &[&str]) -> Vec<String> {
    let mut heard = Vec::new();
    for reply in replies {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut lines = BufReader::new(stream);
        for said in ["220 a\r\n", "250-mx\r\n250 AUTH XOAUTH2\r\n"] {
            lines.write_all(said.as_bytes()).await.expect("a client");
            let mut line = String::new();
            lines.read_line(&mut line).await.expect("a client");
            if let Some(response) = line.trim_end().strip_prefix("AUTH XOAUTH2 ") {
                let response = STANDARD.decode(response).expect("base64");
                let response = String::from_utf8(response).expect("text");
                let token = response.split("Bearer ").nth(1).expect("a token");
                heard.push(token.trim_end_matches('\u{1}').to_owned());
            }
        }
        lines.write_all(reply.as_bytes()).await.expect("a client");
    }
    heard
}

async fn entrance(folder: &Path) -> (Entrance, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let script = "echo run >> runs; echo token-$(wc -l < runs | tr -d ' ')";
    let words = ["sh", "-c", script].map(ToOwned::to_owned).to_vec();
    let command = TokenCommand { words, folder: folder.to_owned(), now: || Timestamp::UNIX_EPOCH };
    let credentials =
        Credentials { secret: Credential::Token(command), ..Credentials::by_password("ada", "") };
    let settings = RelaySettings {
        security: Security::Clear,
        clear_to: ClearTo::Loopback,
        login: Some(credentials),
        ..RelaySettings::new("127.0.0.1", listener.local_addr().expect("bound").port())
    };
    (Entrance::new(&settings).expect("settings"), listener)
}

fn runs(folder: &Path) -> usize {
    fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

const TAKEN: &str = "235 in\r\n";
const REFUSED: &str = "535 5.7.8 no\r\n";

#[tokio::test]
async fn a_kept_token_that_is_refused_is_replaced_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (entrance, listener) = entrance(folder.path()).await;
    let open = async {
        let mut opened = Vec::new();
        let mut transcript = Transcript::kept();
        for _ in 0..4 {
            opened.push(entrance.open(&mut transcript).await.is_ok());
        }
        let shown = format!("{transcript:?} {entrance:?}");
        assert!(!shown.contains("token-1") && !shown.contains("token-2"), "{shown}");
        opened
    };
    let replies = [TAKEN, TAKEN, REFUSED, TAKEN, REFUSED, REFUSED];
    let (opened, heard) = tokio::join!(open, serve(listener, &replies));
    assert_eq!(opened, [true, true, true, false]);
    assert_eq!(heard, ["token-1", "token-1", "token-1", "token-2", "token-2", "token-3"]);
    assert_eq!(runs(folder.path()), 3);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_tried_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (entrance, listener) = entrance(folder.path()).await;
    let mut transcript = Transcript::discarded();
    let (opened, heard) = tokio::join!(entrance.open(&mut transcript), serve(listener, &[REFUSED]));
    assert!(matches!(opened, Err(RelayError::Smtp(SmtpError::Refused { .. }))), "{opened:?}");
    assert_eq!((heard.len(), runs(folder.path())), (1, 1));
}

#[tokio::test]
async fn a_busy_server_costs_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let (entrance, listener) = entrance(folder.path()).await;
    let open = async {
        let first = entrance.open(&mut Transcript::discarded()).await;
        assert!(matches!(first, Err(RelayError::Smtp(SmtpError::Refused { .. }))), "{first:?}");
        entrance.open(&mut Transcript::discarded()).await.map(|_| ())
    };
    let (opened, heard) = tokio::join!(open, serve(listener, &["454 4.7.0 later\r\n", TAKEN]));
    opened.expect("a session");
    assert_eq!((heard, runs(folder.path())), (vec!["token-1".to_owned(); 2], 1));
}
