//! What is told of a build, and how it differs from what was told before.

use std::{
    collections::{HashMap, HashSet},
    io::{Read as _, Write as _},
};

use auscult_model::{Sha256, SnapshotInfo};
use auscult_store::{Build, ProductId, Told};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::{Answer, Problem},
    summary::{Summary, Touch, word},
};

/// Bytes of an unpacked text; what is packed comes from the store, and is limited all the same.
const TEXT_BYTES_MAX: u64 = 512 << 20;
/// Changes that an event names; the others are counted.
const CHANGES_MAX: usize = 2_000;

/// What was told of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    verdict: String,
    /// In the order of id, component and version, each once.
    findings: Vec<Line>,
}

/// A finding in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    id: String,
    component: String,
    version: String,
    outcome: String,
    urgency: u8,
    is_exploited: bool,
    is_open: bool,
}

type Key<'a> = (&'a str, &'a str, &'a str);

impl Line {
    fn of(id: &str, touch: &Touch) -> Self {
        Self {
            id: id.to_owned(),
            component: touch.component.clone(),
            version: touch.version.clone(),
            outcome: touch.outcome.clone(),
            urgency: touch.urgency,
            is_exploited: touch.is_exploited,
            is_open: touch.is_open,
        }
    }

    fn key(&self) -> Key<'_> {
        (&self.id, &self.component, &self.version)
    }

    /// Takes in another finding of the same vulnerability in the same component, as of a second copy:
    /// the worse of the two counts.
    fn take_in(&mut self, other: Self) {
        if (other.is_open, other.urgency) > (self.is_open, self.urgency) {
            let is_exploited = self.is_exploited || other.is_exploited;
            *self = Self { is_exploited, ..other };
        } else {
            self.is_exploited |= other.is_exploited;
        }
    }
}

impl State {
    fn of(summary: &Summary) -> Self {
        let lines = summary.touches.iter();
        let lines = lines.filter_map(|touch| Some(Line::of(touch.ids.first()?, touch)));
        let mut lines: Vec<Line> = lines.collect();
        lines.sort_by(|one, other| one.key().cmp(&other.key()));
        let mut findings: Vec<Line> = Vec::with_capacity(lines.len());
        for line in lines {
            match findings.last_mut().filter(|known| known.key() == line.key()) {
                Some(known) => known.take_in(line),
                None => findings.push(line),
            }
        }
        Self { verdict: word(&summary.verdict.outcome), findings }
    }

    pub(crate) fn unpacked(told: &Told) -> Answer<Self> {
        let failed = |error: std::io::Error| Problem::internal("unpack what was told", &error);
        let mut text = Vec::new();
        let decoder = ZlibDecoder::new(told.body.as_slice());
        decoder.take(TEXT_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| failed(error.into()))
    }
}

/// A state with the text that is kept, by whose digest states are compared.
pub(crate) struct Written {
    pub(crate) state: State,
    pub(crate) digest: Sha256,
    text: Vec<u8>,
}

impl Written {
    pub(crate) fn of(summary: &Summary) -> Answer<Self> {
        let state = State::of(summary);
        let text = serde_json::to_vec(&state);
        let text = text.map_err(|error| Problem::internal("write what is told", &error))?;
        Ok(Self { digest: Sha256::of(&text), state, text })
    }

    /// As the store keeps it.
    pub(crate) fn packed(&self) -> Answer<Told> {
        let failed = |error: std::io::Error| Problem::internal("pack what is told", &error);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.text).map_err(failed)?;
        Ok(Told { digest: self.digest, body: encoder.finish().map_err(failed)? })
    }
}

/// How a finding changed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// It is there for the first time, and open.
    New,
    /// It is known to be exploited now (KEV).
    Exploited,
    /// It was closed and is open again, as where a decision no longer holds.
    Reopened,
    /// Another outcome follows from what is known.
    Rescored,
    /// It was open and is not any longer: somebody decided, or something was proven.
    Closed,
    /// It was open and is no longer there, as where the advisory was withdrawn.
    Gone,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::New, Self::Exploited, Self::Reopened, Self::Rescored, Self::Closed, Self::Gone];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Exploited => "exploited",
            Self::Reopened => "reopened",
            Self::Rescored => "rescored",
            Self::Closed => "closed",
            Self::Gone => "gone",
        }
    }
}

