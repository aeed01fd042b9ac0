//! Scheduled tasks: files below `System32\Tasks` (MS-TSCH 2.5, the XML schema of tasks). They are read
//! by their elements, not as whole documents; namespaces are not told apart. Tasks of the older `.job`
//! form are not read.

use std::borrow::Cow;

use auscult_model::{BootSource, BootState};
use quick_xml::{Reader, escape::unescape, events::Event};

use super::{Entry, Root, TASKS};

/// A task is not longer, and there are no more.
const TASK_BYTES_MAX: u64 = 1 << 20;
const TASKS_MAX: usize = 4096;
/// Elements of one kind that are looked at in one task.
const ELEMENTS_MAX: usize = 64;
/// Triggers, with how they are told.
const TRIGGERS: &[(&str, &str)] = &[
    ("BootTrigger", "boot"),
    ("LogonTrigger", "logon"),
    ("CalendarTrigger", "calendar"),
    ("TimeTrigger", "time"),
    ("EventTrigger", "event"),
    ("IdleTrigger", "idle"),
    ("RegistrationTrigger", "registration"),
    ("SessionStateChangeTrigger", "session"),
    ("WnfStateChangeTrigger", "state"),
];

/// Adds the tasks of an installation.
pub(super) fn read(root: &mut Root<'_>) {
    let own = root.files.iter().filter(|(path, _)| path.starts_with(TASKS));
    let mut tasks: Vec<_> = own.map(|(path, id)| (path.clone(), *id)).collect();
    tasks.sort();
    for (path, id) in tasks.into_iter().take(TASKS_MAX) {
        if root.tree.node(id).len() > TASK_BYTES_MAX {
            continue;
        }
        let Ok(bytes) = root.tree.bytes(id) else { continue };
        let text = text(&bytes);
        let name = path.strip_prefix(TASKS).unwrap_or(&path);
        let (state, trigger) = start(&text);
        let user = elements(&text, "UserId").first().map(|user| plain(user));
        for action in elements(&text, "Exec") {
            let Some(command) = elements(action, "Command").first().map(|text| plain(text)) else {
                continue;
            };
            let arguments = elements(action, "Arguments");
            let arguments = arguments.first().map(|text| plain(text)).unwrap_or_default();
            let command = command.trim().trim_matches('"');
            root.add(Entry {
                source: BootSource::WindowsTask,
                name,
                command: &format!("\"{command}\" {arguments}"),
                library: None,
                user: user.clone(),
                trigger: trigger.clone(),
                state,
                configuration: root.tree.locator(id),
            });
        }
    }
}

/// Whether the task starts, and by what.
fn start(text: &str) -> (BootState, String) {
    let is_false = |part: &&str| {
        elements(part, "Enabled").first().is_some_and(|value| value.trim() == "false")
    };
    if elements(text, "Settings").first().is_some_and(is_false) {
        return (BootState::Disabled, "disabled".to_owned());
    }
    let mut told: Vec<&str> = Vec::new();
    for (element, word) in TRIGGERS {
        let found = elements(text, element);
        if found.iter().any(|trigger| !is_false(trigger)) {
            told.push(word);
        }
    }
    let state = if told.contains(&"boot") { BootState::StartsAtBoot } else { BootState::OnDemand };
    let trigger = if told.is_empty() { "on request".to_owned() } else { told.join(", ") };
    (state, trigger)
}

/// The text of a task: UTF-16 with its mark, else UTF-8.
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units = rest
                .chunks_exact(2)
                .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
            String::from_utf16_lossy(&units.collect::<Vec<u16>>())
        }
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// What stands inside of the elements of this name; an empty one is an empty text. What is damaged ends
/// the search.
fn elements<'text>(text: &'text str, name: &str) -> Vec<&'text str> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    while found.len() < ELEMENTS_MAX {
        match reader.read_event() {
            Ok(Event::Empty(element)) if element.name().as_ref() == name => {
                found.push("");
            }
            Ok(Event::Start(element)) if element.name().as_ref() == name => {
                let Ok(span) = reader.read_to_end(element.name()) else { break };
                let span = usize::try_from(span.start).ok().zip(usize::try_from(span.end).ok());
                found.extend(span.and_then(|(start, end)| text.get(start..end)));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found
}

/// A text without the entities of XML; as it is where one is not known.
fn plain(text: &str) -> String {
    let text = text.trim();
    unescape(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::{elements, start, text};

    #[test]
    fn elements_are_told_apart_by_their_whole_name() {
        let xml =
            "<Exec><Command>a</Command></Exec><ExecMore>b</ExecMore><Exec id=\"1\">c</Exec><Exec/>";
        assert_eq!(elements(xml, "Exec"), ["<Command>a</Command>", "c", ""]);
        assert!(elements("<Exec><Exec", "Exec").is_empty());
    }

    #[test]
    fn a_task_starts_by_its_triggers_unless_it_is_off() {
        use auscult_model::BootState::{Disabled, OnDemand, StartsAtBoot};
        for (xml, expected) in [
            ("<BootTrigger/><LogonTrigger></LogonTrigger>", (StartsAtBoot, "boot, logon")),
            ("<BootTrigger><Enabled>false</Enabled></BootTrigger>", (OnDemand, "on request")),
            (
                "<CalendarTrigger/><Settings><Enabled>true</Enabled></Settings>",
                (OnDemand, "calendar"),
            ),
            ("<BootTrigger/><Settings><Enabled>false</Enabled></Settings>", (Disabled, "disabled")),
        ] {
            assert_eq!(start(xml), (expected.0, expected.1.to_owned()), "{xml}");
        }
        assert_eq!(text(b"\xff\xfe<\0a\0>\0x"), "<a>");
    }
}
