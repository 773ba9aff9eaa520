//! A campaign: what the files of one folder mean.
//!
//! [`Campaign::load`] reads `campaign.toml`, the templates it names and the header of its list, and gives
//! either a campaign in which nothing is known to be wrong or every fault that was found. It renders
//! nothing: whether a template fits the columns is for those who compose.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::mail::{
    Address, Content, Fault, Mailbox, Making, Mode, Notify, Place, RelayName, Severity, Source, Unsubscribe,
};
use crate::policy::{Hours, Retry, StopIf};

use super::attachments;
use super::columns::Columns;
use super::data;
use super::encoding::Encoding;
use super::error::CampaignError;
use super::filter::Filter;
use super::html::{self, Pictures};
use super::meanings;
use super::settings::{CampaignText, LATER, Text};
use super::sheet::{Sheet, Wrong};
use super::templates::{self, Templates};
use super::terms;
use super::workspace::Workspace;

/// How the list is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct ListSettings {
    /// The file, relative to the workspace's root, or absolute where the campaign says so.
    pub path: PathBuf,
    /// The encoding, where the campaign names one.
    pub encoding: Option<Encoding>,
    /// The delimiter, where the campaign names one.
    pub delimiter: Option<u8>,
    /// The column that holds the address.
    pub email: String,
    /// Where the campaign names that column.
    pub email_place: Option<Place>,
    /// Which rows are written to; none: all.
    pub filter: Option<Filter>,
}

/// One campaign, read and found to be in order.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The name of its folder.
    pub name: String,
    /// What decides the octets of its messages; its first edition.
    pub content: Content,
    /// Through which relays it goes; empty where the campaign names none and so takes the only one.
    pub relays: Vec<RelayName>,
    /// Whose clock its times are on.
    pub zone: TimeZone,
    /// The zone in words, and who says so.
    pub zone_note: String,
    /// Before when nothing is sent.
    pub start: Option<Timestamp>,
    /// On which days and at which hours something is sent; none: at all times.
    pub hours: Option<Hours>,
    /// How long deferred recipients wait.
    pub retry: Retry,
    /// When a run stops by itself.
    pub stop_if: StopIf,
    /// Over all sessions, the recipients whose fate may be open at once; at least 1.
    pub max_uncertain: u64,
    /// What servers are asked to tell of their deliveries; none: nothing is said of it.
    pub notify: Option<Notify>,
    /// Grouped mode: whether each message goes to one domain.
    pub split_by_domain: bool,
    /// How the list is to be read.
    pub list: ListSettings,
    /// Every file but the list that decides the messages, with the hash of its octets.
    pub sources: Vec<(String, blake3::Hash)>,
    /// What the operator should know, such as how the list was read.
    pub notes: Vec<String>,
    /// What is worth a look and stops nothing.
    pub warnings: Vec<Fault>,
    /// Whether pictures beside the template are brought along.
    pub pictures: Pictures,
    pub(super) places: Places,
}

/// Where the settings stand that are judged together with the relays.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) from: Option<Place>,
    pub(super) relays: BTreeMap<RelayName, Place>,
    pub(super) file: Option<Place>,
}

