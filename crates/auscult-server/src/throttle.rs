//! How many requests one address may send: a bucket that fills at a steady rate.
//!
//! It protects this process, so it is kept in this process; the limit on failed sign-ins, which
//! protects accounts, is in the store.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Seconds of the rate that may be used up at once.
const BURST_SECONDS: f64 = 10.0;
/// Addresses that are remembered; beyond them those that are at rest are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// The buckets of all addresses.
pub(crate) struct Throttle {
    per_second: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), buckets: Mutex::default() }
    }

    /// Takes one request from an address, or tells after how many seconds it may come again.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        let full = self.per_second * BURST_SECONDS;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX {
            buckets.retain(|_, bucket| bucket.filled(self.per_second, full, now) < full);
        }
        let bucket = buckets.entry(address).or_insert(Bucket { left: full, at: now });
        bucket.left = bucket.filled(self.per_second, full, now);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(1);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

impl Bucket {
    fn filled(&self, per_second: f64, full: f64, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        since.mul_add(per_second, self.left).min(full)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Throttle;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let throttle = Throttle::new(2);
        let (one, two) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let start = Instant::now();
        assert!((0..20).all(|_| throttle.take(one, start).is_ok()));
        assert_eq!(throttle.take(one, start), Err(1));
        assert_eq!(throttle.take(two, start), Ok(()));
        let later = start + Duration::from_secs(1);
        assert_eq!((throttle.take(one, later), throttle.take(one, later)), (Ok(()), Ok(())));
        assert_eq!(throttle.take(one, later), Err(1));
    }
}
