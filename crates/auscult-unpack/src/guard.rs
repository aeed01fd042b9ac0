//! A mistake in one reader must not cost the rest of the image: where a reader panics, that is a
//! fault of the bytes that it read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Fault;

/// Runs a reader. Tests and fuzzers are to see its panics; users get a fault instead.
pub(crate) fn guard<T>(
    what: impl FnOnce() -> String,
    read: impl FnOnce() -> T,
) -> Result<T, Fault> {
    if cfg!(any(test, fuzzing)) { Ok(read()) } else { caught(what, read) }
}

/// Nothing that a panic could leave half done is looked at again: caches take whole values only.
fn caught<T>(what: impl FnOnce() -> String, read: impl FnOnce() -> T) -> Result<T, Fault> {
    let failed = |_| Fault::new(0, what(), "its reader failed; please report it with the image");
    catch_unwind(AssertUnwindSafe(read)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_a_fault() {
        let numbers = [1_u8, 255];
        let sum = |with: u8| caught(|| "add".to_owned(), || numbers.iter().map(|n| n + with).max());
        assert_eq!(sum(0).unwrap(), Some(255));
        let fault = sum(1).unwrap_err();
        assert_eq!((fault.what.as_str(), fault.offset), ("add", 0));
    }
}
