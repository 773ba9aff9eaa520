//! What a seed decides before anything happens: the campaign, its relays and their limits, how bad the line is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::campaign::Relay;
use crate::engine::{Desk, Planned};
use crate::mail::Account;
use crate::relay::Refusals;

use super::chance::Chance;
use super::server::{Counts, Limit, Over, Provider};
use super::stage::Stage;

/// Moments around which clocks change, and a few at which they do not: seconds since 1970.
const STARTS: [i64; 8] = [
    1_806_192_000, // 2027-03-28, Berlin loses an hour.
    1_824_940_800, // 2027-10-31, Berlin gains an hour.
    1_804_982_400, // 2027-03-14, New York loses an hour.
    1_825_545_600, // 2027-11-07, New York gains an hour.
    1_806_796_800, // 2027-04-04, Lord Howe gains half an hour.
    1_822_521_600, // 2027-10-03, Lord Howe loses half an hour.
    1_800_000_000,
    1_830_297_600, // 2028-01-01.
];

/// How a simulated relay behaves.
#[derive(Debug, Clone)]
pub(super) struct Character {
    pub(super) manner: Manner,
    pub(super) sessions: usize,
    pub(super) window: usize,
    pub(super) messages_per_session: u32,
    pub(super) refusals: Refusals,
    /// How long a round trip takes, in milliseconds.
    pub(super) trip: u64,
    /// The most recipients of one transaction.
    pub(super) most: usize,
}

/// How its sessions speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// A command, its reply; or a group of them. One message at a time.
    InTurn,
    /// A window of messages in flight, each in one piece.
    Streamed,
}

/// How often what goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) opening: u64,
    pub(super) drop: u64,
    pub(super) garbage: u64,
    pub(super) silence: u64,
    pub(super) slow: u64,
    pub(super) after_dot: u64,
    pub(super) mail: u64,
    pub(super) rcpt: u64,
    pub(super) data: u64,
    pub(super) end: u64,
    pub(super) panic: u64,
}

impl Faults {
    fn draw(chance: &mut Chance) -> Self {
        let mut faults = Self::default();
        let level = *chance.pick(&[0, 0, 5, 20, 60]);
        for fault in faults.each() {
            *fault = if level == 0 { 0 } else { chance.within(0..=level) };
        }
        if chance.one_in(3) {
            let place = usize::try_from(chance.within(0..=10)).expect("eleven kinds");
            **faults.each().get_mut(place).expect("eleven kinds") = chance.within(50..=400);
        }
        faults
    }

    fn each(&mut self) -> [&mut u64; 11] {
        let Self { opening, drop, garbage, silence, slow, after_dot, mail, rcpt, data, end, panic } = self;
        [opening, drop, garbage, silence, slow, after_dot, mail, rcpt, data, end, panic]
    }
}

/// What the world is made from.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// When it begins, in milliseconds since 1970.
    pub(super) start: i64,
    pub(super) recipients: usize,
    /// Of each relay of the run.
    pub(super) accounts: Vec<Account>,
    pub(super) characters: Vec<Character>,
    pub(super) providers: BTreeMap<Account, Provider>,
    pub(super) faults: Faults,
    /// Whether clocks jump.
    pub(super) clocks: Clocks,
}

/// What the clocks of the machine do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clocks {
    /// They are right.
    Right,
    /// The wall clock jumps, the machine sleeps.
    Jumping,
}

/// What the engine is given.
pub(super) struct Drawn {
    pub(super) desk: Desk,
    pub(super) planned: Planned,
    pub(super) scenario: Scenario,
}

/// Draws a campaign and its world.
pub(super) fn draw(stage: &Stage, chance: &mut Chance) -> Drawn {
    let (desk, planned) = chance.pick(&stage.shapes);
    let (mut desk, planned) = (desk.clone(), planned.clone());
    let recipients = usize::try_from(planned.report.recipients).expect("few");
    desk.relays = relays(&desk.relays, chance, recipients as u64);
    match chance.within(0..=5) {
        0 => desk.campaign.hours.clone_from(&stage.by_day.campaign.hours),
        1 => desk.campaign.hours.clone_from(&stage.by_night.campaign.hours),
        _ => {}
    }
    let retry = &mut desk.campaign.retry;
    retry.first = Duration::from_secs(chance.size(1800));
    retry.max = retry.first * u32::try_from(chance.within(1..=16)).expect("small");
    retry.give_up = Duration::from_secs(chance.size(200_000));
    desk.campaign.max_uncertain = chance.size(300);
    if !chance.one_in(8) {
        (desk.campaign.stop_if.rejected, desk.campaign.stop_if.after) = (1.0, u64::MAX);
    }
    desk.min_free = 1 << 20;
    let accounts: Vec<Account> = desk.relays.iter().map(Relay::account).collect();
    let mut providers: BTreeMap<Account, Provider> = BTreeMap::new();
    for (account, relay) in accounts.iter().zip(&desk.relays) {
        let secret = chance.one_in(10).then(|| chance.size(recipients as u64));
        let limits = relay.quotas.iter().map(|quota| limit(relay, quota.limit, (&quota.unit, &quota.per)));
        providers
            .insert(account.clone(), Provider { limits: limits.collect(), secret, ..Provider::default() });
    }
    let characters = desk.relays.iter().map(|relay| character(relay, chance)).collect();
    let start =
        (*chance.pick(&STARTS) * 1000) - i64::try_from(chance.within(0..=40 * 3_600_000)).expect("small");
    let faults = Faults::draw(chance);
    let clocks = if chance.one_in(4) { Clocks::Jumping } else { Clocks::Right };
    let scenario = Scenario { start, recipients, accounts, characters, providers, faults, clocks };
    Drawn { desk, planned, scenario }
}

