//! The filter of StuffIt X for code of x86: calls and jumps of 32 bits were made absolute so that
//! they pack better (a relative of the one in LZMA; known from the readers of XADMaster).

/// Opcodes of near calls and jumps.
const CALL: u8 = 0xe8;
const JUMP: u8 = 0xe9;
/// Bytes of a call, and those that must be there for one to be changed: one more.
const BYTES: usize = 5;
const BYTES_MIN: usize = 6;
/// Which of the three places before may look like opcodes for this one to be one.
const CONVINCING: [bool; 8] = [true, true, true, false, true, false, false, false];
/// Targets have 25 bits with their sign.
const TARGET_BITS: u32 = 25;

/// Makes calls and jumps relative again, in place.
pub(super) fn make_relative(code: &mut [u8]) {
    let mut at = 0;
    let mut last: Option<usize> = None;
    // A bit for each place before that looked like an opcode, and whether it was passed over.
    let mut past = 0_u32;
    while let Some(step) = code.get(at..).and_then(|rest| memchr::memchr2(CALL, JUMP, rest)) {
        at += step;
        past = match last.map(|last| at - last) {
            Some(distance @ ..=5) => (0..distance).fold(past, |past, _| (past & 0x77) << 1),
            _ => 0,
        };
        last = Some(at);
        let Some(&[_, a, b, c, high, _]) = code.get(at..at + BYTES_MIN) else { return };
        let seen = past >> 1;
        let index = usize::try_from(seen & 7).unwrap_or(0);
        if high != 0 && high != 0xff {
            past |= 1;
            at += 1;
        } else if seen <= 15 && CONVINCING.get(index).is_some_and(|&convincing| convincing) {
            let target = u32::from_le_bytes([a, b, c, high]);
            let relative = relative(target, at, seen).to_le_bytes();
            if let Some(operand) = code.get_mut(at + 1..at + BYTES) {
                operand.copy_from_slice(&relative);
            }
            past = 0;
            at += BYTES;
        } else {
            past |= 0x11;
            at += 1;
        }
    }
}

/// The distance to a target, from behind the byte after the instruction. Where it would look like
/// an operand that overlaps the ones before, its low bits were inverted until it does not.
fn relative(target: u32, at: usize, seen: u32) -> u32 {
    let [a, b, c, d, ..] = at.to_le_bytes();
    let place = u32::from_le_bytes([a, b, c, d]).wrapping_add(6);
    let mut distance = target.wrapping_sub(place);
    // The byte that would be looked at: the higher the longer ago the other opcode is.
    let shift = match seen {
        1 => 16,
        2 => 8,
        4 => 0,
        _ => return extended(distance),
    };
    // Twice suffices for what an encoder writes.
    for _ in 0..4 {
        if !matches!(distance >> shift & 0xff, 0 | 0xff) {
            break;
        }
        distance = (distance ^ ((1 << (shift + 8)) - 1)).wrapping_sub(place);
    }
    extended(distance)
}

/// Takes the lowest bits with their sign.
fn extended(distance: u32) -> u32 {
    let sign = 1 << (TARGET_BITS - 1);
    let low = distance & (2 * sign - 1);
    if low >= sign { low | !(2 * sign - 1) } else { low }
}

#[cfg(test)]
mod tests {
    use super::make_relative;

    #[test]
    fn calls_and_jumps_are_relative_again() {
        for (stored, code) in [
            (
                &b"abc\xe9\x10\0\0\0XYZ\xe8\xff\xff\xff\xff!"[..],
                &b"abc\xe9\x07\0\0\0XYZ\xe8\xee\xff\xff\xff!"[..],
            ),
            // An opcode within an operand that was passed over.
            (b"\xe8\xe9\x01\x00\x01\x00padding", b"\xe8\xe9\xfe\xff\xfe\x00padding"),
            (b"\xe8\xe9\xff\xff\x01\x00padding", b"\xe8\xe9\xf8\xff\x01\x00padding"),
            // Too far away, and too close to the end.
            (b"\xe8\x01\x02\x03\x04..\xe8\x06\0\0\0", b"\xe8\x01\x02\x03\x04..\xe8\x06\0\0\0"),
        ] {
            let mut bytes = stored.to_vec();
            make_relative(&mut bytes);
            assert_eq!(bytes, code);
        }
    }
}
