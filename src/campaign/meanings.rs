//! What the settings of a campaign mean: from the typed text to the values of the trade.
//!
//! Each function takes a part of `campaign.toml` and gives its meaning, with the default where nothing was
//! typed; what is wrong goes to the sheet, and the value given then only serves to go on.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::Spanned;

use crate::mail::{Condition, Fault, Mailbox, Mode, Notify, Ret, Source, Unsubscribe, nearest};
use crate::policy::{Hours, Retry, StopIf};

use super::error::CampaignError;
use super::files::Files;
use super::settings::{
    CampaignText, DsnText, RetryText, SendText, StopIfText, Text, UnsubscribeText, WindowText, Words,
};
use super::sheet::{Sheet, Wrong};
use super::terms;
use super::workspace::Workspace;

/// Recipients whose fate may be open at once, unless the campaign says otherwise: what a crash could leave
/// uncertain and a person could still look through.
const MAX_UNCERTAIN: u64 = 1000;

/// Header fields that mailrun sets itself, or that only a relay or a receiver sets (RFC 5322, 3.6).
const OWN_HEADERS: [&str; 27] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Content-ID",
    "Reply-To",
    "Sender",
    "Return-Path",
    "Received",
    "In-Reply-To",
    "References",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "DKIM-Signature",
    "Delivered-To",
    "Authentication-Results",
    "Feedback-ID",
    "Auto-Submitted",
    "Precedence",
];

/// The files of the workspace.
pub(super) fn files(workspace: &Workspace) -> Result<Files, CampaignError> {
    Files::open(workspace).map_err(|error| {
        Fault::error(format!("{} cannot be opened: {}", workspace.root().display(), error.told())).into()
    })
}

/// The zone and who says so.
pub(super) fn zone(typed: Option<&Text>, sheet: &mut Sheet) -> (TimeZone, String) {
    if let Some(zone) = sheet.take(typed, |name| terms::zone(name)) {
        let note = format!("times are {}", typed.map_or("", |name| name.get_ref()));
        return (zone, note);
    }
    let zone = terms::machine_zone();
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    (zone, format!("times are {name}, the zone of this machine (set `zone` to name one)"))
}

/// Whether each recipient gets a message of their own.
pub(super) fn mode(text: &CampaignText, sheet: &mut Sheet) -> Mode {
    let read = |typed: &String| match typed.as_str() {
        "personal" => Ok(Mode::Personal),
        "grouped" => Ok(Mode::Grouped),
        _ => Err(Wrong::new(format!("there is no mode {typed:?}")).hint("write \"personal\" or \"grouped\"")),
    };
    let mode = sheet.take(text.send.mode.as_ref(), read).unwrap_or_default();
    if mode == Mode::Personal
        && let Some(to) = &text.to
    {
        let wrong = Wrong::new("`to` is only for mode = \"grouped\"");
        sheet.wrong(to.span(), wrong.hint("in personal mode each message names its recipient"));
    }
    mode
}

/// The header fields that the campaign adds.
pub(super) fn headers(text: &CampaignText, sheet: &mut Sheet) -> BTreeMap<String, Source> {
    let typed = &text.headers;
    let mut seen: Vec<String> = Vec::new();
    for key in typed.keys() {
        let name = key.get_ref();
        let lower = name.to_ascii_lowercase();
        // RFC 5322, 2.2 and 3.6.8: printable ASCII without the colon.
        let is_ftext =
            !name.is_empty() && name.bytes().all(|byte| (33..=126).contains(&byte) && byte != b':');
        let own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if !is_ftext || name.len() > 76 {
            sheet.wrong(key.span(), Wrong::new(format!("{name:?} cannot be the name of a header field")));
        } else if own || lower.starts_with("resent-") || lower.starts_with("arc-") {
            let wrong = Wrong::new(format!("`{name}` is set by mailrun itself"));
            sheet.wrong(key.span(), own_setting(&lower).into_iter().fold(wrong, Wrong::hint));
        } else if seen.contains(&lower) {
            sheet.wrong(key.span(), Wrong::new(format!("`{name}` stands here twice")));
        }
        seen.push(lower);
    }
    let mut headers = habits(text, sheet);
    headers.extend(typed.iter().map(|(name, value)| (name.get_ref().clone(), sheet.source(value))));
    headers
}

