//! What is made of a rendered HTML body where it could not be made of its template.

use crate::mail::Recipient;

use super::body::Body;
use super::composer::Composer;
use super::error::RowFault;
use super::html;
use super::rendered::Rendered;

impl Composer {
    /// Makes what is left to be made of the bodies of one message.
    pub(super) fn finish(&self, recipient: &Recipient, rendered: &mut Rendered) -> Result<(), RowFault> {
        let Some(after) = self.after.get(rendered.wording).copied() else { return Ok(()) };
        if !after.css && !after.made {
            return Ok(());
        }
        let letter = &self.parts.letters[rendered.wording];
        let lines = |text: &str| {
            let mut body = Body::default();
            let pushed = body.push_text(text);
            body.end_line();
            match (pushed, &letter.html) {
                (Err(unsound), Some(template)) => {
                    Err(self.fault(recipient, "html", template, template.stop(unsound)))
                }
                (Ok(()) | Err(_), _) => Ok(body),
            }
        };
        if let Some(rendered_html) = &rendered.html {
            if after.text {
                rendered.text = Some(lines(&html::text(rendered_html.text()))?);
            }
            if after.css
                && let Some(styled) = html::styled(rendered_html.text(), &self.content.making.sheets)
            {
                rendered.html = Some(lines(&styled)?);
            }
        }
        // A body of pictures alone has no text.
        if after.made && rendered.text.as_ref().is_some_and(|text| text.text().trim().is_empty()) {
            rendered.text = None;
        }
        Ok(())
    }
}
