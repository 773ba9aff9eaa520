//! A pool and servers that announce CHUNKING, whether they mean it or not.

use super::*;
use crate::smtp::Mode;

/// A server that announces CHUNKING, and takes it as `habit` has it: for the number of a connection and of a
/// message on it, the replies to MAIL, RCPT and BDAT. None closes.
async fn streaming_host(
    habit: impl Fn(usize, usize) -> Option<&'static str> + Send + Sync + 'static,
) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let habit = Arc::new(habit);
    let task = tokio::spawn(async move {
        for connection in 1.. {
            let (stream, _) = listener.accept().await.expect("a client");
            let habit = Arc::clone(&habit);
            tokio::spawn(async move {
                let _ = stream_to(stream, |message| habit(connection, message)).await;
            });
        }
    });
    (port, task)
}

async fn stream_to(stream: TcpStream, habit: impl Fn(usize) -> Option<&'static str>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    lines.write_all(b"220 a\r\n").await?;
    let (mut heard, mut message) = (String::new(), 0);
    loop {
        heard.clear();
        if lines.read_line(&mut heard).await? == 0 {
            return Ok(());
        }
        let reply = match heard.split([' ', ':', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
            "BDAT" => {
                let size = heard.split(' ').nth(1).and_then(|size| size.parse().ok()).expect("a size");
                tokio::io::AsyncReadExt::read_exact(&mut lines, &mut vec![0; size]).await?;
                message += 1;
                match habit(message) {
                    Some(reply) => reply,
                    None => return Ok(()),
                }
            }
            "DATA" => "354 go\r\n",
            "QUIT" => "221 bye\r\n",
            "x" => continue,
            _ => "250 ok\r\n",
        };
        lines.write_all(reply.as_bytes()).await?;
    }
}

fn steps_back(events: &[SessionEvent]) -> Vec<Mode> {
    let modes = events.iter().filter_map(|event| match event {
        SessionEvent::StepsBack { mode, .. } => Some(*mode),
        SessionEvent::Opened
        | SessionEvent::WithoutDsn
        | SessionEvent::Closed { .. }
        | SessionEvent::Failed { .. } => None,
    });
    modes.collect()
}

#[tokio::test]
async fn messages_are_streamed_to_whoever_announces_chunking() {
    let (port, host) = streaming_host(|_, _| Some("250 taken\r\n")).await;
    let run = run(RelaySettings { sessions: 3, ..settings(port) }, 500);
    let (settled, events) = run.finish().await;
    host.abort();
    assert_eq!((settled.len(), accepted(&settled), steps_back(&events)), (500, 500, vec![]));
}

#[tokio::test]
async fn a_server_that_announces_chunking_and_does_not_mean_it_is_spoken_to_in_lock_step() {
    let (port, host) = streaming_host(|_, _| Some("502 5.5.1 not implemented\r\n")).await;
    let mut run = run(RelaySettings { sessions: 1, ..settings(port) }, 1);
    let first = run.settled().await;
    assert_eq!(first.deliveries[0].outcome, Outcome::Returned(Return::LineLost), "nobody was written to");
    run.batches.send(batch(1)).await.expect("room");
    let (settled, events) = run.finish().await;
    host.abort();
    assert_eq!((accepted(&settled), steps_back(&events)), (1, vec![Mode::LockStep]));
}

#[tokio::test]
async fn a_line_that_is_lost_at_the_first_streamed_message_is_no_reason_to_stream_again() {
    let (port, host) = streaming_host(|_, _| None).await;
    let mut run = run(RelaySettings { sessions: 1, ..settings(port) }, 1);
    let first = run.settled().await;
    assert_eq!(first.deliveries[0].outcome, Outcome::Uncertain(Doubt::LineLost));
    (1..10).for_each(|number| run.batches.try_send(batch(number)).expect("room"));
    let (settled, events) = run.finish().await;
    host.abort();
    assert_eq!((accepted(&settled), steps_back(&events)), (9, vec![Mode::Grouped]));
}
