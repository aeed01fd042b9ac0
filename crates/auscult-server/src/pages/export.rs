//! Lists as files (CSV, RFC 4180): whole, with the filters of their pages.
//!
//! What is long is sent as it is read. A list that cannot be read to its end breaks off in the
//! transfer, so that no file looks whole that is not.

use std::{collections::HashMap, sync::Arc};

use auscult_fleet::written;
use auscult_store::{BuildId, Cursor, KeptDevice, OrganisationId, PageRequest, ProductId};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};

use super::{
    builds::{BuildRow, BuildsFilter, ComponentsFilter},
    where_used::{self, UseRow},
};
use crate::{
    access::Caller,
    api::{
        Asked, DevicesInput, EventView, EventsInput, FindingFilter, FindingView, Id, WorkFilter,
        component, find_build,
    },
    evaluate::today,
    fleet::{DeviceCounts, Fleet},
    problem::{Answer, Problem},
    state::App,
    worklist::{self, Work, Worklist},
};

/// Entries that are read at once.
const AT_ONCE: u32 = 1_000;

/// A line of a file.
type Line = Vec<String>;

fn line(cells: &[&str]) -> Line {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn answered(name: &str, body: Body) -> Response {
    let told = format!("attachment; filename=\"{name}.csv\"");
    let told = HeaderValue::from_str(&told).unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, told)], body).into_response()
}

/// A file of a list that is in memory.
fn file(name: &str, head: &[&str], lines: impl IntoIterator<Item = Line>) -> Response {
    let all = std::iter::once(line(head)).chain(lines);
    answered(name, Body::from(written(all)))
}

/// A file whose parts are sent as they are read.
fn stream_of(name: &str, head: Line, parts: BoxStream<'static, Answer<Vec<Line>>>) -> Response {
    let head = written([head]);
    let parts = parts.map(|part| part.map(written));
    let whole = stream::once(async { Ok(head) }).chain(parts).map_ok(Bytes::from);
    // The problem is in the log already; who reads sees that the file breaks off.
    let whole = whole.map_err(|problem: Problem| std::io::Error::other(problem.detail));
    answered(name, Body::from_stream(whole))
}

/// The lines of a list of the store, page by page.
fn parts<F>(
    read: impl Fn(PageRequest) -> F + Send + 'static,
) -> BoxStream<'static, Answer<Vec<Line>>>
where
    F: Future<Output = Answer<(Vec<Line>, Option<Cursor>)>> + Send + 'static,
{
    let begin = Some(PageRequest::first(AT_ONCE));
    let parts = stream::try_unfold((read, begin), |(read, request)| async move {
        let Some(request) = request else { return Ok(None) };
        let (lines, next) = read(request).await?;
        let next = next.map(|next| PageRequest { after: Some(next), limit: AT_ONCE });
        Ok(Some((lines, (read, next))))
    });
    parts.boxed()
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

pub(super) async fn worklist(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<WorkFilter>,
) -> Answer<Response> {
    let lines = move |list: &Worklist<'_>| {
        let chosen = filter.chosen(list)?;
        let line = |work: &Work| {
            vec![
                work.id.clone(),
                work.outcome.clone(),
                yes(work.is_exploited),
                work.due.map(|due| due.to_string()).unwrap_or_default(),
                work.components_text(),
                work.builds().to_string(),
                list.devices(work).to_string(),
            ]
        };
        Answer::Ok(chosen.into_iter().map(line).collect::<Vec<_>>())
    };
    let lines = worklist::ask(&app, (who.organisation, who.within()), lines).await??;
    let head = ["id", "outcome", "known_exploited", "due", "components", "builds", "devices"];
    Ok(file("worklist", &head, lines))
}

