//! A small DNS server inside the test: it knows a table of records, and says of everything else that it is not
//! there (RFC 1035, 4).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;
/// A response, by who has the authority, recursion asked for and to be had.
const RESPONSE: u16 = 0x8580;
const NO_SUCH_NAME: u16 = 3;
const SERVER_FAILURE: u16 = 2;
/// A pointer to the name of the question, which begins behind the header.
const QUESTION: [u8; 2] = [0xc0, 12];

/// The records by name and type, each as it stands in an answer.
type Table = HashMap<(String, u16), Vec<Vec<u8>>>;

/// The server. Its thread ends with the test process.
#[derive(Debug)]
pub(crate) struct Names {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Names {
    /// Starts one that fails whatever it is asked.
    pub(crate) fn that_fails() -> Self {
        Self::serve(|question| {
            let mut answer = question.get(..12)?.to_vec();
            answer[2..4].copy_from_slice(&(RESPONSE | SERVER_FAILURE).to_be_bytes());
            // What stands behind the question is left out.
            answer[6..12].fill(0);
            answer.extend(question.get(12..end_of_question(question)?)?);
            Some(answer)
        })
    }

    /// Starts one that knows these records: name, type (`TXT`, `MX` or `A`), what it says.
    pub(crate) fn start(records: &[(&str, &str, &str)]) -> Self {
        let mut table = Table::new();
        for (name, kind, says) in records {
            let (kind, data) = match *kind {
                "TXT" => (TXT, text(says)),
                "MX" => (MX, [&[0, 10][..], &labels(says)].concat()),
                "A" => (A, says.parse::<Ipv4Addr>().expect("an address").octets().to_vec()),
                other => panic!("there are no {other} records here"),
            };
            table.entry(((*name).to_owned(), kind)).or_default().push(data);
        }
        Self::serve(move |question| answer(question, &table))
    }

    fn serve(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback interface");
        let address = socket.local_addr().expect("a bound socket has an address");
        thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answer(&buffer[..length]) {
                    // Whoever asked may have gone.
                    let _ = socket.send_to(&answer, asker);
                }
            }
        });
        Self { address }
    }
}

/// A text in strings of at most 255 octets.
fn text(says: &str) -> Vec<u8> {
    let string = |piece: &[u8]| {
        let length = u8::try_from(piece.len()).expect("at most 255");
        [&[length][..], piece].concat()
    };
    says.as_bytes().chunks(255).flat_map(string).collect()
}

/// A name as it travels.
fn labels(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> = labels.flat_map(text).collect();
    octets.push(0);
    octets
}

/// Where the question ends.
fn end_of_question(message: &[u8]) -> Option<usize> {
    let mut end = 12;
    loop {
        let length = usize::from(*message.get(end)?);
        end += 1 + length;
        if length == 0 {
            return Some(end + 4);
        }
    }
}

/// The answer to a question; none if it is no question.
fn answer(question: &[u8], table: &Table) -> Option<Vec<u8>> {
    let mut end = 12;
    let mut name = Vec::new();
    loop {
        let length = usize::from(*question.get(end)?);
        end += 1;
        if length == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(question.get(end..end + length)?).to_ascii_lowercase());
        end += length;
    }
    let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
    let name = name.join(".");
    let exists = table.keys().any(|(known, _)| *known == name);
    let found = table.get(&(name, kind)).map_or(&[][..], Vec::as_slice);
    let flags = if exists { RESPONSE } else { RESPONSE | NO_SUCH_NAME };
    let count = u16::try_from(found.len()).ok()?;
    let mut answer = question.get(..2)?.to_vec();
    for number in [flags, 1, count, 0, 0] {
        answer.extend(number.to_be_bytes());
    }
    answer.extend(question.get(12..end + 4)?);
    for data in found {
        answer.extend(QUESTION);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}
