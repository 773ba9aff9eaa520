//! Campaigns in order and out of it, each fault at its place.

use std::fs;

use tempfile::TempDir;

use crate::mail::{Condition, Mode, RelayName, Ret, Source};
use crate::policy::Retry;

use super::*;

const LIST: &str = "email,first_name,country\nada@example.com,Ada,DE\n";

/// A workspace with one campaign `autumn`, its list and a text body.
fn workspace(settings: &str) -> (TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("campaigns/autumn/campaign.toml", settings),
        ("campaigns/autumn/recipients.csv", LIST),
        ("templates/autumn/body.txt.hbs", "Hello {{first_name}}\n"),
    ] {
        write(&folder, path, text);
    }
    let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
    (folder, workspace)
}

fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn load(workspace: &Workspace) -> Result<Campaign, Vec<String>> {
    Campaign::load(workspace, "autumn").map_err(|error| match error {
        CampaignError::Faults(faults) => faults
            .iter()
            .map(|fault| match &fault.hint {
                Some(hint) => format!("{fault} ({hint})"),
                None => fault.to_string(),
            })
            .collect(),
        CampaignError::NoWorkspace { .. } | CampaignError::NoCampaign { .. } | CampaignError::Read { .. } => {
            vec![error.to_string()]
        }
    })
}

const HEAD: &str = "subject = \"Hi {{first_name}}\"\nfrom = \"Example News <news@example.com>\"\n";

#[test]
fn a_short_campaign_has_the_defaults() {
    let (_folder, workspace) = workspace(&format!("{HEAD}zone = \"Europe/Berlin\"\n"));
    let campaign = load(&workspace).expect("in order");
    let content = &campaign.content;
    assert_eq!((content.campaign.as_str(), content.edition, content.mode), ("autumn", 1, Mode::Personal));
    assert_eq!(content.reverse_path.as_str(), "news@example.com");
    assert_eq!(content.columns, ["email", "first_name", "country"]);
    assert_eq!(content.email_column, 0);
    assert_eq!(content.subject.text(), "Hi {{first_name}}");
    assert_eq!(
        (content.subject.file.as_str(), content.subject.span.start),
        ("campaigns/autumn/campaign.toml", 11)
    );
    assert_eq!(content.text.as_ref().map(Source::text), Some("Hello {{first_name}}\n"));
    assert!(content.html.is_none() && content.name.is_none() && !content.eight_bit);
    assert_eq!(campaign.retry, Retry::default());
    assert_eq!(campaign.stop_if, StopIf { rejected: 0.1, after: 500 });
    assert_eq!((campaign.max_uncertain, campaign.start, campaign.relays.len()), (1000, None, 0));
    assert_eq!(campaign.zone_note, "times are Europe/Berlin");
    assert_eq!(campaign.notes, ["campaigns/autumn/recipients.csv: UTF-8, delimiter `,`, 3 columns"]);
    let files: Vec<&str> = campaign.sources.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["campaigns/autumn/campaign.toml", "templates/autumn/body.txt.hbs"]);
    assert!(campaign.warnings.is_empty(), "{:?}", campaign.warnings);
}