pub(super) async fn builds(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<BuildsFilter>,
) -> Answer<Response> {
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let devices = DeviceCounts::of(&app, who.organisation, who.within()).await?;
    let lines = fleet.rows.iter().filter(|row| filter.admits(row)).map(|row| {
        let shown = BuildRow::of(row);
        let mut cells = vec![
            row.build.id.to_string(),
            shown.product,
            shown.label,
            shown.kind,
            row.build.created_at.to_string(),
            shown.verdict.to_owned(),
        ];
        // Nobody can say zero of what was not judged.
        let counts = shown.counts.map(|one| {
            [
                one.components,
                one.open,
                one.known_exploited,
                one.immediate,
                one.out_of_cycle,
                one.scheduled,
            ]
        });
        let cell = |at: usize| counts.and_then(|all| all.get(at).map(ToString::to_string));
        cells.extend((0..6).map(|at| cell(at).unwrap_or_default()));
        cells.push(devices.running(row.build.id).to_string());
        cells
    });
    let head = [
        "id",
        "product",
        "label",
        "kind",
        "uploaded_at",
        "verdict",
        "components",
        "open",
        "known_exploited",
        "immediate",
        "out_of_cycle",
        "scheduled",
        "devices",
    ];
    Ok(file("builds", &head, lines))
}

pub(super) async fn findings(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(filter): Asked<FindingFilter>,
) -> Answer<Response> {
    let build = find_build(&app, &who, id).await?;
    let evaluated = crate::api::evaluated(&app, &who, &build).await?;
    let wanted = evaluated.result.findings().iter().filter(|finding| filter.admits(finding));
    let lines = wanted.map(|finding| {
        let is = FindingView::of(finding);
        let said = |text: Option<String>| text.unwrap_or_default();
        let epss = is.epss_e5.map(|e5| format!("0.{e5:05}"));
        vec![
            is.id,
            is.aliases.join(" "),
            is.component,
            is.version,
            is.status,
            said(is.justification),
            said(is.severity),
            said(is.score),
            yes(is.known_exploited),
            said(epss),
            is.outcome,
            said(is.risk),
            said(is.due),
            said(is.fixed),
        ]
    });
    let head = [
        "id",
        "aliases",
        "component",
        "version",
        "status",
        "justification",
        "severity",
        "cvss",
        "known_exploited",
        "epss",
        "outcome",
        "risk",
        "due",
        "fixed",
    ];
    Ok(file("findings", &head, lines))
}

pub(super) async fn components(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(filter): Asked<ComponentsFilter>,
) -> Answer<Response> {
    let build = find_build(&app, &who, id).await?;
    let evaluated = crate::api::evaluated(&app, &who, &build).await?;
    let lines = filter.chosen(&evaluated).into_iter().map(|one| {
        let is = component(&evaluated, one);
        vec![
            is.name,
            is.version,
            is.supplier.unwrap_or_default(),
            is.purl.unwrap_or_default(),
            is.licences.join(" "),
            is.confidence.to_string(),
            is.open.to_string(),
            yes(is.has_data),
            is.locators.first().cloned().unwrap_or_default(),
        ]
    });
    let head = [
        "name",
        "version",
        "supplier",
        "purl",
        "licences",
        "confidence_percent",
        "open",
        "advisories_know_it",
        "locator",
    ];
    Ok(file("components", &head, lines))
}

pub(super) async fn where_is(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(wanted): Asked<where_used::Wanted>,
) -> Answer<Response> {
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let devices = DeviceCounts::of(&app, who.organisation, who.within()).await?;
    let wanted = wanted.q.trim();
    let found = if wanted.is_empty() { Vec::new() } else { fleet.where_used(&app, wanted) };
    let lines = found.iter().map(|found| {
        let row = UseRow::of(found, &devices);
        let open = found.touches.iter().filter(|touch| touch.is_open).count();
        vec![
            found.row.build.id.to_string(),
            row.build.product,
            row.build.label,
            row.versions,
            open.to_string(),
            row.devices.to_string(),
        ]
    });
    Ok(file("where-used", &["build", "product", "label", "versions", "open", "devices"], lines))
}

