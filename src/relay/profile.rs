//! Whose habits of speech a reply is read with.
//!
//! The same reply means different things from different providers: 5.7.30 is DKIM at Gmail and a refused
//! login at Microsoft. A profile only widens what is understood; a provider used without its profile is
//! still understood by its words.

/// The provider behind a relay, as far as its replies need telling apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// Any other server.
    #[default]
    Generic,
    /// Gmail, with a personal account.
    Gmail,
    /// Google Workspace, by smtp.gmail.com or by its SMTP relay.
    Workspace,
    /// Microsoft 365 and Outlook.com.
    Microsoft,
    /// Amazon SES.
    Ses,
    /// `SendGrid`.
    Sendgrid,
    /// Mailgun.
    Mailgun,
    /// Postmark.
    Postmark,
    /// Zoho Mail.
    Zoho,
    /// Yahoo Mail.
    Yahoo,
    /// iCloud Mail.
    Icloud,
    /// Resend.
    Resend,
    /// `MailerSend`.
    Mailersend,
    /// `SocketLabs`.
    Socketlabs,
    /// Emailit.
    Emailit,
    /// 163.com and its sisters, of `NetEase`.
    Netease,
    /// msndr.net.
    Msndr,
    /// A Postfix of one's own.
    Postfix,
    /// The built-in server.
    Sandbox,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 19] = [
        Self::Generic,
        Self::Gmail,
        Self::Workspace,
        Self::Microsoft,
        Self::Ses,
        Self::Sendgrid,
        Self::Mailgun,
        Self::Postmark,
        Self::Zoho,
        Self::Yahoo,
        Self::Icloud,
        Self::Resend,
        Self::Mailersend,
        Self::Socketlabs,
        Self::Emailit,
        Self::Netease,
        Self::Msndr,
        Self::Postfix,
        Self::Sandbox,
    ];

    /// The name, which is that of the preset where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Gmail => "gmail",
            Self::Workspace => "workspace",
            Self::Microsoft => "microsoft",
            Self::Ses => "ses",
            Self::Sendgrid => "sendgrid",
            Self::Mailgun => "mailgun",
            Self::Postmark => "postmark",
            Self::Zoho => "zoho",
            Self::Yahoo => "yahoo",
            Self::Icloud => "icloud",
            Self::Resend => "resend",
            Self::Mailersend => "mailersend",
            Self::Socketlabs => "socketlabs",
            Self::Emailit => "emailit",
            Self::Netease => "netease",
            Self::Msndr => "msndr",
            Self::Postfix => "postfix",
            Self::Sandbox => "sandbox",
        }
    }

    /// The profile of a preset: that of its name, or of the provider that it is another door of;
    /// [`Profile::Generic`] for a provider whose replies are like those of others.
    pub fn of_preset(preset: &str) -> Self {
        match preset {
            "workspace-relay" => Self::Workspace,
            "office365" | "outlook" => Self::Microsoft,
            "mailgun-eu" => Self::Mailgun,
            "postmark-broadcasts" => Self::Postmark,
            "163" => Self::Netease,
            _ => Self::ALL.into_iter().find(|profile| profile.name() == preset).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Preset;

    #[test]
    fn a_preset_has_the_profile_of_its_name() {
        for profile in Profile::ALL {
            assert_eq!(Profile::of_preset(profile.name()), profile);
        }
    }

    #[test]
    fn every_preset_has_a_profile_or_is_known_to_have_none() {
        let others = [
            ("workspace-relay", Profile::Workspace),
            ("office365", Profile::Microsoft),
            ("outlook", Profile::Microsoft),
            ("mailgun-eu", Profile::Mailgun),
            ("postmark-broadcasts", Profile::Postmark),
            ("163", Profile::Netease),
        ];
        let plain = ["fastmail", "ovh", "brevo", "mailjet", "sparkpost"];
        for preset in Preset::all() {
            let profile = Profile::of_preset(preset.name());
            if let Some((_, expected)) = others.iter().find(|(name, _)| *name == preset.name()) {
                assert_eq!(profile, *expected, "{preset}");
            } else if plain.contains(&preset.name()) {
                assert_eq!(profile, Profile::Generic, "{preset}");
            } else {
                assert_eq!(profile.name(), preset.name());
            }
        }
    }
}
