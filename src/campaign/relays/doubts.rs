//! What is not certain of a relay's limits, for whoever is about to rely on them.

use std::path::Path;

use crate::mail::Fault;

use super::super::presets::Preset;
use super::super::sheet::Sheet;
use super::{Relay, RelaysText};

impl Relay {
    /// What is not certain of its limits: guesses of its preset, and a quota that nobody has told us.
    /// Warnings, each at the relay's table; none of a limit that the operator has set.
    pub fn doubts(&self) -> Vec<Fault> {
        let doubts = [self.guessed(), self.missing_quota()].into_iter().flatten();
        let placed = |fault: Fault| match &self.place {
            Some(place) => fault.at(place.clone()),
            None => fault,
        };
        doubts.map(placed).collect()
    }

    fn guessed(&self) -> Option<Fault> {
        let first = *self.guesses.first()?;
        let keys = self.guesses.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
        let (are, them) = match self.guesses.as_slice() {
            [_] => ("is a guess", "it"),
            _ => ("are guesses", "them"),
        };
        let what = format!(
            "{keys} of relay `{}` {are} (low confidence): check {them} with your provider",
            self.name
        );
        let value = self.preset.value_of(first).unwrap_or_default();
        let hint = format!("preset `{}` guesses {first} = {value}; set what your provider says", self.preset);
        Some(Fault::warning(what).hint(hint))
    }

    fn missing_quota(&self) -> Option<Fault> {
        let no_quota = self.no_quota?;
        let what = format!("relay `{}` has no quota; {}", self.name, no_quota.words);
        let hint =
            "add quotas = [{ limit = .., unit = \"recipients\", per = \"24h\" }], or quotas = [] for none";
        Some(Fault::warning(what).hint(hint))
    }

    /// What a table with nothing but this preset comes to. Where `host` must be set, it is the preset's
    /// example of one.
    pub fn of_preset(preset: Preset) -> Self {
        let host = preset.host_example().map(|host| format!("host = {host:?}\n")).unwrap_or_default();
        let document = format!("[relays.preset]\npreset = {:?}\n{host}", preset.name());
        let mut sheet = Sheet::new("presets.toml", document);
        let text: RelaysText = sheet.read(&[]).unwrap_or_default();
        let mut relays = text.relays.iter();
        let relay =
            relays.next().and_then(|(name, text)| super::relay(Path::new(""), name, text, &mut sheet));
        relay.expect("every preset is a relay by itself, as a test shows")
    }
}
