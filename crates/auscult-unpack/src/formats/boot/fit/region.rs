//! The bytes of a tree that a signature covers: those of the nodes that it lists, as U-Boot's
//! `fdt_find_regions` (`boot/fdt_region.c`) collects them, without the images' own data.

use crate::{Endian::Big, View};

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;
/// `FDT_MAX_DEPTH`.
const DEPTH_MAX: usize = 32;
/// Properties that say where data is; its digest stands for it.
const EXCLUDED: [&[u8]; 4] = [b"data", b"data-size", b"data-position", b"data-offset"];

/// How much of a node is covered: all of it, only that it is there, or nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Presence,
    All,
}

/// The covered bytes; none where the tree is damaged.
pub(super) fn signed_bytes(data: &[u8], nodes: &[&[u8]], strings_bytes: usize) -> Option<Vec<u8>> {
    let view = View(data);
    let word = |at| usize::try_from(view.u32(at, Big).ok()?).ok();
    let (structure, strings) = (word(8)?, word(12)?);
    let mut covered = Vec::new();
    let (mut at, mut path, mut stack) = (structure, Vec::new(), Vec::new());
    let (mut wanted, mut in_run) = (Wanted::Nothing, false);
    loop {
        let kind = view.u32(at, Big).ok()?;
        let end = token_end(view, at, kind)?;
        let token = data.get(at..end)?;
        let included = match kind {
            BEGIN_NODE => {
                if stack.len() >= DEPTH_MAX {
                    return None;
                }
                enter(&mut path, token);
                stack.push(wanted);
                wanted = match wanted {
                    _ if nodes.contains(&path.as_slice()) => Wanted::All,
                    Wanted::All => Wanted::Presence,
                    _ => Wanted::Nothing,
                };
                wanted != Wanted::Nothing
            }
            END_NODE => {
                let own = wanted;
                wanted = stack.pop()?;
                let slash = path.iter().rposition(|&byte| byte == b'/')?;
                path.truncate(slash.max(usize::from(!stack.is_empty())));
                // The end of a node that is not covered still belongs to the run that it ends.
                let ends_run = own == Wanted::Nothing && in_run;
                in_run = own != Wanted::Nothing;
                if ends_run {
                    covered.extend_from_slice(token);
                }
                in_run
            }
            PROPERTY => {
                let name = text(data, strings.checked_add(word(at + 8)?)?)?;
                wanted == Wanted::All && !EXCLUDED.contains(&name)
            }
            NOP => wanted == Wanted::All,
            END => true,
            _ => return None,
        };
        if included {
            covered.extend_from_slice(token);
        }
        in_run = included;
        at = end;
        if kind == END {
            break;
        }
    }
    covered.extend_from_slice(view.bytes(strings, strings_bytes).ok()?);
    Some(covered)
}

/// Appends a node's name to the path.
fn enter(path: &mut Vec<u8>, token: &[u8]) {
    let name = token.get(4..).unwrap_or_default().split(|&byte| byte == 0).next();
    if path.as_slice() != b"/" {
        path.push(b'/');
    }
    path.extend_from_slice(name.unwrap_or_default());
}

/// The end of the token at this place, with its filling.
fn token_end(view: View<'_>, at: usize, kind: u32) -> Option<usize> {
    let body = match kind {
        BEGIN_NODE => text(view.0, at.checked_add(4)?)?.len() + 1,
        PROPERTY => {
            let length = usize::try_from(view.u32(at + 4, Big).ok()?).ok()?;
            length.checked_add(8)?
        }
        _ => 0,
    };
    let end = at.checked_add(4)?.checked_add(body)?.checked_next_multiple_of(4)?;
    (end <= view.0.len()).then_some(end)
}

fn text(data: &[u8], at: usize) -> Option<&[u8]> {
    let rest = data.get(at..)?;
    let end = rest.iter().take(1024).position(|&byte| byte == 0)?;
    rest.get(..end)
}
