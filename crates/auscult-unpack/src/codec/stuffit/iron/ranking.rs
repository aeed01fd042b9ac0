//! The lists by which Iron turns ranks into bytes.

/// Runs that the list by use looks back, as a power of two, and those that it remembers.
const DISTANCE_BITS: usize = 11;
const MEMORY: usize = 2 << DISTANCE_BITS;
/// What a byte gains when a run of it begins. It loses all of that again, bit by bit, at the run
/// after and whenever the distance to the run doubles.
const GAIN: i32 = 0x4000;
const LOSS_FIRST: i32 = 0x3801;
const LOSS: i32 = 0x800;

/// The bytes in the order of their ranks.
pub(super) struct Ranking {
    bytes: [u8; 256],
    use_of_late: Option<Box<Use>>,
}

/// How much each byte was used of late.
struct Use {
    scores: [i32; 256],
    /// The bytes of the last runs, as a ring, and how many runs there were.
    runs: [u8; MEMORY],
    count: usize,
}

impl Ranking {
    /// All bytes in their order; `by_use` keeps them in the order of their use later on.
    pub(super) fn new(by_use: bool) -> Self {
        let unused = || Box::new(Use { scores: [0; 256], runs: [0; MEMORY], count: 0 });
        let bytes = std::array::from_fn(|place| place.to_le_bytes()[0]);
        Self { bytes, use_of_late: by_use.then(unused) }
    }

    /// The byte of a rank, which gets to the front.
    pub(super) fn take(&mut self, rank: usize) -> u8 {
        if let Some(moved) = self.bytes.get_mut(..=rank) {
            moved.rotate_right(1);
        }
        let byte = self.bytes[0];
        if let Some(mut used) = self.use_of_late.take() {
            self.age(&mut used, byte);
            self.use_of_late = Some(used);
        }
        byte
    }

    /// The rank of a byte.
    #[cfg(test)]
    pub(super) fn rank(&self, byte: u8) -> usize {
        self.bytes.iter().position(|&here| here == byte).unwrap()
    }

    /// Counts a run of this byte, and lets those before it lose.
    fn age(&mut self, used: &mut Use, byte: u8) {
        if let Some(score) = used.scores.get_mut(usize::from(byte)) {
            *score += GAIN;
        }
        if let Some(slot) = used.runs.get_mut(used.count % MEMORY) {
            *slot = byte;
        }
        for step in 0..=DISTANCE_BITS {
            let distance = 1 << step;
            if distance > used.count {
                break;
            }
            let place = (used.count - distance) % MEMORY;
            let old = used.runs.get(place).copied().unwrap_or(0);
            let loss = if step == 0 { LOSS_FIRST } else { LOSS >> step };
            if let Some(score) = used.scores.get_mut(usize::from(old)) {
                *score -= loss;
            }
            if old != byte {
                self.sink(&used.scores, old);
            }
        }
        used.count += 1;
    }

    /// Moves a byte back behind all that are used more.
    fn sink(&mut self, scores: &[i32; 256], byte: u8) {
        let score = |byte: u8| scores.get(usize::from(byte)).copied().unwrap_or(0);
        let Some(place) = self.bytes.iter().position(|&here| here == byte) else { return };
        let behind = self.bytes.iter().skip(place + 1);
        let count = behind.take_while(|&&other| score(other) > score(byte)).count();
        if let Some(moved) = self.bytes.get_mut(place..=place + count) {
            moved.rotate_left(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ranking;

    #[test]
    fn used_bytes_get_to_the_front() {
        let mut plain = Ranking::new(false);
        assert_eq!([5, 5, 1, 0].map(|rank| plain.take(rank)), [5, 4, 5, 5]);
        let mut by_use = Ranking::new(true);
        let taken = [9, 8, 1, 2, 2].map(|rank| by_use.take(rank));
        assert_eq!(taken, [9, 7, 9, 0, 7]);
        // The last is in front, then the one before it; 9 lost more than that by now.
        assert_eq!(by_use.bytes[..4], [7, 0, 9, 1]);
    }
}
