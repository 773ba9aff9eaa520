//! A campaign on the desk: its files read and found to be in order, its relays chosen.
//!
//! Everything that comes before a run starts here and takes no lock: `check`, `plan`, `preview`, and the
//! first half of `send`.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::campaign::{Campaign, Filter, Relay, Relays, Signed, SigningDomain, Workspace, choose};
use crate::compose::{self, Composer, Keys, Signer, Unused, lint};
use crate::mail::{Content, Excluded, Fault, PlanId, RelayName, Severity};
use crate::relay::Credential;
use crate::store;

use super::beside;
use super::enclosed;
use super::error::{EngineError, Unfit};
use super::prepare::Invalid;
use super::relays::{secret, user_without_password};
use super::signing::{may_sign, signer};
use super::summary::Summary;
use super::survey::{Known, LeftOut, Render, Survey, Surveyor};
use super::takes::Takes;

/// One campaign and the relays it goes through.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where everything lies.
    pub workspace: Workspace,
    /// The campaign as its files have it now.
    pub campaign: Campaign,
    /// The relays it goes through, in its order.
    pub relays: Vec<Relay>,
    /// Free space below which no new mail starts, in octets.
    pub(super) min_free: u64,
    /// The domains for which there are keys to sign with.
    pub(super) dkim: Vec<SigningDomain>,
    /// What signs mail from the campaign's From, where a relay may sign and there are keys.
    pub(super) signer: Option<Signer>,
    /// What is worth a look in `relays.toml`.
    warnings: Vec<Fault>,
    /// Passwords that somebody typed.
    typed: HashMap<RelayName, SecretString>,
}

/// What `check` found.
#[derive(Debug)]
pub struct Inspection {
    /// Rows of the list.
    pub rows: u64,
    /// Rows that can be written to.
    pub good: u64,
    /// Rows that are not, by reason.
    pub excluded: Excluded,
    /// The first of them.
    pub left_out: Vec<LeftOut>,
    /// What was found in the rows, by kind.
    pub summary: Summary,
    /// The numbers of the rows that are invalid, do not render, or stand there a second time. They rise.
    pub bad: Vec<u32>,
    /// What is wrong with templates and settings, errors first.
    pub faults: Vec<Fault>,
    /// Why `send` would refuse the list, if so.
    pub unfit: Option<Unfit>,
}

impl Desk {
    /// Reads a campaign; `relays` go before those that it names.
    ///
    /// # Errors
    /// All that is wrong in its files.
    pub fn load(
        workspace: Workspace,
        campaign: &str,
        relays: Option<&[RelayName]>,
    ) -> Result<Self, EngineError> {
        let mut campaign = Campaign::load(&workspace, campaign)?;
        beside::find(&workspace, &mut campaign)?;
        let all = Relays::load(&workspace)?;
        let relays = choose(&campaign, &all, relays)?;
        let from = campaign.content.from.address.domain();
        let signer = if relays.iter().any(may_sign) { signer(&workspace, &all.dkim, from)? } else { None };
        Ok(Self {
            workspace,
            campaign,
            relays,
            dkim: all.dkim,
            signer,
            min_free: all.min_free,
            warnings: all.warnings,
            typed: HashMap::new(),
        })
    }

