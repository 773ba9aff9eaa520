//! What to do about a login that a relay does not take.
//!
//! Most refused logins are not typing errors: the provider wants another kind of secret than the password
//! of the mailbox. Which one is known by its host, or else by the relay's profile. Sources: the pages of
//! the providers that `campaign/presets.toml` names.

use super::profile::Profile;
use super::settings::{Credential, RelaySettings};

const GOOGLE: &str = "Google takes an app password instead of the account's own (myaccount.google.com/apppasswords, with \
     2-step verification on), or `token` in place of `password`; an administrator may allow only the latter";
const MICROSOFT: &str = "Microsoft 365 takes no password any more: set `token` in place of `password`, and have SMTP AUTH \
     switched on for the mailbox";
const APP_PASSWORD: &str = "this provider takes an app password, made in the account's security settings, instead of the account's own";
const SES: &str =
    "Amazon SES takes SMTP credentials, made in its console for this region, and no access keys of AWS";
const SENDGRID: &str =
    "SendGrid takes user = \"apikey\", in just these letters, and an API key as the password";
const RESEND: &str = "Resend takes user = \"resend\" and an API key as the password";
const MAILGUN: &str = "Mailgun takes the SMTP credentials of the domain, from its dashboard, and no API key";
const POSTMARK: &str = "Postmark takes the server's API token both as the user and as the password";
const BREVO: &str = "Brevo takes an SMTP key as the password, and no API key";
const MAILJET: &str = "Mailjet takes the API key as the user and the secret key as the password";
const SPARKPOST: &str = "SparkPost takes user = \"SMTP_Injection\" and an API key as the password";
const NETEASE: &str =
    "this provider takes an authorization code, made in the mailbox's settings, instead of the password";
const TOKEN: &str = "run the command of `token` by hand: it must print a token for this user that may send over SMTP \
     (Google: scope https://mail.google.com/, Microsoft: https://outlook.office.com/SMTP.Send)";
const ANYBODY: &str = "check `user` and the password; where a second factor is on, most providers want an app password, \
     and some take only a `token`";

/// By the end of the host's name.
const BY_HOST: [(&str, &str); 23] = [
    ("gmail.com", GOOGLE),
    ("googlemail.com", GOOGLE),
    ("office365.com", MICROSOFT),
    ("outlook.com", MICROSOFT),
    ("amazonaws.com", SES),
    ("sendgrid.net", SENDGRID),
    ("resend.com", RESEND),
    ("mailgun.org", MAILGUN),
    ("postmarkapp.com", POSTMARK),
    ("brevo.com", BREVO),
    ("sendinblue.com", BREVO),
    ("mailjet.com", MAILJET),
    ("sparkpostmail.com", SPARKPOST),
    ("zoho.com", APP_PASSWORD),
    ("zoho.eu", APP_PASSWORD),
    ("fastmail.com", APP_PASSWORD),
    ("mail.yahoo.com", APP_PASSWORD),
    ("mail.me.com", APP_PASSWORD),
    ("aol.com", APP_PASSWORD),
    ("yandex.com", APP_PASSWORD),
    ("163.com", NETEASE),
    ("126.com", NETEASE),
    ("qq.com", NETEASE),
];

impl RelaySettings {
    /// What to do about a login that this relay does not take: one line, lower case where it can be.
    pub fn login_advice(&self) -> &'static str {
        if let Some(credentials) = &self.login
            && matches!(credentials.secret, Credential::Token(_))
        {
            return TOKEN;
        }
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        let named = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        match BY_HOST.iter().find(|(domain, _)| named(domain)) {
            Some((_, advice)) => advice,
            None => by_profile(self.profile),
        }
    }
}

fn by_profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Gmail | Profile::Workspace => GOOGLE,
        Profile::Microsoft => MICROSOFT,
        Profile::Ses => SES,
        Profile::Sendgrid => SENDGRID,
        Profile::Mailgun => MAILGUN,
        Profile::Postmark => POSTMARK,
        Profile::Resend => RESEND,
        Profile::Zoho | Profile::Yahoo | Profile::Icloud => APP_PASSWORD,
        Profile::Netease => NETEASE,
        Profile::Generic
        | Profile::Mailersend
        | Profile::Socketlabs
        | Profile::Emailit
        | Profile::Msndr
        | Profile::Postfix
        | Profile::Sandbox => ANYBODY,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::settings::Credentials;
    use super::super::token::TokenCommand;
    use super::*;

    #[test]
    fn advice_fits_the_provider_however_it_is_named() {
        let table = [
            ("smtp.gmail.com", Profile::Generic, "app password"),
            ("SMTP.Gmail.com.", Profile::Generic, "app password"),
            ("mx.example.com", Profile::Workspace, "app password"),
            ("smtp.office365.com", Profile::Generic, "`token`"),
            ("email-smtp.eu-west-1.amazonaws.com", Profile::Generic, "SMTP credentials"),
            ("smtp.sendgrid.net", Profile::Generic, "\"apikey\""),
            ("smtp.fastmail.com", Profile::Generic, "app password"),
            ("smtp.mail.me.com", Profile::Generic, "app password"),
            ("notgmail.com", Profile::Generic, "check `user`"),
            ("localhost", Profile::Postfix, "check `user`"),
        ];
        for (host, profile, expected) in table {
            let settings = RelaySettings { profile, ..RelaySettings::new(host, 465) };
            assert!(settings.login_advice().contains(expected), "{host}: {}", settings.login_advice());
        }
        let now = || Timestamp::UNIX_EPOCH;
        let command = TokenCommand { words: Vec::new(), folder: "/".into(), now };
        let login = Credentials { secret: Credential::Token(command), ..Credentials::by_password("ada", "") };
        let settings = RelaySettings { login: Some(login), ..RelaySettings::new("smtp.office365.com", 587) };
        assert!(settings.login_advice().contains("by hand"));
    }
}
