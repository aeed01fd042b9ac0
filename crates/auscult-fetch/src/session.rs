//! Fetches the files of one feed: asks whether each has changed, downloads it where the last
//! download ended, verifies it, and only then puts it in the place of the old copy.

use std::{fs::File, path::PathBuf, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Error, Result, Secret,
    config::FeedConfig,
    digest::{self, Algorithm},
    feeds::Feed,
    http::{Client, Request},
    mirror::{self, Mirror},
    part::{Download, Finished},
    shape::Shape,
    state::{FeedState, FileState},
    update::{Event, Judge, Judged, Observer},
};

/// A digest, a table of contents or a signature is not longer.
const SMALL_BYTES_MAX: u64 = 64 << 10;
/// What a packed text may unpack to, at most.
const UNPACKED_BYTES_MAX: u64 = 16 << 30;
/// Bytes fetched after which the state is written down in between, and what every file counts at
/// least: so much is not to be fetched twice because the process ended.
const BYTES_PER_SAVE: u64 = 64 << 10;
const FILE_BYTES_MIN: u64 = BYTES_PER_SAVE / 32;

/// A file that a feed has.
pub(crate) struct Wanted {
    pub(crate) url: String,
    /// Its path in the folder of the feed; from [`mirror::safe_name`] where a server named it.
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// What the table of contents says of this version; the same word, the same version.
    pub(crate) token: Option<String>,
    pub(crate) check: Check,
    /// Whether the file may not exist.
    pub(crate) optional: bool,
    /// Whether it holds changing parts of a whole, and may shrink.
    pub(crate) rolling: bool,
    /// Whether the document as a whole has a date, which cannot be in the future.
    pub(crate) dated: bool,
    /// Small files kept beside it if they exist, such as signatures: address and name.
    pub(crate) beside: Vec<(String, String)>,
}

/// What a file is verified with.
pub(crate) enum Check {
    None,
    /// A digest of the file itself, told by the table of contents.
    Sha256(String),
    /// NVD's `.meta` at this address: the digest of the unpacked text.
    Meta(String),
    /// Files with a digest, the best first; the first one that exists counts and is kept beside.
    Published(Vec<(Algorithm, String, String)>),
}

impl Wanted {
    /// The names of all small files that may lie beside it.
    pub(crate) fn companions(&self) -> impl Iterator<Item = &str> {
        let published = match &self.check {
            Check::Published(candidates) => candidates.as_slice(),
            _ => &[],
        };
        let published = published.iter().map(|(.., name)| name.as_str());
        self.beside.iter().map(|(_, name)| name.as_str()).chain(published)
    }

    /// A file with nothing special about it.
    pub(crate) fn new(url: String, name: String, shape: Shape) -> Self {
        Self {
            url,
            name,
            shape,
            token: None,
            check: Check::None,
            optional: false,
            rolling: false,
            dated: false,
            beside: Vec::new(),
        }
    }
}

/// Whether there is such a file, after it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    Present,
    Missing,
}

/// A small file: its name in the folder of the feed, and its bytes.
type Small = (String, Vec<u8>);

/// The digest that a file must have.
struct Expected {
    algorithm: Algorithm,
    digest: String,
    /// Of the text inside rather than of the file.
    unpacked: bool,
}

/// The work on one feed.
pub(crate) struct Session<'a> {
    pub(crate) feed: &'static Feed,
    pub(crate) config: FeedConfig,
    pub(crate) client: &'a Client,
    pub(crate) mirror: &'a Mirror,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) judge: &'a dyn Judge,
    pub(crate) now: Timestamp,
    /// Whether a copy that lost records is taken.
    pub(crate) force: bool,
    pub(crate) state: FeedState,
    pub(crate) key: Option<Secret>,
    /// Bytes received, downloads resumed, files replaced.
    pub(crate) received: u64,
    pub(crate) resumed: u64,
    pub(crate) changed: u64,
    /// Bytes fetched since the state was written down, and its length then.
    pub(crate) unsaved: u64,
    pub(crate) state_bytes: u64,
}

