//! Extents of every origin.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use auscult_model::Limits;

use super::{Derive, Extent};
use crate::{Fault, Sink, Vault};

struct Counting(Arc<AtomicUsize>);

impl Derive for Counting {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        sink.push(b"0123456789")
    }

    fn input_bytes(&self) -> u64 {
        1
    }
}

#[test]
fn derived_bytes_are_computed_once_and_sliced() {
    let vault = Arc::new(Vault::new(Limits::default()));
    let calls = Arc::new(AtomicUsize::new(0));
    let extent = Extent::derived(&vault, 12, Counting(Arc::clone(&calls)));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(extent.read(2, 3).unwrap(), "234");
    assert_eq!(extent.slice(4, 6).unwrap().read_all().unwrap(), "456789");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert!(extent.read(8, 4).unwrap_err().why.contains("promised"));
}

#[test]
fn derived_bytes_too_many_for_the_cache_are_computed_once_all_the_same() {
    let limits = Limits { cache_bytes: 20, ..Limits::default() };
    let vault = Arc::new(Vault::new(limits));
    let calls = Arc::new(AtomicUsize::new(0));
    let extent = Extent::derived(&vault, 12, Counting(Arc::clone(&calls)));
    for (offset, wanted) in (0..).zip("0123456789".as_bytes().windows(3)) {
        assert_eq!(extent.read(offset, 3).unwrap(), wanted);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert!(extent.read(8, 4).unwrap_err().why.contains("promised"));
}

#[test]
fn a_second_reader_meets_the_same_fault() {
    struct Broken;
    impl Derive for Broken {
        fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
            sink.push(b"half")?;
            Err(Fault::new(4, "decompress", "the checksum is wrong"))
        }

        fn input_bytes(&self) -> u64 {
            1
        }
    }
    let vault = Arc::new(Vault::new(Limits::default()));
    let extent = Extent::derived(&vault, 8, Broken);
    let first = extent.read_all().unwrap_err();
    assert_eq!(extent.read(0, 4).unwrap(), "half");
    assert_eq!(extent.read_all().unwrap_err(), first);
    let salvage = extent.clamp(1, 7).salvage();
    assert_eq!((&salvage.bytes[..], salvage.faults.len()), (&b"alf\0\0\0\0"[..], 1));
}

#[test]
fn a_million_parts_cost_no_more_than_one_at_each_look() {
    let vault = Arc::new(Vault::new(Limits::default()));
    let one = Extent::from_memory(&vault, &b"abcdef"[..]);
    let parts: Vec<_> = (0..1_000_000).map(|n| one.slice(n % 3, 3).unwrap()).collect();
    let joined = Extent::joined(&vault, parts);
    for n in 0..200_000 {
        let piece = joined.slice(n * 15, 3).unwrap();
        assert_eq!((piece.weight(), piece.read_all().unwrap().len()), (3, 3));
        assert_eq!(joined.hole_at(n), 0);
    }
}

#[test]
fn strided_extents_leave_out_what_is_between() {
    let vault = Arc::new(Vault::new(Limits::default()));
    let base = Extent::from_memory(&vault, &b"abc-def-ghi-j"[..]);
    let strided = Extent::strided(&base, 3, 4);
    assert_eq!(strided.read_all().unwrap(), "abcdefghij");
    assert_eq!(strided.read(2, 5).unwrap(), "cdefg");
    assert_eq!(strided.slice(4, 2).unwrap().read(1, 1).unwrap(), "f");
    assert_eq!(strided.slice(4, 0).unwrap().read_all().unwrap(), "");
    assert_eq!(Extent::strided(&base.clamp(0, 8), 3, 4).read_all().unwrap(), "abcdef");
}

#[test]
fn joined_extents_read_across_their_seams() {
    let vault = Arc::new(Vault::new(Limits::default()));
    let one = Extent::from_memory(&vault, &b"abcdef"[..]);
    let joined = Extent::joined(
        &vault,
        vec![one.slice(0, 2).unwrap(), one.slice(4, 2).unwrap(), one.clone()],
    );
    assert_eq!(joined.read_all().unwrap(), "abefabcdef");
    assert_eq!(joined.read(1, 4).unwrap(), "befa");
    assert_eq!(joined.slice(3, 2).unwrap().read_all().unwrap(), "fa");
    assert!(joined.read(8, 3).is_err());
    let sparse = Extent::joined(&vault, vec![one.clone(), Extent::zeros(&vault, 1 << 50)]);
    assert_eq!(sparse.read(4, 4).unwrap(), "ef\0\0");
    let holes = [5, 6, 7, 1 << 51].map(|offset| sparse.hole_at(offset));
    assert_eq!(holes, [0, 1 << 50, (1 << 50) - 1, 0]);
    assert_eq!(sparse.slice(4, 100).unwrap().hole_at(10), 90);
    let fault = Fault::new(0, "find a block", "cut");
    let holed =
        Extent::joined(&vault, vec![one.clone(), Extent::missing(&vault, 9, fault), one.clone()]);
    assert_eq!(holed.read(15, 2).unwrap(), "ab");
    assert_eq!(holed.read(5, 2).unwrap_err().what, "find a block");
    assert!(sparse.refusal().is_some() && one.refusal().is_none());
    let salvage = holed.clamp(4, 15).salvage();
    assert_eq!((&salvage.bytes[..], salvage.faults.len()), (&b"ef\0\0\0\0\0\0\0\0\0abcd"[..], 1));
    assert!(sparse.read_all().unwrap_err().why.contains("at once"));
    assert_eq!(one.slice(1, 3).unwrap().offset_in(&one), Some(1));
    assert_eq!(one.slice(3, 2).unwrap().reaching_back(2).read_all().unwrap(), "bcde");
}
