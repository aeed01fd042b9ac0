//! Scanning a file: one pass for the literals, then a look around those that were met.

use auscult_model::{EvidenceClass, Version, VersionClaim};
use regex_automata::{Anchored, Input, meta::Regex, util::captures::Captures};
use serde::Deserialize;

use super::{
    glob,
    literals::LiteralId,
    rule::{Pattern, Rule, Transform},
    ruleset::{Program, RuleSet},
    standalone::Standalone,
    text::printable,
};

/// How many places of one literal are looked at. A hostile file may repeat a literal for ever;
/// in real ones the version stands at one of the first places or nowhere.
const PLACES_MAX: usize = 256;
/// How much a release in a file's name is believed, in percent.
const NAME_CONFIDENCE: u8 = 75;
/// The longest version that is believed.
const VERSION_MAX: usize = 64;

/// What kind of file the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// An ELF program or library.
    Elf,
    /// Any other binary: a kernel, a boot loader, a microcontroller image.
    Raw,
    /// A script or other source text that is run: shell, JavaScript, Lua, … .
    Script,
    /// Any other text: documents, settings, markup.
    Text,
}

/// What is known of a file besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FileContext<'a> {
    /// The path in the image.
    pub path: &'a [u8],
    /// The soname, of a shared library.
    pub soname: Option<&'a str>,
    /// What kind of file it is.
    pub kind: FileKind,
}

/// A trace of a component in a file.
#[derive(Clone, Debug)]
pub struct Hit<'r> {
    /// The rule that matched.
    pub rule: &'r Rule,
    /// What the trace says of the version.
    pub version: VersionClaim,
    /// What the trace proves.
    pub class: EvidenceClass,
    /// Percent.
    pub confidence: u8,
    /// Where the matched bytes start.
    pub offset: u64,
    /// The matched bytes, printable and shortened.
    pub matched: String,
    /// Whether the trace counts only in files of this name: then the file is the component's.
    pub of_file: bool,
}

impl RuleSet {
    /// Finds the traces of all components in a file's bytes, sorted by rule, best first.
    ///
    /// A rule gives one hit per evidence class, or several of lower confidence where the file
    /// contradicts itself about the version.
    pub fn scan(&self, file: &FileContext<'_>, bytes: &[u8]) -> Vec<Hit<'_>> {
        let seen = Seen { bytes, places: self.places(bytes), strings: Standalone::new(bytes) };
        let mut found = self.named(file);
        for program in &self.programs {
            self.run(program, file, &seen, &mut found);
        }
        found.sort_by_key(|(rule, _)| *rule);
        let mut hits = Vec::new();
        while let Some((rule, _)) = found.first() {
            let rule = *rule;
            let end = found.iter().take_while(|(other, _)| *other == rule).count();
            hits.extend(settle(found.drain(..end).map(|(_, hit)| hit).collect()));
        }
        hits
    }

    /// What the file's name says, of the few components whose files carry their release.
    fn named(&self, file: &FileContext<'_>) -> Vec<(usize, Hit<'_>)> {
        let name = file.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let mut found = Vec::new();
        for (index, regex) in self.file_names.iter().filter(|_| file.kind == FileKind::Elf) {
            let mut captures = regex.create_captures();
            regex.search_captures(&Input::new(name), &mut captures);
            let version = captures.get_group(1).and_then(|group| name.get(group.range()));
            let (Some(rule), Some(version)) = (self.rules.get(*index), version) else { continue };
            let hit = Hit {
                rule,
                version: VersionClaim::Exact(Version(printable(version))),
                class: EvidenceClass::ContainsCode,
                confidence: NAME_CONFIDENCE,
                offset: 0,
                matched: printable(name),
                of_file: true,
            };
            found.push((*index, hit));
        }
        found
    }

    /// Where each literal stands, by its number.
    fn places(&self, bytes: &[u8]) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new(); self.literals.len()];
        self.literals.find(bytes, |literal, at| {
            if let Some(list) = places.get_mut(literal)
                && list.len() < PLACES_MAX
            {
                list.push(at);
            }
        });
        places
    }

    fn run<'r>(
        &'r self,
        program: &Program,
        file: &FileContext<'_>,
        seen: &Seen<'_>,
        found: &mut Vec<(usize, Hit<'r>)>,
    ) {
        let Some(rule) = self.rules.get(program.rule) else { return };
        let Some(pattern) = rule.patterns.get(program.pattern) else { return };
        let places = seen.at(program.literal);
        if places.is_empty() || !applies(pattern, file) {
            return;
        }
        let Some(class) = class(program, pattern, |literal| !seen.at(literal).is_empty()) else {
            return;
        };
        // Where the place of the literal says nothing, one is enough.
        let once = pattern.version.is_none() || pattern.standalone;
        for &start in places.get(..if once { 1 } else { places.len() }).unwrap_or_default() {
            let reading = match (program.regex(pattern), &pattern.version) {
                (Some(regex), _) if pattern.standalone => seen
                    .read_standalone(rule, regex, pattern)
                    .or_else(|| read_presence(pattern, seen.bytes, start)),
                (Some(regex), _) => read(regex, pattern, seen.bytes, start),
                (None, None) => read_record(pattern, seen.bytes, start)
                    .or_else(|| read_presence(pattern, seen.bytes, start)),
                (None, Some(_)) => None,
            };
            let hit = reading.map(|reading| Hit {
                rule,
                version: reading.version,
                class,
                confidence: pattern.confidence,
                offset: u64::try_from(reading.start).unwrap_or(u64::MAX),
                matched: printable(reading.matched),
                of_file: !pattern.file.is_empty(),
            });
            found.extend(hit.map(|hit| (program.rule, hit)));
        }
    }
}