/// The header fields that say what kind of mail it is: Feedback-ID (Gmail's, a template), Auto-Submitted (RFC 3834,
/// 5) and Precedence (RFC 2076, 3.9).
fn habits(text: &CampaignText, sheet: &mut Sheet) -> BTreeMap<String, Source> {
    let mut fields = BTreeMap::new();
    if let Some(template) = &text.feedback_id {
        fields.insert("Feedback-ID".to_owned(), sheet.source(template));
    }
    // A campaign answers nobody, so `auto-replied` is not among them.
    let words: [(&str, &Option<Text>, &[&str]); 2] = [
        ("Auto-Submitted", &text.auto_submitted, &["auto-generated", "no"]),
        ("Precedence", &text.precedence, &["bulk", "list", "junk"]),
    ];
    for (field, typed, known) in words {
        let read = |word: &String| {
            if known.contains(&word.as_str()) {
                return Ok(());
            }
            let hint = match nearest(word, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("write one of {}", known.join(", ")),
            };
            Err(Wrong::new(format!("{word:?} is no value of {field}")).hint(hint))
        };
        if let (Some(()), Some(typed)) = (sheet.take(typed.as_ref(), read), typed) {
            fields.insert(field.to_owned(), sheet.source(typed));
        }
    }
    fields
}

/// The setting that decides a header field of our own.
fn own_setting(lower: &str) -> Option<&'static str> {
    match lower {
        "from" => Some("write from = \"..\""),
        "subject" => Some("write subject = \"..\""),
        "reply-to" => Some("write reply_to = \"..\""),
        "return-path" => Some("write bounce = \"..\""),
        "list-id" => Some("write list_id = \"..\""),
        "list-unsubscribe" | "list-unsubscribe-post" => Some("write [unsubscribe] with url or mailto"),
        "feedback-id" => Some("write feedback_id = \"..\""),
        "auto-submitted" => Some("write auto_submitted = \"auto-generated\""),
        "precedence" => Some("write precedence = \"bulk\""),
        "to" => Some("in grouped mode, write to = \"..\""),
        _ => None,
    }
}

/// RFC 2919, 2: labels with dots between them, like a domain.
pub(super) fn list_id(text: &str) -> Result<String, Wrong> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte))
    };
    if bare.contains('.') && bare.len() <= 255 && bare.split('.').all(label) {
        Ok(bare.to_owned())
    } else {
        Err(Wrong::new(format!("{text:?} is not a list id")).hint("write it like news.example.com"))
    }
}

/// The delimiter of a list, by itself or by name.
pub(super) fn delimiter(text: &str) -> Result<u8, Wrong> {
    match text {
        "," | "comma" => Ok(b','),
        ";" | "semicolon" => Ok(b';'),
        "\t" | "tab" => Ok(b'\t'),
        "|" | "pipe" => Ok(b'|'),
        _ => {
            Err(Wrong::new(format!("{text:?} is not a delimiter"))
                .hint("write \",\", \";\", \"tab\" or \"|\""))
        }
    }
}

/// How people leave the list.
pub(super) fn unsubscribe(text: &UnsubscribeText, sheet: &mut Sheet) -> Unsubscribe {
    let mailto = sheet.take(text.mailto.as_ref(), |address| terms::address(address));
    if let Some(url) = &text.url {
        let typed = url.get_ref().trim();
        // RFC 8058, 3.1: the address must be HTTPS. What a column holds is seen when it is rendered.
        if !typed.starts_with("{{") && !typed.to_ascii_lowercase().starts_with("https://") {
            let wrong = Wrong::new("one-click unsubscription needs an https address (RFC 8058)");
            sheet.wrong(url.span(), wrong.hint("write https://.. or a column: \"{{unsubscribe_link}}\""));
        }
    }
    Unsubscribe { url: text.url.as_ref().map(|url| sheet.source(url)), mailto }
}

/// On which days and at which hours something is sent.
pub(super) fn hours(window: &Spanned<WindowText>, zone: &TimeZone, sheet: &mut Sheet) -> Option<Hours> {
    let text = window.get_ref();
    let days = match &text.days {
        Some(typed) => sheet.take(Some(typed), |words| terms::days(words.0.iter().map(String::as_str))),
        None => Some([true; 7]),
    };
    let from = sheet.take(text.from.as_ref(), |time| terms::time(time));
    let to = sheet.take(text.to.as_ref(), |time| terms::time(time));
    for (typed, key) in [(&text.from, "from"), (&text.to, "to")] {
        if typed.is_none() {
            let wrong = Wrong::new(format!("`window` has no `{key}`"));
            sheet.wrong(window.span(), wrong.hint(format!("add {key} = \"09:00\"")));
        }
    }
    Some(Hours { days: days?, from: from?, to: to?, zone: zone.clone() })
}

