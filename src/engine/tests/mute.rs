//! A server that takes every command and never answers the end of data.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// The server; gone when dropped.
pub(super) struct Mute {
    pub(super) port: u16,
    /// One for each end of data that came.
    pub(super) dots: UnboundedReceiver<()>,
    _sessions: JoinSet<()>,
}

impl Mute {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (dotted, dots) = unbounded_channel();
        let mut sessions = JoinSet::new();
        sessions.spawn(async move {
            let mut inside = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let dotted = dotted.clone();
                inside.spawn(async move {
                    // A client that goes away ends the session and nothing else.
                    let _ = serve(stream, dotted).await;
                });
            }
        });
        Self { port, dots, _sessions: sessions }
    }
}

async fn serve(mut stream: TcpStream, dotted: UnboundedSender<()>) -> io::Result<()> {
    stream.write_all(b"220 mute.example\r\n").await?;
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    let mut in_data = false;
    while let Some(line) = lines.next_line().await? {
        match line.as_str() {
            "." if in_data => {
                in_data = false;
                dotted.send(()).map_err(io::Error::other)?;
            }
            _ if in_data => {}
            "DATA" => {
                in_data = true;
                writing.write_all(b"354 go on\r\n").await?;
            }
            _ => writing.write_all(b"250 Ok\r\n").await?,
        }
    }
    Ok(())
}
