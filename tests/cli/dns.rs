//! `check --dns` and `relay test --dns`, against a DNS server inside the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::stage::{Names, Workspace};

/// Name, type, and what it says.
type Record<'a> = (&'a str, &'a str, &'a str);

const SPF: Record<'static> = ("example.com", "TXT", "v=spf1 include:amazonses.com -all");
const AMAZON: Record<'static> = ("amazonses.com", "TXT", "v=spf1 ip4:199.255.192.0/22 -all");
const DMARC: Record<'static> = ("_dmarc.example.com", "TXT", "v=DMARC1; p=quarantine");
const MX: Record<'static> = ("example.com", "MX", "mx.example.com");
const SES: &str = "[relays.desk]\npreset = \"ses\"\nhost = \"email-smtp.eu-west-1.amazonaws.com\"\n\
                   user = \"news\"\npassword = { env = \"NOBODY_NEEDS_IT\" }\n";

/// A letter through Amazon, to one person.
fn letter() -> Workspace {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/relays.toml", SES);
    workspace
}

/// What `check --dns --json` says of each record, in its order.
fn findings(workspace: &Workspace, names: &Names, code: i32) -> Vec<Value> {
    let resolver = names.address.to_string();
    let run = workspace.mailrun(&["check", "letter", "--dns", "--resolver", &resolver, "--json"]).ends(code);
    run.json()["dns"].as_array().expect("findings").clone()
}

#[test]
fn records_that_are_in_order_are_good() {
    let names = Names::start(&[SPF, AMAZON, DMARC, MX]);
    let workspace = letter();
    let found = findings(&workspace, &names, 0);
    let states: Vec<_> = found.iter().map(|finding| (&finding["about"], &finding["state"])).collect();
    assert_eq!(states[0], (&Value::from("SPF"), &Value::from("good")), "{found:?}");
    // Nobody but Amazon is known to sign.
    assert_eq!(states[2], (&Value::from("DMARC"), &Value::from("doubtful")), "{found:?}");
    assert_eq!(states[3], (&Value::from("MX"), &Value::from("good")), "{found:?}");
    let resolver = names.address.to_string();
    let run = workspace.mailrun(&["check", "letter", "--dns", "--resolver", &resolver]).ends(0);
    run.says("SPF example.com: good").says("the policy is p=quarantine");
}

#[test]
fn what_is_missing_is_shown_with_the_record_to_publish() {
    let names = Names::start(&[("example.com", "TXT", "v=spf1 mx -all"), ("example.com", "A", "192.0.2.1")]);
    let workspace = letter();
    let resolver = names.address.to_string();
    let run = workspace.mailrun(&["check", "letter", "--dns", "--resolver", &resolver]).ends(14);
    run.says("publish example.com TXT \"v=spf1 mx include:amazonses.com -all\"")
        .says("publish _dmarc.example.com TXT \"v=DMARC1; p=none; rua=mailto:postmaster@example.com\"")
        .says("there is no MX record");
}

#[test]
fn a_key_is_held_against_its_record() {
    let workspace = Workspace::letter(1);
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pem = STANDARD.encode(key.as_der().expect("its octets").as_ref());
    workspace
        .write("keys/s1.pem", format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"));
    fs::set_permissions(workspace.path("keys/s1.pem"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let keyed = "[relays.desk]\npreset = \"sandbox\"\n[dkim.\"example.com\"]\n\
                 keys = [{ selector = \"s1\", file = \"keys/s1.pem\" }]\n";
    workspace.write("campaigns/relays.toml", keyed);
    let tested = workspace.mailrun(&["relay", "test", "desk", "--json"]).ends(0).json();
    let record = tested["signs"][0]["keys"][0]["record"].as_str().expect("a record").to_owned();
    let good = ("s1._domainkey.example.com", "TXT", record.as_str());

    let table: [(&[Record<'_>], &str, i32); 4] = [
        (&[good], "it is the key that mailrun signs with", 0),
        (&[], "there is no record, so no signature by this key verifies", 14),
        (&[(good.0, "TXT", "v=DKIM1; k=rsa; p=")], "the key is revoked", 14),
        (&[(good.0, "TXT", "v=DKIM1; k=rsa; p=QUJD")], "another key stands there", 14),
    ];
    for (records, words, code) in table {
        let resolver = Names::start(records).address.to_string();
        let run = workspace.mailrun(&["relay", "test", "desk", "--dns", "--resolver", &resolver]).ends(code);
        run.says("DKIM s1._domainkey.example.com").says(words);
        let run = workspace.mailrun(&["check", "letter", "--dns", "--resolver", &resolver]);
        run.says("DKIM s1._domainkey.example.com").says(words);
    }
    let names = Names::start(&[good, ("example.com", "TXT", "v=spf1 mx -all"), DMARC, MX]);
    let found = findings(&workspace, &names, 0);
    assert!(
        found.iter().any(|finding| finding["what"].as_str().is_some_and(|what| what.contains("twice"))),
        "{found:?}"
    );
}

#[test]
fn a_resolver_that_fails_is_no_missing_record() {
    let resolver = Names::that_fails().address.to_string();
    let run = letter().mailrun(&["check", "letter", "--dns", "--resolver", &resolver, "--json"]).ends(1);
    let found = run.json()["dns"].clone();
    assert!(
        found.as_array().expect("findings").iter().all(|finding| finding["state"] == "unknown"),
        "{found}"
    );
    letter().mailrun(&["check", "letter", "--resolver", &resolver]).ends(2).says("--dns");
}