#[test]
fn a_long_campaign_means_what_it_says() {
    let settings = r#"
from     = "Example News <news@example.com>"
reply_to = "hello@example.com"
bounce   = "bounces@example.com"
template = "other"
relays   = ["ses-eu", "office"]
zone     = "Europe/Berlin"
headers  = { "X-Campaign" = "autumn" }
list_id  = "news.example.com"
to       = "Friends <friends@example.com>"
[list]
file = "../people.csv"
email = "E-Mail"
delimiter = ";"
encoding = "latin1"
name = "{{first_name}}"
split = { items = "|" }
where = 'country == "DE"'
[defaults]
first_name = "there"
[send]
mode = "grouped"
start = "2026-12-01T09:00"
window = { days = ["mon-fri", "sun"], from = "09:00", to = "17:30" }
stop_if = { rejected = "5%", after = 100 }
retry = { first = "1m", factor = 3, max = "1h", give_up = "1d" }
max_uncertain = 10
eight_bit = true
dsn = { notify = ["delay", "failure"], ret = "full" }
[unsubscribe]
url = "https://u.example.com/{{token}}"
mailto = "unsubscribe@example.com"
"#;
    let (folder, workspace) = workspace(settings);
    fs::write(
        folder.path().join("campaigns/people.csv"),
        b"E-Mail;first_name;country;items\na@example.com;Zo\xeb;DE;1|2\n",
    )
    .expect("a file");
    write(&folder, "templates/other/subject.hbs", "Autumn\n");
    write(&folder, "templates/other/body.html.hbs", "<p>{{> greeting}}</p>");
    write(&folder, "templates/partials/greeting.hbs", "of all");
    write(&folder, "templates/other/partials/greeting.hbs", "of this one");
    write(&folder, "templates/partials/footer.hbs", "footer");
    let campaign = load(&workspace).expect("in order");
    let content = &campaign.content;
    assert_eq!(content.subject.text(), "Autumn");
    assert_eq!(content.mode, Mode::Grouped);
    assert_eq!(content.reverse_path.as_str(), "bounces@example.com");
    let partials: Vec<(&str, &str)> =
        content.partials.iter().map(|(name, partial)| (name.as_str(), partial.text())).collect();
    assert_eq!(partials, [("footer", "footer"), ("greeting", "of this one")]);
    assert_eq!(content.headers["X-Campaign"].text(), "autumn");
    assert_eq!(content.split["items"], "|");
    assert_eq!(content.defaults["first_name"], "there");
    assert_eq!(content.unsubscribe.url.as_ref().map(Source::text), Some("https://u.example.com/{{token}}"));
    assert!(content.eight_bit);
    assert_eq!(campaign.relays, [RelayName::new("ses-eu"), RelayName::new("office")]);
    assert_eq!(campaign.start.map(|start| start.to_string()).as_deref(), Some("2026-12-01T08:00:00Z"));
    let hours = campaign.hours.as_ref().expect("a window");
    assert_eq!(hours.days, [true, true, true, true, true, false, true]);
    assert_eq!(campaign.retry.max.as_secs(), 3600);
    assert_eq!((campaign.stop_if.after, campaign.max_uncertain), (100, 10));
    let notify = campaign.notify.as_ref().expect("notifications");
    assert_eq!((&*notify.on, notify.ret), (&[Condition::Failure, Condition::Delay][..], Ret::Full));
    assert!(campaign.list.filter.is_some());
    assert!(campaign.notes[0].contains("windows-1252, delimiter `;`, 4 columns"), "{:?}", campaign.notes);
    assert!(campaign.sources.iter().any(|(file, _)| file == "templates/partials/footer.hbs"));
}

