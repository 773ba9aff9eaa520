//! What happened to each recipient of a campaign, from the journal, in the words of a report.

use std::sync::Arc;

use jiff::Timestamp;

use crate::campaign::Workspace;
use crate::compose::{Composer, Keys};
use crate::mail::{
    Address, BatchId, Batches, Class, Content, Fields, Phase, Reason, Recipient, RecipientNo, RunNo, State,
    Suppression,
};
use crate::store::{self, Delivered, Happening, History, Plan, Said, Suppressions};

use super::desk::composer;
use super::error::EngineError;
use super::settling::reply_text;

/// Which recipients are asked about.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those who stand there.
    pub state: Option<State>,
}

/// One recipient of a campaign's last run.
#[derive(Debug, Clone)]
pub struct Row {
    /// The row in the list.
    pub row: u32,
    /// The address.
    pub email: String,
    /// Where they stand.
    pub state: State,
    /// The kind of the last refusal.
    pub class: Option<Class>,
    /// The relay of the last attempt.
    pub relay: String,
    /// Attempts that came to an end of their own.
    pub attempts: u32,
    /// When the last thing happened.
    pub time: Option<Timestamp>,
    /// The code of the last reply.
    pub code: Option<u16>,
    /// Its enhanced status.
    pub enhanced: Option<String>,
    /// Its text.
    pub reply: String,
    /// The id under which the relay queued the message.
    pub queue_id: String,
    /// The Message-ID.
    pub message_id: String,
    /// The octets of the message.
    pub size: u64,
    /// Why nobody can know, where nobody can.
    pub doubt: Option<String>,
    /// The variant that they got; empty where there are none.
    pub variant: String,
    /// The language in which they were written to; empty where nothing chose one.
    pub language: String,
}

/// Every recipient of a campaign's last run, or those that `filter` takes, in the order of the plan.
///
/// # Errors
/// The campaign was never sent, or its plan or the journal cannot be read.
pub fn deliveries(
    workspace: &Workspace,
    campaign: &str,
    filter: &Filter,
) -> Result<impl Iterator<Item = Row> + use<>, EngineError> {
    let state = workspace.state_dir();
    let history = History::read(state)?;
    let Some(run) = history.latest(campaign) else {
        return Err(EngineError::NeverSent { campaign: campaign.to_owned() });
    };
    let wanted = filter.state;
    let delivered = history.deliveries(run.no, |_, state| wanted.is_none_or(|wanted| wanted == state))?;
    let plan = Plan::open(state, run.plan)?;
    let teller = Teller::new(workspace, &plan, run.no)?;
    Ok(delivered.into_iter().filter_map(move |delivered| {
        // A row that cannot be read is one whose plan was damaged since it was opened.
        let recipient = plan.recipient(delivered.recipient).ok()?;
        Some(teller.row(&recipient, &delivered))
    }))
}

/// Tells the journal's facts in the words of a report.
struct Teller {
    run: RunNo,
    batches: Batches,
    content: Arc<Content>,
    composer: Composer,
}

/// Variant and language of what `recipient` gets; empty where there is no choice.
pub(super) fn wording<'a>(content: &'a Content, recipient: &Recipient) -> (&'a str, &'a str) {
    let variant = content.variants.get(content.variant_of(recipient)).map_or("", |variant| &variant.name);
    let words = content.all_words().nth(content.wording_of(recipient));
    (variant, words.and_then(|words| words.language).unwrap_or_default())
}

impl Teller {
    /// Tells what became of the recipients of `plan` in `run`.
    fn new(workspace: &Workspace, plan: &Plan, run: RunNo) -> Result<Self, EngineError> {
        let keys = Keys::new(store::Keys::open(workspace.state_dir())?.secret());
        let content = Arc::new(plan.head().content.clone());
        let composer = composer(Arc::clone(&content), &keys, plan.id())?;
        Ok(Self { run, batches: plan.batches().clone(), content, composer })
    }

    fn row(&self, recipient: &Recipient, delivered: &Delivered) -> Row {
        let message_id = self.message_id(delivered.recipient, delivered.last.as_ref());
        let (said, doubt) = match delivered.last.as_ref().map(|event| &event.what) {
            Some(Happening::Settled { said, doubt, .. }) => (said.clone(), *doubt),
            _ => (None, None),
        };
        let reply = said.as_ref().map(|said| reply_text(&said.words, &said.queue_id)).unwrap_or_default();
        let attempted = delivered.last.as_ref().filter(|event| event.attempt > 0);
        let (variant, language) = wording(&self.content, recipient);
        Row {
            row: recipient.row,
            email: recipient.address.to_string(),
            state: delivered.state,
            class: said.as_ref().and_then(|said| said.class),
            relay: attempted
                .and_then(|event| event.relay.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
            attempts: attempted.map_or(0, |event| u32::from(event.attempt)),
            time: delivered.last.as_ref().and_then(|event| event.at),
            code: said.as_ref().map(|said| said.code),
            enhanced: said.as_ref().and_then(|said| said.enhanced).map(|enhanced| enhanced.to_string()),
            reply,
            queue_id: said.as_ref().map(|said| said.queue_id.to_string()).unwrap_or_default(),
            message_id: if attempted.is_some() { message_id } else { String::new() },
            size: attempted.map_or(0, |event| u64::from(event.octets)),
            doubt: doubt.map(|doubt| doubt.words().to_owned()),
            variant: variant.to_owned(),
            language: language.to_owned(),
        }
    }

    fn message_id(&self, recipient: RecipientNo, last: Option<&store::Event>) -> String {
        let (number, part) =
            last.and_then(|event| event.batch).unwrap_or((self.batches.batch_of(recipient), 0));
        self.composer.message_id(&BatchId { run: self.run, number, part })
    }
}

/// One attempt of a recipient's life.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it came to its end.
    pub time: Timestamp,
    /// Through which relay.
    pub relay: String,
    /// Which attempt, from 1; 0 for what the operator did.
    pub number: u16,
    /// Where the recipient stood then.
    pub state: State,
    /// The step that was answered.
    pub phase: Option<Phase>,
    /// What the server said, or why nobody knows.
    pub reply: Option<String>,
    /// The kind of refusal.
    pub class: Option<Class>,
    /// The id under which the relay queued the message.
    pub queue_id: Option<String>,
    /// When the next attempt was due.
    pub due: Option<Timestamp>,
}

