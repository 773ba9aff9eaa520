//! The data is whole and in order.

use super::*;
use crate::campaign::{Relay, Tls};

fn preset(name: &str) -> Preset {
    Preset::named(name).expect(name)
}

#[test]
fn every_value_has_one_source_and_every_source_a_month() {
    for preset in Preset::all() {
        for (key, value) in preset.values() {
            let sources = preset.sources().iter().filter(|source| source.of.iter().any(|of| of == key));
            assert_eq!(sources.count(), 1, "{preset}: {key} = {value}");
        }
        for source in preset.sources() {
            let (year, month) = source.as_of.split_once('-').expect("a year and a month");
            assert!(year.len() == 4 && month.len() == 2, "{preset}: {}", source.as_of);
            assert!(!source.of.is_empty() && !source.words.ends_with('.'), "{preset}: {}", source.words);
        }
    }
}

#[test]
fn sources_name_keys_of_a_relay() {
    let keys = [
        "host",
        "port",
        "tls",
        "quotas",
        "rate",
        "reserve",
        "recipients_per_message",
        "max_size",
        "sessions",
        "messages_per_session",
        "session_age",
        "window",
        "counts_refused",
        "sign",
        "spf",
        "smtputf8",
    ];
    for preset in Preset::all() {
        for key in preset.sources().iter().flat_map(|source| &source.of) {
            assert!(keys.contains(&key.as_str()), "{preset}: {key}");
        }
    }
}

#[test]
fn an_include_is_a_domain_and_has_its_source() {
    for preset in Preset::all() {
        let Some(include) = preset.spf() else {
            assert_eq!(preset.source_of("spf"), None, "{preset}");
            continue;
        };
        assert!(include.contains('.') && !include.contains(':'), "{preset}: {include}");
        assert!(preset.source_of("spf").is_some(), "{preset}: {include}");
    }
}

#[test]
fn what_is_known_of_smtputf8_has_its_source() {
    for preset in Preset::all() {
        assert_eq!(preset.lacks_smtputf8(), preset.source_of("smtputf8").is_some(), "{preset}");
    }
    assert!(preset("ses").lacks_smtputf8() && !preset("gmail").lacks_smtputf8());
}

#[test]
fn every_preset_is_a_relay_by_itself() {
    for preset in Preset::all() {
        let relay = Relay::of_preset(preset);
        assert_eq!(relay.preset, preset);
        assert!(!preset.about().is_empty(), "{preset}");
        let smallest = relay.quotas.iter().map(|quota| quota.limit).min();
        assert!(smallest.is_none_or(|limit| limit > relay.reserve), "{preset}: nothing is left");
        assert_eq!(relay.quotas.is_empty(), !preset.values().any(|(key, _)| key == "quotas"), "{preset}");
        let sized = preset.values().any(|(key, _)| key == "max_size");
        assert_eq!(relay.max_size.is_some(), sized, "{preset}");
        assert!(relay.max_size.is_none_or(|size| size >= 10_000_000), "{preset}: too small to be meant");
        assert!(relay.no_quota.is_none() || relay.quotas.is_empty(), "{preset}");
        let is_plain = preset.kind() == PresetKind::Own;
        assert!(is_plain || relay.tls != Tls::None && preset.login_hint().is_some(), "{preset}");
        assert_eq!(preset.kind() == PresetKind::Mailbox, relay.window == 1, "{preset}");
    }
}

#[test]
fn a_relay_of_a_preset_alone_is_what_its_provider_takes() {
    type Limits = (u32, u32, u32, &'static str);
    let table: [(&str, &str, u16, Tls, Limits); 9] = [
        ("office365", "smtp.office365.com", 587, Tls::StartTls, (3, 100, 500, "10000/24h 30/1m")),
        ("outlook", "smtp-mail.outlook.com", 587, Tls::StartTls, (3, 100, 100, "1000/24h 30/1m")),
        ("workspace-relay", "smtp-relay.gmail.com", 465, Tls::Implicit, (4, 100, 100, "10000/24h 10000/24h")),
        ("icloud", "smtp.mail.me.com", 587, Tls::StartTls, (4, 100, 500, "1000/24h 1000/24h")),
        ("mailgun-eu", "smtp.eu.mailgun.org", 465, Tls::Implicit, (4, 3, 100, "")),
        ("sendgrid", "smtp.sendgrid.net", 465, Tls::Implicit, (4, 5000, 100, "")),
        ("socketlabs", "smtp.socketlabs.com", 465, Tls::Implicit, (10, 50, 500, "")),
        ("emailit", "smtp.emailit.com", 465, Tls::Implicit, (4, 100, 100, "5000/day")),
        ("mailersend", "smtp.mailersend.net", 587, Tls::StartTls, (4, 5, 100, "120/1m")),
    ];
    for (name, host, port, tls, (sessions, each, recipients, quotas)) in table {
        let relay = Relay::of_preset(preset(name));
        assert_eq!((relay.host.as_str(), relay.port, relay.tls), (host, port, tls), "{name}");
        assert_eq!((relay.sessions, relay.messages_per_session), (sessions, each), "{name}");
        assert_eq!(relay.recipients_per_message, recipients, "{name}");
        let told: Vec<String> =
            relay.quotas.iter().map(|quota| format!("{}/{}", quota.limit, quota.per)).collect();
        assert_eq!(told.join(" "), quotas, "{name}");
    }
    let rate = Relay::of_preset(preset("emailit")).rate.map(|rate| (rate.count.get(), rate.per.as_secs()));
    assert_eq!(rate, Some((2, 1)));
    assert_eq!(Relay::of_preset(preset("sparkpost")).session_age.as_secs(), 900);
}

#[test]
fn a_value_is_told_as_it_is_written() {
    let ovh = preset("ovh");
    assert_eq!(ovh.value_of("quotas"), Some("[{ limit = 200, unit = \"recipients\", per = \"1h\" }]"));
    assert_eq!(ovh.value_of("rate"), None);
    assert_eq!(ovh.source_of("quotas").map(|source| source.confidence), Some(Confidence::Low));
    // A source that only says why a key is not set makes no guess of it.
    assert!(
        ovh.is_guess("quotas")
            && !ovh.is_guess("host")
            && !preset("sendgrid").is_guess("recipients_per_message")
    );
}

#[test]
fn a_misspelt_preset_brings_the_nearest() {
    let table = [("ofice365", "office365"), ("mailgun_eu", "mailgun-eu"), ("gmial", "gmail"), ("SES", "ses")];
    for (typed, meant) in table {
        let hint = Preset::named(typed).expect_err(typed).hint;
        assert_eq!(hint, Some(format!("did you mean {meant:?}?")), "{typed}");
    }
    let hint = Preset::named("mailchimp-transactional").expect_err("unknown").hint.expect("a hint");
    assert!(hint.starts_with("the presets are gmail, workspace,"), "{hint}");
}

#[test]
fn a_relay_without_a_preset_knows_nothing() {
    let generic = Preset::GENERIC;
    assert_eq!((generic.name(), generic.login_hint(), generic.sources().len()), ("generic", None, 0));
    assert!(generic.values().next().is_none() && generic.no_quota().is_none());
    assert!(Preset::all().all(|preset| preset != generic));
}

#[test]
fn a_login_is_explained() {
    let table = [
        ("gmail", "app password"),
        ("sendgrid", "`apikey`"),
        ("resend", "`resend`"),
        ("ses", "not the access"),
    ];
    for (name, words) in table {
        assert!(preset(name).login_hint().is_some_and(|hint| hint.contains(words)), "{name}");
    }
}