/// What one pass saw in a file.
struct Seen<'b> {
    bytes: &'b [u8],
    /// Where each literal stands, by its number.
    places: Vec<Vec<usize>>,
    strings: Standalone<'b>,
}

impl<'b> Seen<'b> {
    fn at(&self, literal: LiteralId) -> &[usize] {
        self.places.get(literal).map_or(&[], Vec::as_slice)
    }

    fn read_standalone(
        &self,
        rule: &Rule,
        regex: &Regex,
        pattern: &Pattern,
    ) -> Option<Reading<'b>> {
        let mut captures = regex.create_captures();
        self.strings.only(&rule.id, regex, &mut captures)?;
        reading(&captures, pattern, self.bytes)
    }
}

/// Whether the pattern speaks of files of this kind and name.
fn applies(pattern: &Pattern, file: &FileContext<'_>) -> bool {
    if !pattern.kinds.contains(&file.kind) {
        return false;
    }
    let name = file.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let soname = file.soname.unwrap_or_default().as_bytes();
    pattern.file.is_empty()
        || pattern.file.iter().map(String::as_bytes).any(|wanted| {
            glob::matches(wanted, name) || (!soname.is_empty() && glob::matches(wanted, soname))
        })
}

/// What the pattern proves in this file; none if nothing.
fn class(
    program: &Program,
    pattern: &Pattern,
    seen: impl Fn(LiteralId) -> bool,
) -> Option<EvidenceClass> {
    if program.excludes.iter().any(|&literal| seen(literal)) {
        return None;
    }
    let all = program.requires.iter().all(|&literal| seen(literal));
    let any = program.requires_any.is_empty()
        || program.requires_any.iter().any(|&literal| seen(literal));
    if all && any { Some(pattern.class) } else { pattern.otherwise }
}

/// What was read at one place of a literal.
struct Reading<'b> {
    version: VersionClaim,
    start: usize,
    matched: &'b [u8],
}

/// Reads the record that points to the literal.
fn read_record<'b>(pattern: &Pattern, bytes: &'b [u8], start: usize) -> Option<Reading<'b>> {
    let (version, record) = pattern.record?.read(bytes, start)?;
    let matched = bytes.get(start..start.checked_add(pattern.literal.0.len())?)?;
    Some(Reading { version: claim(pattern, version), start: record, matched })
}

fn read_presence<'b>(pattern: &Pattern, bytes: &'b [u8], start: usize) -> Option<Reading<'b>> {
    let version = match &pattern.release {
        Some(release) => claim(pattern, release.clone()),
        None => VersionClaim::Unknown("the trace found carries no version".to_owned()),
    };
    let matched = bytes.get(start..start.checked_add(pattern.literal.0.len())?)?;
    Some(Reading { version, start, matched })
}

fn read<'b>(
    regex: &Regex,
    pattern: &Pattern,
    bytes: &'b [u8],
    start: usize,
) -> Option<Reading<'b>> {
    let literal_end = start.checked_add(pattern.literal.0.len())?;
    let window_end = literal_end.saturating_add(pattern.after).min(bytes.len());
    let mode = if pattern.before == 0 { Anchored::Yes } else { Anchored::No };
    let mut captures = regex.create_captures();
    let mut from = start.saturating_sub(pattern.before);
    while from <= start {
        let input = Input::new(bytes).span(from..window_end).anchored(mode);
        regex.search_captures(&input, &mut captures);
        let whole = captures.get_match()?;
        // With a window in front, the leftmost match may be one of another text.
        if whole.start() <= start && whole.end() >= literal_end {
            return reading(&captures, pattern, bytes);
        }
        from = whole.start() + 1;
    }
    None
}

fn reading<'b>(captures: &Captures, pattern: &Pattern, bytes: &'b [u8]) -> Option<Reading<'b>> {
    let whole = captures.get_match()?;
    let groups: Vec<_> =
        captures.iter().skip(1).flatten().map(|group| group.start..group.end).collect();
    let mut text = version_text(pattern.transform, bytes, &whole.range(), &groups)?;
    if !pattern.table.is_empty() {
        text.clone_from(pattern.table.get(&text)?);
    }
    let matched = bytes.get(whole.range())?;
    Some(Reading { version: claim(pattern, text), start: whole.start(), matched })
}

