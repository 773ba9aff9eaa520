//! Those who must never be written to.

use crate::stage::{Habit, Peer, Workspace, fates};

#[test]
fn the_suppressed_are_left_out_of_the_plan() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["suppress", "add", "Person2@EXAMPLE.net"]).ends(0);
    workspace.mailrun(&["suppress", "list"]).ends(0).says("erson2@example.net");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["suppressed"]), (&2.into(), &1.into()));
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net", "person3@example.net"]);
}

#[test]
fn removing_lets_them_be_written_to_again() {
    let workspace = Workspace::letter(2);
    workspace.mailrun(&["suppress", "add", "person1@example.net"]).ends(0);
    workspace.mailrun(&["suppress", "remove", "person1@example.net"]).ends(0);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["recipients"], 2);
}

#[test]
fn whoever_is_suppressed_during_a_run_is_not_written_to() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 3);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    // The first is in flight, the others have yet to be sent; all three are told to the running engine.
    for person in ["person1", "person2", "person3"] {
        workspace.mailrun(&["suppress", "add", &format!("{person}@example.net")]).ends(0);
    }
    run.kill();
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3);
    assert!(peer.taken().is_empty());
    let report = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    let mut states: Vec<_> = fates(&report).into_iter().map(|fate| fate.state).collect();
    states.sort();
    assert_eq!(states, ["suppressed", "suppressed", "uncertain"]);
}

#[test]
fn a_long_list_reaches_a_run_under_way() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 2);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    let lines: Vec<String> = (0..2_000).map(|number| format!("leaver{number}@mail.example.org\n")).collect();
    workspace.write("leavers.txt", lines.concat());
    let import = workspace.mailrun(&["suppress", "import", "leavers.txt"]).ends(0);
    import.says("2,000 addresses added").says("The run under way heeds it from now on.");
    run.kill();
}

/// The tokens in the unsubscribe links of what was sent, by recipient.
fn tokens_of(peer: &Peer) -> Vec<(String, String)> {
    let token = |message: crate::stage::Taken| {
        let link = message.header("List-Unsubscribe").remove(0);
        let (_, rest) = link.split_once("https://u.example.com/").expect("a link");
        (message.recipients[0].clone(), rest.split('>').next().expect("its end").to_owned())
    };
    let mut tokens: Vec<_> = peer.taken().into_iter().map(token).collect();
    tokens.sort();
    tokens
}

fn sent_with_links(count: usize) -> (Workspace, Vec<(String, String)>) {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, count);
    let url = "[unsubscribe]\nurl = \"https://u.example.com/{{token}}\"\n";
    workspace.edit("campaigns/letter/campaign.toml", "[unsubscribe]\n", url);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    (workspace, tokens_of(&peer))
}

#[test]
fn a_token_that_comes_back_suppresses_whom_it_names() {
    let (workspace, tokens) = sent_with_links(3);
    let [(_, first), (_, second), (_, third)] = tokens.as_slice() else { panic!("{tokens:?}") };
    workspace
        .mailrun(&["suppress", "add", "--token", first, "--token", second])
        .ends(0)
        .says("2 addresses added");
    let list = workspace.mailrun(&["suppress", "list"]).ends(0);
    list.says("person1@example.net").says("person2@example.net").never_says("person3@example.net");
    workspace.mailrun(&["suppress", "add", "--token", first]).ends(0).says("1 there before");

    // A list that lost them since does not matter: the plan knows whom it wrote to.
    workspace.list(0);
    workspace
        .mailrun(&["suppress", "add", "--token", third, "eve@example.net"])
        .ends(0)
        .says("2 addresses added");
}

#[test]
fn a_forged_token_suppresses_nobody_and_is_named() {
    let (workspace, tokens) = sent_with_links(2);
    let genuine = &tokens[0].1;
    let forged = format!("{}{}", &genuine[..54], if genuine.ends_with('A') { "E" } else { "A" });
    for token in [forged.as_str(), &genuine[..54], "hello", "-"] {
        let run = workspace.mailrun(&["suppress", "add", "--token", genuine, "--token", token]).ends(2);
        run.says(&format!("token `{token}`: it was not made by this workspace"));
    }
    workspace.mailrun(&["suppress", "list"]).ends(0).says("Nobody is suppressed");
    workspace.mailrun(&["suppress", "add"]).ends(2);
}

#[test]
fn tokens_are_read_out_of_a_log_and_what_is_not_understood_is_pointed_at() {
    let (workspace, tokens) = sent_with_links(4);
    let token = |number: usize| tokens[number].1.as_str();
    let log = format!(
        "time,request\n\
         2026-12-01T08:00:00Z,\"POST /{} HTTP/1.1\"\n\
         # a comment\n\n\
         Subject: unsubscribe%20{}\r\n\
         GET /favicon.ico\n\
         https://u.example.com/?t={}&x=1\n\
         POST /{}x{}\n\
         POST /{}\n",
        token(0),
        token(1),
        token(2),
        &token(3)[..27],
        &token(3)[28..],
        token(0),
    );
    workspace.write("access.log", log);
    let run =
        workspace.mailrun(&["suppress", "import", "--tokens", "access.log", "--reason", "clicked"]).ends(10);
    let run = run.says("3 addresses added").says("access.log:6:1").says("this line holds no token");
    run.says("access.log:8:1").says("was not made by this workspace").never_says("access.log:9");
    let list = workspace.mailrun(&["suppress", "list"]).ends(0).says("person3@example.net").says("clicked");
    list.never_says("person4@example.net");
}

#[test]
fn a_token_of_a_purged_plan_is_looked_for_in_the_lists() {
    let (workspace, tokens) = sent_with_links(2);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["suppress", "add", "--token", &tokens[0].1]).ends(0).says("1 address added");
    workspace.list(1);
    let gone = workspace.mailrun(&["suppress", "add", "--token", &tokens[1].1]).ends(5);
    gone.says("its recipient is in no plan and no list any more").says("mailrun suppress add ADDRESS");
}
