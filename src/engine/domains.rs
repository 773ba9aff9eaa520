//! Who of a plan is at which domain, for relays that have limits by domain.

use std::sync::Arc;

use crate::campaign::Relay;
use crate::schedule::DomainTable;
use crate::store::Plan;

use super::error::EngineError;

/// The domains of the recipients of the plan that `open` gives; none, and no look at any plan, if no relay
/// has limits by domain. Reads every row once.
///
/// # Errors
/// The plan cannot be read.
pub(super) fn domains(
    relays: &[Relay],
    open: impl FnOnce() -> Result<Arc<Plan>, EngineError>,
) -> Result<Option<Arc<DomainTable>>, EngineError> {
    let Some(mut table) = DomainTable::new(relays.iter().map(|relay| &relay.domains)) else {
        return Ok(None);
    };
    let plan = open()?;
    for recipient in plan.scan(0..plan.len()) {
        table.push(recipient?.address.domain());
    }
    Ok(Some(Arc::new(table)))
}