impl Campaign {
    /// Reads campaign `name` of the workspace.
    ///
    /// # Errors
    /// [`CampaignError::NoCampaign`] if there is none, [`CampaignError::Faults`] with all that is wrong in
    /// its files, [`CampaignError::Read`] if the workspace cannot be read.
    pub fn load(workspace: &Workspace, name: &str) -> Result<Self, CampaignError> {
        let folder = workspace.campaign_folder(name)?;
        let files = meanings::files(workspace)?;
        let file = format!("{folder}/campaign.toml");
        let document =
            files.text(&file).map_err(|error| Fault::error(format!("{file}: {}", error.told())))?;
        let mut sources = vec![(file.clone(), blake3::hash(document.as_bytes()))];
        let mut sheet = Sheet::new(file, document);
        let Some(text) = sheet.read::<CampaignText>(LATER) else {
            return Err(CampaignError::Faults(sheet.into_faults()));
        };
        let mut templates = templates::read(&files, name, &text, &mut sheet);
        templates.data = data::read(&files, &folder, &mut templates.sources, &mut sheet);
        sources.extend(templates.sources.iter().cloned());
        let attachments = attachments::read(&files, &folder, &text.attachments, &mut sheet);
        sources.extend(attachments.sources);
        let attachments = attachments.attachments;
        let draft = Draft { workspace, name, folder: &folder, text: &text };
        let mut campaign = draft.campaign(templates, sources, &mut sheet);
        if let Some(campaign) = &mut campaign {
            campaign.content.attachments = attachments;
            campaign.content.language = html::language(&text, &mut sheet);
            (campaign.content.making, campaign.pictures) = html::making(&text);
        }
        let (errors, warnings): (Vec<Fault>, Vec<Fault>) =
            sheet.into_faults().into_iter().partition(|fault| fault.severity == Severity::Error);
        match campaign {
            Some(campaign) if errors.is_empty() => Ok(Self { warnings, ..campaign }),
            Some(_) | None if errors.is_empty() => {
                unreachable!("a campaign is only missing where a fault says why")
            }
            Some(_) | None => Err(CampaignError::Faults(errors)),
        }
    }
}

/// A campaign on its way from text to meaning.
pub(super) struct Draft<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) name: &'a str,
    pub(super) folder: &'a str,
    pub(super) text: &'a CampaignText,
}

/// When and how long is sent; see the fields of [`Campaign`].
struct Schedule {
    start: Option<Timestamp>,
    hours: Option<Hours>,
    retry: Retry,
    stop_if: StopIf,
    max_uncertain: u64,
    notify: Option<Notify>,
}

/// What the settings say of every message; see the fields of [`Content`].
struct Letterhead {
    mode: Mode,
    from: Option<Mailbox>,
    bounce: Option<Address>,
    reply_to: Option<Mailbox>,
    to: Option<Mailbox>,
    headers: BTreeMap<String, Source>,
    list_id: Option<String>,
    unsubscribe: Unsubscribe,
    locale: Option<String>,
}