/// One to three relays, with limits of which a campaign of so many needs at most a handful.
fn relays(all: &[Relay], chance: &mut Chance, people: u64) -> Vec<Relay> {
    let mut chosen: Vec<Relay> = Vec::new();
    for _ in 0..chance.within(1..=3) {
        let relay = chance.pick(all);
        if chosen.iter().all(|other| other.name != relay.name) {
            chosen.push(relay.clone());
        }
    }
    if let Some(twin) = chosen.iter().find(|relay| relay.name.as_str().contains("twin")) {
        let missing = if twin.name.as_str() == "twin" { "other_twin" } else { "twin" };
        if chosen.iter().all(|other| other.name.as_str() != missing) {
            chosen.extend(all.iter().find(|relay| relay.name.as_str() == missing).cloned());
        }
    }
    let (shared, reserve) = (chance.within(people.div_ceil(4)..=people + 1), chance.one_in(4));
    let group = all[0].recipients_per_message;
    for relay in &mut chosen {
        relay.sessions = u32::try_from(chance.within(1..=4)).expect("small");
        relay.window = u32::try_from(*chance.pick(&[1, 1, 2, 4, 16])).expect("small");
        relay.messages_per_session = u32::try_from(chance.size(100)).expect("small");
        relay.weight = u32::try_from(chance.within(1..=3)).expect("small");
        relay.counts_refused = chance.one_in(2);
        if group > 1 {
            relay.recipients_per_message = *chance.pick(&[group, group, 1, 3, 50]);
        }
        let is_twin = relay.name.as_str().contains("twin");
        for quota in &mut relay.quotas {
            let own = chance.within(people.div_ceil(4)..=people + 1);
            quota.limit = if is_twin { shared } else { own };
        }
        relay.reserve = u64::from(reserve && people > 8);
        if let Some(warmup) = &mut relay.warmup {
            warmup.from = people.div_ceil(4);
        }
    }
    chosen
}

fn limit(relay: &Relay, most: u64, (unit, per): (&dyn ToString, &dyn ToString)) -> Limit {
    let counts = if unit.to_string() == "messages" { Counts::Messages } else { Counts::Recipients };
    let over = match per.to_string().as_str() {
        "24h" => Over::Rolling(24 * 3_600_000),
        "1h" => Over::Rolling(3_600_000),
        "5m" => Over::Rolling(300_000),
        "day" => {
            let zone = match relay.name.as_str() {
                "berlin" => "Europe/Berlin",
                "york" => "America/New_York",
                "howe" => "Australia/Lord_Howe",
                other => panic!("relay {other} has a day of its own"),
            };
            Over::Day(TimeZone::get(zone).expect("a zone of the table"))
        }
        other => panic!("no relay of the stage has a quota per {other}"),
    };
    Limit { most, counts, over }
}

fn character(relay: &Relay, chance: &mut Chance) -> Character {
    Character {
        manner: if relay.window > 1 { Manner::Streamed } else { Manner::InTurn },
        sessions: usize::try_from(relay.sessions).expect("small"),
        window: usize::try_from(relay.window).expect("small"),
        messages_per_session: relay.messages_per_session,
        refusals: if relay.counts_refused { Refusals::Charged } else { Refusals::Free },
        trip: chance.size(400),
        most: usize::try_from(*chance.pick(&[1_000, 1_000, 1_000, 3, 7])).expect("small"),
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { desk, scenario, .. } = self;
        let campaign = &desk.campaign;
        writeln!(
            formatter,
            "{} with {} people, max_uncertain {}, {:?}, {:?}, clocks {:?}",
            campaign.name,
            scenario.recipients,
            campaign.max_uncertain,
            campaign.retry,
            scenario.faults,
            scenario.clocks
        )?;
        for (relay, character) in desk.relays.iter().zip(&scenario.characters) {
            let quotas =
                relay.quotas.iter().map(|quota| format!("{} {}/{}", quota.limit, quota.unit, quota.per));
            let quotas: Vec<String> = quotas.collect();
            writeln!(
                formatter,
                "relay {}: {quotas:?}, reserve {}, {character:?}",
                relay.name, relay.reserve
            )?;
        }
        Ok(())
    }
}
