//! A bound on what a reader spends on structures that a sound image holds once each, so that a
//! crafted one cannot have the same bytes read again and again.

use crate::Fault;

/// Bytes that may still be spent.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { left: bytes }
    }

    /// Spends bytes on doing `what` at `place`.
    ///
    /// # Errors
    /// A fault once more is asked for than a sound image needs; nothing is spent then.
    pub(crate) fn take(&mut self, bytes: u64, place: u64, what: &str) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let why = format!("{bytes} bytes more than an image of this size can need");
            Fault::new(place, what, why)
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn what_is_spent_is_gone() {
        let mut budget = Budget::new(10);
        assert!(budget.take(7, 0, "read").is_ok());
        assert!(budget.take(4, 0, "read").is_err());
        assert!(budget.take(3, 0, "read").is_ok());
    }
}
