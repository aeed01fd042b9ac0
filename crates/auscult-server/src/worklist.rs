//! What to do first, over all builds: a row for each vulnerability, not for each build that has it.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use auscult_store::{BuildId, OrganisationId, ProductId, Within};
use jiff::civil::Date;

use crate::{
    evaluate::blocking,
    fleet::{DeviceCounts, Fleet, Row},
    problem::Answer,
    state::App,
    summary::{Summary, Touch},
};

/// A vulnerability that is open in at least one build.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Its usual id.
    pub(crate) id: String,
    /// What the most urgent of its findings asks for.
    pub(crate) outcome: String,
    pub(crate) urgency: u8,
    pub(crate) is_exploited: bool,
    /// The first day by which something is due.
    pub(crate) due: Option<Date>,
    /// Components with their versions.
    pub(crate) components: BTreeSet<(String, String)>,
    pub(crate) products: BTreeSet<ProductId>,
    /// The builds, by their places in [`Gathered::ids`]. Thousands of vulnerabilities are in thousands of
    /// builds, so these are short.
    builds: Vec<u32>,
    /// The foremost place of it in the order of a build.
    place: usize,
}

/// All of it, as it is while somebody asks.
pub(crate) struct Worklist<'a> {
    /// What comes first at the beginning.
    pub(crate) works: Vec<&'a Work>,
    /// All builds within the reach of who asks.
    pub(crate) fleet: Arc<Fleet>,
    /// Devices of which nobody knows the build.
    pub(crate) devices_of_unknown_build: u64,
    /// Builds by their places, and the devices that are known to run each.
    builds: Vec<(BuildId, u64)>,
}

impl Worklist<'_> {
    /// Devices that are known to run one of the builds of a work.
    pub(crate) fn devices(&self, work: &Work) -> u64 {
        self.builds_of(work).map(|(_, devices)| devices).sum()
    }

    /// So many of the builds of a work, the newest first.
    pub(crate) fn newest_builds(&self, work: &Work, count: usize) -> Vec<BuildId> {
        let mut builds: Vec<BuildId> = self.builds_of(work).map(|(build, _)| *build).collect();
        builds.sort_unstable_by(|one, other| other.cmp(one));
        builds.truncate(count);
        builds
    }

    fn builds_of(&self, work: &Work) -> impl Iterator<Item = &(BuildId, u64)> {
        work.builds.iter().filter_map(|place| self.builds.get(*place as usize))
    }
}

/// Asks something of the work on what is within somebody's reach. It is not changed meanwhile, so that
/// nobody needs a copy of it.
pub(crate) async fn ask<T: Send + 'static>(
    app: &App,
    (organisation, within): Asking,
    question: impl FnOnce(&Worklist<'_>) -> T + Send + 'static,
) -> Answer<T> {
    let turn = app.evaluator.works.turn();
    let fleet = Fleet::of(app, organisation, within).await?;
    let devices = DeviceCounts::of(app, organisation, within).await?;
    let gathered = app.evaluator.works.gathered((organisation, within));
    let asking = blocking("put the worklist together", move || {
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let fleet = gathered.of_turn(turn, fleet);
        question(&Worklist {
            works: gathered.in_order().collect(),
            devices_of_unknown_build: devices.of_unknown_build(),
            builds: gathered.ids.iter().map(|id| (*id, devices.running(*id))).collect(),
            fleet,
        })
    });
    asking.await
}

/// Takes in what was judged since, so that the next who asks does not wait for that.
pub(crate) async fn keep_up(app: &App, organisation: OrganisationId) -> Answer<()> {
    ask(app, (organisation, Within::ALL), |_| ()).await
}

/// What was put together for each organisation, and for who reaches a part of it, so that the next
/// question looks only at builds that are new since.
#[derive(Default)]
pub(crate) struct Works {
    kept: Mutex<HashMap<Asking, Arc<Mutex<Gathered>>>>,
    turns: AtomicU64,
}

/// Whose builds, and how many of them.
pub(crate) type Asking = (OrganisationId, Within);

/// So many are kept.
const KEPT_MAX: usize = 16;

impl Works {
    /// Counts the questions, in the order in which they begin.
    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn gathered(&self, asking: Asking) -> Arc<Mutex<Gathered>> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX && !all.contains_key(&asking) {
            all.clear();
        }
        Arc::clone(all.entry(asking).or_default())
    }
}

/// A build that was judged.
struct Judged {
    id: BuildId,
    product: ProductId,
    summary: Arc<Summary>,
}

