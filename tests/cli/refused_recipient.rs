//! A refused recipient costs nobody else anything.

use crate::stage::{Workspace, fates};

#[test]
fn the_refusal_is_reported_with_the_servers_words() {
    let workspace = Workspace::letter(5);
    let relay = "[relays.desk]\npreset = \"sandbox\"\n[relays.desk.sandbox]\n\
                 refuse = [{ recipient = \"person3@*\", reply = \"550 5.1.1 no such user\", phase = \"rcpt\" }]\n";
    workspace.write("campaigns/relays.toml", relay);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(3);
    let report = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    for fate in fates(&report) {
        if fate.email == "person3@example.net" {
            assert_eq!((fate.state.as_str(), fate.class.as_str()), ("rejected", "recipient_dead"));
            assert_eq!((fate.code.as_str(), fate.enhanced.as_str()), ("550", "5.1.1"));
            assert!(fate.reply.contains("no such user"), "{fate:?}");
        } else {
            assert_eq!(fate.state, "accepted", "{fate:?}");
        }
    }
}
