//! Tokens from real commands, and from what commands print.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::*;

fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().expect("a moment")
}

fn command(words: &[&str]) -> TokenCommand {
    TokenCommand { words: words.iter().map(|word| (*word).to_owned()).collect(), folder: "/".into(), now }
}

/// A command that notes each of its runs in `folder` and prints `token-1`, `token-2` and so on.
fn counting(folder: &Path, print: &str) -> TokenCommand {
    let script = format!("echo run >> runs; n=$(wc -l < runs | tr -d ' '); {print}");
    TokenCommand { folder: folder.to_owned(), ..command(&["sh", "-c", &script]) }
}

fn runs(folder: &Path) -> usize {
    fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

#[test]
fn what_the_tools_of_providers_print_is_understood() {
    let seconds = |count| Some(Duration::from_secs(count));
    let table = [
        ("ya29.abc\n", Ok(("ya29.abc", None))),
        ("  ya29.abc  \nand more\n", Ok(("ya29.abc", None))),
        (r#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#, Ok(("t", seconds(3600)))),
        (r#"{"access_token":"t","expires_in":"3599"}"#, Ok(("t", seconds(3599)))),
        (r#"{"access_token":"t","expiry":"2026-11-25T10:30:00Z"}"#, Ok(("t", seconds(1800)))),
        (r#"{"access_token":"t","expires_at":"2026-11-25T11:30:00+01:00"}"#, Ok(("t", seconds(1800)))),
        (r#"{"access_token":"t","expires_at":1795604400}"#, Ok(("t", seconds(3600)))),
        (r#"{"access_token":"t","expires_at":1795604400000}"#, Ok(("t", seconds(3600)))),
        (
            r#"{"accessToken":"t","expiresOn":"2026-11-25 12:00:00.000000","expires_on":1795604400}"#,
            Ok(("t", seconds(3600))),
        ),
        (r#"{"access_token":"t","expiry":"2026-11-25T09:00:00Z"}"#, Ok(("t", seconds(0)))),
        (r#"{"access_token":"t","expires_in":-5}"#, Ok(("t", seconds(0)))),
        (r#"{"access_token":"t","expiry":"soon"}"#, Ok(("t", None))),
        (r#"{"error":"invalid_grant"}"#, Err("prints JSON without an \"access_token\"")),
        ("{", Err("prints JSON without an \"access_token\"")),
        ("", Err("prints nothing")),
        ("Bearer abc", Err("prints what is no token")),
        ("a\u{1}b", Err("prints what is no token")),
    ];
    for (printed, expected) in table {
        let found = parse(printed.as_bytes(), now());
        let found = found.map(|(token, lifetime)| (token.expose_secret().to_owned(), lifetime));
        assert_eq!(found, expected.map(|(token, lifetime)| (token.to_owned(), lifetime)), "{printed}");
    }
    assert_eq!(parse(b"\xff", now()).err(), Some("prints what is no text"));
}

#[tokio::test]
async fn one_run_serves_everybody_who_asks_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::new(counting(folder.path(), "echo token-$n"));
    let asked = futures_util::future::join_all((0..20).map(|_| tokens.token())).await;
    for token in asked {
        let token = token.expect("a token");
        assert_eq!((token.secret.expose_secret(), token.origin), ("token-1", Origin::Fresh));
    }
    let kept = tokens.token().await.expect("a token");
    assert_eq!((kept.secret.expose_secret(), kept.origin), ("token-1", Origin::Kept));
    assert_eq!(runs(folder.path()), 1);
}

#[tokio::test]
async fn a_token_too_short_to_be_kept_serves_those_who_waited_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let print = r#"echo "{\"access_token\":\"token-$n\",\"expires_in\":1}""#;
    let tokens = Tokens::new(counting(folder.path(), print));
    for token in futures_util::future::join_all((0..20).map(|_| tokens.token())).await {
        assert_eq!(token.expect("a token").secret.expose_secret(), "token-1");
    }
    assert_eq!(tokens.token().await.expect("a token").secret.expose_secret(), "token-2");
}

#[tokio::test]
async fn a_command_that_fails_fails_once_for_everybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = "s".repeat(80);
    let print = format!("echo \"log in first, ada@example.com {secret}\" >&2; exit 3");
    let tokens = Tokens::new(counting(folder.path(), &print));
    for asked in futures_util::future::join_all((0..20).map(|_| tokens.token())).await {
        let error = asked.expect_err("no token");
        assert_eq!(error.to_string(), "no token: `sh` failed (exit status: 3): log in first, <address> ****");
        assert!(matches!(error, RelayError::Token { permanence: Permanence::Permanent, .. }));
    }
    assert_eq!(runs(folder.path()), 1);
    tokens.token().await.expect_err("no token");
    assert_eq!(runs(folder.path()), 2, "who asks later is not told of an old failure");
}

#[tokio::test]
async fn a_token_is_asked_for_anew_before_it_ends_and_when_it_was_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let print = r#"echo "{\"access_token\":\"token-$n\",\"expires_in\":3600}""#;
    let tokens = Tokens::new(counting(folder.path(), print));
    let first = tokens.token().await.expect("a token");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3538)).await;
    let kept = tokens.token().await.expect("a token");
    assert_eq!((kept.secret.expose_secret(), kept.origin), ("token-1", Origin::Kept));
    tokio::time::advance(Duration::from_secs(3)).await;
    tokio::time::resume();
    let second = tokens.token().await.expect("a token");
    assert_eq!((second.secret.expose_secret(), second.origin), ("token-2", Origin::Fresh));
    // Somebody whose older token was refused does not take the newer one away.
    tokens.forget(&first).await;
    assert_eq!(tokens.token().await.expect("a token").secret.expose_secret(), "token-2");
    tokens.forget(&second).await;
    assert_eq!(tokens.token().await.expect("a token").secret.expose_secret(), "token-3");
}

#[tokio::test]
async fn a_command_that_has_worked_may_fail_for_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let print = r#"test $n -eq 1 && echo '{"access_token":"t","expires_in":1}'"#;
    let tokens = Tokens::new(counting(folder.path(), print));
    tokens.token().await.expect("a token");
    let error = tokens.token().await.expect_err("no token");
    assert!(matches!(error, RelayError::Token { permanence: Permanence::Transient, .. }), "{error}");
}

#[tokio::test]
async fn odd_commands_are_told_apart() {
    let table: [(&[&str], &str); 4] = [
        (&["/no/such/program"], "cannot be run"),
        (&["true"], "prints nothing"),
        (&["yes", "canary"], "prints more than 64 KiB"),
        (&[], "is no program"),
    ];
    for (words, expected) in table {
        let error = Tokens::new(command(words)).token().await.expect_err("no token").to_string();
        assert!(error.contains(expected) && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_never_shown() {
    let tokens = Tokens::new(command(&["printf", "%s%s", "can", "ary"]));
    let token = tokens.token().await.expect("a token");
    assert_eq!(token.secret.expose_secret(), "canary");
    assert!(!format!("{tokens:?} {token:?}").contains("canary"));
}
