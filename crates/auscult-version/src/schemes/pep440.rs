//! Python versions (PEP 440): `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]`.

use crate::key::{END, Key, NUMBER, TEXT, is_number, runs, take};

/// A development release of nothing else comes before the pre-releases.
const DEVELOPMENT: u8 = 0;
/// Tags of pre-releases, in their order.
const PRE: [&[&str]; 3] = [&["a", "alpha"], &["b", "beta"], &["c", "rc", "pre", "preview"]];

/// The key of a Python version; `None` where the text does not follow the grammar.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let (text, local) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
    let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
    if !is_number(epoch) {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (release, tail) = text.split_at_checked(end)?;
    let release = if tail.is_empty() { release } else { release.trim_end_matches('.') };
    let mut key = Key::new();
    key.number(NUMBER, epoch);
    key.release(release)?;
    let tags = tags(tail)?;
    match (tags.pre, tags.post, tags.dev) {
        (Some((rank, number)), _, _) => key.number(rank, number),
        (None, None, Some(_)) => key.mark(DEVELOPMENT),
        (None, _, _) => key.mark(END),
    }
    // Without a post-release comes first, without a development release last.
    match tags.post {
        Some(number) => key.number(NUMBER, number),
        None => key.mark(END),
    }
    match tags.dev {
        Some(number) => key.number(DEVELOPMENT, number),
        None => key.mark(END),
    }
    labels(&mut key, local)?;
    Some(key)
}

/// The tags of a version with their numbers; no digits are 0.
#[derive(Default)]
struct Tags<'a> {
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
}

fn tags(tail: &str) -> Option<Tags<'_>> {
    let mut tags = Tags::default();
    let pieces = runs(tail);
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        // "1.0-1" is an implicit post-release.
        let implicit = piece == "-" && pieces.peek().is_some_and(|next| is_number(next));
        let word = match piece {
            _ if implicit => "post",
            "." | "_" | "-" => pieces.next()?,
            word => word,
        };
        if !implicit {
            // One separator may stand between a tag and its number.
            let _ = pieces.next_if(|next| matches!(*next, "." | "_" | "-"));
        }
        let number = pieces.next_if(|next| is_number(next)).unwrap_or_default();
        let pre = PRE.iter().zip(1_u8..).find(|(names, _)| names.contains(&word));
        match (word, pre) {
            (_, Some((_, rank))) if tags.pre.is_none() && tags.post.is_none() => {
                tags.pre = Some((rank, number));
            }
            ("post" | "rev" | "r", _) if tags.post.is_none() => tags.post = Some(number),
            ("dev", _) if tags.dev.is_none() => tags.dev = Some(number),
            _ => return None,
        }
    }
    Some(tags)
}

/// Adds the local label; no label comes before any, words before numbers.
fn labels(key: &mut Key, local: Option<&str>) -> Option<()> {
    for label in local.into_iter().flat_map(|local| local.split(['.', '-', '_'])) {
        if is_number(label) {
            key.number(TEXT + 1, label);
        } else if !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            key.text(TEXT, label);
        } else {
            return None;
        }
    }
    key.mark(END);
    Some(())
}

/// A version as PEP 440 normalises it: `1.11alpha` is `1.11a0`; `None` where it does not follow
/// the grammar.
pub(crate) fn normal(text: &str) -> Option<String> {
    key(text)?;
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let (text, local) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
    let (epoch, text) = text.split_once('!').unwrap_or(("", text));
    let (release, tail) = take(text, |c| c.is_ascii_digit() || c == '.');
    let plain = |digits: &str| {
        let kept = digits.trim_start_matches('0');
        if kept.is_empty() { "0".to_owned() } else { kept.to_owned() }
    };
    let numbers: Vec<String> = release.trim_end_matches('.').split('.').map(plain).collect();
    let mut normal = numbers.join(".");
    if !epoch.trim_start_matches('0').is_empty() {
        normal = format!("{}!{normal}", plain(epoch));
    }
    let tags = tags(tail)?;
    if let Some((rank, number)) = tags.pre {
        normal.push_str(match rank {
            1 => "a",
            2 => "b",
            _ => "rc",
        });
        normal.push_str(&plain(number));
    }
    for (name, number) in [(".post", tags.post), (".dev", tags.dev)] {
        if let Some(number) = number {
            normal.push_str(name);
            normal.push_str(&plain(number));
        }
    }
    if let Some(local) = local {
        normal.push('+');
        normal.push_str(&local.replace(['-', '_'], "."));
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::{key, normal};

    /// The examples of PEP 440, "Normalization", and the separators that it allows.
    #[test]
    fn other_spellings_become_normal() {
        for (text, expected) in [
            ("1.1RC1", "1.1rc1"),
            ("00", "0"),
            ("09000", "9000"),
            ("1.0+foo0100", "1.0+foo0100"),
            ("1.1.a1", "1.1a1"),
            ("1.1-a1", "1.1a1"),
            ("1.1_a1", "1.1a1"),
            ("1.1a.1", "1.1a1"),
            ("1.1a-1", "1.1a1"),
            ("1.1a_1", "1.1a1"),
            ("1.1alpha1", "1.1a1"),
            ("1.1beta2", "1.1b2"),
            ("1.1c3", "1.1rc3"),
            ("1.1pre3", "1.1rc3"),
            ("1.1preview3", "1.1rc3"),
            ("1.2a", "1.2a0"),
            ("1.2-post2", "1.2.post2"),
            ("1.2post2", "1.2.post2"),
            ("1.2_post2", "1.2.post2"),
            ("1.2.post-2", "1.2.post2"),
            ("1.2.post.2", "1.2.post2"),
            ("1.2.post_2", "1.2.post2"),
            ("1.0-post.1", "1.0.post1"),
            ("1.0-post-1", "1.0.post1"),
            ("1.0-post_1", "1.0.post1"),
            ("1.0_post-1", "1.0.post1"),
            ("1.0-post", "1.0.post0"),
            ("1.0-post-", "1.0.post0"),
            ("1.0-post.dev3", "1.0.post0.dev3"),
            ("1.0-r4", "1.0.post4"),
            ("1.0-r-4", "1.0.post4"),
            ("1.0.rev4", "1.0.post4"),
            ("1.2.post", "1.2.post0"),
            ("1.0-1", "1.0.post1"),
            ("1.0a2-1", "1.0a2.post1"),
            ("1.2-dev2", "1.2.dev2"),
            ("1.2dev2", "1.2.dev2"),
            ("1.2.dev-2", "1.2.dev2"),
            ("1.2.dev", "1.2.dev0"),
            ("1.0+ubuntu-1", "1.0+ubuntu.1"),
            ("1.0+ubuntu_1", "1.0+ubuntu.1"),
            ("v1.0", "1.0"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected), "{text}");
            assert_eq!(key(text).unwrap(), key(expected).unwrap(), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_no_version() {
        for text in ["1.0--1", "1.0-1-1", "1.0_1", "1.0-post--1", "1.0-post-1-1", "1.0-post1-post"]
        {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
