//! Questions, in proportion to the harm that a wrong answer does.
//!
//! More than a hundred people: their number is typed. Fewer: yes or no. Off a terminal nobody is asked, and
//! what was not confirmed before is not done.

use console::{Style, Term};
use dialoguer::Confirm;
use secrecy::SecretString;

use crate::engine::{Desk, EngineError};
use crate::mail::RelayName;

use super::error::CliError;
use super::escape;
use super::operator::Asking;
use super::words::{counted, number};

/// Up to so many recipients, `y` is enough.
const EASY: u64 = 100;

/// Asks whether to send to so many recipients.
///
/// # Errors
/// [`CliError::Unconfirmed`] if the answer is no or nobody can be asked.
pub(crate) fn send_to(recipients: u64, asking: Asking) -> Result<(), CliError> {
    if asking == Asking::Never {
        return Err(CliError::Unconfirmed { what: "nobody is here to confirm".to_owned() });
    }
    if recipients <= EASY {
        let question = format!("Send to {}?", counted(recipients, "recipient"));
        return if yes(&question)? { Ok(()) } else { Err(declined()) };
    }
    let term = Term::stderr();
    let strong = Style::new().for_stderr().bold();
    let failed = |source| CliError::Io { doing: "asking", source };
    term.write_str(&format!("{} ", strong.apply_to(format!("To send, type {}:", number(recipients)))))
        .map_err(failed)?;
    let answer = term.read_line().map_err(failed)?;
    if is_number(&answer, recipients) { Ok(()) } else { Err(declined()) }
}

/// Asks a question that is answered with yes or no; no is the default.
///
/// # Errors
/// The terminal failed.
pub(crate) fn yes(question: &str) -> Result<bool, CliError> {
    Confirm::new()
        .with_prompt(question)
        .default(false)
        // Else a Return behind the letter would fall into what comes next.
        .wait_for_newline(true)
        .interact_on(&Term::stderr())
        .map_err(|error| CliError::Io { doing: "asking", source: std::io::Error::other(error) })
}

/// Asks for every password that a campaign needs and that is set nowhere.
///
/// # Errors
/// [`EngineError::NoPassword`] if nobody can be asked, or nothing was typed.
pub(crate) fn passwords(desk: &mut Desk, asking: Asking) -> Result<(), CliError> {
    for (relay, user) in desk.passwords_wanted() {
        let typed = password(&relay, &user, asking)?;
        desk.give_password(relay, typed);
    }
    Ok(())
}

/// Asks for the password with which `user` logs in at `relay`; what is typed is not shown.
///
/// # Errors
/// As [`passwords`].
pub(crate) fn password(relay: &RelayName, user: &str, asking: Asking) -> Result<SecretString, CliError> {
    let missing = || EngineError::NoPassword { relay: relay.clone(), user: user.to_owned() };
    if asking == Asking::Never {
        return Err(missing().into());
    }
    let strong = Style::new().for_stderr().bold();
    let question = format!("Password of {} at {}:", escape::line(user), escape::line(relay.as_str()));
    let typed = rpassword::prompt_password(format!("{} ", strong.apply_to(question)))
        .map_err(|source| CliError::Io { doing: "asking", source })?;
    if typed.is_empty() { Err(missing().into()) } else { Ok(typed.into()) }
}

/// Why something was not confirmed.
pub(crate) fn refusal(asking: Asking) -> String {
    match asking {
        Asking::Allowed => "not confirmed".to_owned(),
        Asking::Never => "nobody is here to confirm".to_owned(),
    }
}

fn declined() -> CliError {
    CliError::Unconfirmed { what: "not confirmed".to_owned() }
}

/// Whether what was typed is the number, with or without its thousands set apart.
fn is_number(answer: &str, number: u64) -> bool {
    let digits: String =
        answer.trim().chars().filter(|character| !matches!(character, ',' | '.' | '_' | ' ')).collect();
    digits.parse() == Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_number_confirms() {
        for answer in ["1000", "1,000", " 1.000 ", "1 000\n"] {
            assert!(is_number(answer, 1_000), "{answer:?}");
        }
        for answer in ["", "y", "yes", "100", "1001", "-1000", "1000 x"] {
            assert!(!is_number(answer, 1_000), "{answer:?}");
        }
    }

    #[test]
    fn nobody_there_means_no() {
        assert!(matches!(send_to(1, Asking::Never), Err(CliError::Unconfirmed { .. })));
    }
}
