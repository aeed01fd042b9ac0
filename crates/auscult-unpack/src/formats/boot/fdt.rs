//! Flattened device trees (Devicetree Specification 0.4, chapter 5): the structure, not its meaning.

use std::ops::Range;

use crate::{Endian::Big, Fault, View};

/// The magic.
pub(super) const MAGIC: &[u8] = &[0xd0, 0x0d, 0xfe, 0xed];
const HEADER_BYTES: usize = 40;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 1 << 17;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// A node with the places of its properties' values.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) properties: Vec<(String, Range<usize>)>,
    pub(super) children: Vec<Self>,
}

impl Node {
    /// The child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The place of a property's value.
    pub(super) fn range(&self, name: &str) -> Option<Range<usize>> {
        self.properties.iter().find(|property| property.0 == name).map(|found| found.1.clone())
    }

    /// A property's value.
    pub(super) fn value<'data>(&self, data: &'data [u8], name: &str) -> Option<&'data [u8]> {
        data.get(self.range(name)?)
    }

    /// A property of texts, joined by commas.
    pub(super) fn text(&self, data: &[u8], name: &str) -> Option<String> {
        let value = self.value(data, name)?;
        let value = value.strip_suffix(b"\0").unwrap_or(value);
        Some(String::from_utf8_lossy(value).replace('\0', ", "))
    }

    /// A property of one or two cells.
    pub(super) fn number(&self, data: &[u8], name: &str) -> Option<u64> {
        let view = View(self.value(data, name)?);
        match view.0.len() {
            4 => view.u32(0, Big).ok().map(u64::from),
            8 => view.u64(0, Big).ok(),
            _ => None,
        }
    }
}

/// The size that a plausible header tells.
pub(super) fn total_size(head: &[u8]) -> Option<usize> {
    let view = View(head);
    let word = |at| usize::try_from(view.u32(at, Big).ok()?).ok();
    let (size, structure, strings, reserved) = (word(4)?, word(8)?, word(12)?, word(16)?);
    let (version, compatible) = (word(20)?, word(24)?);
    let plausible = view.bytes(0, 4).ok()? == MAGIC
        && (1..=17).contains(&version)
        && compatible <= version
        && [structure, strings, reserved].iter().all(|at| (28..=size).contains(at))
        && structure.is_multiple_of(4)
        && size >= HEADER_BYTES;
    plausible.then_some(size)
}

/// Reads the tree.
///
/// # Errors
/// A fault where the structure is no tree.
pub(super) fn parse(data: &[u8]) -> Result<Node, Fault> {
    let view = View(data);
    let word = |at| usize::try_from(view.u32(at, Big)?).map_err(|_| fault(at, "too large"));
    let strings = word(12)?;
    let mut at = word(8)?;
    let mut stack: Vec<Node> = Vec::new();
    let mut nodes = 0;
    loop {
        let token = view.u32(at, Big)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                nodes += 1;
                if stack.len() >= DEPTH_MAX || nodes > NODES_MAX {
                    return Err(fault(at, "too many nodes, or nested too deep"));
                }
                let name = text_at(data, at)?;
                at = (at + name.len() + 1).next_multiple_of(4);
                let name = String::from_utf8_lossy(name).into_owned();
                stack.push(Node { name, ..Node::default() });
            }
            END_NODE => {
                let node = stack.pop().ok_or_else(|| fault(at, "a node ends that never began"))?;
                match stack.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Ok(node),
                }
            }
            PROPERTY => {
                let (length, name) = (word(at)?, word(at + 4)?);
                let start = at + 8;
                view.bytes(start, length)?;
                let name = text_at(data, strings.saturating_add(name))?;
                let node = stack.last_mut().ok_or_else(|| fault(at, "a property of no node"))?;
                let name = String::from_utf8_lossy(name).into_owned();
                node.properties.push((name, start..start + length));
                at = (start + length).next_multiple_of(4);
            }
            NOP => {}
            END => return Err(fault(at, "it ends inside a node")),
            other => return Err(fault(at, &format!("{other:#x} is no token"))),
        }
    }
}

fn text_at(data: &[u8], at: usize) -> Result<&[u8], Fault> {
    let rest = data.get(at..).unwrap_or_default();
    let end = rest.iter().take(1024).position(|&byte| byte == 0);
    end.and_then(|end| rest.get(..end)).ok_or_else(|| fault(at, "a name without an end"))
}

fn fault(at: usize, why: &str) -> Fault {
    Fault::new(u64::try_from(at).unwrap_or(u64::MAX), "read the device tree", why)
}