fn judged(rows: &[Row]) -> Vec<Judged> {
    let judged = rows.iter().filter_map(|row| {
        let (id, product) = (row.build.id, row.build.product);
        row.summary.as_ref().map(|summary| Judged { id, product, summary: Arc::clone(summary) })
    });
    judged.collect()
}

/// What is known of the work of some builds: each vulnerability once, in the order of the outcome, known
/// exploitation, then the foremost place among the findings of a build, which counts with all else.
#[derive(Default)]
struct Gathered {
    /// The builds that were taken in, each as it was then. What is kept by address belongs to them.
    builds: HashMap<BuildId, Arc<Summary>>,
    /// The same in the order in which they were.
    ids: Vec<BuildId>,
    works: Vec<Work>,
    by_id: HashMap<String, usize>,
    /// Builds have findings in common, which are one in memory: only the first time is one looked at.
    by_touch: HashMap<usize, usize>,
    /// Places in `works`, what comes first at the beginning.
    order: Vec<usize>,
    /// The question for which it was brought up to date last, and the builds as they were then.
    turn: u64,
    fleet: Arc<Fleet>,
}

impl Gathered {
    /// Brings it up to what a question found, unless one that began later was here before: what that one
    /// found is newer, and to go back to what was would mean to put all together anew.
    fn of_turn(&mut self, turn: u64, found: Fleet) -> Arc<Fleet> {
        if turn > self.turn {
            self.bring_up_to(&judged(&found.rows));
            (self.turn, self.fleet) = (turn, Arc::new(found));
        }
        Arc::clone(&self.fleet)
    }

    /// Takes in what is new. Where a build is gone or came to something else, all is put together anew.
    fn bring_up_to(&mut self, judged: &[Judged]) {
        let is_known = |one: &&Judged| {
            self.builds.get(&one.id).is_some_and(|known| Arc::ptr_eq(known, &one.summary))
        };
        let known = judged.iter().filter(is_known).count();
        if known == judged.len() && known == self.builds.len() {
            return;
        }
        if known < self.builds.len() {
            *self = Self { turn: self.turn, ..Self::default() };
        }
        for one in judged {
            if !self.builds.contains_key(&one.id) {
                self.take(one);
            }
        }
        self.order.extend(self.order.len()..self.works.len());
        let works = &self.works;
        let rank = |place: &usize| works.get(*place).map(Work::rank);
        // Stable, as that is fast where most is in its order already.
        self.order.sort_by(|one, other| rank(one).cmp(&rank(other)));
    }

    fn in_order(&self) -> impl Iterator<Item = &Work> {
        self.order.iter().filter_map(|place| self.works.get(*place))
    }

    fn take(&mut self, judged: &Judged) {
        let Ok(build) = u32::try_from(self.ids.len()) else { return };
        self.ids.push(judged.id);
        for (place, touch) in judged.summary.touches.iter().enumerate() {
            if !touch.is_open {
                continue;
            }
            let address = Arc::as_ptr(touch).addr();
            let known = self.by_touch.get(&address).copied();
            let Some(id) = touch.ids.first() else { continue };
            let at = known.unwrap_or_else(|| self.place_of(id, touch, place));
            let Some(work) = self.works.get_mut(at) else { continue };
            if known.is_none() {
                self.by_touch.insert(address, at);
                work.take_in(touch);
            }
            work.add(build, judged.product, place);
        }
        self.builds.insert(judged.id, Arc::clone(&judged.summary));
    }

    fn place_of(&mut self, id: &str, touch: &Touch, place: usize) -> usize {
        if let Some(at) = self.by_id.get(id) {
            return *at;
        }
        let at = self.works.len();
        self.works.push(Work::of(id, touch, place));
        self.by_id.insert(id.to_owned(), at);
        at
    }
}

impl Work {
    fn of(id: &str, touch: &Touch, place: usize) -> Self {
        Self {
            id: id.to_owned(),
            outcome: touch.outcome.clone(),
            urgency: touch.urgency,
            is_exploited: touch.is_exploited,
            due: touch.due,
            components: BTreeSet::new(),
            products: BTreeSet::new(),
            builds: Vec::new(),
            place,
        }
    }

    /// What lists are sorted by.
    fn rank(&self) -> (Reverse<u8>, bool, usize, &str) {
        (Reverse(self.urgency), !self.is_exploited, self.place, &self.id)
    }

