//! The house keeps its arrows.
//!
//! Reads every file of `src/` and refuses: an arrow between rooms that [`ARROWS`] lacks; an import past a
//! door; an outside crate away from its home; a clock, file or socket in a pure room; a file without its
//! story; a file over 400 lines; a function over 80. `ARCHITECTURE.md` draws the same house; whoever adds
//! an arrow adds it in both places and says why in the commit.

#[path = "architecture/source.rs"]
mod source;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use source::{Named, blank, functions, paths, split_tests, test_lines, test_modules};

/// Which room may import from which, from the top of the house to the ground.
const ARROWS: [(&str, &[&str]); 14] = [
    ("main", &["cli"]),
    ("cli", &["engine", "campaign", "compose", "store", "sandbox", "mail"]),
    ("engine", &["relay", "compose", "campaign", "plan", "schedule", "store", "sandbox", "mail"]),
    ("relay", &["smtp", "campaign", "mail"]),
    ("compose", &["campaign", "mail"]),
    ("campaign", &["policy", "mail"]),
    ("plan", &["policy", "mail"]),
    ("schedule", &["policy", "mail"]),
    ("smtp", &["mail"]),
    ("store", &["mail"]),
    ("policy", &["mail"]),
    ("sandbox", &["mail"]),
    ("mail", &[]),
    ("lib", &[]),
];

/// What the tests inside a room may import besides: the other end of the line.
const FOR_TESTS: [&str; 1] = ["sandbox"];

/// Outside crates that have a home; those not named here are free.
const HOMES: [(&str, &[&str]); 28] = [
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("miette", &["cli"]),
    ("dialoguer", &["cli"]),
    ("comfy_table", &["cli"]),
    ("axum", &["cli"]),
    ("tokio", &["engine", "relay", "smtp", "sandbox", "cli", "store"]),
    ("sled", &["store"]),
    ("handlebars", &["compose"]),
    ("mail_auth", &["compose"]),
    ("css_inline", &["compose"]),
    ("html2text", &["compose", "cli"]),
    ("mrml", &["compose"]),
    ("pulldown_cmark", &["compose"]),
    ("icu_calendar", &["compose"]),
    ("icu_datetime", &["compose"]),
    ("icu_decimal", &["compose"]),
    ("icu_locale_core", &["compose", "campaign"]),
    ("icu_plurals", &["compose"]),
    ("mime_guess", &["campaign"]),
    ("csv", &["campaign"]),
    // The cli reads one file of its own: `sandbox --persona`.
    ("toml", &["campaign", "cli"]),
    ("governor", &["policy"]),
    ("rustls", &["smtp"]),
    ("tokio_rustls", &["smtp"]),
    ("rustls_platform_verifier", &["smtp"]),
    ("hickory_resolver", &["relay"]),
    ("lettre", &["mail", "compose", "smtp"]),
];

/// The parts of tokio that move octets, and the rooms that use its runtime and channels without them.
const TOKIO_WIRE: [&str; 4] = ["net", "fs", "io", "process"];
const OFF_THE_WIRE: [&str; 2] = ["cli", "store"];

/// Rooms in which the same arguments always give the same answer.
const PURE: [&str; 5] = ["mail", "policy", "plan", "schedule", "compose"];

/// What a pure room does not name.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "tokio",
    "sled",
    "rustix",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Lines of a file, its tests apart.
const LONGEST_FILE: usize = 400;
/// Lines of a function.
const LONGEST_FUNCTION: usize = 80;

/// Files and functions that may be longer, each with its reason.
const LONGER: [(&str, &str); 0] = [];

/// One thing that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    place: String,
    words: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.words)
    }
}

/// A file of `src/`, and what is known of it before it is read.
struct File<'a> {
    /// From the root of the repository: `src/mail/address.rs`.
    path: &'a str,
    /// The room it stands in; `main` and `lib` for the two roots.
    room: &'a str,
    text: &'a str,
    /// Whether all of it is test code.
    for_tests: bool,
    /// Modules of each room, as (room, module).
    modules: &'a HashSet<(String, String)>,
}

#[test]
fn the_house_is_as_it_was_drawn() {
    let faults = read_house(Path::new(env!("CARGO_MANIFEST_DIR")));
    let listed: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), listed.join("\n"));
}

