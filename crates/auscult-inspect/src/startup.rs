//! Who wrote the start-up code of a microcontroller's program, told by its table of handlers.
//!
//! A program linked against a library that leaves no text still begins with that library's table of
//! exception handlers (Armv7-M Architecture Reference Manual, section B1.5.2), and the handlers that
//! nobody replaced are the library's own code.

use auscult_model::{EvidenceClass, VersionClaim};
use auscult_unpack::{NodeId, NodeKind, Tree};

use crate::signatures::{Hit, RuleSet};

/// The table of a core with all interrupts.
const TABLE_BYTES: usize = 4 * (16 + 496);
/// Exceptions of the core; interrupts of the maker's peripherals follow.
const EXCEPTIONS: usize = 16;
/// The non-maskable interrupt.
const NMI: usize = 2;
/// Supervisor call, debug monitor, pended call, system timer.
const CALLS: [usize; 4] = [11, 12, 14, 15];
/// `bx lr`: returns at once.
const RETURN: u16 = 0x4770;
/// `b .`: hangs.
const HANG: u16 = 0xe7fe;
/// So many interrupts without a handler of their own are no accident.
const UNUSED_MIN: usize = 8;
const CONFIDENCE: u8 = 80;

/// The library that the start-up code of each Cortex-M program in the image comes from, with its
/// place, where it can be told.
pub(crate) fn read(tree: &Tree) -> Vec<(NodeId, Hit<'static>)> {
    tree.nodes().filter_map(|(id, _)| Some((id, of_program(tree, id)?))).collect()
}

fn of_program(tree: &Tree, id: NodeId) -> Option<Hit<'static>> {
    let node = tree.node(id);
    let NodeKind::Container { format: "cortex-m", attributes, .. } = &node.kind else {
        return None;
    };
    let base = attributes.get("load-address-guess")?.strip_prefix("0x")?;
    let base = u32::from_str_radix(base, 16).ok()?;
    let content = node.content.as_ref()?;
    let count = attributes.get("vectors")?.parse::<usize>().ok()?;
    let table = content.read_up_to(0, u64::try_from(TABLE_BYTES.min(count * 4)).ok()?).ok()?;
    let (words, _) = table.as_chunks::<4>();
    let handlers: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let instruction = |handler: u32| {
        let place = u64::from((handler & !1).checked_sub(base)?);
        let bytes = content.read(place, 2).ok()?;
        Some(u16::from_le_bytes(bytes.first_chunk().copied()?))
    };
    let place = is_libopencm3(&handlers, instruction)?.checked_sub(base)?;
    Some(Hit {
        rule: RuleSet::builtin().for_name("libopencm3")?,
        version: VersionClaim::Unknown("the trace found carries no version".to_owned()),
        class: EvidenceClass::ContainsCode,
        confidence: CONFIDENCE,
        offset: u64::from(place),
        matched: "its null_handler, beside its blocking_handler, in the vector table".to_owned(),
        of_file: false,
    })
}

/// The address of libopencm3's `null_handler`, if the table is of its `lib/cm3/vector.c`.
///
/// That file alone gives the exceptions that may be ignored one common handler which returns, all
/// others one which hangs, and has both beside each other. Start-up code of other makers hangs in
/// all of them, or has a function for each.
fn is_libopencm3(handlers: &[u32], code: impl Fn(u32) -> Option<u16>) -> Option<u32> {
    let ignored = *handlers.get(NMI)?;
    let shares = |at: &usize| handlers.get(*at) == Some(&ignored);
    let interrupts = handlers.get(EXCEPTIONS..)?;
    let hangs = |handler: u32| interrupts.iter().filter(|&&one| one == handler).count();
    let unused =
        interrupts.iter().copied().filter(|&one| one != 0).max_by_key(|&one| hangs(one))?;
    let told = CALLS.iter().any(shares)
        && hangs(unused) >= UNUSED_MIN
        && ignored.abs_diff(unused) <= 4
        && code(ignored) == Some(RETURN)
        && code(unused) == Some(HANG);
    told.then_some(ignored & !1)
}

#[cfg(test)]
mod tests {
    use super::{HANG, RETURN, is_libopencm3};

    const HANGS: u32 = 0x0800_00c1;
    const RETURNS: u32 = 0x0800_00c3;

    /// Returns too, but stands in another file.
    const FAR: u32 = 0x0800_0201;

    fn first_instruction(handler: u32) -> u16 {
        match handler {
            HANGS => HANG,
            RETURNS | FAR => RETURN,
            _ => 0xb510,
        }
    }

    /// A table whose non-maskable interrupt, calls and interrupts go to these.
    fn table(ignored: u32, calls: u32, interrupts: u32) -> Vec<u32> {
        let mut table = vec![0x2000_1000, 0x0800_00c5, ignored, HANGS];
        table.resize(11, 0);
        table.extend([calls, 0, 0, calls, 0x0800_0395]);
        table.resize(16 + 32, interrupts);
        table
    }

    #[test]
    fn one_handler_for_all_that_may_be_ignored_beside_one_that_hangs_is_libopencm3() {
        let code = |handler| Some(first_instruction(handler));
        assert_eq!(is_libopencm3(&table(RETURNS, RETURNS, HANGS), code), Some(RETURNS & !1));
        // The start-up code of others: all hang, or each exception has a function of its own.
        assert_eq!(is_libopencm3(&table(HANGS, HANGS, HANGS), code), None);
        assert_eq!(is_libopencm3(&table(RETURNS, FAR, HANGS), code), None);
        // A handler that returns, but stands in another file than the one that hangs.
        assert_eq!(is_libopencm3(&table(FAR, FAR, HANGS), code), None);
        assert_eq!(is_libopencm3(&[], code), None);
    }
}