    /// Takes in a finding that is new to it.
    fn take_in(&mut self, touch: &Touch) {
        if touch.urgency > self.urgency {
            self.urgency = touch.urgency;
            self.outcome.clone_from(&touch.outcome);
        }
        self.is_exploited |= touch.is_exploited;
        self.due = [self.due, touch.due].into_iter().flatten().min();
        self.components.insert((touch.component.clone(), touch.version.clone()));
    }

    /// Takes in that a build has it, at this place of its findings. The builds come one after the other.
    fn add(&mut self, build: u32, product: ProductId, place: usize) {
        self.place = self.place.min(place);
        if self.builds.last() != Some(&build) {
            self.builds.push(build);
            self.products.insert(product);
        }
    }

    /// Builds in which it is open.
    pub(crate) fn builds(&self) -> usize {
        self.builds.len()
    }

    /// Its components in words.
    pub(crate) fn components_text(&self) -> String {
        let named = self.components.iter().map(|(name, version)| format!("{name} {version}"));
        named.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use auscult_model::{Verdict, VerdictOutcome};
    use auscult_store::{BuildId, ProductId};

    use super::{Gathered, Judged, Work, Worklist};
    use crate::{
        fleet::Fleet,
        summary::{Counts, Summary, Touch},
    };

    fn touch(number: usize) -> Arc<Touch> {
        Arc::new(Touch {
            // Two findings of one vulnerability are in different components.
            ids: vec![format!("CVE-2099-{:04}", number / 2)],
            component: format!("part{number}"),
            version: "1.0".to_owned(),
            is_open: !number.is_multiple_of(5),
            outcome: format!("outcome {}", number % 3),
            urgency: u8::try_from(number % 3).unwrap(),
            is_exploited: number.is_multiple_of(7),
            due: None,
        })
    }

    fn judged(touches: &[Arc<Touch>], step: usize) -> Judged {
        let verdict = Verdict { outcome: VerdictOutcome::Fail, reasons: Vec::new() };
        let touches = touches.iter().step_by(step).map(Arc::clone).collect();
        let (counts, components) = (Counts::default(), Vec::new());
        let summary = Arc::new(Summary { verdict, counts, components, touches });
        let id: BuildId = format!("00000000-0000-7000-8000-{step:012}").parse().unwrap();
        let product: ProductId = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        Judged { id, product, summary }
    }

    /// Everything in its order, with the builds by their ids.
    fn told(gathered: &Gathered) -> Vec<String> {
        let told = gathered.in_order().map(|work| {
            let builds = work.builds.iter().map(|place| gathered.ids[*place as usize]);
            let builds: BTreeSet<BuildId> = builds.collect();
            assert_eq!(builds.len(), work.builds(), "a build counts once");
            format!("{builds:?} {:?}", Work { builds: Vec::new(), ..work.clone() })
        });
        told.collect()
    }

    #[test]
    fn what_is_taken_in_bit_by_bit_is_what_all_at_once_comes_to() {
        let touches: Vec<Arc<Touch>> = (0..60).map(touch).collect();
        let mut all: Vec<Judged> = (1..6).map(|step| judged(&touches, step)).collect();
        let mut bit_by_bit = Gathered::default();
        for until in [1, 3, 3, 5] {
            bit_by_bit.bring_up_to(&all[..until]);
        }
        let mut at_once = Gathered::default();
        at_once.bring_up_to(&all);
        assert_eq!(told(&bit_by_bit), told(&at_once));
        let builds = at_once.ids.iter().map(|id| (*id, 0)).collect();
        let fleet = Arc::default();
        let works = at_once.in_order().collect();
        let list = Worklist { works, fleet, devices_of_unknown_build: 0, builds };
        for work in &list.works {
            let newest = list.newest_builds(work, usize::MAX);
            assert!(work.builds() > 0 && newest.len() == work.builds());
            assert!(newest.is_sorted_by(|one, next| one > next), "{newest:?}");
            assert_eq!(list.newest_builds(work, 1), newest[..1]);
        }
        // Who began earlier and comes later takes nothing away.
        assert_eq!(bit_by_bit.of_turn(2, Fleet::default()).rows.len(), 0);
        bit_by_bit.bring_up_to(&all);
        bit_by_bit.of_turn(1, Fleet::default());
        assert_eq!(told(&bit_by_bit), told(&at_once));
        // What a build had is gone with it.
        all[0] = Judged { summary: judged(&[], 1).summary, ..judged(&touches, 1) };
        all.remove(2);
        bit_by_bit.bring_up_to(&all);
        let mut anew = Gathered::default();
        anew.bring_up_to(&all);
        assert_eq!(told(&bit_by_bit), told(&anew));
    }
}
