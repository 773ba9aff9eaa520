//! What somebody who types `mailrun` sees, on the binary, one behaviour a file.
//!
//! Hermetic: servers are the built-in sandbox or a small peer inside the test, on the loopback interface.
//! Exit codes and JSON are checked to the letter, prose by the words that a reader needs.

#[allow(dead_code, unused_imports, reason = "each test crate uses its part of the stage")]
#[path = "../stage/mod.rs"]
mod stage;

mod attachments;
mod broken_index;
mod broken_list;
mod certificate;
mod check_summary;
mod closing_relay;
mod confirmation;
mod destinations;
mod disk_reserve;
mod dns;
mod doctor;
mod edited_list;
mod excluded_rows;
mod expected_number;
mod fixed_list;
mod gathered_rows;
mod grouped;
mod headers;
mod html;
mod init;
mod killed;
mod later_features;
mod line_break;
mod login_refused;
mod missing_password;
mod no_such_campaign;
mod no_wait;
mod nonsense;
mod notifications;
mod partial_cycle;
mod plan_json;
mod preview;
mod purge;
mod refused_recipient;
mod relays;
mod report_csv;
mod second_send;
mod segments;
mod send_twice;
mod show;
mod signals;
mod signing;
mod state_folder;
mod status_json;
mod steering;
mod suppression;
mod template_column;
mod uncertain;
mod unknown_key;
mod unreachable_relay;
mod unused;
mod welcome;
mod wordings;
