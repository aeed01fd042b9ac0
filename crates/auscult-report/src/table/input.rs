//! The head of the table: what was inspected, how, and how much of it was read.

use std::collections::BTreeMap;

use auscult_model::{Coverage, FormatSeen, InputKind, UnreadRegion, looks_like};

use super::{TableOptions, more};
use crate::{
    ScanResult,
    text::{Page, Style, count, number, percent, size},
};

/// Identities that say most about a device, in this order; the others are only counted.
const IDENTITIES_SHOWN: [&str; 6] = [
    "os-release:PRETTY_NAME",
    "openwrt:DISTRIB_DESCRIPTION",
    "uimage:name",
    "sbom:name",
    "sbom:version",
    "sbom:supplier",
];

pub(super) fn header(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let facts = &result.facts;
    let tool = format!("{} {}", facts.tool.name, facts.tool.version);
    page.line(0, &format!("{tool}, as of {}", result.as_of), Style::Heading);
    let kind = match facts.input.kind {
        InputKind::Image => "image",
        InputKind::Directory => "directory",
        InputKind::Sbom => "SBOM",
    };
    let bytes = facts.input.size;
    let input =
        format!("{kind} sha256:{}, {} ({} bytes)", facts.input.sha256, size(bytes), number(bytes));
    page.pair("input", &input, Style::Plain);
    page.pair("facts", &format!("sha256:{}", result.facts_digest), Style::Plain);
    let isolation = if result.isolation.is_empty() {
        "none: the input was read without a sandbox".to_owned()
    } else {
        result.isolation.join(", ")
    };
    page.pair("isolation", &isolation, Style::Plain);
    for key in IDENTITIES_SHOWN {
        for identity in facts.identities.iter().filter(|identity| identity.key == key).take(3) {
            page.pair("identity", &format!("{key} = {}", identity.value), Style::Plain);
        }
    }
    formats(page, &facts.formats, options);
    kernels(page, result, options);
    coverage(page, &facts.coverage, options);
}

/// Draws the outer formats as a tree and counts those deeper inside.
fn formats(page: &mut Page, formats: &[FormatSeen], options: &TableOptions) {
    let depth = |format: &FormatSeen| format.locator.steps.len();
    let Some(outermost) = formats.iter().map(depth).min() else {
        page.pair("formats", "none was recognised", Style::Warning);
        return;
    };
    let (outer, inner): (Vec<_>, Vec<_>) =
        formats.iter().partition(|format| depth(format) <= outermost + 1);
    for (index, format) in outer.iter().take(options.others_max).enumerate() {
        let text = format_line(format, depth(format) - outermost);
        page.pair(if index == 0 { "formats" } else { "" }, &text, Style::Plain);
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for format in outer.into_iter().skip(options.others_max).chain(inner) {
        *counts.entry(&format.format).or_default() += 1;
    }
    if !counts.is_empty() {
        let counts: Vec<String> =
            counts.iter().map(|(name, times)| format!("{name} × {}", number(*times))).collect();
        page.pair("", &format!("and inside: {}", counts.join(", ")), Style::Faint);
    }
}

fn format_line(format: &FormatSeen, level: usize) -> String {
    let attributes: Vec<String> =
        format.attributes.iter().take(4).map(|(key, value)| format!("{key} {value}")).collect();
    let attributes =
        if attributes.is_empty() { String::new() } else { format!(", {}", attributes.join(", ")) };
    let last = format.locator.steps.last();
    // Both spellings of the place occur: the container itself, or the offset where it starts.
    let offset = format.locator.offset.or(last.map(|step| step.offset)).unwrap_or(0);
    let member = last.and_then(|step| step.member.as_ref());
    let inside = member.map(|member| format!(" in {member}")).unwrap_or_default();
    let indent = "  ".repeat(level);
    format!("{indent}{} at {offset:#x}{inside}, {}{attributes}", format.format, size(format.bytes))
}

fn kernels(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let kernels = &result.facts.kernels;
    for kernel in kernels.iter().take(options.others_max) {
        let version = match &kernel.version {
            auscult_model::Known::Known(version) => format!("upstream {version}"),
            auscult_model::Known::Unknown(why) => format!("upstream version unknown: {why}"),
        };
        let config = match &kernel.config {
            auscult_model::Known::Known(config) => format!("{} options", count(config.len())),
            auscult_model::Known::Unknown(why) => format!("unknown: {why}"),
        };
        let modules = match &kernel.modules {
            auscult_model::Known::Known(modules) => count(modules.len()),
            auscult_model::Known::Unknown(why) => format!("unknown: {why}"),
        };
        let text =
            format!("{} ({version}); configuration {config}; modules {modules}", kernel.release);
        page.pair("kernel", &text, Style::Plain);
    }
    more(page, options.others_max, kernels.len(), "kernels");
}

fn coverage(page: &mut Page, coverage: &Coverage, options: &TableOptions) {
    let share = |bytes: u64| {
        let total = u128::from(coverage.bytes_total.max(1));
        match u64::try_from(u128::from(bytes) * 10_000 / total).unwrap_or(0) {
            0..10 if bytes > 0 => "under 0.1 %".to_owned(),
            basis_points => percent(basis_points),
        }
    };
    let text = format!(
        "{} read, {} padding, {} unread ({})",
        share(coverage.bytes_read),
        share(coverage.bytes_padding),
        share(coverage.bytes_unread),
        size(coverage.bytes_unread)
    );
    let style = if coverage.bytes_unread > 0 { Style::Warning } else { Style::Plain };
    page.pair("coverage", &text, style);
    // The largest first: they are what could hide most.
    let mut regions: Vec<_> = coverage.regions_unread.iter().collect();
    regions.sort_by_key(|region| (std::cmp::Reverse(region.bytes), &region.locator));
    let shown = options.others_max.min(5);
    for (index, region) in regions.iter().take(shown).enumerate() {
        let entropy = entropy_of(region);
        // Inside a compressed container a region can be larger than the image.
        let opened = if region.locator.steps.is_empty() { "" } else { " when opened" };
        let (place, bytes) = (&region.locator, size(region.bytes));
        let text = format!("{place}, {bytes}{opened}: {}{entropy}", region.reason);
        page.pair(if index == 0 { "  unread" } else { "" }, &text, Style::Plain);
    }
    more(page, shown, regions.len(), "unread regions");
    for (index, (question, reason)) in coverage.questions_unknown.iter().enumerate() {
        let label = if index == 0 { "  unknown" } else { "" };
        page.pair(label, &format!("{question}: {reason}"), Style::Plain);
    }
}

/// What the entropy of a region says, if it was measured; where it changes, from where on.
fn entropy_of(region: &UnreadRegion) -> String {
    let Some(entropy) = region.entropy_centibits else { return String::new() };
    let bits = format!(", entropy {}.{:02} bits per byte", entropy / 100, entropy % 100);
    match region.profile.as_slice() {
        [] | [_] => format!("{bits} (like {})", looks_like(entropy)),
        stretches => {
            let told = stretches.iter().take(4).map(|stretch| {
                format!("{:#x}: {}", stretch.offset, looks_like(stretch.entropy_centibits))
            });
            let more = if stretches.len() > 4 { ", …" } else { "" };
            format!("{bits} (like {}{more})", told.collect::<Vec<_>>().join(", "))
        }
    }
}