/// One recipient's whole life in a campaign.
#[derive(Debug, Clone)]
pub struct Life {
    /// The row in the list.
    pub row: u32,
    /// The address.
    pub email: String,
    /// Where they stand.
    pub state: State,
    /// Columns and cells.
    pub fields: Vec<(String, String)>,
    /// Where the campaign gathers rows: the other rows of the same person, with their columns and cells.
    pub more: Vec<(u32, Vec<(String, String)>)>,
    /// What happened, oldest first.
    pub attempts: Vec<Attempt>,
    /// The Message-ID.
    pub message_id: String,
    /// Their entry on the suppression list.
    pub suppressed: Option<Suppression>,
    /// Why they were left out, if they were.
    pub excluded: Option<Reason>,
    /// The variant that they get; empty where there are none.
    pub variant: String,
    /// The language in which they are written to; empty where nothing chose one.
    pub language: String,
}

/// One recipient's whole life in a campaign's last run; none if they are not in its plan.
///
/// # Errors
/// The campaign was never sent, or its plan or the journal cannot be read.
pub fn life(workspace: &Workspace, campaign: &str, address: &Address) -> Result<Option<Life>, EngineError> {
    let state = workspace.state_dir();
    let history = History::read(state)?;
    let Some(run) = history.latest(campaign) else {
        return Err(EngineError::NeverSent { campaign: campaign.to_owned() });
    };
    let plan = Plan::open(state, run.plan)?;
    let key = address.key();
    let mut found = None;
    for (place, recipient) in (0..).map(RecipientNo).zip(plan.scan(0..plan.len())) {
        let recipient = recipient?;
        if recipient.address.key() == key {
            found = Some((place, recipient));
            break;
        }
    }
    let Some((place, recipient)) = found else { return Ok(None) };
    let events = history.life(run.no, place)?;
    let teller = Teller::new(workspace, &plan, run.no)?;
    let suppressed = Suppressions::read(state)?.list()?.into_iter().find(|entry| entry.address.key() == key);
    let columns = &plan.head().content.columns;
    let named = |cells: &Fields| columns.iter().cloned().zip(cells.iter().map(str::to_owned)).collect();
    let (variant, language) = wording(&teller.content, &recipient);
    Ok(Some(Life {
        row: recipient.row,
        email: recipient.address.to_string(),
        state: run.states.get(place.index()).copied().unwrap_or_default(),
        fields: named(&recipient.fields),
        more: recipient.more.iter().map(|line| (line.row, named(&line.fields))).collect(),
        message_id: teller.message_id(place, events.last()),
        attempts: events.into_iter().filter_map(attempt).collect(),
        suppressed,
        excluded: None,
        variant: variant.to_owned(),
        language: language.to_owned(),
    }))
}

fn attempt(event: store::Event) -> Option<Attempt> {
    let relay = event.relay.map(|relay| relay.to_string()).unwrap_or_default();
    let time = event.at.unwrap_or(Timestamp::UNIX_EPOCH);
    let number = event.attempt;
    let plain = |state, words: &str| Attempt {
        time,
        relay: relay.clone(),
        number,
        state,
        phase: None,
        reply: Some(words.to_owned()),
        class: None,
        queue_id: None,
        due: None,
    };
    match event.what {
        // The outcome that follows says more.
        Happening::Intended => None,
        Happening::Settled { state, due, said, doubt } => {
            let words = doubt.map(|doubt| doubt.words().to_owned());
            Some(Attempt {
                phase: said.as_ref().map(|said| said.phase),
                reply: said.as_ref().map(in_full).or(words),
                class: said.as_ref().and_then(|said| said.class),
                queue_id: said.as_ref().map(|said| said.queue_id.to_string()).filter(|id| !id.is_empty()),
                due,
                ..plain(state, "")
            })
        }
        Happening::Suppressed => Some(plain(State::Suppressed, "taken out: on the suppression list")),
        Happening::Cancelled => Some(plain(State::Cancelled, "taken out: the campaign was cancelled")),
        Happening::Resolved(store::Resolve::Resend) => {
            Some(plain(State::Pending, "to be sent again, as was ordered"))
        }
        Happening::Resolved(store::Resolve::Skip) => {
            Some(plain(State::Uncertain, "left as it is, as was ordered"))
        }
    }
}

fn in_full(said: &std::sync::Arc<Said>) -> String {
    format!("{} {}", said.code, reply_text(&said.words, &said.queue_id))
}
