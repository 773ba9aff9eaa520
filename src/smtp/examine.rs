//! Whether a server can take a message, by its own announcement.
//!
//! What it cannot take is not said to it. The refusal is a reply in our own words, so that it is judged and
//! shown like the server's would have been.

use super::command::Charset;
use super::extension::{Extension, Extensions};
use super::transaction::{Standing, Transaction, answer, our_reply};
use super::transparency::{Octets, check};
use crate::mail::{Address, Phase, Reply};

/// Compares a message with what the server announced, and refuses it, or single recipients, in its place.
///
/// # Errors
/// A refusal that means the relay and costs no recipient.
pub(super) fn examine(transaction: &mut Transaction, extensions: &Extensions) -> Result<(), Reply> {
    let message = &transaction.message;
    let octets = if message.eight_bit { Octets::EightBit } else { Octets::SevenBit };
    if let Err(opaque) = check(&message.octets, octets) {
        transaction.refuse_mail(our_reply(554, "5.6.0", format_args!("{opaque}")));
        return Ok(());
    }
    if message.eight_bit && !extensions.offers(Extension::EightBitMime) {
        return Err(our_reply(554, "5.6.3", format_args!("the server does not announce 8BITMIME")));
    }
    let utf8 = extensions.offers(Extension::SmtpUtf8);
    if !utf8 && message.envelope.reverse_path.as_ref().is_some_and(Address::needs_smtputf8) {
        return Err(our_reply(
            553,
            "5.6.7",
            format_args!("the server does not announce SMTPUTF8, which the reverse-path needs"),
        ));
    }
    if let Some(limit) = extensions.size_limit()
        && message.size() as u64 > limit
    {
        let size = message.size();
        let words = format_args!("the message has {size} octets, the server takes {limit}");
        transaction.refuse_mail(our_reply(552, "5.3.4", words));
        return Ok(());
    }
    if message.envelope.needs_smtputf8() && utf8 {
        transaction.charset = Charset::Utf8;
    }
    let most = extensions.recipients_limit().unwrap_or(usize::MAX);
    for (index, path) in message.envelope.forward_paths.iter().enumerate() {
        let reply = if path.needs_smtputf8() && !utf8 {
            our_reply(
                553,
                "5.6.7",
                format_args!("the server does not announce SMTPUTF8, which the address needs"),
            )
        } else if index >= most {
            our_reply(452, "4.5.3", format_args!("the server takes {most} recipients in a transaction"))
        } else {
            continue;
        };
        transaction.standings[index] = Standing::Refused(answer(Phase::Rcpt, reply));
    }
    if !extensions.offers(Extension::Dsn) {
        transaction.message.envelope.notify = None;
    }
    Ok(())
}
