//! DKIM: who signs, with what, and what stops a campaign that would go unsigned.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::stage::{Habit, Peer, Workspace};

const DKIM: &str = "[dkim.\"example.com\"]\nkeys = [{ selector = \"s1\", file = \"keys/s1.pem\" }, \
                    { selector = \"s2\", file = \"keys/s2.pem\" }]\n";

fn write_key(workspace: &Workspace, file: &str, der: &[u8]) {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    workspace.write(file, pem);
    fs::set_permissions(workspace.path(file), fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// A letter through a sandbox, with a key of RSA and one of Ed25519 for its From.
fn signed_letter(count: usize) -> Workspace {
    let workspace = Workspace::letter(count);
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    write_key(&workspace, "keys/s1.pem", rsa.as_der().expect("its octets").as_ref());
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    write_key(&workspace, "keys/s2.pem", ed25519.to_pkcs8v1().expect("its octets").as_ref());
    workspace.write("campaigns/relays.toml", format!("[relays.desk]\npreset = \"sandbox\"\n{DKIM}"));
    workspace
}

fn sent(workspace: &Workspace) -> Vec<String> {
    let files = workspace.files(".mailrun/sandbox", ".eml");
    files.iter().map(|file| fs::read_to_string(file).expect("a message")).collect()
}

#[test]
fn every_message_carries_a_signature_of_each_key_before_all_else() {
    let workspace = signed_letter(300);
    let note = "DKIM: example.com signs with s1 (RSA-2048) and s2 (Ed25519), through desk";
    workspace.mailrun(&["check", "letter"]).ends(0).says(note);
    workspace.mailrun(&["preview", "letter"]).ends(0).says("DKIM-Signature: set when sent");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let sent = sent(&workspace);
    assert_eq!(sent.len(), 300);
    for message in &sent {
        let (fields, _) = message.split_once("\r\n\r\n").expect("a body");
        assert!(
            fields.starts_with("DKIM-Signature: v=1; a=rsa-sha256; s=s1; d=example.com; c=relaxed/relaxed;")
        );
        assert!(fields.contains("\r\nDKIM-Signature: v=1; a=ed25519-sha256; s=s2; d=example.com;"));
        assert_eq!(fields.matches("DKIM-Signature: ").count(), 2);
        assert_eq!(fields.matches("\r\nFrom: ").count(), 1);
    }
}

#[test]
fn the_digest_of_a_signed_message_is_that_of_the_preview() {
    let workspace = signed_letter(1);
    let preview = workspace.mailrun(&["preview", "letter", "--json"]).ends(0).json();
    let digest = preview[0]["digest"].as_str().expect("a digest").to_owned();
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\nsign = false\n");
    let unsigned = workspace.mailrun(&["preview", "letter", "--json"]).ends(0).json();
    assert_eq!(unsigned[0]["digest"].as_str(), Some(digest.as_str()));
    assert!(
        unsigned[0]["headers"].as_array().expect("fields").iter().all(|field| field[0] != "DKIM-Signature")
    );
}

#[test]
fn a_relay_whose_provider_signs_gets_no_signature_of_ours() {
    let workspace = signed_letter(1);
    workspace
        .write("campaigns/relays.toml", format!("[relays.desk]\npreset = \"sandbox\"\nsign = false\n{DKIM}"));
    workspace.mailrun(&["check", "letter"]).ends(0).never_says("DKIM");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert!(!sent(&workspace)[0].contains("DKIM-Signature"));
}

#[test]
fn a_relay_that_must_sign_sends_nothing_without_a_key_for_from() {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\nsign = true\n");
    for arguments in [&["check", "letter"][..], &["send", "letter", "--yes"]] {
        workspace
            .mailrun(arguments)
            .ends(10)
            .says("relay `desk` signs (sign = true), and there is no key for example.com")
            .says("campaigns/letter/campaign.toml:3")
            .says("[dkim.\"example.com\"]");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_pointed_at() {
    let workspace = signed_letter(1);
    let check = || workspace.mailrun(&["check", "letter"]).ends(10).says("campaigns/relays.toml:4");
    fs::set_permissions(workspace.path("keys/s1.pem"), fs::Permissions::from_mode(0o644)).expect("a mode");
    check().says("the key of selector `s1` cannot be read").says("chmod 600");
    fs::remove_file(workspace.path("keys/s1.pem")).expect("removed");
    check().says("no such file or directory");
    write_key(&workspace, "keys/s1.pem", b"nonsense");
    check().says("`keys/s1.pem` cannot sign: its key is damaged").says("openssl");
    fs::copy(workspace.path("keys/s2.pem"), workspace.path("keys/s1.pem")).expect("copied");
    check().says("selectors `s1` and `s2` are both Ed25519");
}

#[test]
fn whatever_was_made_ahead_and_not_sent_is_sent_by_the_run_that_goes_on() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = signed_letter(40);
    workspace.relay(silent.port, DKIM);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    run.signal(rustix::process::Signal::TERM);
    run.kill();
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, DKIM);
    workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]).ends(0);
    let taken = peer.taken();
    assert_eq!(taken.len(), 40);
    assert!(taken.iter().all(|message| message.header("DKIM-Signature").len() == 2));
}

#[test]
fn relay_test_says_who_would_sign_and_what_dns_must_say() {
    let workspace = signed_letter(1);
    let run = workspace.mailrun(&["relay", "test", "desk"]).ends(0);
    let run = run.says("example.com with s1 (RSA-2048) and s2 (Ed25519)").says("s1._domainkey.example.com");
    run.says("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOC").says("v=DKIM1; k=ed25519; p=");
    let seen = workspace.mailrun(&["relay", "test", "desk", "--json"]).ends(0).json();
    assert_eq!(seen["signs"][0]["domain"], "example.com");
    assert_eq!(seen["signs"][0]["keys"][1]["name"], "s2._domainkey.example.com");
}
