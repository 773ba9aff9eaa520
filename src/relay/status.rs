//! What codes mean where the words say nothing: enhanced status first, then the basic code by phase.
//!
//! The registry behind it is that of RFC 5248 with the texts of RFC 3463, 4954, 7372 and 7505, and the
//! four-digit details of Microsoft. A status says who is meant only as well as the server knows; what
//! depends on the phase is settled here too.

use crate::mail::{Class, Enhanced, Phase};

/// The class that an enhanced status names, at `phase`. None: it says nothing.
pub(super) fn by_enhanced(phase: Phase, code: u16, status: Enhanced) -> Option<Class> {
    let permanent = status.class == 5;
    let either = |never, later| if permanent { never } else { later };
    let class = match (status.subject, status.detail) {
        (1, 10) if code == 556 => Class::DomainDead,
        (1, 1 | 3 | 4 | 6 | 10) | (2, 1) | (6, 7) => either(Class::RecipientDead, Class::RecipientTemporary),
        (1, 2) => either(Class::DomainDead, Class::Domain),
        (1, 7 | 8) | (2, 251..=255) => Class::Blocked,
        (2, 2 | 4) => Class::RecipientTemporary,
        (2, 3) | (3, 4) => Class::Size,
        (2, _) if !permanent => Class::RecipientTemporary,
        (3, 1 | 2) => Class::Domain,
        (3, 3) => Class::Protocol,
        (3, _) if !permanent => Class::Domain,
        (4, 2) => Class::Connection,
        (4, 4 | 310) if permanent => Class::DomainDead,
        (4, _) => Class::Domain,
        (5, 3) => Class::TooMany,
        (5, _) => Class::Protocol,
        (6, _) => Class::Content,
        (7, detail) => by_security(phase, code, detail, permanent)?,
        (_, _) => return None,
    };
    Some(class)
}

/// Subject 7, security and policy: "`5.7.x` is everything".
fn by_security(phase: Phase, code: u16, detail: u16, permanent: bool) -> Option<Class> {
    let class = match detail {
        0..=5 if phase == Phase::Auth || code == 530 => Class::Login,
        // Yahoo says 554 5.7.9 to content that it does not like.
        8..=14 if matches!(phase, Phase::Data | Phase::End) && !matches!(code, 525 | 530..=538) => {
            if permanent {
                Class::Content
            } else {
                Class::Domain
            }
        }
        8..=14 | 57 | 139 => Class::Login,
        25 | 511 | 606..=651 => Class::Host,
        28 => Class::Domain,
        20..=32 | 40 | 515 | 15 => Class::Content,
        60 | 501..=505 | 700..=750 => Class::Blocked,
        _ => match (phase, permanent) {
            (Phase::Connect | Phase::Ehlo, _) => Class::Host,
            (Phase::StartTls, _) => return None,
            (Phase::Auth, _) => Class::Login,
            (Phase::Mail | Phase::Other, true) => Class::Blocked,
            (Phase::Mail | Phase::Other, false) => Class::Rate,
            (Phase::Rcpt | Phase::Data | Phase::End, true) => Class::Content,
            (Phase::Rcpt | Phase::Data | Phase::End, false) => Class::Domain,
        },
    };
    Some(class)
}

/// The class of a basic code alone (RFC 5321, 4.2.2 and 4.2.3; RFC 4954, 6; RFC 7504).
pub(super) fn by_code(phase: Phase, code: u16) -> Class {
    match (phase, code) {
        (Phase::Connect, _) => Class::Host,
        (Phase::Auth, 421 | 432 | 454 | 525 | 534 | 535 | 538) | (_, 525 | 530 | 534 | 535 | 538) => {
            Class::Login
        }
        (_, 421) | (Phase::StartTls, 454) => Class::Connection,
        (_, 500..=504 | 555) => Class::Protocol,
        (Phase::Rcpt, 450) => Class::RecipientTemporary,
        (Phase::Rcpt, 451) | (Phase::Data | Phase::End, 451 | 452) => Class::Domain,
        // RFC 5321, 4.5.3.1.10: the code of too many recipients, and the one that was mistaken for it.
        (Phase::Rcpt, 452 | 552) => Class::TooMany,
        (Phase::Mail, 451 | 452) => Class::Rate,
        (Phase::Mail | Phase::Data | Phase::End, 552) => Class::Size,
        (Phase::Rcpt, 551) => Class::RecipientDead,
        (Phase::Rcpt, 521 | 556) => Class::DomainDead,
        (_, _) => Class::Unknown,
    }
}
