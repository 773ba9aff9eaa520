//! A policy service for Postfix that refuses everybody once, as greylisting does.
//!
//! Speaks the protocol of Postfix's `SMTPD_POLICY_README`: lines of `name=value`, an empty line, and an
//! `action=` in return.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Starts the service; its threads end with the test process. Returns its port.
pub(crate) fn start() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback interface");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let seen = Arc::new(Mutex::new(HashSet::new()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            // Postfix closes idle connections as it likes.
            thread::spawn(move || serve(stream, &seen));
        }
    });
    port
}

fn serve(mut stream: TcpStream, seen: &Mutex<HashSet<String>>) -> Result<()> {
    let reader = BufReader::new(stream.try_clone()?);
    let mut recipient = String::new();
    for line in reader.lines() {
        let line = line?;
        if let Some(address) = line.strip_prefix("recipient=") {
            address.clone_into(&mut recipient);
        } else if line.is_empty() {
            let is_new = seen.lock().expect("nobody panics with the set").insert(recipient.clone());
            let action = if is_new { "450 4.2.0 come back later" } else { "dunno" };
            stream.write_all(format!("action={action}\n\n").as_bytes())?;
        }
    }
    Ok(())
}