impl Session<'_> {
    /// Where the feed is served, here.
    pub(crate) fn base(&self) -> String {
        self.config.url.clone().unwrap_or_else(|| self.feed.url.to_owned())
    }

    pub(crate) fn size_limit(&self) -> u64 {
        self.config.size_limit.unwrap_or(self.feed.size_limit)
    }

    /// Whether all requests must be encrypted: they are, unless the user named a plain address.
    fn secure(&self) -> bool {
        let items = self.config.items.iter().flatten();
        let mut addresses = items.chain(std::iter::once(&self.config.url).flatten());
        !self.base().starts_with("http://")
            && !addresses.any(|address| address.starts_with("http://"))
    }

    pub(crate) fn send(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<crate::http::Response> {
        let base = self.base();
        let key = self.feed.key.as_ref();
        self.client.send(&Request {
            url,
            headers,
            secret: key.zip(self.key.as_ref()).map(|(key, secret)| (key.header, secret, &*base)),
            rate: self.config.rate,
            secure: self.secure(),
            waiting: &|wait, why| self.waiting(wait, why),
        })
    }

    pub(crate) fn waiting(&self, wait: Duration, why: &str) {
        self.observer.event(self.feed.name, &Event::Waiting { wait, why });
    }

    /// Gets a table of contents or another small file into memory; nothing where there is none.
    pub(crate) fn small(&mut self, url: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut attempt = 1;
        loop {
            let response = self.send(url, Vec::new())?;
            match response.status {
                200 => {}
                404 | 410 => return Ok(None),
                status => return Err(Error::Status { url: url.to_owned(), status }),
            }
            let mut bytes = Vec::new();
            let pumped = response.pump(url, &self.client.transfer, |more| {
                bytes.extend_from_slice(more);
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if length > limit {
                    return Err(Error::TooLarge { url: url.to_owned(), limit });
                }
                Ok(())
            });
            self.received += u64::try_from(bytes.len()).unwrap_or(0);
            match pumped {
                Ok(()) => return Ok(Some(bytes)),
                Err(error) if error.is_passing() && attempt < self.client.transfer.attempts => {
                    let wait = crate::http::backoff(&self.client.transfer, attempt);
                    self.waiting(wait, &error.to_string());
                    std::thread::sleep(wait);
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gets a table of contents that must exist, as text.
    pub(crate) fn listing(&mut self, url: &str) -> Result<Vec<u8>> {
        const LISTING_BYTES_MAX: u64 = 64 << 20;
        let bytes = self.small(url, LISTING_BYTES_MAX)?;
        bytes.ok_or_else(|| Error::Status { url: url.to_owned(), status: 404 })
    }

    /// What is known of a file, if the copy is still the one that was fetched.
    fn intact(&self, name: &str) -> Option<FileState> {
        let known = self.state.files.get(name)?;
        let path = self.place(name);
        let (sha256, size) = digest::of_file(&path, Algorithm::Sha256).ok()?;
        (sha256 == known.sha256 && size == known.size).then(|| known.clone())
    }

    /// Brings one file up to date.
    pub(crate) fn fetch(&mut self, wanted: &Wanted) -> Result<Fetched> {
        let mut known = self.intact(&wanted.name);
        if is_same(known.as_ref(), wanted.token.as_ref()) {
            return Ok(Fetched::Present);
        }
        let mut again = true;
        loop {
            let (expected, besides) = self.expected(wanted)?;
            let token = match (&wanted.check, &expected) {
                (Check::Meta(_), Some(expected)) => Some(expected.digest.clone()),
                _ => wanted.token.clone(),
            };
            if is_same(known.as_ref(), token.as_ref()) {
                return Ok(Fetched::Present);
            }
            let resumed_before = self.resumed;
            let downloaded = self.download(&wanted.url, &wanted.name, known.as_ref())?;
            let (finished, is_new) = match downloaded {
                Download::Finished(finished) => (finished, true),
                // The copy at hand must be the one that the digest is published for.
                Download::Unchanged => (Finished::at_hand(self.place(&wanted.name)), false),
                Download::Missing if wanted.optional && known.is_none() => {
                    return Ok(Fetched::Missing);
                }
                Download::Missing => {
                    return Err(Error::Status { url: wanted.url.clone(), status: 404 });
                }
            };
            if let Err(error) = verify(wanted, expected.as_ref(), &finished) {
                self.forget_part(&wanted.name)?;
                known = None;
                // The two may be of two versions: the file changed while its digest was fetched,
                // or between the two halves of a resumed download.
                let may_mend =
                    self.resumed > resumed_before || !matches!(wanted.check, Check::None);
                if again && may_mend {
                    again = false;
                    continue;
                }
                return Err(error);
            }
            if !is_new {
                if let Some(state) = self.state.files.get_mut(&wanted.name) {
                    state.token = token;
                }
                return Ok(Fetched::Present);
            }
            let judged = match self.judged(wanted, &finished.path) {
                Ok(judged) => judged,
                Err(error) => {
                    self.forget_part(&wanted.name)?;
                    return Err(error);
                }
            };
            let besides = [besides, self.besides(wanted)?].concat();
            self.put(wanted, finished, token, judged, &besides)?;
            return Ok(Fetched::Present);
        }
    }

    /// Where a file stands in the mirror.
    fn place(&self, name: &str) -> PathBuf {
        self.mirror.folder(self.feed.name).join(name)
    }

    /// Learns which digest the file must have; gives also the small files that told it.
    fn expected(&mut self, wanted: &Wanted) -> Result<(Option<Expected>, Vec<Small>)> {
        let of = |algorithm, digest, unpacked| Some(Expected { algorithm, digest, unpacked });
        match &wanted.check {
            Check::None => Ok((None, Vec::new())),
            Check::Sha256(hex) => Ok((of(Algorithm::Sha256, hex.clone(), false), Vec::new())),
            Check::Meta(url) => {
                let text = self.small(url, SMALL_BYTES_MAX)?;
                let Some(text) = text else {
                    if wanted.optional {
                        return Ok((None, Vec::new()));
                    }
                    return Err(Error::Status { url: url.clone(), status: 404 });
                };
                let text = String::from_utf8_lossy(&text).into_owned();
                let mut lines = text.lines();
                let found = lines.find_map(|line| {
                    let value = line.trim().strip_prefix("sha256:")?;
                    digest::published(value, Algorithm::Sha256)
                });
                let reason = "it has no line with a SHA-256".to_owned();
                let hex = found.ok_or_else(|| Error::Listing { url: url.clone(), reason })?;
                Ok((of(Algorithm::Sha256, hex, true), Vec::new()))
            }
            Check::Published(candidates) => {
                for (algorithm, url, name) in candidates {
                    let Some(text) = self.small(url, SMALL_BYTES_MAX)? else { continue };
                    let found = digest::published(&String::from_utf8_lossy(&text), *algorithm);
                    let reason = format!("it holds no {}", algorithm.name());
                    let hex = found.ok_or_else(|| Error::Listing { url: url.clone(), reason })?;
                    return Ok((of(*algorithm, hex, false), vec![(name.clone(), text)]));
                }
                Ok((None, Vec::new()))
            }
        }
    }

    /// Compares what is in the new copy with what is in the old one.
    fn judged(&self, wanted: &Wanted, new: &std::path::Path) -> Result<Option<Judged>> {
        let held = |reason| Err(Error::HeldBack { name: wanted.name.clone(), reason });
        let old_path = self.place(&wanted.name);
        let has_old = old_path.is_file();
        if !has_old && !wanted.dated {
            return Ok(None);
        }
        let judged = self.judge.judge(new);
        let tomorrow = self.now.saturating_add(jiff::SignedDuration::from_hours(24));
        let tomorrow = TimeZone::UTC.to_datetime(tomorrow.unwrap_or(self.now)).date();
        if let Some(date) = judged.newest.filter(|date| wanted.dated && *date > tomorrow) {
            // It would never grow old.
            return held(format!("it is dated in the future, {date}"));
        }
        if !has_old || self.force {
            return Ok(Some(judged));
        }
        let counted = self.state.files.get(&wanted.name).and_then(|known| known.records);
        let old = counted.unwrap_or_else(|| self.judge.judge(&old_path).records);
        if lost_too_much(old, judged.records, wanted.rolling) {
            let new = judged.records;
            return held(format!("{old} records became {new}; --force takes it nevertheless"));
        }
        Ok(Some(judged))
    }

    /// The small files beside, as far as they exist.
    fn besides(&mut self, wanted: &Wanted) -> Result<Vec<Small>> {
        let mut found = Vec::new();
        for (url, name) in &wanted.beside {
            if let Some(bytes) = self.small(url, SMALL_BYTES_MAX)? {
                found.push((name.clone(), bytes));
            }
        }
        Ok(found)
    }

    /// Puts the new copy in the place of the old one.
    fn put(
        &mut self,
        wanted: &Wanted,
        finished: Finished,
        token: Option<String>,
        judged: Option<Judged>,
        besides: &[Small],
    ) -> Result<()> {
        let (sha256, size) = digest::of_file(&finished.path, Algorithm::Sha256)?;
        let path = self.place(&wanted.name);
        if let Some(at) =
            finished.last_modified.as_deref().and_then(date).filter(|at| *at <= self.now)
        {
            // Feeds without a date of their own have at least that of their file.
            let set = File::options().write(true).open(&finished.path).and_then(|file| {
                file.set_modified(
                    std::time::UNIX_EPOCH
                        + Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)),
                )
                .and_then(|()| file.sync_all())
            });
            set.map_err(Error::io(&finished.path))?;
        }
        for (name, bytes) in besides {
            self.put_small(name, bytes, token.clone())?;
        }
        // What lay beside the old copy says nothing of the new one.
        for name in wanted.companions() {
            if besides.iter().all(|(kept, _)| kept != name) {
                mirror::remove(&self.place(name))?;
                self.state.files.remove(name);
            }
        }
        mirror::replace(&finished.path, &path)?;
        self.forget_part(&wanted.name)?;
        let state = FileState {
            etag: finished.etag,
            last_modified: finished.last_modified,
            token,
            sha256,
            size,
            records: judged.map(|judged| judged.records),
            fetched: Some(self.now),
        };
        self.state.files.insert(wanted.name.clone(), state);
        self.changed += 1;
        self.unsaved = self.unsaved.saturating_add(size.max(FILE_BYTES_MIN));
        // The state of many files is itself large: it is not written more often than it is worth.
        let enough = self.unsaved >= BYTES_PER_SAVE.max(self.state_bytes);
        if enough { self.save() } else { Ok(()) }
    }

    /// Puts a small file into the mirror. One that is there already stays as it is, with its time.
    pub(crate) fn put_small(
        &mut self,
        name: &str,
        bytes: &[u8],
        token: Option<String>,
    ) -> Result<()> {
        let sha256 = digest::of_bytes(bytes);
        if let Some(known) = self.intact(name).filter(|known| known.sha256 == sha256) {
            self.state.files.insert(name.to_owned(), FileState { token, ..known });
            return Ok(());
        }
        let part: PathBuf = self.mirror.part(self.feed.name, name);
        mirror::write_flushed(&part, bytes)?;
        mirror::replace(&part, &self.place(name))?;
        let state = FileState {
            token,
            sha256,
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            fetched: Some(self.now),
            ..FileState::default()
        };
        self.state.files.insert(name.to_owned(), state);
        Ok(())
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.unsaved = 0;
        self.state_bytes = self.state.save(&self.mirror.state(self.feed.name))?;
        Ok(())
    }
}

/// Whether the copy at hand is the version of this word.
fn is_same(known: Option<&FileState>, token: Option<&String>) -> bool {
    token.is_some() && known.is_some_and(|known| known.token.as_ref() == token)
}

/// Compares a finished download with what its publisher says of it.
fn verify(wanted: &Wanted, expected: Option<&Expected>, finished: &Finished) -> Result<()> {
    let differs = |algorithm: Algorithm, expected: &str, found: String| {
        if expected.eq_ignore_ascii_case(&found) {
            return Ok(());
        }
        let (name, expected) = (wanted.name.clone(), expected.to_owned());
        Err(Error::Digest { name, algorithm: algorithm.name(), expected, found })
    };
    // The shape first: of an error page, "no JSON" says more than a wrong digest.
    wanted.shape.check(&finished.path, &wanted.name, UNPACKED_BYTES_MAX)?;
    if let Some(expected) = expected {
        let found = if expected.unpacked {
            let file = File::open(&finished.path).map_err(Error::io(&finished.path))?;
            let unpacked = flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file));
            digest::digest(unpacked, expected.algorithm).map_err(Error::io(&finished.path))?.0
        } else {
            digest::of_file(&finished.path, expected.algorithm)?.0
        };
        differs(expected.algorithm, &expected.digest, found)?;
    }
    if let Some(md5) = &finished.md5 {
        differs(Algorithm::Md5, md5, digest::of_file(&finished.path, Algorithm::Md5)?.0)?;
    }
    Ok(())
}

/// Tells whether a copy lost so much that it is more likely broken: a tenth of its records, or,
/// where the file holds the last changes only, all of them.
pub fn lost_too_much(old: u64, new: u64, rolling: bool) -> bool {
    if rolling {
        return old > 0 && new == 0;
    }
    u128::from(new) * 10 < u128::from(old) * 9
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7).
fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{date, lost_too_much};

    #[test]
    fn a_tenth_lost_is_too_much() {
        assert!(!lost_too_much(1000, 900, false));
        assert!(lost_too_much(1000, 899, false));
        assert!(lost_too_much(1, 0, false));
        assert!(!lost_too_much(0, 0, false));
        assert!(!lost_too_much(1000, 3, true));
        assert!(lost_too_much(3, 0, true));
        assert!(!lost_too_much(u64::MAX, u64::MAX, false));
    }

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(
            date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap().to_string(),
            "1994-11-06T08:49:37Z"
        );
        assert_eq!(date("yesterday"), None);
    }
}