fn read_house(root: &Path) -> Vec<Fault> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    let named: Vec<(String, String)> = files
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).expect("a source file is text");
            let path = path.strip_prefix(root).expect("it was found below the root");
            (path.to_str().expect("a file name is UTF-8").to_owned(), text)
        })
        .collect();
    let modules: HashSet<(String, String)> = named.iter().filter_map(|(path, _)| module_of(path)).collect();
    let tests: Vec<String> = named
        .iter()
        .flat_map(|(path, text)| {
            test_modules(&blank(text)).into_iter().map(|module| format!("{}/{module}", folder_of(path)))
        })
        .collect();
    named
        .iter()
        .flat_map(|(path, text)| {
            let for_tests = tests
                .iter()
                .any(|module| *path == format!("{module}.rs") || path.starts_with(&format!("{module}/")));
            check(&File { path, room: room_of(path), text, for_tests, modules: &modules })
        })
        .collect()
}

/// Where the modules that a file declares stand: `src/mail` for `src/mail/mod.rs`, `src/mail/address` for
/// `src/mail/address.rs`.
fn folder_of(path: &str) -> &str {
    path.strip_suffix("/mod.rs").unwrap_or_else(|| path.trim_end_matches(".rs"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `src/mail/address.rs` stands in `mail`, `src/main.rs` in `main`.
fn room_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(room, _)| room)
}

/// Room and module of a file within a room: `src/mail/address.rs` is `address` of `mail`.
fn module_of(path: &str) -> Option<(String, String)> {
    let (room, file) = path.strip_prefix("src/")?.split_once('/')?;
    let module = file.split('/').next()?.trim_end_matches(".rs");
    (module != "mod").then(|| (room.to_owned(), module.to_owned()))
}

fn check(file: &File<'_>) -> Vec<Fault> {
    let code = blank(file.text);
    let (product, tests) = if file.for_tests { (String::new(), code) } else { split_tests(&code) };
    let mut faults = Vec::new();
    let mut fault = |line: usize, words: String| {
        faults.push(Fault { place: format!("{}:{line}", file.path), words });
    };
    if !file.text.starts_with("//!") {
        fault(1, "opens without its story (`//!`)".into());
    }
    for (code, in_tests) in [(&product, false), (&tests, true)] {
        let named = paths(code);
        let own = own_names(&named);
        for named in named.iter().filter(|named| !own.contains(&named.parts[0])) {
            for words in judge_path(file, named, in_tests) {
                fault(named.line, words);
            }
        }
    }
    for (line, words) in judge_door(file, &product).into_iter().chain(judge_length(file, &product)) {
        fault(line, words);
    }
    if PURE.contains(&file.room) && product.contains("::now()") {
        fault(1, "a pure room asks for the time".into());
    }
    faults
}

/// What the file has imported from this crate: `csv::row` may be a module of our own.
fn own_names(named: &[Named]) -> HashSet<String> {
    named
        .iter()
        .filter(|named| ["crate", "super", "self"].contains(&named.parts[0].as_str()))
        .filter_map(|named| named.parts.last().cloned())
        .filter(|name| !["crate", "super", "self"].contains(&name.as_str()))
        .collect()
}

/// What is wrong with naming this path here.
fn judge_path(file: &File<'_>, named: &Named, in_tests: bool) -> Vec<String> {
    let parts: Vec<&str> = named.parts.iter().map(String::as_str).collect();
    let written = parts.join("::");
    let mut wrong = Vec::new();
    match parts[0] {
        "crate" | "mailrun" => wrong.extend(judge_arrow(file, &parts, in_tests)),
        "super" => {
            let supers = parts.iter().take_while(|part| **part == "super").count();
            // A test module stands one deeper than its file.
            if supers >= depth(file.path) + usize::from(in_tests) {
                wrong.push(format!("`{written}` leaves the room by the roof; write `crate::room::Thing`"));
            }
        }
        outside if !in_tests => {
            let home = HOMES.iter().find(|(name, _)| *name == outside).map(|(_, home)| *home);
            if home.is_some_and(|home| !home.contains(&file.room)) {
                wrong.push(format!("`{outside}` has its home elsewhere"));
            }
            if outside == "tokio" && OFF_THE_WIRE.contains(&file.room) && TOKIO_WIRE.contains(&parts[1]) {
                wrong.push(format!("`{written}`: only tokio's runtime and channels reach this room"));
            }
        }
        _ => {}
    }
    let is_impure = |part: &&str| written == **part || written.starts_with(&format!("{part}::"));
    if PURE.contains(&file.room) && !in_tests && IMPURE.iter().any(is_impure) {
        wrong.push(format!("`{written}` in a pure room"));
    }
    wrong
}

fn judge_arrow(file: &File<'_>, parts: &[&str], in_tests: bool) -> Option<String> {
    let (written, target) = (parts.join("::"), parts[1]);
    if target == file.room {
        return None;
    }
    let Some((_, arrows)) = ARROWS.iter().find(|(room, _)| *room == file.room) else {
        return Some(format!("`{}` is no room of the house", file.room));
    };
    if !ARROWS.iter().any(|(room, _)| *room == target) {
        return Some(format!("`{written}`: `{target}` is no room of the house"));
    }
    let leads_there = arrows.contains(&target) || in_tests && FOR_TESTS.contains(&target);
    if !leads_there {
        return Some(format!("`{written}`: no arrow leads from {} to {target}", file.room));
    }
    let past_the_door = parts.len() > 3 && file.modules.contains(&(target.to_owned(), parts[2].to_owned()));
    past_the_door.then(|| format!("`{written}` goes past the door of {target}"))
}

/// How many modules deep a file is: `src/mail/mod.rs` one, `src/mail/address.rs` two.
fn depth(path: &str) -> usize {
    let parts = path.strip_prefix("src/").unwrap_or(path).split('/').count();
    parts - usize::from(path.ends_with("/mod.rs"))
}

/// A door tells the story and lets things out; it does nothing itself.
fn judge_door(file: &File<'_>, code: &str) -> Vec<(usize, String)> {
    let is_door = file.path.ends_with("/mod.rs") && file.path.matches('/').count() == 2;
    if !is_door {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let line = line.trim_start();
        let first = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if first(&["pub mod ", "pub(crate) mod "]) {
            wrong.push((number + 1, "a door lets things out, not files: `pub use` instead".into()));
        }
        let bare = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        if ["fn ", "async fn ", "const fn ", "struct ", "enum ", "impl ", "impl<", "trait ", "static "]
            .iter()
            .any(|word| bare.starts_with(word))
        {
            wrong.push((number + 1, "a door holds no logic".into()));
        }
    }
    wrong
}

fn judge_length(file: &File<'_>, product: &str) -> Vec<(usize, String)> {
    let may_be_longer = |name: &str| LONGER.iter().any(|(longer, _)| *longer == name);
    let mut wrong = Vec::new();
    let lines = file.text.lines().count() - test_lines(&blank(file.text));
    if lines > LONGEST_FILE && !file.for_tests && !may_be_longer(file.path) {
        wrong.push((
            1,
            format!("{lines} lines without tests, {LONGEST_FILE} are enough: is it still one thing?"),
        ));
    }
    for function in functions(product) {
        let name = format!("{}:{}", file.path, function.name);
        if function.length > LONGEST_FUNCTION && !may_be_longer(&name) {
            let words = format!(
                "`{}` has {} lines, {LONGEST_FUNCTION} are enough: a list of steps reads better",
                function.name, function.length
            );
            wrong.push((function.line, words));
        }
    }
    wrong
}

mod the_checker_itself {
    use super::*;

    fn faults_of(path: &str, text: &str) -> Vec<String> {
        let modules = HashSet::from([
            ("mail".to_owned(), "address".to_owned()),
            ("store".to_owned(), "journal".to_owned()),
        ]);
        let file = File { path, room: room_of(path), text, for_tests: false, modules: &modules };
        check(&file).into_iter().map(|fault| fault.to_string()).collect()
    }

    #[track_caller]
    fn refuses(path: &str, code: &str, words: &str) {
        let faults = faults_of(path, &format!("//! Story.\n{code}\n"));
        assert!(faults.len() == 1 && faults[0].contains(words), "{code}: {faults:?}");
    }

    #[track_caller]
    fn takes(path: &str, code: &str) {
        assert_eq!(faults_of(path, &format!("//! Story.\n{code}\n")), Vec::<String>::new(), "{code}");
    }

    #[test]
    fn refuses_an_arrow_that_was_not_drawn() {
        refuses(
            "src/store/disk.rs",
            "use crate::engine::Event;",
            "src/store/disk.rs:2: `crate::engine::Event`",
        );
        refuses("src/mail/reply.rs", "fn f() { crate::smtp::parse(); }", "no arrow leads from mail to smtp");
        refuses("src/plan/planner.rs", "use crate::{mail::Batch, store::Ledger};", "from plan to store");
        refuses("src/main.rs", "use mailrun::engine::Event;", "from main to engine");
        refuses(
            "src/smtp/session.rs",
            "use crate::{\n    mail::Batch,\n    relay::Pool,\n};",
            "from smtp to relay",
        );
        refuses(
            "src/campaign/load.rs",
            "#[cfg(test)]\nmod tests { use crate::engine::Event; }",
            "campaign to engine",
        );
    }

    #[test]
    fn takes_the_arrows_that_were_drawn() {
        takes("src/store/disk.rs", "use crate::mail::{Batch, Plan};\nuse super::record::Record;");
        takes("src/main.rs", "fn main() { mailrun::cli::run(); }");
        takes("src/relay/pool.rs", "#[cfg(test)]\nmod tests {\n    use crate::sandbox::Server;\n}");
        takes(
            "src/plan/planner.rs",
            "/// See `crate::engine::Event`.\nconst A: &str = \"crate::engine::Event\";",
        );
        takes("src/plan/planner.rs", "const A: &str = r#\"\"crate::engine::Event\"#; /* crate::cli::X */");
        takes("src/plan/planner.rs", "fn f<'a>(x: &'a str) { x.split('\"'); let _ = '\\''; }");
    }

    #[test]
    fn refuses_what_goes_past_a_door_or_through_the_roof() {
        refuses("src/cli/send.rs", "use crate::store::journal::Journal;", "past the door of store");
        refuses("src/cli/send.rs", "use crate::Journal;", "`Journal` is no room");
        refuses("src/store/disk.rs", "use super::super::engine::Event;", "by the roof");
        refuses("src/store/mod.rs", "pub mod journal;", "not files");
        refuses("src/store/mod.rs", "pub fn open() {}", "no logic");
        takes("src/store/disk.rs", "#[cfg(test)]\nmod tests {\n    use super::super::record::Record;\n}");
        takes("src/cli/report/table.rs", "use super::super::words::count;");
        takes("src/cli/send.rs", "use crate::compose::lint;");
    }

    #[test]
    fn refuses_a_crate_away_from_home_and_a_clock_in_a_pure_room() {
        refuses("src/engine/run.rs", "use clap::Parser;", "`clap` has its home elsewhere");
        refuses("src/cli/send.rs", "use tokio::net::TcpStream;", "runtime and channels");
        refuses("src/mail/batch.rs", "use std::{fmt, fs};", "`std::fs` in a pure room");
        refuses("src/mail/batch.rs", "use std::net::TcpStream;", "in a pure room");
        refuses("src/policy/rate.rs", "fn f() { let now = Timestamp::now(); }", "asks for the time");
        takes("src/policy/rate.rs", "use governor::Quota;");
        takes("src/cli/export.rs", "use crate::cli::csv;\nfn f() { csv::row(); }");
        takes("src/store/journal.rs", "use tokio::sync::oneshot;");
        takes("src/policy/rate.rs", "#[cfg(test)]\nmod tests { use tokio::time; }");
    }

    #[test]
    fn refuses_what_is_too_long_and_what_has_no_story() {
        let long = format!("fn long() {{\n{}}}", "    step();\n".repeat(80));
        refuses("src/smtp/reply.rs", &long, "`long` has 82 lines");
        refuses("src/smtp/reply.rs", &"const A: u8 = 0;\n".repeat(400), "402 lines");
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 0;\n".repeat(400));
        takes("src/smtp/reply.rs", &tests);
        assert_eq!(faults_of("src/smtp/reply.rs", "use std::fmt;\n").len(), 1);
    }

    #[test]
    fn knows_which_files_are_tests() {
        assert_eq!(
            test_modules("mod a;\n#[cfg(test)]\nmod samples;\n#[cfg(test)]\nmod tests { }"),
            ["samples"]
        );
    }
}
