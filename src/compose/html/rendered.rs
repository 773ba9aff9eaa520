//! The same for one rendered body, which depends on no row any more.

use std::collections::BTreeMap;

use crate::mail::Source;

use super::css::inlined;
use super::plain::text_of;

/// The body with its styles inlined; none where it has none.
pub(in super::super) fn styled(html: &str, sheets: &BTreeMap<String, Source>) -> Option<String> {
    inlined(html, &[], sheets).ok().flatten()
}

/// A text body.
pub(in super::super) fn text(html: &str) -> String {
    text_of(html, &[]).unwrap_or_default()
}
