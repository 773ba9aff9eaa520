//! Styles are inlined, and nothing else is changed.

use super::super::super::scan;
use super::*;

fn inline(text: &str) -> Result<Option<String>, Undecided> {
    let tags = scan::tags(text).expect("tags fit");
    inlined(text, &tags, &BTreeMap::new())
}

fn both(text: &str) -> String {
    inline(text).expect("the same for every row").expect("there are styles")
}

#[test]
fn rules_are_written_into_the_elements_they_match() {
    let table = [
        ("<p class=\"a\">x</p>", "<p style=\"color: red;\" class=\"a\">x</p>"),
        ("<p class=a style='font-family:\"x\"'>", "<p class=a style='color: red;font-family: &#39;x&#39;'>"),
        ("<P class=\"a\">x<P>y", "<P style=\"color: red;\" class=\"a\">x<P>y"),
    ];
    for (body, expected) in table {
        let found = both(&format!("<style>.a {{ color: red }}</style>{body}"));
        let found = found.strip_prefix("<style>.a { color: red }</style>").expect("the style stays");
        assert_eq!(found.replace("color: red ;", "color: red;"), expected, "{body}");
    }
}

#[test]
fn a_loop_inside_a_table_stays_where_it_is() {
    let text =
        "<style>td{padding:1px}</style><table>{{#each items}}<tr><td>{{this}}</td></tr>{{/each}}</table>";
    let found = both(text);
    let (before, behind) = found.split_once(" style=\"padding:").expect("inlined");
    let behind = behind.split_once('"').expect("a value ends").1;
    assert_eq!(format!("{before}{behind}"), text);
}

#[test]
fn what_is_no_element_comes_through_octet_by_octet() {
    let text = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"x.dtd\">\n\
                <html xmlns:v=\"urn:schemas-microsoft-com:vml\"><head>\n<!--[if mso]><xml>{{x}}</xml><![endif]-->\n\
                <style>@media (max-width: 600px) { .a { width: 100% !important } } .a{width:5px}</style></head>\r\n\
                <body>\t&nbsp;&copy; <br/><IMG src=x  alt=''>{{#if b}}<p>{{/if}}<p class='a' >\
                <a href=\"{{url}}?a=1&b={{#if c}}2{{/if}}\">{{c}}</a></body></html>\n";
    let found = both(text);
    let (before, behind) = found.split_once(" style=\"width:").expect("inlined");
    assert_eq!(format!("{before}{}", behind.split_once('"').expect("a value ends").1), text);
    assert_eq!(found.matches(" style=").count(), 1);
}

#[test]
fn tags_in_styles_are_kept() {
    let found = both("<style>p{color:{{brand}};width:{{w}}px}</style><p>a</p><b>b</b>");
    let style = found.split("<p style=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("inlined");
    assert_eq!(style.replace(' ', "").trim_end_matches(';'), "color:{{brand}};width:{{w}}px");
    let found = both("<style>p{margin:0}</style><p style=\"color:{{brand}}\">a</p>");
    assert!(found.contains("margin:") && found.contains("color: {{brand}}"), "{found}");
}

#[test]
fn the_same_text_gives_the_same_octets() {
    let text =
        "<style>p{color:red;margin:0} .a{padding:1px;margin:2px} #b{width:1px}</style><p class=a id=b>x</p>";
    let first = both(text);
    (0..20).for_each(|_| assert_eq!(both(text), first));
}

#[test]
fn what_depends_on_the_row_is_left_for_later() {
    let table = [
        ("<style>.a{top:0}</style><p class=\"{{c}}\">", "a selector asks for this attribute"),
        (
            "<style>p{top:0}</style><p {{#if a}}id=\"x\"{{/if}}>",
            "this tag stands in an element, outside of a quoted value",
        ),
        ("<style>p{top:0}</style><p style=\"{{#if a}}left:0{{/if}}\">", "this block decides on a style"),
        ("<style>{{#if a}}p{top:0}{{/if}}</style><p>", "this block decides on a rule"),
        (
            "<style>p:first-child{top:0}</style>{{#each a}}<p>{{/each}}",
            "a selector looks at neighbours, and this block changes who they are",
        ),
        ("<style>a[href]{top:0}</style><a href=\"{{x}}\">", "a selector asks for this attribute"),
        ("<style>p{top:0}</style>{{{html}}}", "the HTML that this tag gives is not known"),
    ];
    for (text, why) in table {
        assert_eq!(inline(text).expect_err(text).why, why, "{text}");
    }
    assert_eq!(inline("<p class=\"{{c}}\">x</p>"), Ok(None));
    assert_eq!(inline("<style> </style><p>x</p>"), Ok(None));
}

#[test]
fn of_a_linked_sheet_stays_what_no_element_can_bear() {
    let css =
        "@charset \"utf-8\"; /* { */ p { color: red } a:hover { color: blue }\n@media print { p { top: 0 } }";
    let sheets = BTreeMap::from([("a.css".to_owned(), Source::file("a.css", css))]);
    let text =
        "<link rel=\"stylesheet\" href=\"a.css\"><link rel=\"stylesheet\" href=\"https://x/y.css\"><p>x</p>";
    let found = inlined(text, &[], &sheets).expect("no row").expect("styles");
    assert!(
        found.starts_with(
            "<style>\na:hover { color: blue }\n@media print { p { top: 0 } }\n</style>\
             <link rel=\"stylesheet\" href=\"https://x/y.css\"><p style=\"color: red"
        ),
        "{found}"
    );
}
