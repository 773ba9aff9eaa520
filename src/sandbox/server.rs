//! The sockets around a sandbox: a listener, a task a session, and replies that take their time.
//!
//! Decides nothing about SMTP; that is `conversation`'s. Reads as much as there is, lets the
//! conversation answer, writes the log of acceptances, then all replies in one write. With latency,
//! replies wait in a queue of their own, so that reading goes on as it would over a long line.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::books::{Books, Counters};
use super::conversation::{Conversation, Ending, House, LINE_LIMIT, Output};
use super::mailbox::{Mailbox, Post};
use super::persona::Persona;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;
/// What one read takes at most: more than a client's largest group, and more than a line.
const READ_BUFFER: usize = 65_536;
const _: () = assert!(READ_BUFFER > LINE_LIMIT);
/// How long the end of a connection waits for the client's own end, so that the last reply is not
/// lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
/// The pause after a connection could not be taken, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running sandbox server. It ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    inside: Arc<Inside>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends the tasks of a server that was never stopped.
    _guard: DropGuard,
}

/// What the tasks of one server share.
#[derive(Debug)]
struct Inside {
    house: Arc<House>,
    post: Post,
    began: Instant,
}

impl Server {
    /// Listens at `address` (port 0: any free one) and serves until stopped. Needs a tokio runtime.
    ///
    /// # Errors
    /// The address is taken or not of this machine, or a file of the mailbox cannot be opened.
    pub fn start(address: SocketAddr, persona: Persona, mailbox: Mailbox) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let books = Arc::new(Books::default());
        let (post, wants) = Post::open(mailbox, &books)?;
        let house = Arc::new(House { persona, books, wants });
        let inside = Arc::new(Inside { house, post, began: Instant::now() });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let listening = listen(listener, Arc::clone(&inside), tasks.clone(), stop.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
        let guard = stop.clone().drop_guard();
        Ok(Self { address, inside, tasks, stop, _guard: guard })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted so far.
    pub fn counters(&self) -> Counters {
        self.inside.house.books.counters()
    }

    /// Hangs up every session, writes what is to be kept, and tells what was counted in all.
    pub async fn stop(self) -> Counters {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let house = Arc::clone(&self.inside.house);
        if let Some(inside) = Arc::into_inner(self.inside) {
            inside.post.close().await;
        }
        house.books.counters()
    }
}

async fn listen(listener: TcpListener, inside: Arc<Inside>, tasks: TaskTracker, stop: CancellationToken) {
    let mut number = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                number += 1;
                let session = Open::new(Arc::clone(&inside), number).serve(stream);
                tasks.spawn(stop.clone().run_until_cancelled_owned(session));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// An open session, counted as such until it is dropped.
struct Open {
    inside: Arc<Inside>,
    conversation: Conversation,
    /// Sessions open with this one.
    sessions: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.inside.house.books.close_session();
    }
}

impl Open {
    fn new(inside: Arc<Inside>, number: u64) -> Self {
        let sessions = inside.house.books.open_session();
        let conversation = Conversation::new(Arc::clone(&inside.house), number);
        Self { inside, conversation, sessions }
    }

    /// Serves one connection to its end. Whatever fails, fails the connection and nothing else.
    async fn serve(mut self, stream: TcpStream) {
        let _ = self.converse(stream).await;
    }

    async fn converse(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, writer) = stream.into_split();
        let mut line = Line::new(writer, self.inside.house.persona.latency);
        let mut out = Output::default();
        self.conversation.greet(self.sessions, &mut out);
        let mut buffer = vec![0; READ_BUFFER];
        let mut filled = 0;
        loop {
            self.inside.post.log(&out.log)?;
            out.log.clear();
            line.send(&mut out.replies).await?;
            self.inside.post.keep(&mut out.kept).await;
            if let Some(ending) = out.ending {
                line.finish().await;
                return end(ending, &mut reader).await;
            }
            match reader.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
            let used = self.conversation.receive(&buffer[..filled], self.inside.began.elapsed(), &mut out);
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }
}

/// Lets the client end the connection too, for a moment, where that is polite.
async fn end(ending: Ending, reader: &mut OwnedReadHalf) -> io::Result<()> {
    match ending {
        Ending::HungUp => Ok(()),
        Ending::Closed => {
            let mut rest = [0; 4096];
            let drained = async {
                while reader.read(&mut rest).await? > 0 {}
                Ok(())
            };
            tokio::time::timeout(LINGER, drained).await.unwrap_or(Ok(()))
        }
    }
}

/// The way of replies to the client.
enum Line {
    /// At once.
    Prompt(OwnedWriteHalf),
    /// Each group after `latency`, in order, by a task of its own.
    Delayed { latency: Duration, queue: mpsc::UnboundedSender<(Instant, Vec<u8>)>, writer: JoinHandle<()> },
}

impl Line {
    fn new(writer: OwnedWriteHalf, latency: Duration) -> Self {
        if latency.is_zero() {
            return Self::Prompt(writer);
        }
        let (queue, groups) = mpsc::unbounded_channel();
        Self::Delayed { latency, queue, writer: tokio::spawn(write_when_due(writer, groups)) }
    }

