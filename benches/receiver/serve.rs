//! The threads that serve: each has a runtime, its share of the connections, and books of its own.
//!
//! Replies to all that came in one read leave in one write, and nothing more is read until they have left. So
//! a client that does not read while it writes can hold itself up here, as it can with a server of the wild.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use super::books::{Books, Numbers, Progress};
use super::session::{Flow, Offers, Session};

/// Octets of one read.
const READ: usize = 64 << 10;

/// How a connection is encrypted.
#[derive(Clone)]
pub(crate) enum Wire {
    /// Not at all.
    Plain,
    /// From the first octet.
    Tls(TlsAcceptor),
}

/// A thread that serves connections.
#[derive(Debug)]
pub(crate) struct Thread {
    connections: UnboundedSender<std::net::TcpStream>,
    thread: JoinHandle<io::Result<Books>>,
}

/// What all connections of a thread share.
struct Server {
    wire: Wire,
    offers: Offers,
    books: RefCell<Books>,
    numbers: Arc<Numbers>,
    progress: Arc<Progress>,
}

impl Thread {
    /// Starts one.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn start(
        wire: Wire,
        offers: Offers,
        numbers: Arc<Numbers>,
        progress: Arc<Progress>,
    ) -> io::Result<Self> {
        let (connections, queue) = unbounded_channel();
        let name = std::thread::Builder::new().name("receiver".to_owned());
        let thread = name.spawn(move || {
            let server = Server { wire, offers, books: RefCell::default(), numbers, progress };
            serve(&Rc::new(server), queue)
        })?;
        Ok(Self { connections, thread })
    }

    /// Hands it a connection that does not block.
    pub(crate) fn serve(&self, stream: std::net::TcpStream) {
        // A thread that is gone has said why to whoever ends it.
        let _ = self.connections.send(stream);
    }

    /// Ends it, with all connections that are still open.
    ///
    /// # Errors
    /// What kept it from serving.
    pub(crate) fn end(self) -> io::Result<Books> {
        drop(self.connections);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    }
}

fn serve(server: &Rc<Server>, mut queue: UnboundedReceiver<std::net::TcpStream>) -> io::Result<Books> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        while let Some(stream) = queue.recv().await {
            let stream = TcpStream::from_std(stream)?;
            tokio::task::spawn_local(Rc::clone(server).connection(stream));
        }
        io::Result::Ok(())
    })?;
    Ok(server.books.take())
}

impl Server {
    async fn connection(self: Rc<Self>, stream: TcpStream) {
        let mut session = Session::new(self.offers);
        // However a connection ends, what was accepted over it stays counted.
        let _ended = match &self.wire {
            Wire::Plain => self.converse(stream, &mut session).await,
            // rustls asks for 4 KiB at a time, which would be a system call each.
            Wire::Tls(acceptor) => match acceptor.accept(BufReader::with_capacity(READ, stream)).await {
                Ok(stream) => self.converse(stream, &mut session).await,
                Err(error) => Err(error),
            },
        };
        self.progress.closed(session.accepted());
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        session: &mut Session,
    ) -> io::Result<()> {
        let mut octets = vec![0; READ];
        let mut replies = Vec::new();
        Session::greet(&mut replies);
        loop {
            stream.write_all(&replies).await?;
            stream.flush().await?;
            replies.clear();
            let mut flow = Flow::Open;
            while replies.is_empty() && flow == Flow::Open {
                let count = stream.read(&mut octets).await?;
                if count == 0 {
                    return Ok(());
                }
                flow = self.take(&octets[..count], session, &mut replies);
            }
            if flow == Flow::Over {
                stream.write_all(&replies).await?;
                return stream.shutdown().await;
            }
        }
    }

    /// Takes what came in one read, and counts it.
    fn take(&self, octets: &[u8], session: &mut Session, replies: &mut Vec<u8>) -> Flow {
        let mut books = self.books.borrow_mut();
        let before = books.messages;
        let flow = session.feed(octets, replies, &mut books, &self.numbers);
        books.round_trips += u64::from(!replies.is_empty());
        if books.messages > before {
            books.stamp(now());
        }
        flow
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
