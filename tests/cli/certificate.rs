//! A relay whose certificate nobody vouches for.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::stage::Workspace;

/// A server that shows a certificate of its own making; returns its port.
fn self_signed() -> u16 {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback interface");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).expect("the settings are complete");
            let mut line = StreamOwned::new(connection, stream);
            // The client is expected to turn away; what it says until then does not matter.
            let _ = line.read(&mut [0; 512]);
        }
    });
    port
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused_with_the_cause() {
    let workspace = Workspace::letter(1);
    let relay =
        format!("[relays.desk]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"implicit\"\n", self_signed());
    workspace.write("campaigns/relays.toml", relay);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(13).says("desk").says("certificate");
}
