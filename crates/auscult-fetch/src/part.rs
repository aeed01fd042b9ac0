//! A download that can be continued: in this run after the connection broke, or in the next one
//! after the process did.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, digest,
    http::{Response, backoff},
    mirror,
    session::Session,
    state::FileState,
    update::Event,
};

/// An attempt that brought so many bytes does not count as one that failed.
const PROGRESS_BYTES: u64 = 1 << 20;
/// Attempts in all, however well each of them begins.
const ATTEMPTS_MAX: u32 = 1000;

/// What a part is the beginning of; kept beside it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
struct PartState {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// MD5 of the whole, in hexadecimal, where the server tells it.
    md5: Option<String>,
    /// Length of the whole, where the server tells it.
    total: Option<u64>,
}

/// A finished download, not yet verified.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) md5: Option<String>,
}

impl Finished {
    /// The copy in the mirror, which the server says is still the one.
    pub(crate) fn at_hand(path: PathBuf) -> Self {
        Self { path, etag: None, last_modified: None, md5: None }
    }
}

/// How a download ended well.
#[derive(Debug)]
pub(crate) enum Download {
    Finished(Finished),
    Unchanged,
    Missing,
}

/// How an attempt ended.
enum Attempt {
    Ended(Download),
    /// The part at hand is of no use.
    Restart,
    /// The connection broke after so many bytes.
    Broken(Error, u64),
}

impl PartState {
    fn of(url: &str, response: &Response) -> Self {
        let text = |name| response.header(name).map(str::to_owned);
        // Several digests may stand in one header or in several.
        let md5 = response.header("x-goog-hash").and_then(|hashes| {
            let mut hashes = hashes.split(',').map(str::trim);
            hashes.find_map(|hash| digest::from_base64(hash.strip_prefix("md5=")?))
        });
        Self {
            url: url.to_owned(),
            etag: text("etag"),
            last_modified: text("last-modified"),
            md5,
            total: response.length(),
        }
    }

    /// What proves to the server that the rest is of the same version: a strong validator, or a
    /// date (RFC 9110 section 13.1.5).
    fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }

    fn finished(self, path: PathBuf) -> Download {
        let Self { etag, last_modified, md5, .. } = self;
        Download::Finished(Finished { path, etag, last_modified, md5 })
    }
}

fn state_path(part: &Path) -> PathBuf {
    let mut name = part.file_name().unwrap_or_default().to_owned();
    name.push(".json");
    part.with_file_name(name)
}

/// The part at hand with its length, if it can be continued.
fn resumable(part: &Path, url: &str) -> Option<(PartState, u64)> {
    let bytes = mirror::read_bounded(&state_path(part), 1 << 20).ok()??;
    let state: PartState = serde_json::from_slice(&bytes).ok()?;
    let length = fs::metadata(part).ok()?.len();
    let fits = state.url == url
        && state.validator().is_some()
        && length > 0
        && state.total.is_none_or(|total| length <= total);
    fits.then_some((state, length))
}

