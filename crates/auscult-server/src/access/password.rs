//! Passwords: which are taken, and how they are compared (NIST SP 800-63B section 3.1.1: length and a
//! list of common ones, no rules of composition).

use std::sync::LazyLock;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc};
use auscult_store::PasswordHash;
use tokio::sync::Semaphore;

use crate::problem::{Answer, Problem};

/// Shortest password, in characters.
pub(crate) const CHARACTERS_MIN: usize = 12;
/// Longest, in bytes: hashing more would only cost time.
const BYTES_MAX: usize = 1_000;
/// Words that common passwords are made of.
const COMMON: &str = include_str!("common_passwords.txt");
/// Hashes that are made at once: each takes 19 MiB and a core.
static HASHING: Semaphore = Semaphore::const_new(2);
/// What is compared with where there is no account, so that the answer takes as long.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash("nobody has this password").unwrap_or_default());

/// Refuses a password that others would guess; `name` is that of the account.
pub(crate) fn check(password: &str, name: &str) -> Result<(), String> {
    if password.chars().count() < CHARACTERS_MIN {
        return Err(format!("the password has fewer than {CHARACTERS_MIN} characters"));
    }
    if password.len() > BYTES_MAX {
        return Err(format!("the password has more than {BYTES_MAX} bytes"));
    }
    let lower = password.to_lowercase();
    if !name.is_empty() && lower.contains(&name.to_lowercase()) {
        return Err("the password contains the name of the account".to_owned());
    }
    if is_common(&lower) {
        return Err("the password is among those that are tried first: common words, repeated or \
                    consecutive characters"
            .to_owned());
    }
    Ok(())
}

/// Whether nothing is left of a password but common words, digits and signs around them, or one
/// thing again and again.
fn is_common(lower: &str) -> bool {
    let core = lower.trim_matches(|character: char| !character.is_alphabetic());
    let plain: String = core.chars().map(unmasked).collect();
    let is_made_of_words = [core, &plain].into_iter().any(consists_of_common_words);
    is_run(lower) || is_repeated(lower) || is_made_of_words
}

/// Letters that signs are used for.
fn unmasked(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

fn consists_of_common_words(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let longest = COMMON
            .lines()
            .filter(|word| !word.is_empty() && rest.starts_with(*word))
            .max_by_key(|word| word.len());
        let Some(found) = longest.and_then(|word| rest.strip_prefix(word)) else { return false };
        rest = found.trim_start_matches(|character: char| !character.is_alphabetic());
    }
    true
}

/// `aaaaaaaaaaaa`, `abcabcabcabc`.
fn is_repeated(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=4).any(|length| {
        characters.len() > length
            && characters.iter().zip(characters.iter().skip(length)).all(|(one, two)| one == two)
    })
}

/// `123456789012`, `abcdefghijkl`: each character the next or the previous one, ten follows nine.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|character| i64::from(u32::from(character))).collect();
    let steps = || codes.iter().zip(codes.iter().skip(1)).map(|(one, two)| two - one);
    [1, -1].into_iter().any(|step| steps().all(|found| found == step || found == -9 * step))
}

/// Hashes a password, away from the threads that answer requests.
pub(crate) async fn hashed(password: String) -> Answer<PasswordHash> {
    let hash = in_turn(move || hash(&password)).await?;
    hash.map(PasswordHash).map_err(|error| Problem::internal("hash the password", &error))
}

/// Compares a password with the hash of an account, or with nobody's.
pub(crate) async fn is_right(password: String, hash: Option<PasswordHash>) -> Answer<bool> {
    in_turn(move || {
        let known = hash.as_ref().map_or(NOBODY.as_str(), |hash| hash.0.as_str());
        if password.len() > BYTES_MAX {
            return false;
        }
        let matches = phc::PasswordHash::new(known).is_ok_and(|known| {
            Argon2::default().verify_password(password.as_bytes(), &known).is_ok()
        });
        matches && hash.is_some()
    })
    .await
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let failed = |error: &dyn std::fmt::Display| Problem::internal("compare the password", error);
    let _turn = HASHING.acquire().await.map_err(|error| failed(&error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
}

/// Argon2id with 19 MiB and two passes (OWASP's first choice), in the PHC form.
fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let hash: phc::PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::{check, hash, is_right};

    #[test]
    fn guessable_passwords_are_refused() {
        for password in [
            "short",
            "password12345",
            "P@ssw0rd2026!",
            "administrator",
            "qwertyuiop123",
            "letmein-letmein",
            "123456789012",
            "987654321098",
            "abcdefghijkl",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "Welcome2Hospital!",
            "hunter-ada-2026",
        ] {
            assert!(check(password, "ada").is_err(), "{password}");
        }
        for password in ["correct horse battery", "vier Wagen im Nebel", "xK4-pump-Rz9w"] {
            assert_eq!(check(password, "ada"), Ok(()), "{password}");
        }
        assert!(check(&"long enough ".repeat(100), "ada").is_err());
    }

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let known = auscult_store::PasswordHash(hash("correct horse battery").unwrap());
            assert!(known.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", known.0);
            let is_right =
                async |password: &str, hash| is_right(password.to_owned(), hash).await.unwrap();
            assert!(is_right("correct horse battery", Some(known.clone())).await);
            assert!(!is_right("correct horse battery ", Some(known)).await);
            assert!(!is_right("nobody has this password", None).await);
        });
    }
}