fn claim(pattern: &Pattern, text: String) -> VersionClaim {
    match &pattern.incomplete {
        None => VersionClaim::Exact(Version(text)),
        Some(reason) => VersionClaim::Incomplete { known: Version(text), reason: reason.clone() },
    }
}

/// The version that the groups spell, unless it is a piece cut out of a longer number.
fn version_text(
    transform: Transform,
    bytes: &[u8],
    whole: &std::ops::Range<usize>,
    groups: &[std::ops::Range<usize>],
) -> Option<String> {
    let (first, last) = (groups.first()?, groups.last()?);
    // Where the expression itself goes on, it knows what follows.
    let cut_in_front =
        first.start == whole.start && continues(bytes.get(..first.start)?.iter().rev());
    if cut_in_front || (last.end == whole.end && continues(bytes.get(last.end..)?.iter())) {
        return None;
    }
    let mut parts = Vec::with_capacity(groups.len());
    for group in groups.iter().filter(|group| !group.is_empty()) {
        parts.push(std::str::from_utf8(bytes.get(group.clone())?).ok()?);
    }
    let joined = parts.join(".");
    let text = match transform {
        Transform::None => joined,
        Transform::Underscores => joined.replace('_', "."),
        Transform::Dashes => joined.replace('-', "."),
        Transform::DecimalTriple => {
            let number: u32 = joined.parse().ok()?;
            format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
        }
    };
    let plausible = text.len() <= VERSION_MAX
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    plausible.then_some(text)
}

/// Whether a version goes on here: with a digit, or with a dot and a digit.
fn continues<'b>(mut outside: impl Iterator<Item = &'b u8>) -> bool {
    match outside.next() {
        Some(b'.') => outside.next().is_some_and(u8::is_ascii_digit),
        Some(byte) => byte.is_ascii_digit(),
        None => false,
    }
}

/// Rank of a hit: containment first, whole versions first, then confidence, then place.
fn rank(hit: &Hit<'_>) -> (EvidenceClass, u8, u8, u64) {
    let precision = match hit.version {
        VersionClaim::Exact(_) => 0,
        VersionClaim::Incomplete { .. } => 1,
        VersionClaim::Range { .. } => 2,
        VersionClaim::Unknown(_) => 3,
    };
    (hit.class, precision, 100 - hit.confidence.min(100), hit.offset)
}

/// Keeps the best hits of one rule in one file.
fn settle(mut hits: Vec<Hit<'_>>) -> Vec<Hit<'_>> {
    hits.sort_by_key(rank);
    let mut kept: Vec<Hit<'_>> = Vec::new();
    for hit in hits {
        if let Some(longer) = kept.iter_mut().find(|other| extends(&hit, other)) {
            // The same version, told in more detail at another place.
            longer.version = hit.version;
            longer.matched = hit.matched;
            longer.offset = hit.offset;
        } else if !kept.iter().any(|other| implied(&hit, other)) {
            kept.push(hit);
        }
    }
    weaken_contradictions(&mut kept);
    kept
}

/// Whether `other` already says what this hit says.
fn implied(hit: &Hit<'_>, other: &Hit<'_>) -> bool {
    match (&hit.version, &other.version) {
        (VersionClaim::Unknown(_), _) => true,
        (
            VersionClaim::Incomplete { known, .. } | VersionClaim::Exact(known),
            VersionClaim::Exact(exact) | VersionClaim::Incomplete { known: exact, .. },
        ) => known == exact || is_detail_of(&exact.0, &known.0),
        _ => false,
    }
}

/// Whether this hit of the same class spells `other`'s version out further.
fn extends(hit: &Hit<'_>, other: &Hit<'_>) -> bool {
    hit.class == other.class
        && match (&hit.version, &other.version) {
            (VersionClaim::Exact(long), VersionClaim::Exact(short)) => {
                is_detail_of(&long.0, &short.0)
            }
            _ => false,
        }
}

/// Whether `long` is `short` and a separator and more.
fn is_detail_of(long: &str, short: &str) -> bool {
    long.strip_prefix(short)
        .and_then(|rest| rest.bytes().next())
        .is_some_and(|byte| matches!(byte, b'.' | b'-' | b'+' | b'_' | b'~'))
}

/// Halves the confidence of versions of one class that contradict each other, but for one that
/// a stronger pattern read.
fn weaken_contradictions(hits: &mut [Hit<'_>]) {
    for class in [EvidenceClass::ContainsCode, EvidenceClass::LinksTo] {
        let exact = |hit: &Hit<'_>| hit.class == class && hit.version.exact().is_some();
        let mut confidences: Vec<u8> =
            hits.iter().filter(|hit| exact(hit)).map(|hit| hit.confidence).collect();
        confidences.sort_unstable_by(|left, right| right.cmp(left));
        let [best, second, ..] = confidences[..] else { continue };
        for hit in hits.iter_mut().filter(|hit| exact(hit)) {
            if hit.confidence < best || best == second {
                hit.confidence /= 2;
            }
        }
    }
}
