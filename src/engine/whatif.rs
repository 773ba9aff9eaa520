//! `plan --what-if relay.key=value`: relays as they are not, for a forecast.

use crate::campaign::Relay;
use crate::mail::{Fault, nearest};

use super::error::EngineError;

/// The keys that can be supposed.
const KEYS: [&str; 7] =
    ["limit", "messages_per_session", "recipients_per_message", "reserve", "sessions", "weight", "window"];

/// Changes `relays` by suppositions such as `ses-eu.sessions=16`; `limit` is that of every quota.
///
/// # Errors
/// A supposition that does not name a relay of the campaign, a key and a number.
pub(super) fn suppose(relays: &mut [Relay], suppositions: &[String]) -> Result<(), EngineError> {
    for typed in suppositions {
        let (relay, key, value) = parse(typed)?;
        let names: Vec<String> = relays.iter().map(|relay| relay.name.to_string()).collect();
        let found = relays.iter_mut().find(|known| known.name.as_str() == relay).ok_or_else(|| {
            fault(
                typed,
                &format!("the campaign has no relay `{relay}`"),
                nearest(relay, names.iter().map(String::as_str)),
            )
        })?;
        change(found, key, value)
            .ok_or_else(|| fault(typed, &format!("`{key}` cannot be supposed"), nearest(key, KEYS)))?;
    }
    Ok(())
}

fn parse(typed: &str) -> Result<(&str, &str, u32), EngineError> {
    let parts = typed.split_once('=').and_then(|(path, value)| {
        let (relay, key) = path.trim().rsplit_once('.')?;
        Some((relay, key, value.trim().parse().ok()?))
    });
    parts.ok_or_else(|| fault(typed, "it must read relay.key=number", None))
}

fn change(relay: &mut Relay, key: &str, value: u32) -> Option<()> {
    match key {
        "sessions" => relay.sessions = value.max(1),
        "window" => relay.window = value.max(1),
        "weight" => relay.weight = value.max(1),
        "recipients_per_message" => relay.recipients_per_message = value.max(1),
        "messages_per_session" => relay.messages_per_session = value.max(1),
        "reserve" => relay.reserve = u64::from(value),
        "limit" => relay.quotas.iter_mut().for_each(|quota| quota.limit = u64::from(value)),
        _ => return None,
    }
    Some(())
}

fn fault(typed: &str, what: &str, near: Option<&str>) -> EngineError {
    let fault = Fault::error(format!("--what-if {typed}: {what}"));
    EngineError::Faults(vec![match near {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("for example --what-if RELAY.sessions=16; known are {}", KEYS.join(", "))),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supposition_is_a_relay_a_key_and_a_number() {
        assert_eq!(parse("ses.eu.sessions = 16").ok(), Some(("ses.eu", "sessions", 16)));
        for typed in ["sessions=16", "ses.sessions", "ses.sessions=many", ""] {
            assert!(parse(typed).is_err(), "{typed}");
        }
    }
}