/// How long deferred recipients wait.
pub(super) fn retry(text: &RetryText, sheet: &mut Sheet) -> Retry {
    let default = Retry::default();
    let first =
        sheet.take(text.first.as_ref(), |time| terms::positive_duration(time)).unwrap_or(default.first);
    let factor = sheet.take(text.factor.as_ref(), |factor| match factor {
        1.0..=100.0 => Ok(*factor),
        _ => Err(Wrong::new(format!("{factor} is not a factor")).hint("write a number from 1 to 100")),
    });
    let give_up = sheet.take(text.give_up.as_ref(), |time| terms::positive_duration(time));
    let max = sheet.take(text.max.as_ref(), |time| match terms::positive_duration(time)? {
        max if max < first => Err(Wrong::new("`max` is shorter than the first pause")),
        max => Ok(max),
    });
    Retry {
        first,
        factor: factor.unwrap_or(default.factor),
        // Without a word about it the longest pause is never shorter than the first.
        max: max.unwrap_or(default.max.max(first)),
        give_up: give_up.unwrap_or(default.give_up),
    }
}

/// When a run stops by itself.
pub(super) fn stop_if(text: &StopIfText, sheet: &mut Sheet) -> StopIf {
    let default = StopIf::default();
    StopIf {
        rejected: sheet.take(text.rejected.as_ref(), |share| terms::share(share)).unwrap_or(default.rejected),
        after: text.after.unwrap_or(default.after),
    }
}

/// Who writes, which a campaign must say.
pub(super) fn from(typed: Option<&Text>, sheet: &mut Sheet) -> Option<Mailbox> {
    if typed.is_none() {
        let wrong = Wrong::new("there is no `from`");
        sheet.wrong(0..0, wrong.hint("add from = \"Example News <news@example.com>\""));
    }
    sheet.take(typed, |from| terms::mailbox(from))
}

/// Whether each message of a grouped campaign goes to one domain.
pub(super) fn split_by_domain(text: &SendText, mode: Mode, sheet: &mut Sheet) -> bool {
    let Some(typed) = &text.split_by_domain else { return false };
    if mode == Mode::Personal && *typed.get_ref() {
        let wrong = Wrong::new("`split_by_domain` means something in grouped mode only");
        sheet.wrong(typed.span(), wrong.hint("add mode = \"grouped\", or leave it out"));
    }
    *typed.get_ref()
}

/// What a server is asked to tell of its deliveries.
pub(super) fn notify(typed: &Spanned<DsnText>, sheet: &mut Sheet) -> Option<Notify> {
    let text = typed.get_ref();
    let hint = "write notify = [\"failure\", \"delay\"], or \"never\"";
    let Some(words) = &text.notify else {
        sheet.wrong(typed.span(), Wrong::new("`dsn` does not say when to notify").hint(hint));
        return None;
    };
    let on = sheet.take(Some(words), |Words(words)| match words.as_slice() {
        [] => Err(Wrong::new("no condition is named").hint(hint)),
        [never] if never == "never" => Ok(Vec::new()),
        words => {
            let condition = |word: &String| match word.as_str() {
                "success" => Ok(Condition::Success),
                "failure" => Ok(Condition::Failure),
                "delay" => Ok(Condition::Delay),
                "never" => Err(Wrong::new("\"never\" stands alone").hint(hint)),
                _ => Err(Wrong::new(format!("nobody is notified of {word:?}")).hint(hint)),
            };
            let named = words.iter().map(condition).collect::<Result<Vec<_>, _>>()?;
            Ok(Condition::ALL.into_iter().filter(|condition| named.contains(condition)).collect())
        }
    })?;
    let ret = sheet.take(text.ret.as_ref(), |ret| match ret.as_str() {
        "headers" => Ok(Ret::Headers),
        "full" => Ok(Ret::Full),
        _ => Err(Wrong::new(format!("{ret:?} cannot come back")).hint("write \"headers\" or \"full\"")),
    });
    Some(Notify { on: on.into(), ret: ret.unwrap_or_default() })
}

/// How many fates may be open at once.
pub(super) fn max_uncertain(typed: Option<&Spanned<u64>>, sheet: &mut Sheet) -> u64 {
    let read = |number: &u64| match number {
        0 => Err(Wrong::new("with `max_uncertain = 0` nothing could ever be sent").hint("write at least 1")),
        _ => Ok(*number),
    };
    sheet.take(typed, read).unwrap_or(MAX_UNCERTAIN)
}
