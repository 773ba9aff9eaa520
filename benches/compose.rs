//! Measures what one message costs to compose, beside what the crates cost that could do the same:
//! handlebars rendering the same templates, and lettre and mail-builder building a message of the same two bodies;
//! and what a DKIM signature adds.
//!
//! `cargo bench --bench compose`. The campaign is that of `make_campaign.py`: ten variables, a partial, a
//! loop and a condition, about 4 kB. Every figure is the time of a [block](BLOCK) of messages, one for each
//! of as many rows, in processor time of the one thread: other work on the machine disturbs it little.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use handlebars::Handlebars;
use jiff::Timestamp;
use lettre::message::{Mailbox as Lettered, Message as Built, MultiPart};
use mail_builder::MessageBuilder;
use mailrun::compose::{Composer, Keys, PrivateKey, Published, Signer, Stamps};
use mailrun::mail::{
    Address, Batch, BatchId, Content, Mailbox, PlanId, Recipient, RecipientNo, RunNo, Source, Unsubscribe,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value as Json};

/// Messages of one measurement: a thousand, so that its milliseconds are a message's microseconds.
const BLOCK: u32 = 1_000;

/// Processor time of this thread.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(now).expect("a thread's time is not negative")
    }

    fn end(&self, started: Duration) -> Duration {
        self.start().saturating_sub(started)
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

const COLUMNS: [&str; 11] = [
    "email",
    "first_name",
    "last_name",
    "company",
    "city",
    "country",
    "plan",
    "items",
    "total",
    "since",
    "link",
];
const FIRST: [&str; 10] =
    ["Ada", "Grace", "Jörg", "Zoë", "Łukasz", "Мария", "Ελένη", "优", "さくら", "Amina"];
const LAST: [&str; 10] =
    ["Lovelace", "Hopper", "Müller", "Nguyễn", "Kowalski", "Иванова", "Παπαδοπούλου", "李", "田中", "Okafor"];
const CITIES: [&str; 8] = ["Berlin", "Łódź", "São Paulo", "Zürich", "Kraków", "Malmö", "Lisboa", "Praha"];
const PLANS: [&str; 3] = ["basic", "plus", "team"];
const ITEMS: [&str; 6] = ["a notebook", "two pencils", "a map", "an atlas", "a lamp", "some string"];

const SUBJECT: &str = "{{first_name}}, your autumn letter";
const NAME: &str = "{{first_name}} {{last_name}}";
const LINK: &str = "https://u.example.com/{{token}}";
const FOOTER: &str = "You get this letter as a reader of Example News, on the plan {{plan}}.\n";
const PARAGRAPH: &str = "The days grow shorter, and there is more time to read. We have put together what our \
    readers in {{city}} asked for most, and a few things that nobody asked for and everybody will want. ";

fn text() -> String {
    let paragraphs = format!("{PARAGRAPH}\n\n").repeat(5);
    format!(
        "Dear {{{{first_name}}}} {{{{last_name}}}},\n\n{paragraphs}\
         Your order of {{{{since}}}} with {{{{company}}}}:\n\
         {{{{#each items}}}}\n- {{{{this}}}}\n{{{{/each}}}}\n\
         In all: {{{{total}}}}, to {{{{city}}}}, {{{{country}}}}.\n\
         {{{{#if link}}}}See {{{{link}}}}\n{{{{/if}}}}\n{{{{> bench_footer}}}}\n"
    )
}

fn html() -> String {
    let paragraph = format!("<p style=\"margin: 0 0 1em 0; line-height: 1.5\">{PARAGRAPH}</p>\n");
    format!(
        "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n\
         <h1>Dear {{{{first_name}}}} {{{{last_name}}}},</h1>\n{}\
         <p>Your order of {{{{since}}}} with {{{{company}}}}:</p>\n<ul>\n\
         {{{{#each items}}}}\n<li>{{{{this}}}}</li>\n{{{{/each}}}}\n</ul>\n\
         <p>In all: <b>{{{{total}}}}</b>, to {{{{city}}}}, {{{{country}}}}.</p>\n\
         {{{{#if link}}}}<p><a href=\"{{{{link}}}}\">See your order</a></p>{{{{/if}}}}\n\
         {{{{> bench_footer}}}}\n</body></html>\n",
        paragraph.repeat(8)
    )
}

/// The cells of row `number`, as `make_campaign.py` makes them.
fn cells(number: u32) -> [String; 11] {
    let at = number as usize;
    let items: Vec<&str> = (0..=at % 4).map(|step| ITEMS[(at + step) % ITEMS.len()]).collect();
    [
        format!("reader{number}@example.net"),
        FIRST[at % 10].to_owned(),
        LAST[at / 10 % 10].to_owned(),
        format!("Company {}", number % 997),
        CITIES[at % 8].to_owned(),
        format!("Country {}", number % 37),
        PLANS[at % 3].to_owned(),
        items.join(";"),
        format!("{}.{:02} EUR", number % 500, number % 100),
        format!("2026-{:02}-{:02}", 1 + number % 12, 1 + number % 28),
        format!("https://shop.example.com/orders/{number}"),
    ]
}

fn source(text: impl Into<String>) -> Source {
    Source::file("t.hbs", text.into())
}

fn content() -> Content {
    Content {
        reverse_path: Address::parse("news@example.com").expect("an address"),
        text: Some(source(text())),
        html: Some(source(html())),
        partials: BTreeMap::from([("bench_footer".to_owned(), source(FOOTER))]),
        list_id: Some("news.example.com".into()),
        name: Some(source(NAME)),
        split: BTreeMap::from([("items".to_owned(), ";".to_owned())]),
        unsubscribe: Unsubscribe {
            url: Some(source(LINK)),
            mailto: Some(Address::parse("unsubscribe@example.com").expect("an address")),
        },
        ..Content::new(
            "bench",
            Mailbox::parse("Example News <news@example.com>").expect("a mailbox"),
            source(SUBJECT),
            COLUMNS.map(str::to_owned).to_vec(),
        )
    }
}

fn rows() -> Vec<(Batch, Recipient)> {
    let row = |number| {
        let cells = cells(number);
        let recipient = Recipient {
            row: number + 2,
            address: Address::parse(&cells[0]).expect("an address"),
            fields: cells.iter().map(String::as_str).collect(),
            more: Vec::new(),
        };
        let id = BatchId { run: RunNo(1), number, part: 0 };
        (Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(number)] }, recipient)
    };
    (0..BLOCK).map(row).collect()
}

