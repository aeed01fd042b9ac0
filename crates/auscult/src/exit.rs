//! Exit codes: an interface that others' scripts call (DESIGN section 4).

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, something was identified, and no gate was asked for or it passed.
    Done,
    /// The program could not do its work.
    Failed,
    /// The command line was wrong.
    Usage,
    /// The gate failed.
    GateFailed,
    /// Nothing could be identified, or a gate lacks something it needs.
    Inconclusive,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::GateFailed => 3,
            Self::Inconclusive => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
