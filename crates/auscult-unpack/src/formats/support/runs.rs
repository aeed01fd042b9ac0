//! Runs of a file's bytes on a disk, put together in the order of the file.

use crate::{Extent, Fault};

/// Runs of one file; a larger number is damage.
const RUNS_MAX: usize = 1 << 20;

/// Bytes in a row, in the file and in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Offset in the file.
    pub(crate) logical: u64,
    /// Offset in the image.
    pub(crate) place: u64,
    /// Length in bytes.
    pub(crate) length: u64,
}

/// The runs of one file while they are collected, in any order.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// Adds a run; one that goes on where the last ended is joined to it.
    ///
    /// # Errors
    /// A fault for more runs than any file has.
    pub(crate) fn push(&mut self, run: Run) -> Result<(), Fault> {
        if let Some(last) = self.runs.last_mut()
            && last.logical.checked_add(last.length) == Some(run.logical)
            && last.place.checked_add(last.length) == Some(run.place)
        {
            last.length = last.length.saturating_add(run.length);
            return Ok(());
        }
        if self.runs.len() >= RUNS_MAX {
            let why = format!("more than {RUNS_MAX} pieces");
            return Err(Fault::new(run.place, "map a file", why));
        }
        self.runs.push(run);
        Ok(())
    }

    /// The file of this size, with zeros in the holes. Where runs overlap, the first one wins;
    /// what lies past the end of the image keeps its place and is told.
    pub(crate) fn join(mut self, image: &Extent, size: u64, faults: &mut Vec<Fault>) -> Extent {
        self.runs.sort_by_key(|run| run.logical);
        let vault = image.vault();
        let (mut parts, mut position) = (Vec::new(), 0);
        for run in &self.runs {
            let end = run.logical.saturating_add(run.length).min(size);
            if run.logical < position || run.logical >= end {
                continue;
            }
            if run.logical > position {
                parts.push(Extent::zeros(vault, run.logical - position));
            }
            push_run(image, run.place, end - run.logical, &mut parts, faults);
            position = end;
        }
        if position < size {
            parts.push(Extent::zeros(vault, size - position));
        }
        Extent::joined(vault, parts)
    }
}

/// Adds bytes of the image; those past its end are missing.
fn push_run(
    image: &Extent,
    place: u64,
    length: u64,
    parts: &mut Vec<Extent>,
    faults: &mut Vec<Fault>,
) {
    let there = image.clamp(place, length);
    let missing = length - there.len();
    if !there.is_empty() {
        parts.push(there);
    }
    if missing > 0 {
        let why = format!("{missing} bytes are past the end");
        let fault = Fault::new(place, "find a file's blocks", why);
        faults.push(fault.clone());
        parts.push(Extent::missing(image.vault(), missing, fault));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{Run, Runs};
    use crate::{Extent, Vault};

    #[test]
    fn holes_read_as_zeros_and_losses_keep_their_place() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let image = Extent::from_memory(&vault, &b"0123456789"[..]);
        let mut runs = Runs::default();
        for (logical, place, length) in [(6, 8, 4), (0, 2, 2), (2, 4, 1), (1, 9, 1)] {
            runs.push(Run { logical, place, length }).unwrap();
        }
        let mut faults = Vec::new();
        let file = runs.join(&image, 10, &mut faults);
        assert_eq!((file.len(), faults.len()), (10, 1));
        assert_eq!(file.read(0, 8).unwrap(), "234\0\0\089");
        assert_eq!(file.read(7, 2).unwrap_err().why, faults[0].why);
    }
}