pub(super) async fn events(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(input): Asked<EventsInput>,
) -> Answer<Response> {
    let build = input.build(&app, &who).await?;
    let (organisation, within) = (who.organisation, who.within());
    let products = Arc::new(crate::fleet::products(&app, organisation, within).await?);
    let parts = parts(move |request| {
        let (app, products) = (app.clone(), Arc::clone(&products));
        async move {
            let page = app.store.events(organisation, build, within, &request).await?;
            let mut lines = Vec::new();
            for event in &page.items {
                lines.extend(lines_of_event(&EventView::of(event)?, &products));
            }
            Ok((lines, page.next))
        }
    });
    let head = [
        "at",
        "product",
        "label",
        "verdict",
        "verdict_before",
        "change",
        "id",
        "component",
        "version",
        "outcome",
        "outcome_before",
        "known_exploited",
    ];
    Ok(stream_of("changes", line(&head), parts))
}

fn lines_of_event(event: &EventView, products: &HashMap<ProductId, String>) -> Vec<Line> {
    let is = &event.is;
    let head = vec![
        event.at.clone(),
        products.get(&is.product).cloned().unwrap_or_default(),
        is.label.clone(),
        is.verdict.clone(),
        is.verdict_before.clone().unwrap_or_default(),
    ];
    if is.changes.is_empty() {
        let rest = std::iter::repeat_n(String::new(), 7);
        return vec![head.into_iter().chain(rest).collect()];
    }
    let lines = is.changes.iter().map(|change| {
        let mut cells = head.clone();
        cells.extend([
            change.kind.word().to_owned(),
            change.id.clone(),
            change.component.clone(),
            change.version.clone(),
            change.outcome.clone(),
            change.outcome_before.clone().unwrap_or_default(),
            yes(change.known_exploited),
        ]);
        cells
    });
    lines.collect()
}

pub(super) async fn devices(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(input): Asked<DevicesInput>,
) -> Answer<Response> {
    let (organisation, filter) = (who.organisation, input.filter(&who)?);
    let parts = parts(move |request| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let page = app.store.devices(organisation, &filter, &request).await?;
            Ok((page.items.iter().map(line_of_device).collect(), page.next))
        }
    });
    let mut head = auscult_fleet::columns();
    head.extend(line(&["custody", "build", "build_basis"]));
    Ok(stream_of("devices", head, parts))
}

/// The fields as an import reads them, and where the device is.
fn line_of_device(device: &KeptDevice) -> Line {
    let mut cells: Line = auscult_fleet::row(&device.is);
    cells.push(device.custody.word().to_owned());
    cells.push(device.build.build().map(|build| build.to_string()).unwrap_or_default());
    cells.push(device.build.basis().to_owned());
    cells
}

pub(super) async fn systems(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    let (organisation, within) = (who.organisation, who.within());
    let parts = parts(move |request| {
        let app = app.clone();
        async move {
            let page = app.store.systems(organisation, within, today(), &request).await?;
            let lines = page.items.into_iter().map(|system| {
                let counts = [
                    system.devices,
                    system.out_of_service,
                    system.of_unknown_build,
                    system.overdue,
                ];
                std::iter::once(system.name).chain(counts.map(|count| count.to_string())).collect()
            });
            Ok((lines.collect(), page.next))
        }
    });
    let head = ["system", "devices", "out_of_service", "devices_of_unknown_build", "overdue"];
    Ok(stream_of("systems", line(&head), parts))
}

pub(super) async fn audit(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    let organisation: OrganisationId = who.organisation;
    let parts = parts(move |request| {
        let app = app.clone();
        async move {
            let page = app.store.audit_log(organisation, &request).await?;
            let lines = page.items.into_iter().map(|entry| {
                vec![
                    entry.sequence.to_string(),
                    entry.at.to_string(),
                    entry.actor,
                    entry.action,
                    entry.object,
                    entry.detail,
                    entry.digest.to_string(),
                ]
            });
            Ok((lines.collect(), page.next))
        }
    });
    let head = ["sequence", "at", "actor", "action", "object", "detail", "digest"];
    Ok(stream_of("audit", line(&head), parts))
}
