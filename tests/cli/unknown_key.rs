//! A key that no file of a campaign may hold.

use crate::stage::Workspace;

#[test]
fn the_nearest_right_name_is_offered_with_file_and_line() {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\nsesions = 2\n");
    workspace
        .mailrun(&["check", "letter"])
        .ends(10)
        .says("campaigns/relays.toml:3")
        .says("sesions")
        .says("`sessions`");
}

#[test]
fn a_relay_that_nobody_defined_is_named_with_the_nearest() {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/relays.toml", "[relays.desks]\npreset = \"sandbox\"\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("desk").says("desks");
}

#[test]
fn sandbox_and_real_relays_are_never_mixed() {
    let workspace = Workspace::letter(1);
    let relays = "[relays.desk]\npreset = \"sandbox\"\n[relays.real]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\n";
    workspace.write("campaigns/relays.toml", relays);
    workspace.edit("campaigns/letter/campaign.toml", "[\"desk\"]", "[\"desk\", \"real\"]");
    workspace.mailrun(&["check", "letter"]).ends(10).says("sandbox");
}