    /// What is worth a look and stops nothing.
    pub fn warnings(&self) -> Vec<Fault> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.campaign.warnings.iter().cloned());
        let signed = if self.signer.is_some() { Signed::Yes } else { Signed::No };
        warnings.extend(self.campaign.warnings_through(&self.relays, signed));
        warnings.extend(lint(&self.campaign.content).into_iter().filter(is_warning));
        warnings
    }

    /// What the templates and the settings make no use of. Nothing is certain of it while [`Inspection::faults`]
    /// hold an error.
    pub fn unused(&self) -> Vec<Unused> {
        let filter = self.campaign.list.filter.as_ref();
        compose::unused(&self.campaign.content, &filter.map(Filter::columns).unwrap_or_default())
    }

    /// What the operator should know: how the list was read, whose clock counts, who signs.
    pub fn notes(&self) -> Vec<String> {
        let made = compose::notes(&self.campaign.content);
        self.campaign.notes.iter().cloned().chain(self.signing_note()).chain(made).collect()
    }

    /// What is worth knowing for whoever asks for more.
    pub fn asides(&self) -> Vec<String> {
        compose::asides(&self.campaign.content)
    }

    /// The relays at which somebody logs in and no password is set or was given, each with its user: ask
    /// for it, and [give it](Self::give_password).
    pub fn passwords_wanted(&self) -> Vec<(RelayName, String)> {
        let wanted = self.relays.iter().filter(|relay| !self.typed.contains_key(&relay.name));
        wanted.filter_map(|relay| Some((relay.name.clone(), user_without_password(relay)?))).collect()
    }

    /// Uses a password that somebody typed, for this process only.
    pub fn give_password(&mut self, relay: RelayName, password: SecretString) {
        self.typed.insert(relay, password);
    }

    pub(super) fn secret(&self, relay: &Relay) -> Result<Option<Credential>, EngineError> {
        match self.typed.get(&relay.name) {
            Some(typed) => Ok(Some(Credential::Password(typed.clone()))),
            None => secret(relay, self.workspace.root()),
        }
    }

    /// Whether the campaign goes through built-in servers.
    pub fn is_sandbox(&self) -> bool {
        self.relays.iter().all(Relay::is_sandbox)
    }

    /// Checks every template and renders every row, without freezing anything.
    ///
    /// # Errors
    /// If the list cannot be read. What is wrong with templates and rows is what is returned.
    pub fn inspect(&self, watch: &dyn Fn(u64)) -> Result<Inspection, EngineError> {
        let mut faults = lint(&self.campaign.content);
        faults.sort_by_key(|fault| fault.severity);
        if faults.iter().any(|fault| fault.severity == Severity::Error) {
            let excluded = Excluded::default();
            let (left_out, bad, summary) = (Vec::new(), Vec::new(), Summary::default());
            return Ok(Inspection {
                rows: 0,
                good: 0,
                excluded,
                left_out,
                summary,
                bad,
                faults,
                unfit: None,
            });
        }
        let content = Arc::new(self.campaign.content.clone());
        let composer = enclosed::composer(&self.workspace, content, &Self::any_keys(), PlanId([0; 16]))?;
        let known = self.suppressed()?;
        let survey = self.surveyor(&composer, Render::Strict, &known).survey(&mut |_| Ok(()), watch)?;
        let excluded = survey.excluded();
        let unfit = survey.unfit(Invalid::Stop);
        let Survey { rows, planned, summary, mut bad, .. } = survey;
        bad.sort_unstable();
        let good = u64::from(planned.batches.recipients());
        let left_out = planned.samples.into_iter().map(LeftOut::from).collect();
        Ok(Inspection { rows, good, excluded, left_out, summary, bad, faults, unfit })
    }

    pub(super) fn surveyor<'a>(
        &'a self,
        composer: &'a Composer,
        render: Render,
        known: &'a Known,
    ) -> Surveyor<'a> {
        Surveyor {
            workspace: &self.workspace,
            campaign: &self.campaign,
            composer,
            render,
            known,
            recipients_per_message: self.recipients_per_message(),
            takes: Takes::of(&self.relays),
        }
    }

    /// The most recipients a batch may have: what the smallest of the relays takes.
    pub(super) fn recipients_per_message(&self) -> u32 {
        self.relays.iter().map(|relay| relay.recipients_per_message).min().unwrap_or(1)
    }

    /// The keys of the workspace, made now if it has none.
    pub(super) fn keys(&self) -> Result<Keys, EngineError> {
        Ok(Keys::new(store::Keys::open(self.workspace.state_dir())?.secret()))
    }

    /// Keys that are as good as any for checking: tokens have the same length whatever the key.
    fn any_keys() -> Keys {
        Keys::new(&[0; 32])
    }

    pub(super) fn suppressed(&self) -> Result<Known, EngineError> {
        let suppressed = store::Suppressions::read(self.workspace.state_dir())?.keys().collect();
        Ok(Known { suppressed, ..Known::default() })
    }
}

/// The templates of `content`, compiled.
pub(super) fn composer(content: Arc<Content>, keys: &Keys, plan: PlanId) -> Result<Composer, EngineError> {
    Composer::new(content, keys, plan).map_err(EngineError::Faults)
}

fn is_warning(fault: &Fault) -> bool {
    fault.severity == Severity::Warning
}