impl Session<'_> {
    /// Removes what there is of an unfinished download.
    pub(crate) fn forget_part(&self, name: &str) -> Result<()> {
        let part = self.mirror.part(self.feed.name, name);
        mirror::remove(&state_path(&part))?;
        mirror::remove(&part)
    }

    /// Downloads a file unless it is the one known.
    pub(crate) fn download(
        &mut self,
        url: &str,
        name: &str,
        known: Option<&FileState>,
    ) -> Result<Download> {
        let part = self.mirror.part(self.feed.name, name);
        mirror::make_parent(&part)?;
        let mut failed = 0;
        for _ in 0..ATTEMPTS_MAX {
            let error = match self.attempt(url, name, &part, known)? {
                Attempt::Ended(download) => return Ok(download),
                Attempt::Restart => {
                    self.forget_part(name)?;
                    Error::Truncated { url: url.to_owned(), received: 0 }
                }
                Attempt::Broken(error, received) => {
                    if received >= PROGRESS_BYTES {
                        failed = 0;
                    }
                    error
                }
            };
            failed += 1;
            if failed >= self.client.transfer.attempts {
                return Err(error);
            }
            let wait = backoff(&self.client.transfer, failed);
            self.waiting(wait, &error.to_string());
            std::thread::sleep(wait);
        }
        Err(Error::Truncated { url: url.to_owned(), received: 0 })
    }

    fn attempt(
        &mut self,
        url: &str,
        name: &str,
        part: &Path,
        known: Option<&FileState>,
    ) -> Result<Attempt> {
        let at_hand = resumable(part, url);
        if let Some((state, length)) = &at_hand
            && state.total == Some(*length)
        {
            // The process ended between the last byte and the verification.
            self.resumed += 1;
            return Ok(Attempt::Ended(state.clone().finished(part.to_owned())));
        }
        let response = self.send(url, conditions(at_hand.as_ref(), known))?;
        let (mut file, state, start) = match response.status {
            304 => return Ok(Attempt::Ended(Download::Unchanged)),
            404 | 410 => return Ok(Attempt::Ended(Download::Missing)),
            200 => {
                let state = PartState::of(url, &response);
                (begin(part, &state)?, state, 0)
            }
            206 => match at_hand.and_then(|at_hand| continued(&response, at_hand)) {
                Some((state, length)) => {
                    self.resumed += 1;
                    let file = File::options().append(true).open(part).map_err(Error::io(part))?;
                    (file, state, length)
                }
                None => return Ok(Attempt::Restart),
            },
            // The file has become shorter than its part.
            416 => return Ok(Attempt::Restart),
            status => return Err(Error::Status { url: url.to_owned(), status }),
        };
        let limit = self.size_limit();
        let too_large = || Error::TooLarge { url: url.to_owned(), limit };
        if state.total.is_some_and(|total| total > limit) {
            self.forget_part(name)?;
            return Err(too_large());
        }
        let (mut length, transfer) = (start, self.client.transfer.clone());
        self.observer.event(self.feed.name, &Event::File { name, start, total: state.total });
        let pumped = response.pump(url, &transfer, |bytes| {
            let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            length = length.saturating_add(count);
            if length > limit {
                return Err(too_large());
            }
            self.observer.event(self.feed.name, &Event::Received { bytes: count });
            file.write_all(bytes).map_err(Error::io(part))
        });
        let received = length.saturating_sub(start);
        self.received = self.received.saturating_add(received);
        match pumped {
            Ok(()) if state.total.is_some_and(|total| length < total) => {
                let error = Error::Truncated { url: url.to_owned(), received: length };
                Ok(Attempt::Broken(error, received))
            }
            Ok(()) => {
                file.sync_all().map_err(Error::io(part))?;
                Ok(Attempt::Ended(state.finished(part.to_owned())))
            }
            Err(error) if error.is_passing() => Ok(Attempt::Broken(error, received)),
            Err(error) => {
                self.forget_part(name)?;
                Err(error)
            }
        }
    }
}

/// The part that an answer continues, if it begins where the part ends and is of its version.
fn continued(response: &Response, at_hand: (PartState, u64)) -> Option<(PartState, u64)> {
    let (state, length) = at_hand;
    let (start, whole) = response.range()?;
    let etag = response.header("etag");
    let other_version = etag.is_some() && etag != state.etag.as_deref();
    let other_length = state.total.is_some() && whole.is_some() && whole != state.total;
    let total = state.total.or(whole);
    let fits = start == length && !other_version && !other_length;
    fits.then_some((PartState { total, ..state }, length))
}

/// Begins a part; what it is the beginning of is written down first.
fn begin(part: &Path, state: &PartState) -> Result<File> {
    // An older part must not be taken for the beginning of this version.
    mirror::remove(part)?;
    let path = state_path(part);
    let text = serde_json::to_vec(state)
        .map_err(|error| Error::io(&path)(std::io::Error::other(error)))?;
    mirror::write_atomically(&path, &text)?;
    File::create(part).map_err(Error::io(part))
}

/// The headers that make the server send only what is new.
fn conditions(
    at_hand: Option<&(PartState, u64)>,
    known: Option<&FileState>,
) -> Vec<(&'static str, String)> {
    if let Some((state, length)) = at_hand
        && let Some(validator) = state.validator()
    {
        return vec![("Range", format!("bytes={length}-")), ("If-Range", validator.to_owned())];
    }
    let Some(known) = known else { return Vec::new() };
    let etag = known.etag.clone().map(|etag| ("If-None-Match", etag));
    let date = known.last_modified.clone().map(|date| ("If-Modified-Since", date));
    etag.into_iter().chain(date).collect()
}
