//! Banners by which kernels and boot loaders tell what they are, and the strings around them.

use memchr::memmem;

/// Longer banners are cut.
const BANNER_BYTES_MAX: usize = 512;

/// The banners that begin with `start`, up to the first byte that is not text, with their offset.
pub(crate) fn banners<'data>(
    bytes: &'data [u8],
    start: &'data [u8],
) -> impl Iterator<Item = (usize, &'data str)> {
    memmem::find_iter(bytes, start).filter_map(move |offset| {
        let rest = bytes.get(offset..)?;
        let rest = rest.get(..BANNER_BYTES_MAX).unwrap_or(rest);
        let end = rest.iter().position(|byte| !(0x20..0x7f).contains(byte)).unwrap_or(rest.len());
        Some((offset, std::str::from_utf8(rest.get(..end)?).ok()?.trim_end()))
    })
}

/// How many of these strings occur.
pub(crate) fn count_of(bytes: &[u8], strings: &[&str]) -> usize {
    strings.iter().filter(|string| memmem::find(bytes, string.as_bytes()).is_some()).count()
}

/// The banner of Linux: `Linux version RELEASE (USER@HOST) (COMPILER…) #BUILD` (`init/version.c`).
pub(crate) fn linux(bytes: &[u8]) -> Option<(usize, &str)> {
    banners(bytes, b"Linux version ").find(|(_, banner)| {
        let release = banner.strip_prefix("Linux version ").unwrap_or_default();
        let dotted = release.split_once('.').is_some_and(|(major, rest)| {
            !major.is_empty()
                && major.bytes().all(|byte| byte.is_ascii_digit())
                && rest.starts_with(|c: char| c.is_ascii_digit())
        });
        let builder = banner.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        dotted && builder.is_some_and(|(builder, _)| builder.contains('@'))
    })
}

/// The banner of U-Boot: `U-Boot 2023.01 (DATE)`, with ` SPL` or ` TPL` for earlier stages
/// (`include/version.h`). The environment repeats it as `ver=`, which is no banner.
pub(crate) fn u_boot(bytes: &[u8]) -> Option<(usize, &str)> {
    banners(bytes, b"U-Boot ").find(|&(offset, banner)| {
        let tail = banner.strip_prefix("U-Boot ").unwrap_or_default();
        let tail = tail.strip_prefix("SPL ").or_else(|| tail.strip_prefix("TPL ")).unwrap_or(tail);
        let number = tail.trim_start_matches('v');
        let dotted = number.split_once('.').is_some_and(|(major, rest)| {
            !major.is_empty()
                && major.bytes().all(|byte| byte.is_ascii_digit())
                && rest.starts_with(|c: char| c.is_ascii_digit())
        });
        let before = offset.checked_sub(1).and_then(|at| bytes.get(at));
        dotted && tail.contains(" (") && before != Some(&b'=')
    })
}

#[cfg(test)]
mod tests {
    use super::{linux, u_boot};

    #[test]
    fn banners_are_told_from_format_strings_and_mentions() {
        let kernel = b"\0Linux version %s (%s)\0Linux version 5.4.1 (a@b) (gcc 9) #1 SMP x\n\0";
        assert_eq!(linux(kernel), Some((23, "Linux version 5.4.1 (a@b) (gcc 9) #1 SMP x")));
        assert_eq!(linux(b"needs Linux version 2.6 (or later)"), None);
        let loader = b"ver=U-Boot 2020.01 (May)\0U-Boot SPL 2020.01 (May 02 2020)\0";
        assert_eq!(u_boot(loader), Some((25, "U-Boot SPL 2020.01 (May 02 2020)")));
        assert_eq!(u_boot(b"for U-Boot 2020 and later"), None);
    }
}
