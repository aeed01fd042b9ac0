//! How the device runs: what starts at boot, what listens, who may sign in without a password.

use auscult_model::{
    Account, BootState, Certainty, Known, Listener, ListenerSource, PasswordState, RootOperation,
};

use crate::{
    ScanResult, TableOptions,
    text::{Cell, Clip, Column, Page, Style, count, things},
};

const LISTENER_COLUMNS: [Column; 5] = [
    Column::new("LISTENS", 10, Clip::Whole),
    Column::new("PROGRAM", 28, Clip::End),
    Column::new("ADDRESS", 20, Clip::End),
    Column::new("HOW SURE", 20, Clip::End),
    Column::new("WHERE IT SAYS SO", 60, Clip::Start),
];

/// One part for each root file system in which something starts; nothing for an input without.
pub(super) fn section(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    for root in result.facts.operation.roots() {
        let open = without_password(root);
        let (starting, silent) = match &root.boot {
            Known::Known(boot) => {
                let starts = boot.iter().filter(|one| one.state == BootState::StartsAtBoot);
                (format!("{} at boot", things(starts.count(), "start")), boot.is_empty())
            }
            Known::Unknown(reason) => (format!("what starts is unknown: {reason}"), true),
        };
        let listens = root.listeners.known().is_some_and(|all| !all.is_empty());
        if silent && !listens && open.is_empty() {
            continue;
        }
        page.heading("RUNS", &format!("{}: {starting}", root.root), Style::Plain);
        for account in open {
            let text = format!("{} has no password, at {}", account.name, account.locator);
            page.line(2, &text, Style::Alarm);
        }
        match &root.listeners {
            Known::Known(all) => listening(page, all, options),
            Known::Unknown(reason) => {
                page.line(2, &format!("what listens is unknown: {reason}"), Style::Warning);
            }
        }
    }
}

fn without_password(root: &RootOperation) -> Vec<&Account> {
    let accounts = root.accounts.known().into_iter().flatten();
    accounts.filter(|one| one.password.known() == Some(&PasswordState::Empty)).collect()
}

/// What was seen on a running unit, where it says something else than the image.
pub(super) fn seen(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let Some(runtime) = &result.runtime else { return };
    let summary = format!(
        "kernel {}{}, {}",
        runtime.kernel,
        if runtime.kernel_in_image { "" } else { ", which is not in the image" },
        processes(runtime.processes),
    );
    page.heading("SEEN RUNNING", &summary, Style::Plain);
    for gap in &runtime.gaps {
        page.line(2, gap, Style::Warning);
    }
    for one in runtime.listeners.iter().take(options.others_max) {
        let seen = &one.seen;
        let told = if one.told_by_image { "" } else { ": the image does not tell it" };
        let programs = seen.programs.join(", ");
        let text = format!("{}/{} on {} {programs}{told}", seen.transport, seen.port, seen.address);
        page.line(2, &text, if one.told_by_image { Style::Plain } else { Style::Warning });
    }
    super::more(page, options.others_max, runtime.listeners.len(), "listeners");
    for (what, list) in [
        ("not seen, though the image says they listen from boot on", &runtime.listeners_not_seen),
        ("ran and are not in the image", &runtime.programs_not_in_image),
        ("loaded modules that are not in the image", &runtime.modules_not_in_image),
    ] {
        if !list.is_empty() {
            let shown: Vec<&str> =
                list.iter().take(options.others_max).map(String::as_str).collect();
            page.line(2, &format!("{what}: {}", shown.join(", ")), Style::Warning);
            super::more(page, shown.len(), list.len(), "of them");
        }
    }
}

fn processes(seen: usize) -> String {
    format!("{} process{}", count(seen), if seen == 1 { "" } else { "es" })
}

/// What listens once the device runs, or when it is asked for; the rest is in JSON.
fn listening(page: &mut Page, all: &[Listener], options: &TableOptions) {
    let runs = |one: &&Listener| {
        one.is_started() && (one.source != ListenerSource::Imports || one.port.known().is_some())
    };
    let shown: Vec<&Listener> = all.iter().filter(runs).collect();
    let rows: Vec<Vec<Cell>> = shown.iter().take(options.others_max).map(|one| row(one)).collect();
    if rows.is_empty() {
        page.line(2, "nothing was seen that listens on a known port", Style::Faint);
        return;
    }
    page.grid(2, &LISTENER_COLUMNS, &rows);
    super::more(page, rows.len(), shown.len(), "listeners");
}

fn row(one: &Listener) -> Vec<Cell> {
    let address = one.address.known().map_or("unknown", String::as_str);
    let sure = match one.certainty {
        Certainty::Configured => "configured",
        Certainty::DefaultOfProgram => "default",
        Certainty::MayListen => "may listen",
    };
    vec![
        one.socket().into(),
        one.name.as_str().into(),
        address.into(),
        sure.into(),
        one.locator.to_string().into(),
    ]
}
