//! Relays a campaign may and may not use, each with the place its fault points at.

use std::fs;

use super::super::workspace::Workspace;
use super::*;

const RELAYS: &str = "[relays.ses]\npreset = \"ses\"\nhost = \"email-smtp.eu-west-1.amazonaws.com\"\nquotas = []\n\
                      [relays.office]\npreset = \"workspace\"\nuser = \"News@example.com\"\n\
                      [relays.mine]\npreset = \"gmail\"\nuser = \"me@gmail.com\"\n\
                      [relays.rehearsal]\npreset = \"sandbox\"\n\
                      [relays.web]\npreset = \"ovh\"\n\
                      [relays.own]\nhost = \"mx.example.com\"\n\
                      [relays.signed]\nhost = \"mx.example.com\"\nsign = true\n\
                      [dkim.\"example.com\"]\nkeys = [{ selector = \"s1\", file = \"keys/s1.pem\" }]\n";
const UNSUBSCRIBE: &str = "[unsubscribe]\nurl = \"https://u.example.com/{{token}}\"\n";

/// The names of the relays chosen for a campaign from `from` with these settings, or the faults.
fn chosen(
    from: &str,
    settings: &str,
    instead: Option<&[&str]>,
) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let campaign = format!("from = \"{from}\"\nsubject = \"x\"\n{settings}");
    for (path, text) in [
        ("campaigns/relays.toml", RELAYS),
        ("campaigns/a/campaign.toml", campaign.as_str()),
        ("campaigns/a/recipients.csv", "email\n"),
        ("templates/a/body.txt.hbs", "x"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
    let campaign = Campaign::load(&workspace, "a").expect("a campaign");
    let relays = Relays::load(&workspace).expect("relays");
    let instead: Option<Vec<RelayName>> =
        instead.map(|names| names.iter().map(|name| RelayName::new(name)).collect());
    match choose(&campaign, &relays, instead.as_deref()) {
        Ok(chosen) => {
            let warnings =
                campaign.warnings_through(&chosen, Signed::No).iter().map(ToString::to_string).collect();
            Ok((chosen.iter().map(|relay| relay.name.to_string()).collect(), warnings))
        }
        Err(CampaignError::Faults(faults)) => Err(faults.iter().map(ToString::to_string).collect()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn relays_come_in_the_order_of_the_campaign() {
    let settings = format!("relays = [\"office\", \"ses\"]\n{UNSUBSCRIBE}");
    let (names, warnings) = chosen("news@example.com", &settings, None).expect("in order");
    assert_eq!(names, ["office", "ses"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    let (names, _) = chosen("news@example.com", &settings, Some(&["ses", "ses"])).expect("in order");
    assert_eq!(names, ["ses"]);
}

#[test]
fn what_does_not_fit_is_told_at_its_place() {
    let file = "campaigns/a/campaign.toml";
    let table = [
        (
            "news@example.com",
            "relays = [\"sez\"]\n",
            vec![format!("{file}:3:11: there is no relay `sez` in campaigns/relays.toml")],
        ),
        ("news@example.com", "", vec![format!("{file}:1:1: the campaign does not say which relays it uses")]),
        (
            "news@example.com",
            "relays = [\"ses\", \"rehearsal\"]\n",
            vec![
                format!("{file}:3:18: `rehearsal` is a sandbox and cannot stand beside a real relay"),
                format!(
                    "{file}:1:1: nobody could unsubscribe: there is neither a link nor an address for it"
                ),
            ],
        ),
        (
            "me@gmail.com",
            "relays = [\"ses\", \"mine\"]\n[unsubscribe]\nmailto = \"u@example.com\"\n",
            vec![format!(
                "{file}:1:8: mail from gmail.com through relay `ses` (email-smtp.eu-west-1.amazonaws.com) will be refused or taken for spam"
            )],
        ),
    ];
    for (from, settings, expected) in table {
        assert_eq!(chosen(from, settings, None).expect_err(settings), expected, "{settings}");
    }
}

#[test]
fn a_sandbox_alone_takes_everything_with_a_warning() {
    let (_, warnings) = chosen("me@gmail.com", "relays = [\"rehearsal\"]\n", None).expect("in order");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("fine for the sandbox"), "{warnings:?}");
}

#[test]
fn a_mailbox_of_a_provider_leaves_through_its_own_servers_alone() {
    for from in [
        "me@googlemail.com",
        "me@yahoo.com",
        "me@yahoo.de",
        "me@yahoo.co.uk",
        "me@yahoo.com.br",
        "me@rocketmail.com",
        "me@outlook.com",
        "me@outlook.fr",
        "me@hotmail.co.uk",
        "me@live.nl",
        "me@msn.com",
    ] {
        let settings = format!("relays = [\"ses\"]\n{UNSUBSCRIBE}");
        let faults = chosen(from, &settings, None).expect_err(from);
        assert!(faults[0].contains("campaign.toml:1:8: mail from "), "{faults:?}");
    }
    for from in
        ["me@notgmail.com", "me@yahoo.example.com", "me@live.example", "me@hotmail.info", "a@mail.yahoo.org"]
    {
        let settings = format!("relays = [\"ses\"]\n{UNSUBSCRIBE}");
        assert!(chosen(from, &settings, None).is_ok(), "{from}");
    }
    let settings = format!("relays = [\"mine\"]\n{UNSUBSCRIBE}");
    assert!(chosen("me@gmail.com", &settings, None).is_ok());
}

#[test]
fn a_relay_that_signs_needs_a_key_for_from() {
    let settings = format!("relays = [\"signed\"]\n{UNSUBSCRIBE}");
    let faults = chosen("news@example.org", &settings, None).expect_err("no key");
    let told = "campaigns/a/campaign.toml:1:8: relay `signed` signs (sign = true), and there is no key for example.org";
    assert_eq!(faults, [told]);
    assert!(chosen("news@letters.example.com", &settings, None).is_ok());
}

#[test]
fn one_click_that_nobody_signs_is_told() {
    let (_, warnings) =
        chosen("news@example.com", &format!("relays = [\"own\"]\n{UNSUBSCRIBE}"), None).expect("in order");
    assert!(warnings[0].contains("relay `own` is not known to sign"), "{warnings:?}");
    let mailto = "relays = [\"own\"]\n[unsubscribe]\nmailto = \"u@example.com\"\n";
    let (_, warnings) = chosen("news@example.com", mailto, None).expect("in order");
    assert!(warnings.iter().all(|warning| !warning.contains("known to sign")), "{warnings:?}");
}

#[test]
fn google_is_known_to_write_its_login_over_from() {
    let settings = format!("relays = [\"office\"]\n{UNSUBSCRIBE}");
    let (_, warnings) = chosen("other@example.com", &settings, None).expect("in order");
    assert!(warnings[0].contains("relay `office` logs in as \"News@example.com\""), "{warnings:?}");
    let mailto = "relays = [\"office\"]\n[unsubscribe]\nmailto = \"u@example.com\"\n";
    let (_, warnings) = chosen("news@example.com", mailto, None).expect("in order");
    assert!(warnings[0].contains("not the one click"), "{warnings:?}");
}

#[test]
fn a_guess_is_told_of_a_relay_in_use_only() {
    let settings = format!("relays = [\"web\"]\n{UNSUBSCRIBE}");
    let (_, warnings) = chosen("news@example.com", &settings, None).expect("in order");
    let guess = "`quotas` of relay `web` is a guess (low confidence): check it with your provider";
    assert_eq!(warnings[..1], [format!("campaigns/relays.toml:13:9: {guess}")]);
    assert!(warnings[1].contains("relay `web` is not known to sign"), "{warnings:?}");
}
