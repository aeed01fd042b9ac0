//! Decimal numbers with eighteen places, so that a score is the same on every machine and no noise
//! of binary fractions moves it over a rounding limit.

/// One.
pub(super) const ONE: i128 = 1_000_000_000_000_000_000;

/// A constant in ten-thousandths: `e4(3_950)` is 0.395.
pub(super) const fn e4(ten_thousandths: i128) -> i128 {
    ten_thousandths * (ONE / 10_000)
}

/// The product, rounded in the eighteenth place. Both numbers of the formulas stay below 21 and
/// their product below 100, far from the limits of the type.
pub(super) const fn times(one: i128, other: i128) -> i128 {
    let product = one * other;
    let half = if product < 0 { -ONE / 2 } else { ONE / 2 };
    (product + half) / ONE
}

/// An integral power.
pub(super) fn power(base: i128, exponent: u32) -> i128 {
    (0..exponent).fold(ONE, |product, _| times(product, base))
}

/// To the nearest tenth, halves upwards. The result can be below zero in the middle of a formula.
pub(super) fn nearest_tenth(number: i128) -> i128 {
    (number + ONE / 20).div_euclid(ONE / 10) * (ONE / 10)
}

/// A whole number of tenths as a score, from 0 to 100 tenths.
pub(super) fn in_tenths(number: i128) -> u8 {
    score(number.div_euclid(ONE / 10))
}

/// To the next tenth upwards (version 3.0, section 8.1).
pub(super) fn tenth_up(number: i128) -> u8 {
    score((number + ONE / 10 - 1).div_euclid(ONE / 10))
}

/// To the next tenth upwards, what lies behind the fifth place forgotten (version 3.1, appendix A).
pub(super) fn tenth_up_31(number: i128) -> u8 {
    let rounded = (number + ONE / 200_000).div_euclid(ONE / 100_000) * (ONE / 100_000);
    tenth_up(rounded)
}

/// A score in tenths as a number.
pub(super) fn from_tenths(tenths: u8) -> i128 {
    i128::from(tenths) * (ONE / 10)
}

fn score(tenths: i128) -> u8 {
    u8::try_from(tenths.clamp(0, 100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::{e4, in_tenths, nearest_tenth, power, tenth_up, tenth_up_31, times};

    #[test]
    fn rounding_is_that_of_the_specifications() {
        // The two examples of appendix A of version 3.1.
        assert_eq!((tenth_up_31(e4(40_200)), tenth_up_31(e4(40_000))), (41, 40));
        // Noise in the sixth place is none for 3.1, and counts for 3.0.
        let noisy = e4(40_000) + 4_000_000_000_000;
        assert_eq!((tenth_up_31(noisy), tenth_up(noisy), tenth_up(e4(40_000))), (40, 41, 40));
        let rounded = [e4(40_499), e4(40_500), e4(-1_690)].map(nearest_tenth);
        assert_eq!(rounded, [e4(40_000), e4(41_000), e4(-2_000)]);
        assert_eq!(rounded.map(in_tenths), [40, 41, 0]);
        assert_eq!(times(e4(5_000), e4(-3_000)), e4(-1_500));
        assert_eq!(power(e4(5_000), 3), e4(1_250));
    }
}
