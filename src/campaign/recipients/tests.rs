//! Lists of every kind, and what each row of them is.

use std::io::Cursor;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn settings(columns: &[String], filter: Option<&str>) -> ListSettings {
    ListSettings {
        path: PathBuf::from("list.csv"),
        encoding: None,
        delimiter: None,
        email: "email".to_owned(),
        email_place: None,
        filter: filter.map(|filter| Filter::parse(filter, columns).expect("a filter")),
    }
}

fn list(octets: &[u8], settings: &ListSettings) -> Result<List, CampaignError> {
    let beginning = encoding::look_through(&mut Cursor::new(octets), settings.encoding).expect("memory");
    List::read(settings, "list.csv", Box::new(Cursor::new(octets.to_vec())), &beginning)
}

/// Every row in one line: `2 ada@example.com|Ada`, `3! what (cell)`, `4-` for one left out.
fn rows(octets: &[u8], settings: &ListSettings) -> Result<Vec<String>, CampaignError> {
    let mut list = list(octets, settings)?;
    let mut rows = Vec::new();
    while let Some(entry) = list.next()? {
        rows.push(match entry {
            Entry::Good(recipient) => {
                let cells: Vec<&str> = recipient.fields.iter().collect();
                format!("{} {} {}", recipient.row, recipient.address, cells.join("|"))
            }
            Entry::Invalid { row, email, what, .. } => format!("{row}! {what} ({email})"),
            Entry::Filtered { row } => format!("{row}-"),
            Entry::Undecided { row, email, what } => format!("{row}?{email}: {what}"),
        });
    }
    assert_eq!(list.hash(), Some(blake3::hash(octets)));
    Ok(rows)
}

fn told(octets: &[u8]) -> Vec<String> {
    rows(octets, &settings(&[], None)).unwrap_or_else(|error| vec![error.to_string()])
}

#[test]
fn rows_are_people_or_are_told() {
    let text = "email,name\n ADA@Example.com ,Ada\n\nbob,Bob\n\"c@example.com\",\"Cy\n\"\"X\"\"\"\nd@example.com\n\
                e@example.com,E,x\n,\n<mailto:f@bücher.example>,F";
    assert_eq!(
        told(text.as_bytes()),
        [
            "2 ADA@example.com  ADA@Example.com |Ada",
            "3! there is no @ (bob)",
            "4 c@example.com c@example.com|Cy\n\"X\"",
            "5! the row has 1 cell, and the header 2 (d@example.com)",
            "6! the row has 3 cells, and the header 2 (e@example.com)",
            "7! the row is empty ()",
            "8 f@xn--bcher-kva.example <mailto:f@bücher.example>|F",
        ]
    );
}

