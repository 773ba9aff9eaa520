//! Whether answers and bounces arrive (RFC 5321, 5.1; RFC 7505).

use super::Sender;
use super::finding::{Finding, State, Subject};
use super::records::{Kind, Records};

/// Of the domain of From, to which people answer, and of the reverse-path, to which servers do.
pub(super) fn judge(sender: &Sender, records: &Records) -> Vec<Finding> {
    let mut findings = vec![judge_domain(&sender.from, "answers", records)];
    if sender.reverse_path != sender.from {
        findings.push(judge_domain(&sender.reverse_path, "bounces", records));
    }
    findings
}

fn judge_domain(domain: &str, what_comes: &str, records: &Records) -> Finding {
    let finding = |state, what: String| Finding::new(Subject::Mx, domain, state, what);
    let hosts = match records.get(Kind::Exchanger, domain) {
        Err(why) => return Finding::unknown(Subject::Mx, domain, why),
        Ok(hosts) => hosts,
    };
    match hosts {
        [only] if only == "." => {
            let what = format!(
                "the domain takes no mail at all (RFC 7505), so {what_comes} are lost, and some refuse such senders"
            );
            finding(State::Wrong, what).found(hosts)
        }
        [] => {
            let addresses = [Kind::Address, Kind::LongAddress].map(|kind| records.get(kind, domain));
            match addresses {
                [Err(why), _] | [_, Err(why)] => Finding::unknown(Subject::Mx, domain, why),
                [Ok([]), Ok([])] => {
                    let what =
                        format!("there is neither an MX record nor an address, so {what_comes} are lost");
                    finding(State::Wrong, what)
                }
                [Ok(_), Ok(_)] => {
                    let what =
                        format!("there is no MX record: {what_comes} go to the address of the domain itself");
                    finding(State::Doubtful, what)
                }
            }
        }
        _ => finding(State::Good, format!("{what_comes} can arrive")).found(hosts),
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Answer;
    use super::*;

    #[test]
    fn a_domain_takes_mail_or_does_not() {
        let table: [(&[&str], &[&str], State, &str); 4] = [
            (&["mx1.a.example", "mx2.a.example"], &[], State::Good, "answers can arrive"),
            (&["."], &["192.0.2.1"], State::Wrong, "no mail at all"),
            (&[], &["192.0.2.1"], State::Doubtful, "no MX record"),
            (&[], &[], State::Wrong, "neither"),
        ];
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        for (hosts, addresses, state, words) in table {
            let mut records = Records::default();
            records.insert(Kind::Exchanger, "a.example".into(), Answer::of(own(hosts)));
            records.insert(Kind::Address, "a.example".into(), Answer::of(own(addresses)));
            records.insert(Kind::LongAddress, "a.example".into(), Answer::Nothing);
            let sender =
                Sender { from: "a.example".into(), reverse_path: "a.example".into(), ..Sender::default() };
            let found = judge(&sender, &records);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].state == state && found[0].what.contains(words), "{found:?}");
        }
    }
}