impl Draft<'_> {
    /// The campaign, or nothing where a fault in `sheet` says why. Goes on after a fault, so that every
    /// fault is found.
    fn campaign(
        &self,
        templates: Templates,
        sources: Vec<(String, blake3::Hash)>,
        sheet: &mut Sheet,
    ) -> Option<Campaign> {
        let text = self.text;
        let (zone, zone_note) = meanings::zone(text.zone.as_ref(), sheet);
        let mut list = self.list(&text.list, sheet);
        let read = list.as_mut().and_then(|list| self.header(list, sheet));
        let letterhead = self.letterhead(sheet);
        let schedule = self.schedule(&zone, sheet);
        let (relays, relay_places) = self.relays(sheet);
        let columns = read.map(|(columns, notes)| (self.by_columns(columns, sheet), notes));
        let (list, (columns, notes)) = (list?, columns?);
        let places = self.places(relay_places, sheet);
        let (mode, email) = (letterhead.mode, &list.email);
        let content = self.content(letterhead, (columns, email), templates, sheet)?;
        let content = Content { zone: Some(zone.iana_name().unwrap_or("UTC").to_owned()), ..content };
        let Schedule { start, hours, retry, stop_if, max_uncertain, notify } = schedule;
        Some(Campaign {
            name: self.name.to_owned(),
            content,
            relays,
            zone,
            zone_note,
            start,
            hours,
            retry,
            stop_if,
            max_uncertain,
            notify,
            split_by_domain: meanings::split_by_domain(&text.send, mode, sheet),
            list,
            sources,
            notes,
            warnings: Vec::new(),
            pictures: Pictures::Embedded,
            places,
        })
    }

    fn letterhead(&self, sheet: &mut Sheet) -> Letterhead {
        let text = self.text;
        Letterhead {
            mode: meanings::mode(text, sheet),
            from: meanings::from(text.from.as_ref(), sheet),
            bounce: sheet.take(text.bounce.as_ref(), |bounce| terms::address(bounce)),
            reply_to: sheet.take(text.reply_to.as_ref(), |mailbox| terms::mailbox(mailbox)),
            to: sheet.take(text.to.as_ref(), |mailbox| terms::mailbox(mailbox)),
            headers: meanings::headers(text, sheet),
            list_id: sheet.take(text.list_id.as_ref(), |id| meanings::list_id(id)),
            unsubscribe: meanings::unsubscribe(&text.unsubscribe, sheet),
            locale: sheet.take(text.locale.as_ref(), |tag| terms::locale(tag)),
        }
    }

    /// What decides the octets, but for what is read from files of the campaign's own.
    fn content(
        &self,
        letterhead: Letterhead,
        (columns, email): (Columns, &str),
        templates: Templates,
        sheet: &Sheet,
    ) -> Option<Content> {
        let Letterhead { mode, from, bounce, reply_to, to, headers, list_id, unsubscribe, locale } =
            letterhead;
        let Columns { names: columns, defaults, split, language, group_by } = columns;
        let from = from?;
        let mut wordings = templates.wordings.into_iter();
        let first = wordings.next()?;
        Some(Content {
            campaign: self.name.to_owned(),
            edition: 1,
            mode,
            reverse_path: bounce.unwrap_or_else(|| from.address.clone()),
            from,
            reply_to,
            subject: first.subject,
            text: first.text,
            html: first.html,
            partials: templates.partials,
            headers,
            list_id,
            email_column: columns.iter().position(|column| column == email)?,
            defaults,
            split,
            columns,
            name: self.text.list.name.as_ref().map(|name| sheet.source(name)),
            to,
            unsubscribe,
            eight_bit: self.text.send.eight_bit.unwrap_or(false),
            wordings: wordings.collect(),
            variants: templates.variants,
            language_column: language,
            attachments: Vec::new(),
            images: Vec::new(),
            language: None,
            making: Making::default(),
            group_by,
            verp: self.text.verp.unwrap_or(false),
            locale,
            data: templates.data,
            zone: None,
            fronts: templates.fronts,
        })
    }

    fn schedule(&self, zone: &TimeZone, sheet: &mut Sheet) -> Schedule {
        let text = &self.text.send;
        Schedule {
            start: sheet.take(text.start.as_ref(), |start| terms::moment(start, zone)),
            hours: text.window.as_ref().and_then(|window| meanings::hours(window, zone, sheet)),
            retry: meanings::retry(&text.retry, sheet),
            stop_if: meanings::stop_if(&text.stop_if, sheet),
            max_uncertain: meanings::max_uncertain(text.max_uncertain.as_ref(), sheet),
            notify: text.dsn.as_ref().and_then(|dsn| meanings::notify(dsn, sheet)),
        }
    }

    fn places(&self, relays: BTreeMap<RelayName, Place>, sheet: &Sheet) -> Places {
        let from = Self::place_of(self.text.from.as_ref(), sheet);
        Places { from, relays, file: Some(sheet.place(0..0)) }
    }

    pub(super) fn place_of(text: Option<&Text>, sheet: &Sheet) -> Option<Place> {
        text.map(|text| sheet.place(text.span()))
    }

    fn relays(&self, sheet: &mut Sheet) -> (Vec<RelayName>, BTreeMap<RelayName, Place>) {
        let mut names = Vec::new();
        let mut places = BTreeMap::new();
        let Some(typed) = &self.text.relays else { return (names, places) };
        if typed.get_ref().is_empty() {
            sheet.wrong(
                typed.span(),
                Wrong::new("no relay is named").hint("name at least one of relays.toml"),
            );
        }
        for typed in typed.get_ref() {
            let name = RelayName::new(typed.get_ref());
            if places.insert(name.clone(), sheet.place(typed.span())).is_some() {
                sheet.wrong(typed.span(), Wrong::new(format!("relay `{name}` is named twice")));
            } else {
                names.push(name);
            }
        }
        (names, places)
    }
}

#[cfg(test)]
mod tests;
