//! What was seen on a running unit: a capture made by `docs/capture.sh`, one text of lines with
//! tabs.
//!
//! A capture is a moment of one unit. What it shows was so; what it does not show was not seen.

mod join;

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::SeenListener;

pub(crate) use self::join::Joined;

/// A longer capture is not read.
const BYTES_MAX: usize = 64 << 20;
/// More lines are not taken.
const LINES_MAX: usize = 2_000_000;

/// A capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// What `uname -r` prints.
    pub(crate) kernel: String,
    pub(crate) processes: BTreeMap<u32, Process>,
    pub(crate) listeners: Vec<SeenListener>,
    /// Loaded kernel modules; none where the unit does not tell.
    pub(crate) modules: Option<BTreeSet<String>>,
    /// Why the capture may lack something.
    pub(crate) gaps: Vec<String>,
}

/// A process of the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) program: String,
    /// Files that it maps as code.
    pub(crate) maps: BTreeSet<String>,
}

/// Why a text is no capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCapture {
    /// It does not begin as one does, or is of a newer version.
    Start,
    /// It is longer than a capture gets.
    TooLong,
}

impl std::fmt::Display for NoCapture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Start => "it does not begin with \"auscult-capture\" and version 1",
            Self::TooLong => "it is longer than a capture gets",
        })
    }
}

impl std::error::Error for NoCapture {}

impl Capture {
    /// Reads a capture. Lines that are not understood are counted and told.
    ///
    /// # Errors
    /// The text is no capture.
    pub fn parse(text: &str) -> Result<Self, NoCapture> {
        if text.len() > BYTES_MAX {
            return Err(NoCapture::TooLong);
        }
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some("auscult-capture\t1") {
            return Err(NoCapture::Start);
        }
        let mut read = Reading::default();
        for line in lines.by_ref().take(LINES_MAX) {
            let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
            if read.take(&fields).is_none() {
                read.odd += 1;
            }
        }
        Ok(read.finish())
    }
}

#[derive(Default)]
struct Reading {
    capture: Capture,
    /// Holders of a socket, by its inode.
    holders: BTreeMap<u64, BTreeSet<u32>>,
    listening: Vec<(SeenListener, Vec<u32>, u64)>,
    /// The order of bytes that the capture tells.
    order: Option<Order>,
    odd: usize,
    ended: bool,
    as_root: bool,
}

impl Reading {
    fn take(&mut self, fields: &[&str]) -> Option<()> {
        match *fields {
            ["kernel", release] => release.clone_into(&mut self.capture.kernel),
            ["root", answer] => self.as_root = answer == "yes",
            ["process", pid, _uid, program, _arguments] => {
                let process = self.capture.processes.entry(pid.parse().ok()?).or_default();
                program.trim_end_matches(" (deleted)").clone_into(&mut process.program);
            }
            ["map", pid, path] => {
                let process = self.capture.processes.entry(pid.parse().ok()?).or_default();
                process.maps.insert(path.trim_end_matches(" (deleted)").to_owned());
            }
            ["socket", inode, pid] => {
                self.holders.entry(inode.parse().ok()?).or_default().insert(pid.parse().ok()?);
            }
            ["listen", table, local, inode] => {
                let (address, port) = local.split_once(':')?;
                let words = words_of(address)?;
                let listener = SeenListener {
                    transport: table.trim_end_matches('6').to_owned(),
                    // Written when the order of the bytes is known.
                    address: String::new(),
                    port: u16::from_str_radix(port, 16).ok()?,
                    programs: Vec::new(),
                };
                self.listening.push((listener, words, inode.parse().ok()?));
            }
            ["byte-order", "big"] => self.order = Some(Order::Big),
            ["byte-order", "little"] => self.order = Some(Order::Little),
            ["modules", "known"] => drop(self.capture.modules.get_or_insert_default()),
            ["module", name] => {
                self.capture.modules.get_or_insert_default().insert(name.replace('-', "_"));
            }
            ["cmdline" | "mount", ..] => {}
            ["end"] => self.ended = true,
            _ => return None,
        }
        Some(())
    }

    fn finish(mut self) -> Capture {
        // A capture that does not tell is of an earlier script; most units are little-endian.
        let shown = || self.listening.iter().find_map(|(_, words, _)| order_shown(words));
        let order = self.order.or_else(shown).unwrap_or(Order::Little);
        for (mut listener, words, inode) in self.listening {
            listener.address = address_of(&words, order);
            let holders = self.holders.get(&inode).into_iter().flatten();
            let programs = holders.filter_map(|pid| self.capture.processes.get(pid));
            let programs: BTreeSet<&str> = programs.map(|one| one.program.as_str()).collect();
            listener.programs = programs.into_iter().map(str::to_owned).collect();
            self.capture.listeners.push(listener);
        }
        self.capture.listeners.sort();
        self.capture.listeners.dedup();
        let gaps = [
            (!self.ended).then(|| "it was cut off: its last line is missing".to_owned()),
            (!self.as_root)
                .then(|| "it was not made by root: others' processes may be missing".into()),
            (self.odd > 0).then(|| format!("{} lines are not understood", self.odd)),
        ];
        self.capture.gaps.extend(gaps.into_iter().flatten());
        self.capture
    }
}

/// The order of the bytes in the words of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// The words of four bytes that an address of `/proc/net/tcp` is written in, each in the order of the
/// unit's processor.
fn words_of(hex: &str) -> Option<Vec<u32>> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok();
    let words: Vec<u32> = (0..hex.len() / 8).map(word).collect::<Option<_>>()?;
    matches!(words.len(), 1 | 4).then_some(words)
}

/// The order that some addresses show by themselves: 127.0.0.1 is 0100007F on a little-endian unit
/// and 7F000001 on a big-endian one. So do `::1`, link-local and mapped IPv4 addresses.
fn order_shown(words: &[u32]) -> Option<Order> {
    let big = match *words {
        [word] if word >> 24 == 127 && word & 0xff != 127 => true,
        [word] if word & 0xff == 127 && word >> 24 != 127 => false,
        [0, 0, 0, 1] | [0, 0, 0xffff, _] | [0xfe80_0000, 0, ..] => true,
        [0, 0, 0, 0x0100_0000] | [0, 0, 0xffff_0000, _] | [0x0000_80fe, 0, ..] => false,
        _ => return None,
    };
    Some(if big { Order::Big } else { Order::Little })
}

fn address_of(words: &[u32], order: Order) -> String {
    let in_order = |word: u32| if order == Order::Big { word } else { word.swap_bytes() };
    if let [word] = *words {
        return std::net::Ipv4Addr::from_bits(in_order(word)).to_string();
    }
    let bits = words.iter().fold(0_u128, |all, &word| all << 32 | u128::from(in_order(word)));
    std::net::Ipv6Addr::from_bits(bits).to_string()
}

#[cfg(test)]
mod tests;
