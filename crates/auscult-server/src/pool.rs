//! Values that many builds have in common, kept once.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// Values that many builds have: equal ones are one, for as long as anybody has it.
#[derive(Debug)]
pub struct Pool<T> {
    values: HashSet<Arc<T>>,
    /// So many values are looked through for those that nobody has any more.
    look_at: usize,
}

impl<T: Eq + Hash> Pool<T> {
    /// With fewer values there is nothing to be won.
    const LOOK_AT_MIN: usize = 10_000;

    /// The one value that is equal to this.
    pub fn one(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.values.get(&value) {
            return Arc::clone(known);
        }
        if self.values.len() >= self.look_at {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.look_at = Self::LOOK_AT_MIN.max(self.values.len() * 2);
        }
        let value = Arc::new(value);
        self.values.insert(Arc::clone(&value));
        value
    }

    /// Where those are that this holds of, in the order of their addresses: so that many builds are
    /// looked through by comparing addresses alone.
    pub fn addresses(&self, is_wanted: impl Fn(&T) -> bool) -> Vec<*const T> {
        let wanted = self.values.iter().filter(|value| is_wanted(value));
        let mut addresses: Vec<*const T> = wanted.map(Arc::as_ptr).collect();
        addresses.sort_unstable();
        addresses
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), look_at: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Pool;

    #[test]
    fn equal_values_are_one_and_go_when_nobody_has_them() {
        let mut pool = Pool::default();
        let kept = pool.one("kept".to_owned());
        assert!(Arc::ptr_eq(&kept, &pool.one("kept".to_owned())));
        for number in 0..3 * Pool::<String>::LOOK_AT_MIN {
            pool.one(number.to_string());
        }
        assert!(pool.values.len() <= Pool::<String>::LOOK_AT_MIN, "{}", pool.values.len());
        assert!(Arc::ptr_eq(&kept, &pool.one("kept".to_owned())));
    }
}
