//! What leaves, read by software we did not write: Python's email package, npm's mailparser,
//! `SpamAssassin` and rspamd. See `letters` for what is read, `judges/` for who reads.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::letters::{Corpus, LETTERS, PEOPLE, Page, Treatment};
use crate::server::Server;
use crate::stage::{Habit, Peer};

/// Of how many messages one is put before what reads slowly.
const SLOW: usize = 9;

/// Runs a judge over the messages, with the folder of them as its last argument. Returns its figures.
#[track_caller]
fn judged(program: &str, judge: &str, arguments: &[&str], step: usize) -> String {
    judge_corpus(&Corpus::through_the_sandbox(), program, judge, arguments, step)
}

/// The same, of what was sent through the sandbox.
#[track_caller]
fn judge_corpus(corpus: &Corpus, program: &str, judge: &str, arguments: &[&str], step: usize) -> String {
    let folder = TempDir::with_prefix("mailrun-letters-").expect("a folder for the messages");
    corpus.lay_out(folder.path(), step);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/judges").join(judge);
    let output = Command::new(program)
        .arg(script)
        .args(arguments)
        .arg(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let last = said.lines().last().unwrap_or_default();
    let first: Vec<&str> = said.lines().take(40).collect();
    assert!(output.status.success(), "{judge}: {last}\n{}\n{complained}", first.join("\n"));
    last.to_owned()
}

/// Where npm has put its packages.
fn node_modules() -> PathBuf {
    PathBuf::from(std::env::var_os("NODE_PATH").expect("NODE_PATH names the folder; tests/run does it all"))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
#[ignore = "needs python3: tests/run runs it"]
fn python_reads_what_was_written() {
    println!("{}", judged("python3", "python_email.py", &[], 1));
}

#[test]
#[ignore = "reads three thousand messages a line at a time: tests/run runs it"]
fn a_strict_reader_sees_one_end_of_data_each() {
    let peer = Peer::start(Habit::Takes);
    let corpus = Corpus::write(&format!(
        "[relays.desk]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nsessions = 8\n",
        peer.port
    ));
    corpus.send(&[]);
    let taken = peer.taken();
    assert_eq!(taken.len(), LETTERS, "each is one message");
    let mut seen = HashSet::new();
    for letter in &taken {
        let [recipient] = letter.recipients.as_slice() else { panic!("{:?}", letter.recipients) };
        assert!(seen.insert(recipient.clone()), "{recipient} was written to twice");
        sound_header(&letter.content).unwrap_or_else(|fault| panic!("{recipient}: {fault}"));
        assert!(letter.content.ends_with('\n') && letter.content.is_ascii(), "{recipient}");
    }
    assert!(corpus.recipients().all(|recipient| seen.contains(recipient)), "nobody is left out");
    let paths: Vec<&str> = taken.iter().map(|letter| letter.reverse_path.as_str()).collect();
    let own: HashSet<&str> = paths.iter().copied().filter(|path| path.starts_with("bounces+")).collect();
    assert_eq!(own.len(), PEOPLE, "those of one campaign have reverse-paths of their own");
    assert!(own.iter().all(|path| path.ends_with("@example.com") && path.len() <= 64 + 12), "{own:?}");
    let shared: HashSet<&str> = paths.into_iter().filter(|path| !own.contains(path)).collect();
    assert_eq!(shared, HashSet::from(["news@example.com", "post@xn--bcher-kva.example"]));
    println!("{LETTERS} messages, one end of data each");
}

/// Whether a header is made of fields as RFC 5322, 2.2 has them, each known field once, within 998 octets a
/// line.
fn sound_header(message: &str) -> Result<(), String> {
    let (header, _) = message.split_once("\n\n").ok_or("there is no empty line")?;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for line in header.lines() {
        if line.len() > 998 || line.trim().is_empty() {
            return Err(format!("a line of {} octets", line.len()));
        }
        if line.bytes().any(|octet| !(octet.is_ascii_graphic() || matches!(octet, b' ' | b'\t'))) {
            return Err(format!("{line:?} is not plain"));
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let name =
            line.split_once(": ").map(|(name, _)| name).ok_or_else(|| format!("{line:?} is no field"))?;
        if name.is_empty() || name.bytes().any(|octet| !octet.is_ascii_graphic()) {
            return Err(format!("{name:?} is no name"));
        }
        *counts.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    match counts.into_iter().find(|(name, count)| *count != 1 && name != "dkim-signature") {
        Some((name, count)) => Err(format!("{count} fields are called {name}")),
        None => Ok(()),
    }
}

#[test]
fn an_unsound_header_is_found() {
    let long = "x".repeat(1_000);
    let table = [
        ("A: b\nC: d\n e\n\tf\n\nbody", true),
        ("A: b\nA: c\n\nbody", false),
        ("A: b\nno field\n\nbody", false),
        ("A: b\n \n\nbody", false),
        ("A: ü\n\nbody", false),
        ("A: b\nbody", false),
        (&format!("A: {long}\n\nbody"), false),
    ];
    for (message, is_sound) in table {
        assert_eq!(sound_header(message).is_ok(), is_sound, "{message:?}");
    }
}

#[test]
#[ignore = "needs node, and NODE_PATH to lead to mailparser: tests/run runs it"]
fn mailparser_reads_what_was_written() {
    println!("{}", judged("node", "mailparser.js", &[], 1));
}

#[test]
#[ignore = "needs python3 with dkimpy and PyNaCl, by MAILRUN_PYTHON: tests/run runs it"]
fn dkimpy_verifies_every_signature() {
    let python = std::env::var("MAILRUN_PYTHON").expect("MAILRUN_PYTHON names it; tests/run does it all");
    println!("{}", judged(&python, "dkim_verify.py", &[], 1));
}

#[test]
#[ignore = "needs node, and NODE_PATH to lead to mailauth: tests/run runs it"]
fn mailauth_verifies_every_signature() {
    println!("{}", judged("node", "mailauth.js", &[], 1));
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn spamassassin_objects_to_no_form() {
    let server = Server::start("spamassassin", "spamassassin.sh", &[]);
    println!("{}", judged("python3", "spam.py", &["spamd", &server.port.to_string()], SLOW));
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn rspamd_objects_to_no_form() {
    let server = Server::start("rspamd", "rspamd.sh", &[]);
    println!("{}", judged("python3", "spam.py", &["rspamd", &server.port.to_string()], SLOW));
}

#[test]
#[ignore = "needs node, and NODE_PATH to lead to foundation-emails: tests/run runs it"]
fn newsletters_of_foundation_pass_through_unchanged() {
    let package = node_modules().join("foundation-emails");
    let style = read(&package.join("dist/foundation-emails.css"));
    let mut pages = Vec::new();
    for path in files(&package.join("templates")) {
        let name = name_of(&path);
        // As the package's own layout joins the two.
        let page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title>\n\
             <style>\n{style}\n</style></head>\n<body>\n{}\n</body></html>\n",
            read(&path)
        );
        pages.push(Page { name, written: page.clone(), read: page });
    }
    assert!(pages.len() >= 10, "{} templates", pages.len());
    println!("{}", pass_through(&pages));
}

#[test]
#[ignore = "needs node, and NODE_PATH to lead to mjml: tests/run runs it"]
fn newsletters_of_mjml_pass_through_unchanged() {
    let pages: Vec<Page> =
        of_mjml().into_iter().map(|page| Page { written: page.read.clone(), ..page }).collect();
    println!("{}", pass_through(&pages));
}

#[test]
#[ignore = "needs node, and NODE_PATH to lead to mjml: tests/run runs it"]
fn newsletters_in_mjml_say_what_they_say_by_npm() {
    println!("{}", by_python(&of_mjml(), Treatment::Mjml));
}

/// Our newsletters in MJML, and what npm's mjml makes of them.
#[track_caller]
fn of_mjml() -> Vec<Page> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/newsletters");
    let page = |path: PathBuf| {
        let output = Command::new(node_modules().join(".bin/mjml"))
            .arg(&path)
            .arg("--stdout")
            .output()
            .unwrap_or_else(|error| panic!("mjml: {error}"));
        assert!(output.status.success(), "{}: {}", path.display(), text(&output.stderr));
        Page { name: name_of(&path), written: read(&path), read: text(&output.stdout) }
    };
    let pages: Vec<Page> = files(&folder).into_iter().map(page).collect();
    assert!(pages.len() >= 3, "{} newsletters", pages.len());
    pages
}

#[track_caller]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a folder can be listed").path()).collect()
}

/// The name of a file, without what it ends in.
fn name_of(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Sends each page, as it is and with its styles inlined, and compares what Python's email and mailparser give
/// back. Returns their figures.
#[track_caller]
fn pass_through(pages: &[Page]) -> String {
    let corpus = Corpus::of_pages(pages, Treatment::Nothing);
    corpus.send(&[]);
    let as_they_are = judge_corpus(&corpus, "python3", "python_email.py", &[], 1);
    let by_mailparser = judge_corpus(&corpus, "node", "mailparser.js", &[], 1);
    format!("{as_they_are}; {by_mailparser}; inlined: {}", by_python(pages, Treatment::InlinedStyles))
}

/// Sends each page, and compares what Python's email gives back. Returns its figures.
#[track_caller]
fn by_python(pages: &[Page], treatment: Treatment) -> String {
    let corpus = Corpus::of_pages(pages, treatment);
    corpus.send(&[]);
    judge_corpus(&corpus, "python3", "python_email.py", &[], 1)
}
