//! Bodies of which something else becomes than what their templates say: pictures with addresses of their own,
//! styles written into elements, a text made of HTML, Markdown.

/// A page whose paragraphs have so much more in their tags.
macro_rules! styled {
    ($more:literal) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{{city}}</title>\n",
            "<style>\np { margin: 0 }\ntd > p { color: #333 }\n",
            "@media (max-width: 500px) { p { margin: 1em } }\n</style></head>\n",
            "<body>\n<table role=\"presentation\" width=\"600\"><tr><td align=\"left\">\n",
            "<h1>Dear {{first_name}} {{last_name}},</h1>\n<p",
            $more,
            " title=\"{{company}}\">{{words}}</p>\n",
            "<ul>{{#each items}}<li>{{this}}</li>{{/each}}</ul>\n<p",
            $more,
            "><a href=\"{{unsubscribe_url}}\">Leave the list</a></p>\n",
            "</td></tr></table>\n</body></html>\n"
        )
    };
}

/// HTML that has styles to be written into its elements, and that a text is made of; what becomes of it.
pub(super) const STYLED: &str = styled!("");
/// See [`STYLED`].
pub(super) const STYLED_AS_HTML: &str = styled!(" style=\"margin: 0;color: #333;\"");
/// See [`STYLED`]; where its lines end is not compared.
pub(super) const STYLED_AS_TEXT: &str = "Dear {{first_name}} {{last_name}},\n\n{{words}}\n\n\
    {{#each items}}- {{this}}\n{{/each}}\nLeave the list <{{unsubscribe_url}}>\n";
/// A page that shows one picture twice, and another behind a cell.
pub(super) const PICTURED: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{{city}}</title></head>\n\
    <body>\n<p><img src=\"images/logo.png\" alt=\"{{company}}\" width=\"20\" height=\"20\"></p>\n\
    <table role=\"presentation\" width=\"600\"><tr><td background=\"images/leaf.png\">{{words}}</td></tr></table>\n\
    <p><img src='images/logo.png' alt=''><a href=\"{{unsubscribe_url}}\">Leave the list</a></p>\n</body></html>\n";
/// Markdown; what becomes of it, as HTML and as text.
pub(super) const MARKDOWN: &str = "# Dear {{first_name}} {{last_name}},\n\n{{city}}, *{{company}}*: {{words}}\n\n\
    {{#each items}}\n- **{{this}}**\n{{/each}}\n\n[Leave the list]({{unsubscribe_url}})\n";
/// See [`MARKDOWN`].
pub(super) const MARKDOWN_AS_HTML: &str = "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n</head>\n<body>\n\
    <h1>Dear {{first_name}} {{last_name}},</h1>\n<p>{{city}}, <em>{{company}}</em>: {{words}}</p>\n\
    <ul>\n{{#each items}}<li><strong>{{this}}</strong></li>\n{{/each}}</ul>\n\
    <p><a href=\"{{unsubscribe_url}}\">Leave the list</a></p>\n</body>\n</html>\n";
/// See [`MARKDOWN`].
pub(super) const MARKDOWN_AS_TEXT: &str = "Dear {{first_name}} {{last_name}},\n\n{{city}}, {{company}}: {{words}}\n\n\
    {{#each items}}- {{this}}\n{{/each}}\nLeave the list ({{unsubscribe_url}})\n";