/// Each setting, and how its fault reads from its line and column on.
#[test]
fn every_setting_that_is_wrong_is_told_at_its_place() {
    let table = [
        ("subjekt = \"x\"", "3:1: there is no key `subjekt` here (did you mean `subject`?)"),
        (
            "[[attachments]]\nfile = \"a.pdf\"",
            "4:8: campaigns/autumn/a.pdf: there is no such file (paths are",
        ),
        ("[[attachments]]\nname = \"a\"", "3:1: this attachment has no `file` (add file = \"files/..\")"),
        (
            "[[attachments]]\nfile = \"{{id}}\"",
            "4:8: a cell of the list alone decides which file is attached (put the files into a folder of their own",
        ),
        (
            "[[attachments]]\nfile = \"f/{{id}}\"\ntype = \"pdf\"",
            "5:8: \"pdf\" is not a media type (write it like",
        ),
        ("reply_to = \"nobody\"", "3:12: \"nobody\" is not an address: there is no @ (write it like"),
        ("bounce = \"a@b@c.com\"", "3:10: \"a@b@c.com\" is not an address: it holds more than one address"),
        (
            "zone = \"Europe/Berln\"",
            "3:8: \"Europe/Berln\" is not a time zone (did you mean \"Europe/Berlin\"?)",
        ),
        ("list_id = \"my news\"", "3:11: \"my news\" is not a list id"),
        ("to = \"a@example.com\"", "3:6: `to` is only for mode = \"grouped\""),
        ("relays = []", "3:10: no relay is named"),
        ("relays = [\"a\", \"a\"]", "3:16: relay `a` is named twice"),
        ("headers = { \"X:Y\" = \"1\" }", "3:13: \"X:Y\" cannot be the name of a header field"),
        (
            "headers = { subject = \"1\" }",
            "3:13: `subject` is set by mailrun itself (write subject = \"..\")",
        ),
        ("headers = { X-A = \"1\", x-a = \"2\" }", "3:24: `x-a` stands here twice"),
        (
            "[list]\nwhere = 'contry == \"DE\"'",
            "4:10: in `where`: the list has no column `contry` (did you mean `country`?)",
        ),
        ("[list]\nwhere = 'country = \"DE\"'", "4:18: in `where`: a comparison (`==`, `<`, "),
        (
            "[list]\nemail = \"mail\"",
            "4:9: the list has no column `mail` for the address (did you mean `email`?)",
        ),
        (
            "[list]\nfile = \"nobody.csv\"",
            "4:8: the list campaigns/autumn/nobody.csv cannot be read: there is no such file",
        ),
        ("[list]\nencoding = \"latin-77\"", "4:12: there is no encoding \"latin-77\""),
        ("[list]\ndelimiter = \"#\"", "4:13: \"#\" is not a delimiter"),
        (
            "[list]\nsplit = { contry = \";\" }",
            "4:11: the list has no column `contry` (did you mean `country`?)",
        ),
        ("[list]\nsplit = { country = \"\" }", "4:21: a separator cannot be empty"),
        ("[list]\ngroup_by = \"contry\"", "4:12: the list has no column `contry` (did you mean `country`?)"),
        ("[send]\nsplit_by_domain = true", "4:19: `split_by_domain` means something in grouped mode only"),
        (
            "[defaults]\nfrist_name = \"there\"",
            "4:1: the list has no column `frist_name` (did you mean `first_name`?)",
        ),
        ("[send]\nmode = \"group\"", "4:8: there is no mode \"group\""),
        ("[send]\nstart = \"tomorrow\"", "4:9: \"tomorrow\" is not a date and time"),
        (
            "[send]\nwindow = { days = \"mon-fry\", from = \"9:00\", to = \"17:00\" }",
            "4:19: \"fry\" is not a day of the week",
        ),
        ("[send]\nwindow = { from = \"09:00\" }", "4:10: `window` has no `to`"),
        ("[send]\ndsn = { ret = \"full\" }", "4:7: `dsn` does not say when to notify"),
        ("[send]\ndsn = { notify = [] }", "4:18: no condition is named"),
        ("[send]\ndsn = { notify = [\"never\", \"delay\"] }", "4:18: \"never\" stands alone"),
        ("[send]\ndsn = { notify = \"bounce\" }", "4:18: nobody is notified of \"bounce\""),
        ("[send]\ndsn = { notify = \"delay\", ret = \"half\" }", "4:33: \"half\" cannot come back"),
        ("[send]\nstop_if = { rejected = \"lots\" }", "4:24: \"lots\" is not a share"),
        (
            "[send]\nstop_if = { after = -1 }",
            "4:21: `after`: invalid value: integer `-1`, expected a whole number",
        ),
        ("[send]\nretry = { first = \"0s\" }", "4:19: \"0s\" is no time at all"),
        ("[send]\nretry = { first = \"2h\", max = \"1h\" }", "4:31: `max` is shorter than the first pause"),
        ("[send]\nretry = { factor = 0.5 }", "4:20: 0.5 is not a factor"),
        ("[send]\nmax_uncertain = 0", "4:17: with `max_uncertain = 0` nothing could ever be sent"),
        (
            "[unsubscribe]\nurl = \"http://u.example.com\"",
            "4:7: one-click unsubscription needs an https address",
        ),
        ("[unsubscribe]\nmailto = \"nobody\"", "4:10: \"nobody\" is not an address"),
        ("template = \"autum\"", "3:12: there is no template templates/autum (did you mean \"autumn\"?)"),
        ("template = \"../autumn\"", "3:12: \"../autumn\" cannot be the name of a template"),
        ("[send", "3:6: "),
    ];
    for (setting, expected) in table {
        let (_folder, workspace) = workspace(&format!("{HEAD}{setting}\n"));
        let faults = load(&workspace).expect_err(setting);
        let expected = format!("campaigns/autumn/campaign.toml:{expected}");
        assert!(faults.iter().any(|fault| fault.starts_with(&expected)), "{setting}: {faults:#?}");
        assert_eq!(faults.len(), 1, "{setting}: {faults:#?}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let settings = "from = \"news\"\nsubjekt = \"x\"\n[send]\nmode = \"group\"\nretry = { first = 5 }\n[defaults]\nfoo = \"x\"\n";
    let (folder, workspace) = workspace(settings);
    fs::remove_file(folder.path().join("templates/autumn/body.txt.hbs")).expect("removed");
    let faults = load(&workspace).expect_err("faults");
    let lines: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap_or_default()).collect();
    let file = |place: &str| format!("campaigns/autumn/campaign.toml:{place}");
    assert_eq!(
        lines,
        [file("1:1"), file("1:1"), file("1:8"), file("2:1"), file("4:8"), file("5:19"), file("7:1"),],
        "{faults:#?}"
    );
}

#[test]
fn the_subject_stands_in_one_place() {
    let (folder, workspace) = workspace(HEAD);
    write(&folder, "templates/autumn/subject.hbs", "Autumn\n");
    let faults = load(&workspace).expect_err("two subjects");
    assert_eq!(
        faults,
        [
            "campaigns/autumn/campaign.toml:1:11: the subject stands here and in templates/autumn/subject.hbs (keep one of the two)"
        ]
    );
}

#[test]
fn a_template_that_leads_out_of_the_workspace_is_refused() {
    let (folder, workspace) = workspace(HEAD);
    let outside = tempfile::NamedTempFile::new().expect("a file");
    let link = folder.path().join("templates/autumn/body.html.hbs");
    std::os::unix::fs::symlink(outside.path(), link).expect("a link");
    let faults = load(&workspace).expect_err("outside");
    assert_eq!(faults, ["templates/autumn/body.html.hbs: it lies outside the workspace"]);
}

#[test]
fn a_body_may_be_one_file_and_only_one() {
    let (folder, workspace) = workspace(HEAD);
    write(&folder, "templates/autumn/body.mjml", "<mjml></mjml>");
    let faults = load(&workspace).expect_err("a file that nobody reads");
    assert_eq!(faults, ["templates/autumn/body.mjml is not read (call it body.mjml.hbs)"]);
    let (folder, workspace) = self::workspace(HEAD);
    write(&folder, "templates/autumn/body.mjml.hbs", "<mjml></mjml>");
    write(&folder, "templates/autumn/body.md.hbs", "# Hello");
    let faults = load(&workspace).expect_err("two of them");
    let both = "templates/autumn/body.md.hbs and in templates/autumn/body.mjml.hbs";
    assert_eq!(faults, [format!("the HTML body stands in {both} (keep one of them)")]);
}

#[test]
fn a_header_that_is_not_in_order_is_told_at_its_place() {
    let file = "campaigns/autumn/recipients.csv";
    let table = [
        ("", format!("{file} is empty: not even a header stands in it")),
        ("email,name,\na@b.com,x,y\n", format!("{file}:1:12: column 3 has no name")),
        ("email, name ,name\n", format!("{file}:1:14: column `name` stands here a second time")),
        (
            "e-mail,name\n",
            format!(
                "{file}:1:1: the list has no column `email` for the address (name it in campaign.toml: [list] email = \"e-mail\")"
            ),
        ),
        ("email,\0name\n", format!("{file}:1:7: a NUL stands here")),
        (
            "email,\"name\nada@example.com,Ada\n",
            format!("{file}:1:7: the quote that opens here is never closed"),
        ),
    ];
    for (list, expected) in table {
        let (folder, workspace) = workspace(HEAD);
        write(&folder, file, list);
        let faults = load(&workspace).expect_err(list);
        assert!(faults[0].contains(&expected), "{list:?}: {faults:?}");
    }
}

#[test]
fn no_settings_panic() {
    use proptest::prelude::*;
    let (folder, workspace) = workspace(HEAD);
    let piece = prop::sample::select(vec![
        "subject", "from", "list", "send", "retry", "window", "[", "]", "[[", "]]", " = ", "\"", "'", "\n",
        "{", "}", ",", "1", "-1", "2d", "é", "headers", "relays", "where", "a@b.com", ".", "#", "\\u0041",
        "\"\"\"",
    ]);
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    runner
        .run(&prop::collection::vec(piece, 0..30), |pieces| {
            write(&folder, "campaigns/autumn/campaign.toml", &pieces.concat());
            let _ = Campaign::load(&workspace, "autumn");
            Ok(())
        })
        .expect("no panic");
}
