//! A relay where nobody listens.

use std::net::TcpListener;

use crate::stage::Workspace;

#[test]
fn the_run_ends_and_says_which_relay() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback interface");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let workspace = Workspace::letter_to(port, 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(13).says("desk").says("refused");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["recipients"]["pending"], 2, "nobody pays for the relay's trouble");
    assert_eq!(status["reason"], "no_relay");
}
