//! Partials that include each other.

use crate::stage::Workspace;

#[test]
fn a_cycle_is_refused_by_name() {
    let workspace = Workspace::letter(1);
    workspace.write("templates/letter/body.txt.hbs", "Dear {{first_name}},\n{{> head}}\n");
    workspace.write("templates/partials/head.hbs", "{{> foot}}");
    workspace.write("templates/partials/foot.hbs", "{{> head}}");
    workspace.mailrun(&["check", "letter"]).ends(10).says("head").says("foot");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10);
}

#[test]
fn a_partial_that_is_missing_is_named_with_the_nearest() {
    let workspace = Workspace::letter(1);
    workspace.write("templates/letter/body.txt.hbs", "{{> fotter}}\n");
    workspace.write("templates/partials/footer.hbs", "Bye.\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("fotter").says("footer");
}
