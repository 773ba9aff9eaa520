//! A long line for benches: a TCP proxy that delays what is said, in both directions.
//!
//! Half a round trip each way, order kept, any amount under way. Reading is never held back, since a proxy
//! that sleeps between read and write would let one thing through a round trip and turn pipelining into
//! lock-step. The handshake of TCP is not delayed: the proxy accepts at once. It serves until it is ended, and
//! holds what is under way in memory, so it is for rates that a line of that length has.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Octets of one read.
const READ: usize = 64 << 10;

/// Delays a connection.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:25251")]
    listen: SocketAddr,
    /// Where connections lead.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:25250")]
    to: SocketAddr,
    /// The round trip in milliseconds, half of it each way.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 50)]
    round_trip: u64,
}

/// What came, and when.
struct Piece {
    came: Instant,
    octets: Vec<u8>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> io::Result<()> {
    let address = arguments.listen;
    let listener = TcpListener::bind(address);
    let listener = listener.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    let delay = Duration::from_millis(arguments.round_trip) / 2;
    for near in listener.incoming() {
        // What fails here is one connection's trouble; whoever made it sees it close.
        let _ = near.and_then(|near| join(&near, &TcpStream::connect(arguments.to)?, delay));
    }
    Ok(())
}

/// Carries both directions between two ends, each on threads of its own.
fn join(near: &TcpStream, far: &TcpStream, delay: Duration) -> io::Result<()> {
    for (from, to) in [(near, far), (far, near)] {
        from.set_nodelay(true)?;
        let (pieces, queue) = channel();
        let (source, sink) = (from.try_clone()?, to.try_clone()?);
        thread::Builder::new().spawn(move || collect(source, &pieces))?;
        thread::Builder::new().spawn(move || deliver(sink, &queue, delay))?;
    }
    Ok(())
}

/// Reads as fast as it comes. The end of the stream is a piece without octets: it is delayed as well.
fn collect(mut source: TcpStream, pieces: &Sender<Piece>) {
    let mut room = vec![0; READ];
    loop {
        let count = source.read(&mut room).unwrap_or(0);
        let piece = Piece { came: now(), octets: room[..count].to_vec() };
        if pieces.send(piece).is_err() || count == 0 {
            return;
        }
    }
}

/// Writes each piece when its time has come.
fn deliver(mut sink: TcpStream, queue: &Receiver<Piece>, delay: Duration) {
    for piece in queue {
        let due = piece.came + delay;
        thread::sleep(due.saturating_duration_since(now()));
        if piece.octets.is_empty() || sink.write_all(&piece.octets).is_err() {
            break;
        }
    }
    // Nobody is there any more, or nothing more will come; either way nothing is left to do for the other end.
    let _ = sink.shutdown(Shutdown::Write);
}

#[expect(clippy::disallowed_methods, reason = "a delay reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stderr, reason = "nobody else tells it")]
fn tell_error(error: &io::Error) {
    eprintln!("error: the line could not be laid: {error}");
}
