//! What providers mean by replies that would mean something else from others.

use crate::mail::Class::{Blocked, Concurrency, Connection, Domain, Host, Login, Quota, Rate, RecipientDead};
use crate::mail::Phase::{self, Auth, Data, End, Mail, Rcpt};

use super::super::profile::Profile::{
    self, Emailit, Gmail, Icloud, Mailersend, Mailgun, Microsoft, Msndr, Netease, Postfix, Postmark, Resend,
    Sendgrid, Ses, Socketlabs, Workspace, Yahoo, Zoho,
};
use super::{Rule, said};

const GOOGLE: &[Profile] = &[Gmail, Workspace];
const CONTENT: &[Phase] = &[Data, End];

/// The table; each rule is one provider's.
pub(in crate::relay) const PROVIDERS: &[Rule] = &[
    // Google: support.google.com/a/answer/3726730, 6140680.
    said(Login, "too many login attempts").by(GOOGLE),
    said(Login, "5.7.14 ").by(GOOGLE).at(&[Auth]),
    said(Rate, "4.2.1 *peak smtp relay limit").by(GOOGLE),
    said(Quota, "5.4.5 ").by(GOOGLE),
    said(Quota, "5.7.1 *smtp relay limit").by(GOOGLE),
    said(Domain, "4.7.28 ").by(GOOGLE),
    said(Connection, "4.3.0 ").by(GOOGLE).code(&[421]),
    // Microsoft 365: replies that begin as a recipient's fault and are the sender's.
    said(Blocked, "5.2.2 *storedrv.submission").by(&[Microsoft]),
    said(Blocked, "5.2.2 ").by(&[Microsoft]).at(CONTENT),
    said(Login, "7.30 ").by(&[Microsoft]),
    said(Concurrency, "4.3.2 *storedrv.clientsubmit").by(&[Microsoft]),
    said(Concurrency, "4.3.2 *concurrent").by(&[Microsoft]),
    said(Blocked, "5.7.50").by(&[Microsoft]),
    said(Quota, "submissionquotaexceeded").by(&[Microsoft]),
    said(Quota, "5.1.90 ").by(&[Microsoft]),
    said(RecipientDead, "5.4.1 *access denied").by(&[Microsoft]),
    said(Host, "rp-00").by(&[Microsoft]),
    // Amazon SES: docs.aws manage-sending-quotas-errors.
    said(Quota, "throttling failure*daily").by(&[Ses]),
    said(Rate, "throttling failure").by(&[Ses]),
    said(Concurrency, "too many concurrent").by(&[Ses]),
    said(Blocked, "access denied").by(&[Ses]),
    said(Blocked, "not verified").by(&[Ses]),
    said(Blocked, "sending paused").by(&[Ses]),
    said(Blocked, "account is paused").by(&[Ses]),
    // Others, in the order of the alphabet.
    said(Rate, "4.4.5").by(&[Emailit]).at(&[Mail]),
    said(Quota, "4.5.3").by(&[Emailit]).at(&[Mail]),
    said(Quota, "sending limit").by(&[Icloud]),
    said(Connection, "service not available").by(&[Mailersend]).code(&[421]),
    said(Rate, "too many requests").by(&[Mailersend, Resend]),
    said(Rate, "request limit exceeded").by(&[Mailgun]),
    said(Rate, "too many messages").by(&[Msndr]),
    said(Quota, "rp:orq").by(&[Netease]),
    said(Quota, "hl:itc").by(&[Netease]),
    said(Rate, "too much mail").by(&[Postfix]),
    said(RecipientDead, "inactive recipient").by(&[Postmark]),
    said(Rate, "429").by(&[Resend]),
    said(Rate, "rate limit").by(&[Resend]),
    said(Quota, "credits exceeded").by(&[Sendgrid]),
    said(Concurrency, "maximum connection limit").by(&[Sendgrid]),
    said(Concurrency, "4.4.5 *connections").by(&[Socketlabs]),
    said(Host, "[bl").by(&[Yahoo]),
    said(Domain, "[tss").by(&[Yahoo]).at(&[Rcpt, Data, End]),
    said(Host, "[ts").by(&[Yahoo]),
    said(Blocked, "5.4.6 ").by(&[Zoho]),
    said(Blocked, "5.1.8 ").by(&[Zoho]),
];
