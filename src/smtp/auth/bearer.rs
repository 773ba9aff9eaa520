//! Tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, which it was made from.
//!
//! A server that does not take a token says why in a challenge, as JSON in base64, and waits for a line
//! before it refuses: without that line the session hangs. What it says is shown, cut and in our order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretSlice;
use serde_json::Value;

use super::super::error::SmtpError;
use super::Mechanism;
use super::scram::saslname;

/// The answer of OAUTHBEARER to the reason of a refusal: one control-A (RFC 7628, 3.2.3). XOAUTH2 has none
/// but an empty line.
pub(super) const CONSOLATION: &str = "AQ==";

/// Characters of a reason that are shown.
const REASON_LIMIT: usize = 200;

/// The message of OAUTHBEARER (RFC 7628, 3.1).
pub(super) fn oauthbearer(
    user: &str,
    token: &str,
    host: &str,
    port: u16,
) -> Result<SecretSlice<u8>, SmtpError> {
    check(user, token, Mechanism::OauthBearer)?;
    let user = saslname(user);
    let message = format!("n,a={user},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}");
    Ok(SecretSlice::from(message.into_bytes()))
}

/// The message of XOAUTH2, as Google describes it.
pub(super) fn xoauth2(user: &str, token: &str) -> Result<SecretSlice<u8>, SmtpError> {
    check(user, token, Mechanism::Xoauth2)?;
    Ok(SecretSlice::from(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}").into_bytes()))
}

fn check(user: &str, token: &str, mechanism: Mechanism) -> Result<(), SmtpError> {
    if user.chars().any(char::is_control) {
        return Err(SmtpError::Unsayable { what: "holds a control character", mechanism });
    }
    // RFC 6750, 2.1 allows fewer characters still; what matters is that none ends or hides anything.
    if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(SmtpError::Unsayable { what: "is no token", mechanism });
    }
    Ok(())
}

/// What a server says of a token that it does not take (RFC 7628, 3.2.2): `status`, and what else there is.
pub(super) fn reason(challenge: &str) -> Option<String> {
    let octets = STANDARD.decode(challenge.trim()).ok()?;
    let Value::Object(fields) = serde_json::from_slice(&octets).ok()? else { return None };
    let told = ["status", "error", "error_description", "schemes", "scope"].into_iter().filter_map(|name| {
        let value = match fields.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        (!value.is_empty()).then(|| format!("{name} {value}"))
    });
    let told: String = told.collect::<Vec<_>>().join(", ").chars().take(REASON_LIMIT).collect();
    (!told.is_empty()).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_read_from_any_server_or_passed_over() {
        let table = [
            (
                r#"{"status":"invalid_token","scope":"example_scope"}"#,
                Some("status invalid_token, scope example_scope"),
            ),
            (r#"{"status":400}"#, Some("status 400")),
            (r#"{"status":{"deep":[1]}}"#, None),
            ("[]", None),
            ("not json", None),
            ("", None),
        ];
        for (json, expected) in table {
            assert_eq!(reason(&STANDARD.encode(json)).as_deref(), expected, "{json}");
        }
        assert_eq!(reason("%%%"), None);
        let long = format!(r#"{{"status":"{}"}}"#, "x".repeat(1500));
        assert_eq!(reason(&STANDARD.encode(long)).map(|told| told.chars().count()), Some(REASON_LIMIT));
    }
}
