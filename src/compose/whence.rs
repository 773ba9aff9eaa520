//! Where something stands in the files as they were written, that was found in what was made of them.
//!
//! What is made of a body (styles inlined, a text, HTML of Markdown) has lines of its own. Tags of the template go
//! through all of that as they are, so one that stands there as often as it was written is found again by its
//! number; of any other only the file is told, as a wrong line is worse than none.

use crate::mail::{Content, Fault, Place, Source};

use super::parse;

/// The place in `written` of what was found at `place`.
///
/// # Errors
/// The file, where nobody can tell the line.
pub(super) fn trace(written: &Content, place: Place) -> Result<Place, String> {
    let of_file = || sources(written).filter(|source| source.file == place.file);
    let Some(first) = of_file().next() else { return Ok(place) };
    if of_file().any(|source| source.document == place.document) {
        return Ok(place);
    }
    let tag = place.document.get(place.span.clone()).unwrap_or_default();
    if !tag.starts_with("{{") {
        // A body as a whole.
        let line = first.text().lines().next().unwrap_or_default().len();
        return Ok(parse::place(first, 0..line));
    }
    let preheaders = written.fronts.values().filter_map(|front| front.preheader.as_ref());
    let mut elsewhere = written
        .partials
        .values()
        .filter(|partial| partial.file != place.file)
        .chain(preheaders)
        .flat_map(|partial| partial.text().match_indices(tag).map(move |(at, _)| (partial, at)));
    let here: Vec<usize> = first.text().match_indices(tag).map(|(at, _)| at).collect();
    let (made, number) = place.document.match_indices(tag).fold((0, None), |(count, number), (at, _)| {
        (count + 1, number.or((at == place.span.start).then_some(count)))
    });
    let (source, at) = match (&*here, elsewhere.next(), elsewhere.next()) {
        ([only], None, None) => (first, *only),
        ([], Some((partial, at)), None) => (partial, at),
        (several, None, None) if several.len() == made => match number.and_then(|number| several.get(number))
        {
            Some(at) => (first, *at),
            None => return Err(place.file),
        },
        _ => return Err(place.file),
    };
    Ok(parse::place(source, at..at + tag.len()))
}

/// The same of faults.
pub(super) fn traced(written: &Content, faults: Vec<Fault>) -> Vec<Fault> {
    let traced = |fault: Fault| match fault.place.clone().map(|place| trace(written, place)) {
        None => fault,
        Some(Ok(place)) => fault.at(place),
        Some(Err(file)) => Fault { what: format!("{} (in {file})", fault.what), place: None, ..fault },
    };
    faults.into_iter().map(traced).collect()
}

/// Everything that was written: what may be made of first.
fn sources(content: &Content) -> impl Iterator<Item = &Source> {
    let words = content.all_words();
    let words = words.flat_map(|words| [words.html, words.text, Some(words.subject)].into_iter().flatten());
    words.chain(content.partials.values())
}
