//! A cheap receiver for benches: an SMTP server that parses, counts and forgets.
//!
//! It takes whatever is said to it, in whatever pieces TCP brings it, and answers everything that came in
//! one read in one write. It keeps no message and checks no address; from `reader17@example.net` it takes the
//! 17, to tell who was accepted twice. Two threads serve, so that it leaves the cores to whoever sends.
//! What it counted is one line of JSON on standard output when SIGTERM or SIGINT ends it, or when
//! `--count` were accepted and the last connection closed:
//!
//! - `connections` that said EHLO or HELO, `messages`, `recipients` accepted, `octets` of content as they came,
//!   `chunks` (BDAT);
//! - `distinct` recipient numbers among the accepted, `duplicates`, and `unnumbered` recipients;
//! - `round_trips`: reads after which it had something to answer. Pipelined commands that came together are one;
//! - `span`: seconds from the first to the last acceptance; `cpu`: seconds of CPU it took itself.
//!
//! In reading order: `session` is the protocol and pure, `books` what is counted, `serve` moves the octets.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use books::{Books, Numbers, Progress};
use serve::{Thread, Wire};
use session::Offers;

mod books;
mod serve;
mod session;

/// Recipient numbers that are told apart: 16 million, in 2 MiB.
const NUMBERS: usize = 1 << 24;

/// Takes mail, counts it and forgets it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:25250")]
    listen: SocketAddr,
    /// Announce CHUNKING and take BDAT.
    #[arg(long)]
    chunking: bool,
    /// TLS from the first octet, with a certificate made for localhost and 127.0.0.1 and written to FILE.
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// End once N messages are accepted and no connection is open.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    count: u64,
    /// Threads that serve.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let wire = match &arguments.tls {
        Some(file) => Wire::Tls(acceptor(file)?),
        None => Wire::Plain,
    };
    let offers = if arguments.chunking { Offers::Chunking } else { Offers::Pipelining };
    let numbers = Arc::new(Numbers::below(NUMBERS));
    let progress = Arc::new(Progress::until(arguments.count));
    let threads: Vec<Thread> = (0..arguments.threads)
        .map(|_| Thread::start(wire.clone(), offers, Arc::clone(&numbers), Arc::clone(&progress)))
        .collect::<io::Result<_>>()?;
    // What it took to get ready is nobody's message.
    let ready = cpu_seconds();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(arguments.listen, &threads, &progress))?;
    let books = threads.into_iter().map(Thread::end).collect::<io::Result<Vec<_>>>()?;
    let books = books.iter().fold(Books::default(), Books::and);
    tell(&books, &numbers, cpu_seconds() - ready);
    Ok(())
}

/// Hands connections to the threads in turn, until a signal or the count ends it.
async fn accept(address: SocketAddr, threads: &[Thread], progress: &Progress) -> io::Result<()> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut turn = threads.iter().cycle();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = progress.done() => return Ok(()),
        };
        // A connection that is gone before it is taken is no reason to turn the next one away.
        let Ok((stream, _)) = accepted else { continue };
        if let (Ok(stream), Some(thread)) = (ready(stream), turn.next()) {
            progress.opened();
            thread.serve(stream);
        }
    }
}

fn ready(stream: TcpStream) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    stream.into_std()
}

/// TLS with a key made just now; its certificate goes to `file`, for `tls_ca`.
fn acceptor(file: &PathBuf) -> io::Result<TlsAcceptor> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    std::fs::write(file, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// CPU time of this process, all threads, user and system.
fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    std::time::Duration::try_from(spent).map_or(0.0, |spent| spent.as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "what was counted is this program's data")]
fn tell(books: &Books, numbers: &Numbers, cpu: f64) {
    let counted = serde_json::json!({
        "connections": books.connections,
        "messages": books.messages,
        "recipients": books.recipients,
        "octets": books.octets,
        "chunks": books.chunks,
        "distinct": numbers.distinct(),
        "duplicates": books.duplicates,
        "unnumbered": books.unnumbered,
        "round_trips": books.round_trips,
        "span": books.span().as_secs_f64(),
        "cpu": cpu,
    });
    println!("{counted}");
}

#[expect(clippy::print_stderr, reason = "nobody else tells it")]
fn tell_error(error: &io::Error) {
    eprintln!("error: the receiver could not serve: {error}");
}
