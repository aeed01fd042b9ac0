//! `auscult advisories device`: advisories that name devices in words.

use anyhow::Context as _;
use auscult_advisory::{DeviceMatch, DeviceOutcome, DeviceStatus, match_device};

use super::{super::judge, format::Format};
use crate::{args::DeviceArgs, exit::Exit, output};

pub(super) fn run(arguments: &DeviceArgs) -> anyhow::Result<Exit> {
    let outputs = output::parse(arguments.output.as_slice(), Format::Table)?;
    let snapshot = judge::snapshot(arguments.advisories.as_deref())?;
    let version = arguments.version.as_deref();
    let outcome = match_device(&snapshot, &arguments.vendor, &arguments.model, version)
        .context("read the snapshot")?;
    for output in outputs {
        let text = match output.format {
            Format::Table => table(&outcome),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&outcome)?),
        };
        output::write(&output, text.as_bytes())?;
    }
    // What no advisory names is not known to be safe.
    Ok(if matches!(outcome, DeviceOutcome::NoData { .. }) {
        Exit::Inconclusive
    } else {
        Exit::Done
    })
}

fn table(outcome: &DeviceOutcome) -> String {
    let (found, cleared) = match outcome {
        DeviceOutcome::Matches { found, cleared } => (found.as_slice(), cleared.as_slice()),
        DeviceOutcome::NoMatch { cleared } => (&[][..], cleared.as_slice()),
        DeviceOutcome::NoData { vendor_known, products_of_vendor } => {
            return no_data(*vendor_known, products_of_vendor);
        }
    };
    let mut lines = vec![format!(
        "{:16} {:13} {:>4}  {:20} PRODUCT AND VERSIONS",
        "ID", "STATUS", "SURE", "ADVISORY"
    )];
    lines.extend(found.iter().chain(cleared).map(line));
    let open = found.iter().filter(|m| m.status == DeviceStatus::Undetermined).count();
    lines.push(String::new());
    lines.push(format!(
        "{} affected, {open} undetermined, {} not affected",
        found.len().saturating_sub(open),
        cleared.len()
    ));
    lines.push(String::new());
    lines.join("\n")
}

fn line(found: &DeviceMatch) -> String {
    let status = match found.status {
        DeviceStatus::Affected => "affected",
        DeviceStatus::Undetermined => "undetermined",
        DeviceStatus::NotAffected => "not affected",
    };
    let text = format!(
        "{:16} {status:13} {:>3}%  {:20} {}, {}: {}",
        found.id, found.confidence, found.record, found.vendor, found.product, found.range
    );
    auscult_report::clean(&text).into_owned()
}

fn no_data(vendor_known: bool, products: &[String]) -> String {
    if !vendor_known {
        return "no data: no advisory of this snapshot names this maker\n".to_owned();
    }
    let mut text = "no data: no advisory names this model; of the maker they name\n".to_owned();
    for product in products {
        text.push_str("  ");
        text.push_str(&auscult_report::clean(product));
        text.push('\n');
    }
    text
}
