//! All rules together: their literals, their expressions, their names.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use auscult_model::Sha256;
use regex_automata::{meta::Regex, util::syntax};

use super::{
    literals::{LiteralId, Literals},
    rule::{Literal, Pattern, Rule, RuleError},
};

/// `(GROUP/ID.toml, text)` of every rule file, sorted; written by the build script.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rule_files.rs"));

/// A set of rules, ready to scan with.
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) programs: Vec<Program>,
    pub(super) literals: Literals,
    /// Index of a rule and an expression that a whole file name must match.
    pub(super) file_names: Vec<(usize, Regex)>,
    names: BTreeMap<String, usize>,
    digest: Sha256,
}

/// A pattern with its literals as numbers and its expression.
pub(super) struct Program {
    /// Index of the rule and of the pattern in it.
    pub(super) rule: usize,
    pub(super) pattern: usize,
    pub(super) literal: LiteralId,
    pub(super) requires: Vec<LiteralId>,
    pub(super) requires_any: Vec<LiteralId>,
    pub(super) excludes: Vec<LiteralId>,
    /// Compiled when first needed: most files meet few literals, and start-up time counts.
    regex: OnceLock<Option<Regex>>,
}

impl Program {
    /// The expression, or none where the pattern has none.
    pub(super) fn regex(&self, pattern: &Pattern) -> Option<&Regex> {
        self.regex
            .get_or_init(|| pattern.version.as_deref().and_then(|text| compile(text).ok()))
            .as_ref()
    }
}

/// Compiles an expression over bytes, without Unicode.
fn compile(text: &str) -> Result<Regex, Box<regex_automata::meta::BuildError>> {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20)))
        .build(text)
        .map_err(Box::new)
}

impl RuleSet {
    /// The rules that the program carries.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<RuleSet> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the files are part of the program and tested")]
            RuleSet::assemble(FILES).expect("invariant: the embedded rule files are valid")
        });
        &BUILTIN
    }

    /// The digest of the rules that the program carries, without making them ready: reading an SBOM
    /// needs no more.
    pub fn builtin_digest() -> Sha256 {
        digest_of(FILES)
    }

    /// Reads rule files, given as `(GROUP/ID.toml, text)`, and checks their expressions.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let set = Self::assemble(files)?;
        for (rule, pattern) in
            set.rules.iter().flat_map(|rule| rule.patterns.iter().map(move |p| (rule, p)))
        {
            let Some(text) = pattern.version.as_deref() else { continue };
            let reason = match compile(text) {
                Ok(regex) if regex.captures_len() < 2 => "has no group".to_owned(),
                Ok(_) => continue,
                Err(error) => error.to_string(),
            };
            return Err(RuleError::Invalid {
                rule: rule.id.clone(),
                reason: format!("{text:?} {reason}"),
            });
        }
        Ok(set)
    }

    /// The embedded files, for the test that checks them with their expressions.
    #[cfg(test)]
    pub(super) fn embedded_files() -> &'static [(&'static str, &'static str)] {
        FILES
    }

    fn assemble(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let rules = files.iter().map(|(file, text)| Rule::from_toml(file, text));
        let rules = rules.collect::<Result<Vec<Rule>, RuleError>>()?;
        let names = index_names(&rules)?;
        let file_names = compile_names(&rules)?;
        let mut literals = Literals::default();
        let programs = rules
            .iter()
            .enumerate()
            .flat_map(|(index, rule)| {
                rule.patterns.iter().enumerate().map(move |(number, p)| (index, number, p))
            })
            .map(|(rule, pattern, source)| program(&mut literals, rule, pattern, source))
            .collect();
        Ok(Self { rules, programs, literals, file_names, names, digest: digest_of(files) })
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Tells whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The digest over the names and texts of all rule files.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// All rules, sorted by file name.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of the component that this package is called after: `libssl3` is OpenSSL.
    ///
    /// The name itself is sought first, then without the version that packagers append to it.
    pub fn for_name(&self, name: &str) -> Option<&Rule> {
        let name = name.to_lowercase();
        let stem = name.trim_end_matches(|character: char| {
            character.is_ascii_digit() || matches!(character, '.' | '-' | '_')
        });
        let index = self.names.get(&name).or_else(|| self.names.get(stem))?;
        self.rules.get(*index)
    }

    /// The rule of the component that this soname or library file belongs to. Where C libraries
    /// share names, the whole soname decides: `libm.so.6` is glibc's, `libm.so.0` uClibc's.
    pub fn for_soname(&self, soname: &str) -> Option<&Rule> {
        if let Some(&index) = self.names.get(&soname.to_lowercase()) {
            return self.rules.get(index);
        }
        let (stem, _) = soname.split_once(".so")?;
        self.for_name(stem)
    }
}

/// The digest over the names and texts of rule files.
fn digest_of(files: &[(&str, &str)]) -> Sha256 {
    let mut canonical = Vec::new();
    // Name and text with their lengths: no two sets share the canonical bytes.
    for part in files.iter().flat_map(|(file, text)| [file, text]) {
        canonical.extend_from_slice(&u64::try_from(part.len()).unwrap_or(0).to_le_bytes());
        canonical.extend_from_slice(part.as_bytes());
    }
    Sha256::of(&canonical)
}

fn compile_names(rules: &[Rule]) -> Result<Vec<(usize, Regex)>, RuleError> {
    let mut expressions = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for text in &rule.names {
            let regex = compile(&format!("^(?:{text})$")).map_err(|error| RuleError::Invalid {
                rule: rule.id.clone(),
                reason: error.to_string(),
            })?;
            expressions.push((index, regex));
        }
    }
    Ok(expressions)
}

/// The pattern with its literals made known.
fn program(literals: &mut Literals, rule: usize, pattern: usize, source: &Pattern) -> Program {
    let mut numbers =
        |all: &[Literal]| all.iter().map(|one| literals.number(one)).collect::<Vec<_>>();
    Program {
        rule,
        pattern,
        requires: numbers(&source.requires),
        requires_any: numbers(&source.requires_any),
        excludes: numbers(&source.excludes),
        literal: literals.number(&source.literal),
        regex: OnceLock::new(),
    }
}

/// Every name of every rule; a name of two rules would make identification depend on order.
fn index_names(rules: &[Rule]) -> Result<BTreeMap<String, usize>, RuleError> {
    let mut names = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        for name in [&rule.id, &rule.name].into_iter().chain(&rule.aliases) {
            let name = name.to_lowercase();
            match names.insert(name.clone(), index) {
                Some(other) if other != index => {
                    let reason = format!("the name {name:?} belongs to two rules");
                    return Err(RuleError::Invalid { rule: rule.id.clone(), reason });
                }
                _ => {}
            }
        }
    }
    Ok(names)
}
