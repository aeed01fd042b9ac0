//! How fast: no more requests to a host than it allows, and no body slower than the least rate.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::config::{Rate, Transfer};

/// Requests made to each host of late.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    hosts: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl Pace {
    /// Books a request to a host; tells how long to wait before it may be made.
    pub(crate) fn book(&self, host: &str, rate: Rate, now: Instant) -> Duration {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let booked = hosts.entry(host.to_owned()).or_default();
        let window = rate.window();
        booked.retain(|at| now.saturating_duration_since(*at) < window);
        let most = usize::try_from(rate.requests.max(1)).unwrap_or(usize::MAX);
        // The request may be made when the one that is `most` before it has left the window.
        let before = booked.len().checked_sub(most).and_then(|at| booked.get(at));
        let at = before.map_or(now, |at| *at + window).max(now);
        booked.push_back(at);
        at.saturating_duration_since(now)
    }
}

/// The wait before an attempt, `attempt` from 1: doubling, and up to half of it by chance, so that
/// many clients that failed together do not come back together.
pub(crate) fn backoff(transfer: &Transfer, attempt: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    let wait = transfer.first_wait_ms.saturating_mul(doubled);
    let wait = wait.min(transfer.longest_wait_s.saturating_mul(1000));
    let half = wait.div_euclid(2);
    // The standard library's hasher is keyed by chance.
    let chance = RandomState::new().build_hasher().finish();
    Duration::from_millis(
        half.saturating_add(chance.checked_rem(half.saturating_add(1)).unwrap_or(0)),
    )
}

/// Watches that enough bytes come in each span of time.
#[derive(Debug)]
pub(crate) struct LeastRate {
    since: Instant,
    bytes: u64,
}

impl LeastRate {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { since: now, bytes: 0 }
    }

    /// Counts bytes; false if the span is over and too few came.
    pub(crate) fn enough(&mut self, transfer: &Transfer, received: u64, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(received);
        if now.saturating_duration_since(self.since) < Duration::from_secs(transfer.slow_s) {
            return true;
        }
        let enough = self.bytes >= transfer.slow_bytes;
        *self = Self::begin(now);
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LeastRate, Pace, backoff};
    use crate::config::{Rate, Transfer};

    #[test]
    fn no_window_holds_more_requests_than_allowed() {
        let (pace, start) = (Pace::default(), Instant::now());
        let rate = Rate { requests: 5, seconds: 30 };
        let waits: Vec<u64> = (0..12).map(|_| pace.book("nvd", rate, start).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 30, 30, 30, 30, 30, 60, 60]);
        assert_eq!(pace.book("other", rate, start), Duration::ZERO);
        let later = start + Duration::from_secs(200);
        assert_eq!(pace.book("nvd", rate, later), Duration::ZERO);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let transfer = Transfer { first_wait_ms: 1000, longest_wait_s: 5, ..Transfer::default() };
        for (attempt, most) in [(1, 1000), (2, 2000), (3, 4000), (4, 5000), (99, 5000)] {
            let wait = backoff(&transfer, attempt).as_millis();
            assert!(wait <= most && wait >= most / 2, "{attempt}: {wait} ms");
        }
    }

    #[test]
    fn a_drip_is_noticed_and_a_slow_stream_is_not() {
        let transfer = Transfer { slow_s: 10, slow_bytes: 100, ..Transfer::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut drip = LeastRate::begin(start);
        assert!((1..10).all(|second| drip.enough(&transfer, 1, at(second))));
        assert!(!drip.enough(&transfer, 1, at(10)));
        let mut slow = LeastRate::begin(start);
        assert!((1..60).all(|second| slow.enough(&transfer, 11, at(second))));
    }
}