/// A finding that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    /// The vulnerability.
    pub(crate) id: String,
    pub(crate) component: String,
    pub(crate) version: String,
    /// What it asks for now; of one that is gone, what it asked for.
    pub(crate) outcome: String,
    /// What it asked for before, where that was something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome_before: Option<String>,
    /// How urgent that is: the greater, the more.
    pub(crate) urgency: u8,
    pub(crate) known_exploited: bool,
}

impl Change {
    fn of(kind: Kind, is: &Line, was: Option<&Line>) -> Self {
        let before = was.filter(|was| was.outcome != is.outcome);
        Self {
            kind,
            id: is.id.clone(),
            component: is.component.clone(),
            version: is.version.clone(),
            outcome: is.outcome.clone(),
            outcome_before: before.map(|was| was.outcome.clone()),
            urgency: is.urgency,
            known_exploited: is.is_exploited,
        }
    }

    /// How one finding changed, if in a way that anybody wants to know.
    fn between(was: Option<&Line>, is: &Line) -> Option<Self> {
        let kind = match was {
            None => is.is_open.then_some(Kind::New),
            Some(was) if !is.is_open => was.is_open.then_some(Kind::Closed),
            Some(was) if is.is_exploited && !was.is_exploited => Some(Kind::Exploited),
            Some(was) if !was.is_open => Some(Kind::Reopened),
            Some(was) => (was.outcome != is.outcome).then_some(Kind::Rescored),
        };
        kind.map(|kind| Self::of(kind, is, was))
    }
}

/// What changed for a build: the body of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Difference {
    /// The build's name, and the id of its product.
    pub(crate) label: String,
    #[schema(value_type = String)]
    pub(crate) product: ProductId,
    /// The gate's verdict.
    pub(crate) verdict: String,
    /// What it was before; absent where the build was judged for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict_before: Option<String>,
    /// Findings that are open.
    pub(crate) open: usize,
    /// Those that changed, the most urgent first. Of a build that was judged for the first time, none:
    /// everything in it is new.
    pub(crate) changes: Vec<Change>,
    /// Changes beyond those that are named.
    pub(crate) more: usize,
    /// The advisories that it was judged by: root and date.
    pub(crate) snapshot: String,
    pub(crate) snapshot_date: String,
    /// The day for which it was judged.
    pub(crate) as_of: String,
}

impl Difference {
    /// What changed for a build that was judged by these advisories, for this day.
    pub(crate) fn of(
        build: &Build,
        (snapshot, as_of): (&SnapshotInfo, Date),
        was: Option<&State>,
        is: &State,
        summary: &Summary,
    ) -> Self {
        let mut changes = was.map(|was| changes(was, is, summary)).unwrap_or_default();
        let more = changes.len().saturating_sub(CHANGES_MAX);
        changes.truncate(CHANGES_MAX);
        Self {
            label: build.label.clone(),
            product: build.product,
            verdict: is.verdict.clone(),
            verdict_before: was.map(|was| was.verdict.clone()),
            open: is.findings.iter().filter(|line| line.is_open).count(),
            changes,
            more,
            snapshot: snapshot.root.to_string(),
            snapshot_date: snapshot.date.to_string(),
            as_of: as_of.to_string(),
        }
    }

    /// Whether the build was judged for the first time.
    pub(crate) fn is_first(&self) -> bool {
        self.verdict_before.is_none()
    }

    pub(crate) fn is_another_verdict(&self) -> bool {
        self.verdict_before.as_ref().is_some_and(|before| *before != self.verdict)
    }

    /// Whether there is anything to tell.
    pub(crate) fn is_news(&self) -> bool {
        self.is_first() || self.is_another_verdict() || !self.changes.is_empty()
    }

    pub(crate) fn text(&self) -> Answer<String> {
        serde_json::to_string(self).map_err(|error| Problem::internal("write an event", &error))
    }

    pub(crate) fn read(text: &str) -> Answer<Self> {
        serde_json::from_str(text).map_err(|error| Problem::internal("read an event", &error))
    }
}