#[test]
fn every_encoding_gives_the_same_rows() {
    let text = "name;email\r\nZoë Müller;zoe@example.com\r\nJörg Jäger;j@example.com\r\n";
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let expected =
        ["2 zoe@example.com Zoë Müller|zoe@example.com", "3 j@example.com Jörg Jäger|j@example.com"];
    let table = [
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-8", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16LE", [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat()),
        ("UTF-16BE", [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("windows-1252", encoding_rs::WINDOWS_1252.encode(text).0.into_owned()),
    ];
    for (name, octets) in table {
        assert_eq!(told(&octets), expected, "{name}");
        let list = list(&octets, &settings(&[], None)).expect("a list");
        assert_eq!(list.notes(), [format!("list.csv: {name}, delimiter `;`, 2 columns")]);
    }
}

#[test]
fn settings_go_before_what_is_detected() {
    let octets = b"email,name\na@example.com,\xd0\xd1\n";
    let named = ListSettings {
        encoding: Some(Encoding::named("windows-1251").expect("an encoding")),
        delimiter: Some(b';'),
        email: "email,name".to_owned(),
        ..settings(&[], None)
    };
    assert_eq!(
        rows(octets, &named).expect("a list"),
        ["2! it holds more than one address (a@example.com,РС)"]
    );
    let utf8 = ListSettings { encoding: Some(Encoding::UTF_8), ..settings(&[], None) };
    let error = rows(octets, &utf8).expect_err("not UTF-8");
    assert_eq!(error.to_string(), "list.csv:2:1: row 2 is not UTF-8 (octet D0), as the others are");
}

#[test]
fn a_broken_file_ends_the_reading() {
    let table: [(&[u8], &str); 5] = [
        (b"email,name\na@b.com,\"Ada\n", "list.csv:2:9: the quote that opens here is never closed"),
        (b"email,name\na@b.com,A\0da\n", "list.csv:2:10: a NUL stands here, which no text holds"),
        (b"email,name\na@b.com,\"A\"da\n", "list.csv:2:12: a closing quote stands in the middle of a cell"),
        ("email,name\né@b.com,ä\nö@b.com,\u{fc}".as_bytes(), "2 é@b.com é@b.com|ä"),
        (b"\xff\xfee\0m\0\0\xd8", "list.csv:1:3: some octets here are not UTF-16LE"),
    ];
    for (octets, expected) in table {
        assert_eq!(told(octets)[0], expected);
    }
    let broken = ["email,name\né@b.com,ä\nü@b.com,ß\n".as_bytes(), b"x@b.com,\xe9\n"].concat();
    assert_eq!(told(&broken), ["list.csv:4:1: row 4 is not UTF-8 (octet E9), as the others are"]);
}

#[test]
fn a_filter_leaves_rows_out() {
    let columns = ["email", "country"].map(str::to_owned);
    let text = b"email,country\na@example.com,DE\nbroken,FR\nc@example.com,FR\n";
    assert_eq!(
        rows(text, &settings(&columns, Some("country == \"DE\""))).expect("a list"),
        ["2 a@example.com a@example.com|DE", "3-", "4-"]
    );
}

#[test]
fn large_cells_and_rows_are_told_and_the_next_row_is_whole() {
    let cell = "x".repeat(FIELD_LIMIT + 1);
    let row = "y".repeat(5 << 20);
    let fitting = "z".repeat(FIELD_LIMIT);
    let text = format!(
        "email,name\na@b.com,{cell}\nb@b.com,{fitting}\nc@b.com,{row}\nd@b.com,\"{row}\n\n{row}\"\ne@b.com,E\n"
    );
    let rows = told(text.as_bytes());
    assert_eq!(rows[0], "2! the cell of `name` is longer than 64 KiB (a@b.com)");
    assert!(rows[1].starts_with("3 b@b.com"));
    assert_eq!(rows[2], "4! the row is longer than 1 MiB (c@b.com)");
    assert_eq!(rows[3], "5! the row is longer than 1 MiB (d@b.com)");
    assert_eq!(rows[4], "6 e@b.com e@b.com|E");
}

#[test]
fn a_list_of_any_size_takes_bounded_memory() {
    // One row of 64 MiB, made as it is read.
    let header = Cursor::new(b"email,name\na@b.com,\"".to_vec());
    let tail = Cursor::new(b"\"\nb@b.com,B\n".to_vec());
    let endless = header.chain(std::io::repeat(b',').take(64 << 20)).chain(tail);
    let settings = settings(&[], None);
    let beginning = encoding::look_through(&mut Cursor::new(b"email,name\n"), None).expect("memory");
    let mut list = List::read(&settings, "list.csv", Box::new(endless), &beginning).expect("a list");
    let first = list.next().expect("a row");
    assert!(matches!(first, Some(Entry::Invalid { row: 2, .. })), "{first:?}");
    assert!(list.record.as_slice().len() <= ROW_LIMIT + 2 * CHUNK);
    assert!(matches!(list.next().expect("a row"), Some(Entry::Good(recipient)) if recipient.row == 3));
}

proptest! {
    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rows(&octets, &settings(&[], None));
    }

    #[test]
    fn no_text_panics_and_no_row_has_other_cells_than_the_header(text in "(email,b\n)?[a@.,;\"\n\r\té|]{0,80}") {
        if let Ok(mut list) = list(text.as_bytes(), &settings(&[], None)) {
            let columns = list.columns().len();
            while let Ok(Some(entry)) = list.next() {
                if let Entry::Good(recipient) = entry {
                    prop_assert_eq!(recipient.fields.len(), columns);
                }
            }
        }
    }

    #[test]
    fn what_was_written_is_read(cells in prop::collection::vec("[a-z ,;\"\n|é]{0,12}", 1..20)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["email", "cell", "last"]).expect("memory");
        for cell in &cells {
            writer.write_record(["a@example.com", cell.as_str(), "x"]).expect("memory");
        }
        let octets = writer.into_inner().expect("memory");
        let comma = ListSettings { delimiter: Some(b','), ..settings(&[], None) };
        let expected: Vec<String> = cells
            .iter()
            .zip(2..)
            .map(|(cell, row)| format!("{row} a@example.com a@example.com|{cell}|x"))
            .collect();
        prop_assert_eq!(rows(&octets, &comma).expect("a list"), expected);
    }
}

/// `cargo test --release -- --ignored --nocapture a_million_rows`
#[test]
#[ignore = "a measurement, for a release build"]
#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn a_million_rows_are_read_in_a_second() {
    use std::io::Write;
    use std::time::Instant;

    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = io::BufWriter::new(&mut file);
    writeln!(writer, "id,email,first_name,last_name,company,street,city,country,plan,items,unsubscribe")
        .expect("written");
    for row in 0..1_000_000 {
        writeln!(
            writer,
            "{row},recipient.number{row}@mail{}.example.com,Zoë,Lovelace-{row},\"Analytical Engines, Ltd\",\
             {} Long Example Street,Köln,DE,basic,pears;apples;figs,https://u.example.com/unsubscribe/{row:016x}",
            row % 997,
            row % 499,
        )
        .expect("written");
    }
    writer.flush().expect("written");
    drop(writer);
    let octets = file.as_file().metadata().expect("a size").len();
    let settings = ListSettings { path: file.path().to_owned(), ..settings(&[], None) };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("campaigns")).expect("a folder");
    let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
    for _ in 0..3 {
        let begun = Instant::now();
        let mut list = List::from_settings(&workspace, &settings).expect("a list");
        let opened = begun.elapsed();
        let mut good = 0;
        while let Some(entry) = list.next().expect("a row") {
            good += u32::from(matches!(entry, Entry::Good(_)));
        }
        let taken = begun.elapsed();
        println!("{good} rows, {} MB: {taken:?}, of them {opened:?} to open", octets / 1_000_000);
        assert_eq!(good, 1_000_000);
    }
}
