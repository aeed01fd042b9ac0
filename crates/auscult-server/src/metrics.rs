//! Figures for a monitoring system, in the text form of Prometheus.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the classes of durations, in milliseconds.
const BOUNDS_MS: [u64; 6] = [10, 50, 150, 500, 2_000, 10_000];

/// What this process counts since its start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By the first digit of the status.
    requests: [AtomicU64; 6],
    durations: [AtomicU64; BOUNDS_MS.len()],
    duration_us: AtomicU64,
    sign_ins: [AtomicU64; 2],
    jobs: [AtomicU64; 2],
    job_ms: AtomicU64,
    judgements: AtomicU64,
    judgement_ms: AtomicU64,
}

/// What the store tells.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) jobs_queued: u64,
    pub(crate) jobs_leased: u64,
    pub(crate) jobs_dead: u64,
    pub(crate) snapshot_age_days: Option<i32>,
}

impl Metrics {
    pub(crate) fn request(&self, status: u16, took: Duration) {
        if let Some(count) = self.requests.get(usize::from(status / 100)) {
            count.fetch_add(1, Relaxed);
        }
        let milliseconds = took.as_millis();
        for (bound, count) in BOUNDS_MS.iter().zip(&self.durations) {
            if milliseconds <= u128::from(*bound) {
                count.fetch_add(1, Relaxed);
            }
        }
        self.duration_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(0), Relaxed);
    }

    pub(crate) fn sign_in(&self, succeeded: bool) {
        let [failed, done] = &self.sign_ins;
        (if succeeded { done } else { failed }).fetch_add(1, Relaxed);
    }

    pub(crate) fn job(&self, succeeded: bool, took: Duration) {
        let [failed, done] = &self.jobs;
        (if succeeded { done } else { failed }).fetch_add(1, Relaxed);
        self.job_ms.fetch_add(u64::try_from(took.as_millis()).unwrap_or(0), Relaxed);
    }

    pub(crate) fn judgement(&self, took: Duration) {
        self.judgements.fetch_add(1, Relaxed);
        self.judgement_ms.fetch_add(u64::try_from(took.as_millis()).unwrap_or(0), Relaxed);
    }

    /// The text; OpenMetrics calls for a unit in the name, and for seconds.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        let load = |count: &AtomicU64| count.load(Relaxed);
        let classes = self.requests.iter().zip(["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"]);
        let classes =
            classes.skip(1).map(|(count, class)| (format!("{{class=\"{class}\"}}"), load(count)));
        family(&mut text, "auscult_http_requests_total", "counter", "Requests answered", classes);
        let all: u64 = self.requests.iter().map(load).sum();
        let buckets = BOUNDS_MS.iter().zip(&self.durations);
        let buckets = buckets
            .map(|(bound, count)| (format!("_bucket{{le=\"{}\"}}", seconds(*bound)), load(count)))
            .chain([("_bucket{le=\"+Inf\"}".to_owned(), all), ("_count".to_owned(), all)]);
        let name = "auscult_http_request_duration_seconds";
        family(&mut text, name, "histogram", "Time to answer", buckets);
        let _ = writeln!(text, "{name}_sum {}", seconds(load(&self.duration_us) / 1_000));
        let pair = |[failed, done]: &[AtomicU64; 2]| {
            [
                ("{result=\"failed\"}".to_owned(), load(failed)),
                ("{result=\"done\"}".to_owned(), load(done)),
            ]
        };
        family(&mut text, "auscult_sign_ins_total", "counter", "Sign-ins", pair(&self.sign_ins));
        family(&mut text, "auscult_inspections_total", "counter", "Inspections", pair(&self.jobs));
        let plain = |count| [(String::new(), count)];
        let judged = plain(load(&self.judgements));
        family(&mut text, "auscult_judgements_total", "counter", "Builds judged", judged);
        for (name, help, total) in [
            ("auscult_inspection_seconds_total", "Time spent inspecting", load(&self.job_ms)),
            ("auscult_judgement_seconds_total", "Time spent judging", load(&self.judgement_ms)),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            let _ = writeln!(text, "{name} {}", seconds(total));
        }
        let states = [
            ("{state=\"queued\"}".to_owned(), gauges.jobs_queued),
            ("{state=\"leased\"}".to_owned(), gauges.jobs_leased),
            ("{state=\"dead\"}".to_owned(), gauges.jobs_dead),
        ];
        family(&mut text, "auscult_jobs", "gauge", "Jobs in the store", states);
        if let Some(days) = gauges.snapshot_age_days {
            let name = "auscult_snapshot_age_days";
            let _ = writeln!(text, "# HELP {name} Age of the advisories\n# TYPE {name} gauge");
            let _ = writeln!(text, "{name} {days}");
        }
        text
    }
}

fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, u64)>,
) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (suffix, value) in samples {
        let _ = writeln!(text, "{name}{suffix} {value}");
    }
}

/// Milliseconds as seconds, exactly.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Gauges, Metrics};

    #[test]
    fn every_line_is_a_comment_or_a_sample() {
        let metrics = Metrics::default();
        metrics.request(200, Duration::from_millis(20));
        metrics.request(404, Duration::from_mins(1));
        let gauges =
            Gauges { jobs_queued: 3, jobs_leased: 0, jobs_dead: 1, snapshot_age_days: Some(7) };
        let text = metrics.text(&gauges);
        for line in text.lines() {
            let value = line.rsplit(' ').next().unwrap_or_default();
            assert!(line.starts_with("# ") || value.parse::<f64>().is_ok(), "{line}");
        }
        for line in [
            "auscult_http_requests_total{class=\"2xx\"} 1",
            "auscult_http_request_duration_seconds_bucket{le=\"0.010\"} 0",
            "auscult_http_request_duration_seconds_bucket{le=\"0.050\"} 1",
            "auscult_http_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "auscult_http_request_duration_seconds_sum 60.020",
            "auscult_jobs{state=\"queued\"} 3",
            "auscult_snapshot_age_days 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
