//! Relays in order and out of it, each fault at its place.

use std::fs;
use std::num::NonZeroU32;

use crate::policy::{Period, Unit};

use jiff::tz::TimeZone;

use super::*;

fn load(text: Option<&str>) -> Result<Relays, Vec<Fault>> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("campaigns")).expect("a folder");
    if let Some(text) = text {
        fs::write(folder.path().join(FILE), text).expect("a file");
    }
    let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
    Relays::load(&workspace).map_err(|error| match error {
        CampaignError::Faults(faults) => faults,
        CampaignError::NoWorkspace { .. } | CampaignError::NoCampaign { .. } | CampaignError::Read { .. } => {
            panic!("{error}")
        }
    })
}

fn one(text: &str) -> Relay {
    let relays = load(Some(text)).unwrap_or_else(|faults| panic!("{text}: {faults:#?}"));
    assert_eq!(relays.relays.len(), 1);
    relays.relays.into_iter().next().expect("one relay")
}

#[test]
fn without_a_file_there_is_a_sandbox() {
    let relays = load(None).expect("in order");
    let sandbox = relays.relay("sandbox").expect("a sandbox");
    assert!(sandbox.is_sandbox());
    assert_eq!((sandbox.host.as_str(), sandbox.port, sandbox.tls), ("127.0.0.1", 0, Tls::None));
    assert_eq!(sandbox.account().as_str(), "sandbox@sandbox");
    assert_eq!(relays.min_free, 64 << 20);
}

#[test]
fn what_is_not_named_has_its_default() {
    let relay = one("[relays.mine]\nhost = \"mail.example.com\"\n");
    assert_eq!((relay.preset, relay.port, relay.tls), (Preset::GENERIC, 465, Tls::Implicit));
    assert_eq!((relay.sessions, relay.messages_per_session, relay.recipients_per_message), (4, 100, 100));
    assert_eq!((relay.session_age.as_secs(), relay.window), (900, 16));
    assert_eq!((relay.weight, relay.reserve), (1, 0));
    assert!(relay.counts_refused && !relay.insecure && relay.quotas.is_empty() && relay.rate.is_none());
    assert!(relay.user.is_none() && relay.password.is_none() && relay.sandbox.is_none());
    assert_eq!(relay.account().as_str(), "mail.example.com:465");
}