/// A row as handlebars takes it.
fn map(number: u32) -> Json {
    let mut map = Map::new();
    for (name, cell) in COLUMNS.into_iter().zip(cells(number)) {
        let value = match name {
            "items" => cell.split(';').map(Json::from).collect(),
            _ => Json::from(cell),
        };
        map.insert(name.to_owned(), value);
    }
    map.insert("token".to_owned(), Json::from("ARzBnF8LAF3aJjrhut0JmtwcW_uSycukFh6cZP4UCBX1zyqZ7YDHUkg"));
    Json::Object(map)
}

/// The templates in an engine of their own: html escapes, the others do not.
fn engines() -> [Handlebars<'static>; 2] {
    let build = |templates: &[(&str, String)]| {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        for (name, text) in templates {
            engine.register_template_string(name, text).expect("a template");
        }
        engine.register_partial("bench_footer", FOOTER).expect("a partial");
        engine
    };
    let named = [("subject", SUBJECT), ("name", NAME), ("link", LINK)];
    let mut plain: Vec<(&str, String)> = named.map(|(name, text)| (name, text.to_owned())).to_vec();
    plain.push(("text", text()));
    let mut plain = build(&plain);
    plain.register_escape_fn(handlebars::no_escape);
    [plain, build(&[("html", html())])]
}

/// What handlebars renders for one row.
struct Rendered {
    subject: String,
    name: String,
    text: String,
    html: String,
}