    /// Sends a group of replies and leaves the buffer empty.
    async fn send(&mut self, replies: &mut Vec<u8>) -> io::Result<()> {
        if replies.is_empty() {
            return Ok(());
        }
        match self {
            Self::Prompt(writer) => {
                writer.write_all(replies).await?;
                replies.clear();
                Ok(())
            }
            Self::Delayed { latency, queue, .. } => {
                let group = (Instant::now() + *latency, std::mem::take(replies));
                queue.send(group).map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    /// Lets all replies leave, then ends this direction.
    async fn finish(self) {
        match self {
            Self::Prompt(mut writer) => {
                let _ = writer.shutdown().await;
            }
            Self::Delayed { queue, writer, .. } => {
                drop(queue);
                let _ = writer.await;
            }
        }
    }
}

async fn write_when_due(mut writer: OwnedWriteHalf, mut groups: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>) {
    while let Some((due, replies)) = groups.recv().await {
        tokio::time::sleep_until(due).await;
        if writer.write_all(&replies).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use jiff::Timestamp;
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    const MAIL: &str = "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n";

    struct Client(BufReader<TcpStream>);

    impl Client {
        async fn connect(server: &Server) -> Self {
            Self(BufReader::new(TcpStream::connect(server.address()).await.expect("it listens")))
        }

        async fn say(&mut self, text: &str) {
            self.0.write_all(text.as_bytes()).await.expect("it reads");
        }

        /// Reads lines until one begins with `code`, and gives that one.
        async fn hear(&mut self, code: &str) -> String {
            loop {
                let mut line = String::new();
                assert!(self.0.read_line(&mut line).await.expect("it talks") > 0, "no {code} came");
                if line.starts_with(code) {
                    return line.trim_end().to_owned();
                }
            }
        }
    }

    fn start(persona: &str, mailbox: Mailbox) -> Server {
        let persona = toml::from_str(persona).expect("a valid persona");
        Server::start((Ipv4Addr::LOCALHOST, 0).into(), persona, mailbox).expect("a free port")
    }

    #[tokio::test]
    async fn messages_are_kept_as_they_came_and_logged_before_the_reply() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("log");
        let began = Timestamp::from_millisecond(1_000_000).expect("valid");
        let mailbox = Mailbox::keep(dir.path().join("mail"), 2).logged(&log, began);
        let server = start("", mailbox);
        let mut client = Client::connect(&server).await;
        client.say("EHLO me\r\n").await;
        for number in 1..=3 {
            client.say(&format!("{MAIL}Message-ID: <{number}@x>\r\n\r\n..dot\r\n.\r\n")).await;
            client.hear("250 2.0.0 Ok: queued").await;
            let lines = std::fs::read_to_string(&log).expect("the log");
            assert_eq!(lines.lines().count(), number);
            let last = lines.lines().last().expect("a line");
            assert!(last.contains(&format!("\t<{number}@x>\ta@b.c\td@e.f\t-\t")), "{last}");
            assert!(last.ends_with(&format!("\t1-{number}")), "{last}");
        }
        let counters = server.stop().await;
        assert_eq!((counters.messages, counters.recipients, counters.unkept), (3, 3, 0));
        let read = |name: &str| std::fs::read_to_string(dir.path().join("mail").join(name));
        assert_eq!(read("000002.eml").expect("kept"), "Message-ID: <2@x>\r\n\r\n.dot\r\n");
        assert!(read("000003.eml").is_err(), "only the first two are kept");
        assert_eq!(read("index.tsv").expect("kept").lines().nth(1), Some("000002.eml\ta@b.c\td@e.f\t-"));
    }

    #[tokio::test]
    async fn a_folder_in_use_is_continued() {
        let dir = tempfile::tempdir().expect("a folder");
        for numbers in [1..=2, 3..=3] {
            let server = start("", Mailbox::keep(dir.path(), 3));
            let mut client = Client::connect(&server).await;
            client.say(&format!("EHLO me\r\n{MAIL}hi\r\n.\r\n{MAIL}hi\r\n.\r\nQUIT\r\n")).await;
            client.hear("221").await;
            server.stop().await;
            for number in numbers {
                assert!(dir.path().join(format!("{number:06}.eml")).exists());
            }
        }
        assert!(!dir.path().join("000004.eml").exists());
    }

    #[tokio::test(start_paused = true)]
    async fn latency_holds_back_replies_and_not_reading() {
        let server = start("latency = '1h'", Mailbox::count());
        let began = Instant::now();
        let mut client = Client::connect(&server).await;
        for (number, line) in ["EHLO me\r\n", "NOOP\r\n", "NOOP\r\n"].iter().enumerate() {
            client.say(line).await;
            // Never idle, so that the paused clock stands still until all was read.
            while server.counters().flights < number as u64 + 2 {
                tokio::task::yield_now().await;
            }
        }
        client.hear("220").await;
        client.hear("250 2.0.0").await;
        client.hear("250 2.0.0").await;
        assert_eq!(began.elapsed().as_secs() / 60, 60);
    }

    #[tokio::test]
    async fn sessions_beyond_the_limit_are_greeted_with_421() {
        let server = start("max_sessions = 1", Mailbox::count());
        let mut first = Client::connect(&server).await;
        first.hear("220").await;
        Client::connect(&server).await.hear("421 4.7.0").await;
        first.say("QUIT\r\n").await;
        first.hear("221").await;
        drop(first);
        while server.counters().open_sessions > 0 {
            tokio::task::yield_now().await;
        }
        Client::connect(&server).await.hear("220").await;
        let counters = server.stop().await;
        assert_eq!((counters.sessions, counters.peak_sessions, counters.open_sessions), (3, 2, 0));
    }

    #[tokio::test]
    async fn all_that_came_in_one_read_is_answered_in_one_flight() {
        let server = start("", Mailbox::count());
        let mut client = Client::connect(&server).await;
        client.say(&format!("EHLO me\r\n{MAIL}")).await;
        client.hear("354").await;
        client.say(&format!("hi\r\n.\r\n{MAIL}")).await;
        client.hear("354").await;
        assert_eq!(server.stop().await.flights, 3);
    }
}