#[test]
fn every_key_means_what_it_says() {
    let relay = one(r#"
[relays.ses-eu]
preset = "ses"
host = "Email-SMTP.eu-west-1.amazonaws.com"
port = 587
tls = "starttls"
user = "AKIA"
password = { command = ["pass", "ses"] }
auth = "SCRAM-SHA-256"
sessions = 8
messages_per_session = 500
session_age = "5m"
window = 256
rate = "14/s"
weight = 2
quotas = [{ limit = 30000, unit = "recipients", per = "24h" }, { limit = 9, unit = "messages", per = "day", zone = "UTC" }]
reserve = 5
counts_refused = false
sign = true
verp = false
helo = "me.example.com"
tls_ca = "keys/ca.pem"
[state]
min_free = "1GiB"
"#);
    assert_eq!((relay.preset.name(), relay.port, relay.tls), ("ses", 587, Tls::StartTls));
    assert_eq!(relay.password, Some(SecretSource::Command(vec!["pass".into(), "ses".into()])));
    assert_eq!(relay.auth, Some(Auth::ScramSha256));
    assert_eq!((relay.sessions, relay.messages_per_session, relay.recipients_per_message), (8, 500, 50));
    assert_eq!((relay.session_age.as_secs(), relay.window), (300, 256));
    assert_eq!(relay.rate.map(|rate| rate.count), NonZeroU32::new(14));
    assert_eq!(relay.quotas[0].unit, Unit::Recipients);
    assert_eq!(relay.quotas[1].per, Period::Day(TimeZone::UTC));
    assert!(!relay.counts_refused && !relay.verp && relay.rewrites_stamps());
    assert_eq!(relay.sign, Signing::Always);
    assert_eq!(relay.helo.as_deref(), Some("me.example.com"));
    assert!(relay.tls_ca.as_ref().is_some_and(|file| file.is_absolute() && file.ends_with("keys/ca.pem")));
    assert_eq!(relay.account().as_str(), "akia@email-smtp.eu-west-1.amazonaws.com");
}

#[test]
fn keys_sign_for_their_domain_and_those_beneath_it() {
    let document = "[relays.mine]\nhost = \"a.com\"\n[dkim.\"Example.com\"]\nkeys = [{ selector = \"s1\", file = \"k\" }]\n\
        [dkim.\"news.example.com\"]\nkeys = [{ selector = \"N\", file = \"n\" }, { selector = \"m.x\", file = \"/m\" }]\n";
    let relays = load(Some(document)).expect("relays");
    let selectors = |domain| {
        let found = SigningDomain::covering(&relays.dkim, domain)?;
        Some(found.keys.iter().map(|key| key.selector.as_str()).collect::<Vec<_>>())
    };
    assert_eq!(selectors("example.com"), Some(vec!["s1"]));
    assert_eq!(selectors("a.b.example.com"), Some(vec!["s1"]));
    assert_eq!(selectors("x.news.example.com"), Some(vec!["n", "m.x"]));
    for domain in ["com", "badexample.com", "example.org"] {
        assert_eq!(selectors(domain), None, "{domain}");
    }
    assert_eq!(relays.relays[0].sign, Signing::WhereKeyed);
    assert!(!relays.relays[0].rewrites_stamps());
}

#[test]
fn a_relay_may_have_a_warm_up_and_limits_by_domain() {
    let relay = one(r#"
[relays.mine]
host = "mail.example.com"
warmup = { from = 200, factor = 1.5, zone = "Europe/Berlin" }
[relays.mine.domains."GMail.com"]
rate = "2/s"
sessions = 3
[relays.mine.domains."münchen.example"]
sessions = 1
[relays.mine.domains."*"]
rate = "10/s"
"#);
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    assert_eq!(relay.warmup, Some(Warmup { from: 200, factor: 1.5, zone }));
    let shown = |domain| {
        let limit = relay.domains.of(domain).expect("a limit");
        (limit.rate.map(|rate| rate.count.get()), limit.sessions)
    };
    assert_eq!(shown("gmail.com"), (Some(2), Some(3)));
    assert_eq!(shown("xn--mnchen-3ya.example"), (None, Some(1)));
    assert_eq!(shown("example.org"), (Some(10), None));
    let plain = one("[relays.mine]\nhost = \"a.com\"\nwarmup = { from = 50, factor = 2 }\n");
    assert!(plain.domains.is_empty() && plain.warmup.is_some_and(|warmup| warmup.allowance(1) == 100));
}

#[test]
fn a_preset_knows_limits_and_each_can_be_overridden() {
    let gmail = one("[relays.mine]\npreset = \"gmail\"\nuser = \"me@gmail.com\"\n");
    assert_eq!((gmail.host.as_str(), gmail.port, gmail.tls), ("smtp.gmail.com", 465, Tls::Implicit));
    let limits: Vec<(u64, Unit)> = gmail.quotas.iter().map(|quota| (quota.limit, quota.unit)).collect();
    assert_eq!(limits, [(500, Unit::Messages), (500, Unit::Recipients)]);
    assert_eq!((gmail.reserve, gmail.recipients_per_message, gmail.window), (50, 100, 1));
    let none = one("[relays.mine]\npreset = \"workspace\"\nquotas = []\nreserve = 0\n");
    assert!(none.quotas.is_empty());
    let starttls = one("[relays.mine]\npreset = \"gmail\"\ntls = \"starttls\"\n");
    assert_eq!((starttls.port, starttls.tls), (587, Tls::StartTls));
    let other = one("[relays.mine]\npreset = \"gmail\"\nport = 587\n");
    assert_eq!((other.port, other.tls), (587, Tls::StartTls));
    let postfix = one("[relays.mine]\npreset = \"postfix\"\n");
    assert_eq!((postfix.host.as_str(), postfix.port, postfix.tls), ("localhost", 25, Tls::None));
    assert_eq!(postfix.recipients_per_message, 1000);
    let far = one("[relays.mine]\npreset = \"postfix\"\nhost = \"mx.example.com\"\nport = 25\n");
    assert_eq!((far.port, far.tls), (25, Tls::StartTls));
}

#[test]
fn a_guess_is_told_until_the_operator_sets_the_key() {
    let told = |text: &str| -> Vec<String> { one(text).doubts().iter().map(ToString::to_string).collect() };
    let table: [(&str, &[&str]); 7] = [
        (
            "preset = \"ovh\"",
            &["`quotas` of relay `a` is a guess (low confidence): check it with your provider"],
        ),
        ("preset = \"ovh\"\nquotas = []", &[]),
        (
            "preset = \"outlook\"",
            &[
                "`quotas` and `sessions` of relay `a` are guesses (low confidence): check them with your provider",
            ],
        ),
        (
            "preset = \"outlook\"\nsessions = 3",
            &["`quotas` of relay `a` is a guess (low confidence): check it with your provider"],
        ),
        (
            "preset = \"brevo\"",
            &[
                "`recipients_per_message` of relay `a` is a guess (low confidence): check it with your provider",
                "relay `a` has no quota; your plan has one (free: 300 a day)",
            ],
        ),
        ("preset = \"brevo\"\nquotas = []\nrecipients_per_message = 50", &[]),
        ("preset = \"gmail\"", &[]),
    ];
    for (settings, expected) in table {
        let expected: Vec<String> = expected.iter().map(|words| format!("{FILE}:1:9: {words}")).collect();
        assert_eq!(told(&format!("[relays.a]\n{settings}\n")), expected, "{settings}");
    }
    let hint = one("[relays.a]\npreset = \"resend\"\nquotas = []\n").doubts()[0].hint.clone();
    assert_eq!(hint.as_deref(), Some("preset `resend` guesses rate = \"2/s\"; set what your provider says"));
}

#[test]
fn a_host_that_differs_from_account_to_account_is_asked_for_with_an_example() {
    let faults = load(Some("[relays.mine]\npreset = \"ses\"\n")).expect_err("no host");
    let hint = faults[0].hint.as_deref();
    assert_eq!(hint, Some("add host = \"email-smtp.REGION.amazonaws.com\"; preset `ses` cannot know yours"));
}

#[test]
fn a_sandbox_keeps_its_table_for_the_sandbox_room() {
    let relay = one("[relays.rehearsal]\npreset = \"sandbox\"\n[relays.rehearsal.sandbox]\nquota = 500\n");
    let sandbox = relay.sandbox.expect("a table");
    assert_eq!(sandbox.table["quota"].as_integer(), Some(500));
    assert_eq!(sandbox.place.line, 3);
}

#[test]
fn every_setting_that_is_wrong_is_told_at_its_place() {
    let table = [
        ("sesions = 3", "3:1: there is no key `sesions` here"),
        ("window = 0", "3:10: a window is 1 to 256 messages"),
        ("window = 257", "3:10: a window is 1 to 256 messages"),
        ("warmup = { from = 1 }", "3:10: `warmup` has no `factor`"),
        ("warmup = { factor = 1.5 }", "3:10: `warmup` has no `from`"),
        ("warmup = { from = 0, factor = 2 }", "3:19: a warm-up that begins with nobody never begins"),
        ("warmup = { from = 9, factor = 0.9 }", "3:31: with a factor of 0.9 each day would have less"),
        ("warmup = { from = 9, factor = 11 }", "3:31: 11 is not a factor"),
        ("warmup = { from = 9, factor = nan }", "3:31: NaN is not a factor"),
        ("warmup = { from = 9, factor = 2, zone = \"Berln\" }", "3:41: \"Berln\" is not a time zone"),
        ("warmup = { from = 9, factor = 2, to = 9 }", "3:34: there is no key `to` here"),
        ("user = \"me\"\nauth = \"scram\"", "4:8: \"scram\" is no way to log in"),
        ("auth = \"plain\"", "3:8: `auth` says how to log in, and there is no `user`"),
        ("user = \"me\"\nauth = \"xoauth2\"", "4:8: xoauth2 is a login by token, and there is no `token`"),
        (
            "user = \"me\"\ntoken = { command = [\"x\"] }\nauth = \"plain\"",
            "5:8: plain is a login by password, and there is a `token`",
        ),
        ("token = { command = [\"x\"] }", "3:9: there is a token and no `user`"),
        ("user = \"me\"\ntoken = { file = \"x\" }", "4:9: a token comes from a command"),
        ("user = \"me\"\ntoken = { command = [] }", "4:9: a token comes from a command"),
        (
            "user = \"me\"\ntoken = { command = [\"x\"] }\npassword = { file = \"x\" }",
            "4:9: there is a password and a token",
        ),
        ("eight_bit = true", "3:1: `eight_bit` is not in this version"),
        ("sign = \"yes\"", "3:8: `sign`: invalid type: string \"yes\", expected true or false"),
        ("domains.\"gmail.com\".rate = \"120/m\"", "3:28: \"120/m\" is a quota"),
        ("domains.\"gmail.com\".rate = \"fast\"", "3:28: \"fast\" is not a rate"),
        ("[relays.mine.domains.\"gmail.com\"]\nsessions = 0", "4:12: at least 1 is needed"),
        ("[relays.mine.domains.\"gmail.com\"]", "3:22: no limit is set for \"gmail.com\""),
        ("[relays.mine.domains.gmail]\nsessions = 3", "3:22: \"gmail\" is not a domain"),
        ("[relays.mine.domains.\"*.gmail.com\"]\nsessions = 3", "3:22: \"*.gmail.com\" is not a domain"),
        ("[relays.mine.domains.\"a@gmail.com\"]\nsessions = 3", "3:22: \"a@gmail.com\" is not a domain"),
        ("[relays.mine.domains.\"gmail.com\"]\nspeed = 3\nsessions = 3", "4:1: there is no key `speed` here"),
        (
            "domains.\"GMail.com\".sessions = 3\ndomains.\"gmail.com\".sessions = 4",
            "4:9: gmail.com stands here twice",
        ),
        ("preset = \"gmial\"", "3:10: there is no preset \"gmial\""),
        ("port = 0", "3:8: there is no port 0"),
        ("port = 70000", "3:8: `port`: invalid value: integer `70000`, expected a whole number up to 65535"),
        ("tls = \"ssl\"", "3:7: \"ssl\" is no kind of TLS"),
        ("tls = \"none\"", "3:7: without TLS mail and password could be read on the way"),
        ("sessions = \"many\"", "3:12: `sessions`: invalid type: string \"many\", expected a whole number"),
        ("quotas = 5", "3:10: `quotas`: invalid type: integer `5`, expected a list"),
        ("counts_refused = 1", "3:18: `counts_refused`: invalid type: integer `1`, expected true or false"),
        ("sandbox = 1", "3:11: `sandbox`: invalid type: integer `1`, expected a table"),
        ("helo = \"my host\"", "3:8: \"my host\" is not a host"),
        ("sessions = 0", "3:12: at least 1 is needed"),
        ("rate = \"100/m\"", "3:8: \"100/m\" is a quota: a rate counts over less than a minute"),
        ("session_age = \"soon\"", "3:15: \"soon\" is not a duration"),
        ("quotas = [{ limit = 5, unit = \"mails\", per = \"24h\" }]", "3:31: \"mails\" cannot be counted"),
        ("quotas = [{ limit = 5, unit = \"messages\", per = \"1s\" }]", "3:49: \"1s\" is a rate"),
        ("quotas = [{ limit = 5, unit = \"messages\" }]", "3:11: this quota has no `per`"),
        (
            "quotas = [{ limit = 5, unit = \"messages\", per = \"1h\", zone = \"UTC\" }]",
            "3:62: a zone is only for per = \"day\"",
        ),
        (
            "quotas = [{ limit = 5, unit = \"messages\", per = \"1h\" }]\nreserve = 5",
            "4:11: a reserve of 5 leaves nothing of a quota of 5",
        ),
        (
            "user = \"me\"\npassword = { env = \"A\", file = \"b\" }",
            "4:12: one source of the password is needed",
        ),
        ("password = { env = \"A\" }", "3:12: there is a password and no `user`"),
        ("[relays.mine.sandbox]\nquota = 5", "3:1: only a sandbox relay pretends anything"),
        ("[relays.other]\nsessions = 2", "3:9: relay `other` has no host"),
        ("[relays.ses]\npreset = \"ses\"", "3:9: relay `ses` has no host"),
        ("[relays.\"a b\"]\nhost = \"x.com\"", "3:9: \"a b\" cannot be the name of a relay"),
        ("[relays.sand]\npreset = \"sandbox\"\nhost = \"x.com\"", "5:8: a sandbox relay has no host"),
        ("[state]\nmin_free = \"lots\"", "4:12: \"lots\" is not a size"),
    ];
    each_is_told(&table);
}

/// Each setting has one fault, at that place and in those words.
fn each_is_told(table: &[(&str, &str)]) {
    for (setting, expected) in table {
        let text = format!("[relays.mine]\nhost = \"mail.example.com\"\n{setting}\n");
        let faults = load(Some(&text)).expect_err(setting);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            told[0].starts_with(&format!("{FILE}:{expected}")) && told.len() == 1,
            "{setting}: {told:#?}"
        );
    }
}

#[test]
fn every_key_that_is_wrong_is_told_at_its_place() {
    let table = [
        ("[dkim.\"example.com\"]", "3:7: no key is named for \"example.com\""),
        ("[dkim.\"example.com\"]\nkeys = []", "4:8: no key is named for \"example.com\""),
        ("[dkim.example]\nkeys = [{ selector = \"a\", file = \"b\" }]", "3:7: \"example\" is not a domain"),
        ("[dkim.\"a.com\"]\nkeys = [{ file = \"b\" }]", "4:9: this key has no `selector`"),
        ("[dkim.\"a.com\"]\nkeys = [{ selector = \"s1\" }]", "4:9: this key has no `file`"),
        (
            "[dkim.\"a.com\"]\nkeys = [{ selector = \"s 1\", file = \"b\" }]",
            "4:22: \"s 1\" is not a selector",
        ),
        ("[dkim.\"a.com\"]\nkeys = [{ selector = \"s1\", file = \"\" }]", "4:35: no file is named"),
        (
            "[dkim.\"a.com\"]\nkeys = [{ selector = \"s1\", file = \"-----BEGIN PRIVATE KEY-----\" }]",
            "4:35: a key stands here in the clear",
        ),
        (
            "[dkim.\"a.com\"]\nkeys = [{ selector = \"s1\", file = \"b\" }, { selector = \"S1\", file = \"c\" }]",
            "4:42: selector `s1` stands here twice",
        ),
        (
            "[dkim.\"a.com\"]\nkeys = [{ selector = \"s1\", file = \"f\", path = \"b\" }]",
            "4:40: there is no key `path` here",
        ),
    ];
    each_is_told(&table);
}

#[test]
fn a_password_in_the_clear_is_refused_and_never_shown() {
    for password in
        ["\"canary7\"", "7777777", "7777777.5", "['canary7']", "{ canary7 = 1 }", "{ env = 7777777 }"]
    {
        let text = format!("[relays.mine]\nhost = \"a.com\"\nuser = \"me\"\npassword = {password}\n");
        let faults = load(Some(&text)).expect_err(password);
        let place = faults[0].place.as_ref().expect("a place");
        assert_eq!(place.line, 4, "{password}");
        assert!(!faults[0].to_string().contains("7777777"), "{password}: {faults:#?}");
    }
    for password in ["\"canary7\"", "['canary7']", "{ env = \"canary7!\" }"] {
        let text = format!("[relays.mine]\nhost = \"a.com\"\nuser = \"me\"\npassword = {password}\n");
        let faults = load(Some(&text)).expect_err(password);
        assert!(!format!("{faults:?}").contains("canary7"), "{password}: {faults:#?}");
    }
}

#[test]
fn a_token_comes_from_a_command_and_is_never_shown() {
    let relay = one(
        "[relays.mine]\nhost = \"a.com\"\nuser = \"me\"\ntoken = { command = [\"t\", \"me\"] }\nauth = \"xoauth2\"\n",
    );
    assert_eq!(relay.token, Some(vec!["t".into(), "me".into()]));
    assert_eq!(relay.auth, Some(Auth::Xoauth2));
    for token in ["\"canary7\"", "['canary7']", "7777777", "{ canary7 = 1 }"] {
        let text = format!("[relays.mine]\nhost = \"a.com\"\nuser = \"me\"\ntoken = {token}\n");
        let faults = load(Some(&text)).expect_err(token);
        let shown: String = faults.iter().map(ToString::to_string).collect();
        assert!(!shown.contains("7777777") && shown.contains("relays.toml:4:"), "{token}: {faults:#?}");
    }
}

#[test]
fn a_password_from_the_environment_is_worth_a_warning() {
    let text = "[relays.mine]\nhost = \"a.com\"\nuser = \"me\"\npassword = { env = \"SES\" }\n";
    let relays = load(Some(text)).expect("in order");
    assert_eq!(relays.relays[0].password, Some(SecretSource::Env("SES".into())));
    assert!(relays.warnings[0].to_string().starts_with("campaigns/relays.toml:4:12: others on this machine"));
}