fn render([plain, html]: &[Handlebars<'static>; 2], row: &handlebars::Context) -> Rendered {
    let rendered = |engine: &Handlebars<'_>, name| engine.render_with_context(name, row).expect("rendered");
    black_box(rendered(plain, "link"));
    Rendered {
        subject: rendered(plain, "subject"),
        name: rendered(plain, "name"),
        text: rendered(plain, "text"),
        html: rendered(html, "html"),
    }
}

fn build(from: &Lettered, to: &lettre::Address, rendered: Rendered) -> Vec<u8> {
    Built::builder()
        .from(from.clone())
        .to(Lettered::new(Some(rendered.name), to.clone()))
        .subject(rendered.subject)
        .multipart(MultiPart::alternative_plain_html(rendered.text, rendered.html))
        .expect("a message")
        .formatted()
}

/// The same by mail-builder, which makes up a Message-ID and a Date too.
fn build_by_mail_builder(to: &lettre::Address, rendered: Rendered) -> Vec<u8> {
    MessageBuilder::new()
        .from(("Example News", "news@example.com"))
        .to((rendered.name, to.to_string()))
        .subject(rendered.subject)
        .text_body(rendered.text)
        .html_body(rendered.html)
        .write_to_vec()
        .expect("a message")
}

/// Signs with one key in PKCS#8.
fn signer(pkcs8: &[u8]) -> Signer {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8));
    let key = PrivateKey::parse(&pem).expect("a key");
    Signer::new("example.com", vec![Published { selector: "s1".into(), key }])
}

fn measure(criterion: &mut Criterion<ProcessorTime>) {
    let content = Arc::new(content());
    let composer = Composer::new(content, &Keys::new(&[7; 32]), PlanId([3; 16])).expect("sound templates");
    let rows = rows();
    let date: Timestamp = "2026-12-01T08:00:00Z".parse().expect("a moment");
    let engines = engines();
    let contexts: Vec<handlebars::Context> = (0..BLOCK).map(|number| map(number).into()).collect();
    let from: Lettered = "Example News <news@example.com>".parse().expect("a mailbox");
    let to: Vec<lettre::Address> =
        rows.iter().map(|(_, row)| row.address.as_str().parse().expect("an address")).collect();

    let mut group = criterion.benchmark_group("a thousand messages");
    group.throughput(Throughput::Elements(u64::from(BLOCK)));
    group.bench_function("compose", |bencher| {
        bencher.iter(|| {
            for (batch, row) in &rows {
                black_box(composer.compose(batch, std::slice::from_ref(row), date).expect("composed"));
            }
        });
    });
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            for (_, row) in &rows {
                black_box(composer.check(row).expect("rendered"));
            }
        });
    });
    let ed25519 = Ed25519KeyPair::generate().expect("a key").to_pkcs8().expect("its octets");
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key").as_der().expect("its octets");
    for (name, signer) in [("Ed25519", signer(ed25519.as_ref())), ("RSA-2048", signer(rsa.as_ref()))] {
        group.bench_function(format!("compose and sign, {name}"), |bencher| {
            bencher.iter(|| {
                for (batch, row) in &rows {
                    let message = composer.compose(batch, std::slice::from_ref(row), date).expect("composed");
                    black_box(signer.sign(&message.octets, &message.tail, Stamps::Kept).expect("signed"));
                }
            });
        });
    }
    group.bench_function("handlebars alone", |bencher| {
        bencher.iter(|| {
            for context in &contexts {
                black_box(render(&engines, context));
            }
        });
    });
    let all = || contexts.iter().map(|context| render(&engines, context)).collect::<Vec<_>>();
    group.bench_function("lettre alone", |bencher| {
        let build_all = |rendered: Vec<Rendered>| {
            for (to, rendered) in to.iter().zip(rendered) {
                black_box(build(&from, to, rendered));
            }
        };
        bencher.iter_batched(all, build_all, BatchSize::PerIteration);
    });
    group.bench_function("mail-builder alone", |bencher| {
        let build_all = |rendered: Vec<Rendered>| {
            for (to, rendered) in to.iter().zip(rendered) {
                black_box(build_by_mail_builder(to, rendered));
            }
        };
        bencher.iter_batched(all, build_all, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = measure
}
criterion_main!(benches);
