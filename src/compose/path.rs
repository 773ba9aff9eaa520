//! The paths by which a template names a value: `name`, `../name`, `@root.name`, `items.[0]`, `@index`.

/// A path, taken apart the way handlebars does it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// Where it begins.
    pub(super) from: From,
    /// How many scopes it climbs.
    pub(super) up: usize,
    /// The names, outermost first; none: what surrounds it (`this`).
    pub(super) segments: Vec<&'a str>,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// In the scope around it.
    Here,
    /// At the row: `@root.`.
    Root,
    /// Among what a loop counts: `@index`.
    Loop,
}

impl<'a> Path<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut rest = text.strip_prefix("./").unwrap_or(text);
        let mut from = From::Here;
        if let Some(after) = rest.strip_prefix("@root.").or_else(|| rest.strip_prefix("@root/")) {
            (from, rest) = (From::Root, after);
        } else if let Some(after) = rest.strip_prefix('@') {
            (from, rest) = (From::Loop, after);
        }
        let mut up = 0;
        while let Some(after) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("...")) {
            rest = after;
            up += 1;
        }
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let segment;
            (segment, rest) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                Some(bracketed) => bracketed,
                None => rest.split_at(rest.find(['.', '/']).unwrap_or(rest.len())),
            };
            if segment != "this" {
                segments.push(segment);
            }
            rest = rest.strip_prefix(['.', '/']).unwrap_or(rest);
        }
        Self { from, up, segments }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_as_handlebars_does_it() {
        let table: [(&str, From, usize, &[&str]); 10] = [
            ("name", From::Here, 0, &["name"]),
            ("this", From::Here, 0, &[]),
            ("this.name", From::Here, 0, &["name"]),
            ("./name", From::Here, 0, &["name"]),
            ("../../name", From::Here, 2, &["name"]),
            ("../this", From::Here, 1, &[]),
            ("@root.items.[0]", From::Root, 0, &["items", "0"]),
            ("[First Name]", From::Here, 0, &["First Name"]),
            ("@index", From::Loop, 0, &["index"]),
            ("@../index", From::Loop, 1, &["index"]),
        ];
        for (text, from, up, segments) in table {
            assert_eq!(Path::new(text), Path { from, up, segments: segments.to_vec() }, "{text}");
        }
    }
}
