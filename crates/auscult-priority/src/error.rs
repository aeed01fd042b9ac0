//! What can go wrong: texts that people wrote and that do not say what they should.

use crate::{decide::DecisionPolicy, policy::Rule};

/// An unusable policy, context or rule list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A TOML file that does not fit; the message names the key and the words allowed.
    #[error("read the {what} at line {line}: {message}")]
    Toml {
        /// `gate policy` or `device context`.
        what: &'static str,
        /// The line, counted from one.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A word that is no rule.
    #[error("read {word:?} as a rule: expected one of {}", Rule::WORDS.join(", "))]
    UnknownRule {
        /// The word given.
        word: String,
    },
    /// A word that names no decision table.
    #[error("read {word:?} as a decision table: expected some of {}", DecisionPolicy::WORDS.join(", "))]
    UnknownTable {
        /// The word given.
        word: String,
    },
    /// A list of rules without any.
    #[error("read the list of rules: it is empty; expected some of {}", Rule::WORDS.join(", "))]
    NoRule,
}
