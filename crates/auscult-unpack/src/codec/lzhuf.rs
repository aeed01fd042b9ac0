//! `-lh1-` of LHA: LZ77 in a window of 4 KiB with one Huffman code that adapts with every symbol
//! (LZHUF by Yoshizaki), and a fixed code for the upper bits of distances.
//!
//! The tree is a list of nodes by falling place and rising frequency, two siblings next to each
//! other, so that a node keeps its rank by one exchange.

use super::{Step, bits::HighBits, huffman::Huffman, output::Output};

/// Literals and lengths 3 to 60.
const SYMBOLS: usize = 314;
/// Nodes of the tree; the last one is the root.
const NODES: usize = 2 * SYMBOLS - 1;
const ROOT: usize = NODES - 1;
/// The tree is made anew at this frequency.
const FREQUENCY_MAX: u32 = 0x8000;
/// How many codes of each length from 3 to 8 the upper bits of distances have.
const DISTANCE_CODES: [(u8, usize); 6] = [(3, 1), (4, 3), (5, 8), (6, 12), (7, 24), (8, 16)];

/// The adaptive code. A son from [`NODES`] on is a symbol.
struct Tree {
    frequency: Vec<u32>,
    son: Vec<usize>,
    /// The parent of each node, then of each symbol.
    parent: Vec<usize>,
}

fn get<T: Copy + Default>(list: &[T], at: usize) -> T {
    list.get(at).copied().unwrap_or_default()
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

impl Tree {
    fn new() -> Self {
        let mut tree = Self {
            frequency: vec![1; NODES + 1],
            son: (NODES..NODES + SYMBOLS).chain(0..SYMBOLS).take(NODES).collect(),
            parent: vec![0; NODES + SYMBOLS],
        };
        let mut from = 0;
        for node in SYMBOLS..NODES {
            let sum = get(&tree.frequency, from) + get(&tree.frequency, from + 1);
            set(&mut tree.frequency, node, sum);
            set(&mut tree.son, node, from);
            from += 2;
        }
        // A mark behind the root that no frequency passes.
        set(&mut tree.frequency, NODES, u32::MAX);
        tree.connect();
        tree
    }

    /// Sets the parents out of the sons.
    fn connect(&mut self) {
        for node in 0..NODES {
            let son = get(&self.son, node);
            set(&mut self.parent, son, node);
            if son < NODES {
                set(&mut self.parent, son + 1, node);
            }
        }
        set(&mut self.parent, ROOT, 0);
    }

    fn read(&mut self, bits: &mut HighBits<'_>) -> Step<usize> {
        let mut node = get(&self.son, ROOT);
        while node < NODES {
            node = get(&self.son, node + bits.number(1)?);
        }
        let symbol = node - NODES;
        self.count(symbol);
        Ok(symbol)
    }

    /// Adds one to the frequencies from a symbol up to the root, and moves the nodes that pass
    /// others.
    fn count(&mut self, symbol: usize) {
        if get(&self.frequency, ROOT) >= FREQUENCY_MAX {
            self.halve();
        }
        let mut node = get(&self.parent, symbol + NODES);
        loop {
            let grown = get(&self.frequency, node) + 1;
            set(&mut self.frequency, node, grown);
            if grown > get(&self.frequency, node + 1) {
                node = self.exchange(node, grown);
            }
            node = get(&self.parent, node);
            if node == 0 {
                return;
            }
        }
    }

    /// Exchanges a node with the last one that it has passed.
    fn exchange(&mut self, node: usize, grown: u32) -> usize {
        let mut last = node + 1;
        while grown > get(&self.frequency, last + 1) {
            last += 1;
        }
        let other = get(&self.frequency, last);
        set(&mut self.frequency, node, other);
        set(&mut self.frequency, last, grown);
        let (mine, theirs) = (get(&self.son, node), get(&self.son, last));
        for (son, parent) in [(mine, last), (theirs, node)] {
            set(&mut self.parent, son, parent);
            if son < NODES {
                set(&mut self.parent, son + 1, parent);
            }
            set(&mut self.son, parent, son);
        }
        last
    }

    /// Halves the frequencies of all symbols and builds the tree above them again.
    fn halve(&mut self) {
        let leaves: Vec<(u32, usize)> = self
            .frequency
            .iter()
            .zip(&self.son)
            .filter(|(_, son)| **son >= NODES)
            .map(|(&frequency, &son)| (frequency.div_ceil(2), son))
            .collect();
        let (mut frequency, mut son): (Vec<u32>, Vec<usize>) = leaves.into_iter().unzip();
        let mut from = 0;
        for node in SYMBOLS..NODES {
            let sum = get(&frequency, from) + get(&frequency, from + 1);
            // Behind all nodes that are not more frequent.
            let mut place = node;
            while place > 0 && sum < get(&frequency, place - 1) {
                place -= 1;
            }
            frequency.insert(place.min(frequency.len()), sum);
            son.insert(place.min(son.len()), from);
            from += 2;
        }
        frequency.push(u32::MAX);
        (self.frequency, self.son) = (frequency, son);
        self.connect();
    }
}

/// Decodes until the output is full.
pub(super) fn decode(input: &[u8], output: &mut Output) -> Step<()> {
    let lengths: Vec<u8> = DISTANCE_CODES
        .iter()
        .flat_map(|&(length, count)| std::iter::repeat_n(length, count))
        .collect();
    let distances = Huffman::new(&lengths)?;
    let mut tree = Tree::new();
    let mut bits = HighBits::new(input);
    while !output.is_full() {
        let symbol = tree.read(&mut bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            output.push(byte);
            continue;
        }
        let high = usize::from(distances.read(&mut bits)?);
        let distance = (high << 6 | bits.number(6)?) + 1;
        output.copy_filled(distance, symbol - 256 + 3, b' ');
    }
    Ok(())
}
