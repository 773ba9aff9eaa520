//! What holds for every command: where the workspace is, which campaign is meant, whether we may ask.
//!
//! Made once from the global flags and the environment; the commands take it as an argument.

use std::env;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::campaign::{CampaignError, Workspace};
use crate::mail::{RelayName, nearest};

use super::args::{Global, How, When};
use super::error::CliError;
use super::printer::{Format, Printer, Volume};
use super::words::listed;

/// Whether questions may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Somebody sits at a terminal.
    Allowed,
    /// Nobody does, or `--no-input`.
    Never,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showing {
    /// Bars that move, on a terminal.
    Bars,
    /// Lines, one after the other.
    Lines,
    /// Nothing.
    Nothing,
}

/// Who runs mailrun, as far as it matters.
#[derive(Debug)]
pub(crate) struct Operator {
    /// Where words go.
    pub(crate) printer: Printer,
    /// Whether questions may be asked.
    pub(crate) asking: Asking,
    /// How progress is shown.
    pub(crate) showing: Showing,
    /// The zone of this machine, in which moments are shown unless a campaign names its own.
    pub(crate) zone: TimeZone,
    dir: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Operator {
    /// Reads the global flags, and turns colours on or off for the whole process.
    pub(crate) fn new(global: Global) -> Self {
        paint(global.color);
        let format = if global.json { Format::Json } else { Format::Text };
        let volume = match (global.quiet, global.verbose) {
            (true, _) => Volume::Quiet,
            (false, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        };
        let attended = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self {
            printer: Printer::new(format, volume),
            asking: if attended && !global.no_input { Asking::Allowed } else { Asking::Never },
            showing: showing(global.progress, volume),
            zone: TimeZone::system(),
            dir: global.dir,
            state: global.state,
        }
    }

    /// The folder the operator stands in, or the one `--dir` names.
    ///
    /// # Errors
    /// The current folder is gone.
    pub(crate) fn here(&self) -> Result<PathBuf, CliError> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => env::current_dir().map_err(|source| CliError::file("read", Path::new("."), source)),
        }
    }

    /// The state directory, if `--state` names one.
    pub(crate) fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// The workspace.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn workspace(&self) -> Result<Workspace, CliError> {
        Ok(Workspace::find(&self.here()?, self.dir.as_deref(), self.state.as_deref())?)
    }

    /// The campaign that is meant: the one named, the one whose folder we stand in, the only one.
    ///
    /// # Errors
    /// There is none of that name, none at all, or several and none was named.
    pub(crate) fn campaign(&self, workspace: &Workspace, named: Option<&str>) -> Result<String, CliError> {
        let known = workspace.campaign_names()?;
        if let Some(named) = named {
            // A path is what a shell completes to.
            let name = named.trim_end_matches('/').rsplit('/').next().unwrap_or(named);
            return if known.iter().any(|campaign| campaign == name) {
                Ok(name.to_owned())
            } else {
                Err(missing(name, known))
            };
        }
        match (&*known, self.standing_in(workspace)) {
            (_, Some(name)) if known.contains(&name) => Ok(name),
            ([only], _) => Ok(only.clone()),
            ([], _) => Err(CliError::NotFound {
                what: "this workspace has no campaign".to_owned(),
                hint: "`mailrun init NAME` makes one".to_owned(),
            }),
            (several, _) => Err(CliError::Usage {
                what: "which campaign?".to_owned(),
                hint: format!("name one of {}", listed(&quoted(several))),
            }),
        }
    }

    /// The campaigns that are meant: the one named, the one whose folder we stand in, or else all.
    ///
    /// # Errors
    /// There is none of that name, or none at all.
    pub(crate) fn campaigns(
        &self,
        workspace: &Workspace,
        named: Option<&str>,
    ) -> Result<Vec<String>, CliError> {
        let known = workspace.campaign_names()?;
        if named.is_some() || known.len() < 2 || self.standing_in(workspace).is_some() {
            return Ok(vec![self.campaign(workspace, named)?]);
        }
        Ok(known)
    }

    /// The campaign in whose folder the operator stands, if any.
    fn standing_in(&self, workspace: &Workspace) -> Option<String> {
        let here = std::path::absolute(self.here().ok()?).ok()?;
        let below = here.strip_prefix(workspace.root().join("campaigns")).ok()?;
        below.components().next().and_then(|name| name.as_os_str().to_str().map(str::to_owned))
    }
}

fn missing(name: &str, known: Vec<String>) -> CliError {
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    if nearest.is_none() && !known.is_empty() {
        return CliError::NotFound {
            what: format!("no campaign is called `{name}`"),
            hint: format!(
                "there {} {}",
                if known.len() == 1 { "is" } else { "are" },
                listed(&quoted(&known))
            ),
        };
    }
    CampaignError::NoCampaign { name: name.to_owned(), nearest, known }.into()
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

/// The relays of `--relays a,b`; none if the flag was not given.
pub(crate) fn relay_names(names: &[String]) -> Option<Vec<RelayName>> {
    (!names.is_empty()).then(|| names.iter().map(|name| RelayName::new(name)).collect())
}

fn paint(when: When) {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    set_colours(match when {
        When::Auto if refused => Some(false),
        When::Auto => None,
        When::Always => Some(true),
        When::Never => Some(false),
    });
}

/// Turns colours on or off on both streams; none leaves it to what each stream is.
fn set_colours(wanted: Option<bool>) {
    let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
    console::set_colors_enabled(wanted.unwrap_or(stdout && !console::is_dumb()));
    console::set_colors_enabled_stderr(wanted.unwrap_or(stderr && !console::is_dumb()));
}

fn showing(how: How, volume: Volume) -> Showing {
    let terminal = std::io::stderr().is_terminal() && !console::is_dumb();
    match (how, volume) {
        (How::None, _) | (_, Volume::Quiet) => Showing::Nothing,
        (How::Auto, _) if terminal => Showing::Bars,
        (How::Auto | How::Plain, _) => Showing::Lines,
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::samples;

    #[test]
    fn the_only_campaign_need_not_be_named() {
        let folder = samples::workspace(&["welcome"]);
        let operator = samples::operator(folder.path());
        let workspace = operator.workspace().expect("a workspace");
        assert_eq!(operator.campaign(&workspace, None).expect("the only one"), "welcome");
        assert_eq!(operator.campaign(&workspace, Some("campaigns/welcome/")).expect("a path"), "welcome");
    }

    #[test]
    fn one_of_several_must_be_named() {
        let folder = samples::workspace(&["autumn", "welcome"]);
        let operator = samples::operator(folder.path());
        let workspace = operator.workspace().expect("a workspace");
        let error = operator.campaign(&workspace, None).expect_err("two");
        assert_eq!(error.hint().as_deref(), Some("name one of `autumn` and `welcome`"));
        assert_eq!(operator.campaigns(&workspace, None).expect("all of them"), ["autumn", "welcome"]);
        assert_eq!(operator.campaigns(&workspace, Some("autumn")).expect("one"), ["autumn"]);
        let error = operator.campaign(&workspace, Some("welcom")).expect_err("misspelt");
        assert_eq!(error.hint().as_deref(), Some("did you mean `welcome`?"));
        assert_eq!(error.exit(None), crate::cli::Exit::NotFound);
        let error = operator.campaign(&workspace, Some("zzz")).expect_err("unknown");
        assert_eq!(error.hint().as_deref(), Some("there are `autumn` and `welcome`"));
    }
}
