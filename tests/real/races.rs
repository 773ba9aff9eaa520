//! Two processes that want one workspace at the same moment, again and again.

use std::thread;
use std::time::Duration;

use crate::stage::{Habit, Peer, Running, Workspace};

/// How often they race.
const RACES: usize = 200;
/// How long a loser may take to notice, a hundredth of a second each.
const LOOKS: u32 = 300;

/// Which of two has ended first.
fn loser(mut one: Running, mut other: Running) -> (Running, Running) {
    for _ in 0..LOOKS {
        if one.has_ended() {
            return (one, other);
        }
        if other.has_ended() {
            return (other, one);
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("neither gives way");
}

#[test]
#[ignore = "takes half a minute: tests/run runs it"]
fn one_wins_and_the_other_is_told_who_and_a_kill_frees_the_workspace() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 400);
    workspace.copy_campaign("letter", "other");
    let verb = |campaign: &str| {
        let status = workspace.mailrun(&["status", campaign, "--json"]);
        let begun = status.code == Some(0) && status.json()["state"] != "planned";
        if begun { ["resume", "--uncertain=skip"] } else { ["send", "--yes"] }
    };
    for race in 0..RACES {
        let second = if race % 2 == 0 { "letter" } else { "other" };
        let ([first, yes], [again, sure]) = (verb("letter"), verb(second));
        let one = workspace.start(&[first, "letter", yes]);
        let other = workspace.start(&[again, second, sure]);
        let (lost, won) = loser(one, other);
        let pid = won.pid();
        lost.wait().ends(11).says(&format!("process {pid}"));
        won.kill();
    }
    for campaign in ["letter", "other"] {
        let peer = Peer::start(Habit::Takes);
        workspace.relay(peer.port, "");
        let [word, flag] = verb(campaign);
        let run = workspace.mailrun(&[word, campaign, flag]);
        assert!(matches!(run.code, Some(0 | 3)), "{run}");
        let mut recipients = peer.recipients();
        let all = recipients.len();
        recipients.sort();
        recipients.dedup();
        assert!(all > 200 && recipients.len() == all, "{all} messages to {} people", recipients.len());
    }
}
