//! What the guard before the CSV reader lets through, and in how much memory.

use proptest::prelude::*;

use super::*;

/// What the guard hands on of a text that comes in chunks of `size` octets.
fn pass(text: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let mut guard = Guard::new("list.csv", b',');
    let mut passed = Vec::new();
    for chunk in text.chunks(size) {
        let mut chunk = chunk.to_vec();
        let kept = guard.check(&mut chunk).map_err(|fault| fault.to_string())?;
        passed.extend_from_slice(&chunk[kept]);
    }
    guard.finish().map_err(|fault| fault.to_string())?;
    Ok(passed)
}

#[test]
fn broken_quotes_and_nuls_are_told_at_their_place() {
    let table = [
        ("a,b\n1,\"2\n3,4\n5", "list.csv:2:3: the quote that opens here is never closed"),
        ("a,b\né1,\"2\" x\n", "list.csv:2:8: a closing quote stands in the middle of a cell"),
        // The quote that is missing is noticed where the next one closes what it should have opened.
        ("a,b\n\"1,2\n3,\"4\"\n", "list.csv:3:4: a closing quote stands in the middle of a cell"),
        ("a,b\n1,\u{0}2\n", "list.csv:2:3: a NUL stands here, which no text holds"),
        ("\"", "list.csv:1:1: the quote that opens here is never closed"),
        // Quotes doubled at the very end of a chunk.
        ("a\n\"x \"\"\"\"", "list.csv:2:1: the quote that opens here is never closed"),
    ];
    for (text, fault) in table {
        for size in [1, 2, 3, 1000] {
            assert_eq!(pass(text.as_bytes(), size), Err(fault.to_owned()), "{text:?} by {size}");
        }
    }
}

#[test]
fn quotes_that_are_in_order_pass() {
    let table = [
        "a,b\n\"1\n2\",\"3,4\"\n",
        "a,b\n\"say \"\"hi\"\"\",\"\"\n",
        "a,b\n5\" disk,x\"y\n",
        "\"a\" ,\"b\"\t\r\n1,2",
        "\"a\"",
    ];
    for text in table {
        for size in [1, 2, 3, 1000] {
            assert_eq!(pass(text.as_bytes(), size), Ok(text.as_bytes().to_vec()), "{text:?} by {size}");
        }
    }
}

#[test]
fn the_rest_of_a_row_that_is_too_long_is_left_out() {
    let long = "x".repeat(3 << 20);
    let quoted = "x\n,\"\"".repeat(1 << 20);
    for (row, cells) in [(format!("{long},2"), 1), (format!("\"{quoted}\",2"), 1), (",".repeat(2 << 20), 0)] {
        let text = format!("a,b\n{row}\n3,4\n");
        let passed = pass(text.as_bytes(), CHUNK).expect("in order");
        assert!(passed.len() < ROW_LIMIT + 2 * CHUNK, "{}", passed.len());
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(passed.as_slice());
        let rows: Vec<csv::ByteRecord> = reader.byte_records().collect::<Result<_, _>>().expect("rows");
        assert_eq!(rows.len(), 3);
        assert!(cells == 0 || rows[1].len() == cells);
        assert_eq!(rows[2], csv::ByteRecord::from(vec!["3", "4"]));
    }
}

proptest! {
    #[test]
    fn chunks_make_no_difference(text in "[a\",\n\r é\\t]{0,60}", size in 1_usize..8) {
        let whole = pass(text.as_bytes(), 1000);
        prop_assert_eq!(pass(text.as_bytes(), size), whole);
    }
}
