//! Second factors: codes of an app (TOTP, RFC 6238; HMAC-SHA-1, six digits, half a minute), and codes on
//! paper for whoever lost it.

use auscult_model::Sha256;
use auscult_store::{AccountId, OrganisationId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha1::Sha1;

use super::random;
use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// Bytes of a shared secret (RFC 4226 section 4, R6).
const SECRET_BYTES: usize = 20;
/// Seconds of a step.
const STEP_SECONDS: i64 = 30;
/// Recovery codes that somebody gets.
const CODES: usize = 10;
/// The digits of Base32 (RFC 4648).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a step.
fn code(secret: &[u8], step: u64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last()? & 0xf);
    let four: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
    Some(format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000))
}

/// The step in which a code is good: the present one, or one beside it, as clocks differ.
fn step_of(secret: &[u8], given: &str, now: Timestamp) -> Option<u64> {
    let present = u64::try_from(now.as_second() / STEP_SECONDS).ok()?;
    let steps = present.saturating_sub(1)..=present.saturating_add(1);
    let given: String = given.chars().filter(char::is_ascii_digit).collect();
    let fits = |step: &u64| code(secret, *step).is_some_and(|code| super::same(&code, &given));
    steps.rev().find(fits)
}

/// Bytes as Base32, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut five = [0; 5];
        for (to, from) in five.iter_mut().zip(chunk) {
            *to = *from;
        }
        let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..digits {
            let digit = usize::try_from((bits >> (35 - 5 * place)) & 31).unwrap_or_default();
            text.extend(BASE32.get(digit).map(|byte| char::from(*byte)));
        }
    }
    text
}

/// Whether somebody has a second factor that is asked for.
pub(crate) async fn is_on(app: &App, of: OrganisationId, account: AccountId) -> Answer<bool> {
    let factor = app.store.second_factor(of, account).await?;
    Ok(factor.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// Makes a secret for somebody, which is to be confirmed by a code; the one before, where it was not.
pub(crate) async fn offer(app: &App, of: OrganisationId, account: AccountId) -> Answer<String> {
    if let Some(factor) = app.store.second_factor(of, account).await?
        && factor.confirmed_at.is_none()
    {
        return Ok(base32(&factor.secret));
    }
    let secret: [u8; SECRET_BYTES] = random()?;
    if !app.store.offer_second_factor(of, account, &secret).await? {
        let detail = "there is a second factor already";
        return Err(Problem::invalid(detail).hint("turn it off before you set up another"));
    }
    Ok(base32(&secret))
}

/// Takes a code, once: of the app, or one on paper.
pub(crate) async fn take(
    app: &App,
    of: OrganisationId,
    account: AccountId,
    given: &str,
) -> Answer<bool> {
    let Some(factor) = app.store.second_factor(of, account).await? else { return Ok(false) };
    if let Some(step) = step_of(&factor.secret, given, Timestamp::now()) {
        return Ok(app.store.take_step(of, account, step).await?);
    }
    let on_paper = Sha256::of(normal(given).as_bytes());
    Ok(factor.confirmed_at.is_some() && app.store.take_recovery_code(of, account, on_paper).await?)
}

/// A code on paper as it is compared.
fn normal(given: &str) -> String {
    let kept = given.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Asks for the second factor from now on, if the code shows that it works. Returns the codes on paper,
/// which are told this once.
pub(crate) async fn confirm(
    app: &App,
    of: OrganisationId,
    account: AccountId,
    given: &str,
) -> Answer<Vec<String>> {
    let wrong = || Problem::invalid("the code is wrong: type the one that the app shows now");
    let factor = app.store.second_factor(of, account).await?.ok_or_else(wrong)?;
    let step = step_of(&factor.secret, given, Timestamp::now()).ok_or_else(wrong)?;
    if !app.store.take_step(of, account, step).await? {
        return Err(wrong());
    }
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let text = base32(&random::<10>()?);
        codes.push(format!(
            "{}-{}",
            text.get(..8).unwrap_or_default(),
            text.get(8..).unwrap_or_default()
        ));
    }
    let digests: Vec<Sha256> =
        codes.iter().map(|code| Sha256::of(normal(code).as_bytes())).collect();
    app.store.confirm_second_factor(of, account, &digests, Timestamp::now()).await?;
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{base32, code, step_of};

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_specification() {
        let secret = b"12345678901234567890";
        for (seconds, expect) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, seconds / 30).unwrap(), expect);
        }
    }

    #[test]
    fn a_code_is_good_in_its_step_and_those_beside_it() {
        let secret = b"12345678901234567890";
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(step_of(secret, "287 082", at(59)), Some(1));
        assert_eq!(step_of(secret, "287082", at(29)), Some(1));
        assert_eq!(step_of(secret, "287082", at(89)), Some(1));
        assert_eq!(step_of(secret, "287082", at(90)), None);
        assert_eq!(step_of(secret, "", at(59)), None);
    }

    /// RFC 4648, section 10.
    #[test]
    fn base32_is_that_of_the_specification() {
        for (bytes, expect) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(bytes.as_bytes()), expect);
        }
    }
}
