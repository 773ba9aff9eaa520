//! The files beside a template: pictures that messages bring along, and stylesheets.
//!
//! Which files a template names is found by those who compose; here they are looked for, and what was found is
//! noted in the content, by hash. A path is relative to the template, or to the folder of all templates.

use crate::campaign::{Campaign, FileError, Files, Pictures, Workspace, media_type};
use crate::compose::{Wanted, wanted_pictures, wanted_sheets};
use crate::mail::{Fault, Image, Source};

use super::error::EngineError;

/// Octets of a picture; every message bears it.
const PICTURE_LIMIT: u64 = 4 << 20;
/// The folder of all templates.
const TEMPLATES: &str = "templates";

/// Finds the pictures and stylesheets of the campaign's HTML bodies.
///
/// # Errors
/// Every one that cannot be read, with its place.
pub(super) fn find(workspace: &Workspace, campaign: &mut Campaign) -> Result<(), EngineError> {
    let pictures = match campaign.pictures {
        Pictures::Embedded => wanted_pictures(&campaign.content),
        Pictures::Linked => Vec::new(),
    };
    let sheets =
        if campaign.content.making.inline_css { wanted_sheets(&campaign.content) } else { Vec::new() };
    if pictures.is_empty() && sheets.is_empty() {
        return Ok(());
    }
    let files = Files::open(workspace).map_err(|error| Fault::error(error.told()));
    let files = files.map_err(|fault| EngineError::Faults(vec![fault]))?;
    let mut faults = Vec::new();
    for wanted in pictures {
        match picture(&files, &wanted) {
            Ok((image, hash)) => {
                campaign.sources.push((image.file.clone(), hash));
                campaign.content.images.push(image);
            }
            Err(fault) => faults.push(*fault),
        }
    }
    for wanted in sheets {
        match sheet(&files, &wanted) {
            Ok(source) => {
                campaign.sources.push((source.file.clone(), blake3::hash(source.text().as_bytes())));
                campaign.content.making.sheets.insert(wanted.src, source);
            }
            Err(fault) => faults.push(*fault),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(EngineError::Faults(faults)) }
}

fn picture(files: &Files, wanted: &Wanted) -> Result<(Image, blake3::Hash), Box<Fault>> {
    let (file, octets) = read(files, wanted, PICTURE_LIMIT)?;
    let kind = media_type(&file);
    if !kind.starts_with("image/") {
        let fault = Fault::error(format!("{file} is no picture by its ending")).at(wanted.place.clone());
        return Err(Box::new(fault.hint("name it .png, .jpg or .gif")));
    }
    let hash = blake3::hash(&octets);
    let (src, template) = (wanted.src.clone(), wanted.template.clone());
    Ok((Image { src, template, file, kind, hash: *hash.as_bytes() }, hash))
}

fn sheet(files: &Files, wanted: &Wanted) -> Result<Source, Box<Fault>> {
    let (file, octets) = read(files, wanted, PICTURE_LIMIT)?;
    match String::from_utf8(octets) {
        Ok(text) => Ok(Source::file(file, text)),
        Err(_) => Err(Box::new(Fault::error(format!("{file} is not UTF-8 text")).at(wanted.place.clone()))),
    }
}

/// The file that is wanted, relative to the workspace, and its octets.
fn read(files: &Files, wanted: &Wanted, limit: u64) -> Result<(String, Vec<u8>), Box<Fault>> {
    let places = candidates(&wanted.template, &wanted.src);
    for file in &places {
        match files.read(file, limit) {
            Ok(octets) => return Ok((file.clone(), octets)),
            Err(FileError::Missing) => {}
            Err(error) => {
                let what = format!("{file} cannot be read: {}", error.told());
                return Err(Box::new(Fault::error(what).at(wanted.place.clone())));
            }
        }
    }
    let fault = Fault::error(format!("there is no file {:?} beside the template", wanted.src));
    let hint = match places.first() {
        Some(first) => format!("it would be {first}"),
        None => "a path here leads neither upwards nor to the root".to_owned(),
    };
    Err(Box::new(fault.at(wanted.place.clone()).hint(hint)))
}

/// Where a path of a template may lead, the likeliest first; none if it leads upwards.
fn candidates(template: &str, src: &str) -> Vec<String> {
    let src = src.split(['?', '#']).next().unwrap_or(src).replace("%20", " ");
    let src = src.strip_prefix("./").unwrap_or(&src);
    if src.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Vec::new();
    }
    let folder = template.rsplit_once('/').map_or("", |(folder, _)| folder);
    let around = folder.strip_suffix("/partials").unwrap_or(folder);
    let mut places: Vec<String> =
        [around, folder, TEMPLATES].iter().map(|folder| format!("{folder}/{src}")).collect();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_its_template_or_to_all() {
        let body = "templates/a/body.html.hbs";
        let table: [(&str, &str, &[&str]); 5] = [
            (body, "images/x.png", &["templates/a/images/x.png", "templates/images/x.png"]),
            (body, "./x.png?v=2", &["templates/a/x.png", "templates/x.png"]),
            (body, "../x.png", &[]),
            (body, "a//x.png", &[]),
            (
                "templates/a/partials/p.hbs",
                "x%20y.png",
                &["templates/a/x y.png", "templates/a/partials/x y.png", "templates/x y.png"],
            ),
        ];
        for (template, src, expected) in table {
            assert_eq!(candidates(template, src), expected, "{src}");
        }
    }
}