/// Every finding that changed, the most urgent first and what is over last; the summary tells other ids of
/// a vulnerability, under which it may have been known.
fn changes(was: &State, is: &State, summary: &Summary) -> Vec<Change> {
    let before: HashMap<Key<'_>, &Line> =
        was.findings.iter().map(|line| (line.key(), line)).collect();
    let mut others: HashMap<Key<'_>, &[String]> = HashMap::new();
    for touch in &summary.touches {
        if let Some((id, others_of_it)) = touch.ids.split_first() {
            others.insert((id, &touch.component, &touch.version), others_of_it);
        }
    }
    let mut seen: HashSet<Key<'_>> = HashSet::new();
    let mut changes = Vec::new();
    for line in &is.findings {
        let (_, component, version) = line.key();
        // An advisory that got its CVE is still the one that was told under another id.
        let aliases = others.get(&line.key()).copied().unwrap_or_default().iter();
        let mut keys =
            std::iter::once(line.key()).chain(aliases.map(|id| (id.as_str(), component, version)));
        let known = keys.find_map(|key| before.get(&key).copied());
        seen.extend(known.map(Line::key));
        changes.extend(Change::between(known, line));
    }
    let gone = was.findings.iter().filter(|line| line.is_open && !seen.contains(&line.key()));
    changes.extend(gone.map(|line| Change::of(Kind::Gone, line, None)));
    changes.sort_by_key(|change| {
        let is_over = matches!(change.kind, Kind::Closed | Kind::Gone);
        (is_over, std::cmp::Reverse(change.urgency), !change.known_exploited, change.kind)
    });
    changes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::{Verdict, VerdictOutcome};

    use super::{Kind, State, Written, changes};
    use crate::summary::{Counts, Summary, Touch};

    fn touch(ids: &[&str], outcome: &str, urgency: u8) -> Touch {
        Touch {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            component: "openssl".to_owned(),
            version: "3.0.1".to_owned(),
            is_open: true,
            outcome: outcome.to_owned(),
            urgency,
            is_exploited: false,
            due: None,
        }
    }

    fn summary(touches: Vec<Touch>) -> Summary {
        let verdict = Verdict { outcome: VerdictOutcome::Pass, reasons: Vec::new() };
        let touches = touches.into_iter().map(Arc::new).collect();
        Summary { verdict, counts: Counts::default(), components: Vec::new(), touches }
    }

    fn check(was: Vec<Touch>, is: Vec<Touch>, expect: &[(Kind, &str)]) {
        let (was, is) = (summary(was), summary(is));
        let told = Written::of(&was).unwrap().packed().unwrap();
        let changes = changes(&State::unpacked(&told).unwrap(), &State::of(&is), &is);
        let found: Vec<_> = changes.iter().map(|one| (one.kind, one.id.as_str())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn each_kind_of_change_is_seen() {
        let plain = |id: &str| touch(&[id], "scheduled", 5);
        let closed = |id: &str| Touch { is_open: false, ..plain(id) };
        let exploited = |id: &str| Touch { is_exploited: true, ..plain(id) };
        check(vec![plain("A")], vec![plain("A")], &[]);
        check(vec![], vec![plain("A")], &[(Kind::New, "A")]);
        check(vec![], vec![closed("A")], &[]);
        check(vec![plain("A")], vec![], &[(Kind::Gone, "A")]);
        check(vec![closed("A")], vec![], &[]);
        check(vec![plain("A")], vec![closed("A")], &[(Kind::Closed, "A")]);
        check(vec![closed("A")], vec![plain("A")], &[(Kind::Reopened, "A")]);
        check(vec![plain("A")], vec![exploited("A")], &[(Kind::Exploited, "A")]);
        check(vec![plain("A")], vec![touch(&["A"], "immediate", 11)], &[(Kind::Rescored, "A")]);
    }

    #[test]
    fn the_most_urgent_comes_first_and_what_is_over_last() {
        let was = vec![touch(&["X"], "immediate", 11)];
        let is = vec![touch(&["A"], "scheduled", 5), touch(&["B"], "immediate", 11)];
        check(was, is, &[(Kind::New, "B"), (Kind::New, "A"), (Kind::Gone, "X")]);
    }

    #[test]
    fn an_advisory_that_got_another_id_is_not_new() {
        let was = vec![touch(&["GHSA-1"], "scheduled", 5)];
        check(was, vec![touch(&["CVE-1", "GHSA-1"], "scheduled", 5)], &[]);
    }

    #[test]
    fn of_two_copies_the_worse_counts() {
        let closed = Touch { is_open: false, ..touch(&["A"], "scheduled", 5) };
        let both = vec![closed.clone(), touch(&["A"], "scheduled", 5)];
        check(vec![closed], both, &[(Kind::Reopened, "A")]);
    }
}
