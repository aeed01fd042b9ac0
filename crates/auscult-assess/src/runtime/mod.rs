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
    listening: Vec<(SeenListener, u64)>,
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
                let listener = SeenListener {
                    transport: table.trim_end_matches('6').to_owned(),
                    address: address_of(address)?,
                    port: u16::from_str_radix(port, 16).ok()?,
                    programs: Vec::new(),
                };
                self.listening.push((listener, inode.parse().ok()?));
            }
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
        for (mut listener, inode) in self.listening {
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

/// An address of `/proc/net/tcp`: words of four bytes, each in the order of the unit's processor,
/// which is little-endian where the usual addresses come out sensibly.
fn address_of(hex: &str) -> Option<String> {
    let words: Vec<u32> = (0..hex.len() / 8)
        .map(|at| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok())
        .collect::<Option<_>>()?;
    match *words.as_slice() {
        [word] => {
            // 127.0.0.1 is 0100007F on a little-endian unit; on others it reads as it is written.
            let swapped = word.swap_bytes();
            let bits = if word >> 24 == 127 { word } else { swapped };
            Some(std::net::Ipv4Addr::from_bits(bits).to_string())
        }
        [first, second, third, last] => {
            let big = last == 1 || first >> 16 == 0xfe80;
            let bits = [first, second, third, last].into_iter().fold(0_u128, |all, word| {
                all << 32 | u128::from(if big { word } else { word.swap_bytes() })
            });
            Some(std::net::Ipv6Addr::from_bits(bits).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
