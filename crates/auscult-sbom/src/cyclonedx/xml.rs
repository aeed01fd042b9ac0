//! The components of CycloneDX in its XML form (<https://cyclonedx.org/docs/1.6/xml/>).
//!
//! The pull parser expands no entities of the document's own. What is malformed ends the reading;
//! what was read before it stays.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use crate::components::Entry;

/// Elements inside elements at most.
const DEPTH_MAX: usize = 256;

/// An element that is open: its name and the text in it so far.
struct Element {
    name: String,
    /// Its attribute `name`, of a property.
    label: String,
    text: String,
    /// It is a component of the list, and the last one of those that are open.
    listed: bool,
}

#[derive(Default)]
struct State {
    elements: Vec<Element>,
    /// Components that are open, the outermost first.
    open: Vec<Entry>,
    done: Vec<Entry>,
    count: usize,
}

/// Reads all components, with the reason why the reading ended early.
pub(crate) fn read_xml(bytes: &[u8]) -> (Vec<Entry>, Option<String>) {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut state = State::default();
    let mut problem = None;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => state.start(&start),
            Ok(Event::Empty(start)) => {
                state.start(&start);
                state.end();
            }
            Ok(Event::End(_)) => state.end(),
            Ok(Event::Text(text)) => state.text(&text.xml10_content()),
            Ok(Event::CData(text)) => state.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let plain = match &*reference {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                state.text(plain.map_or_else(String::new, String::from).as_str());
            }
            Ok(_) => {}
            Err(error) => {
                problem = Some(format!("at byte {}: {error}", reader.buffer_position()));
                break;
            }
        }
        if state.elements.len() > DEPTH_MAX {
            problem = Some("elements in elements without an end".to_owned());
            break;
        }
    }
    // The outer components of a document that is cut off.
    while let Some(entry) = state.open.pop() {
        state.done.push(entry);
    }
    (state.done, problem)
}

impl State {
    fn start(&mut self, start: &BytesStart<'_>) {
        let name = start.local_name().as_ref().to_owned();
        // The tools that made the document are components too, but of no list.
        let of_tools = self.elements.iter().any(|element| element.name == "tools");
        let listed = name == "component" && self.parent_is("components") && !of_tools;
        if listed {
            let mut attributes = start.attributes().filter_map(Result::ok);
            let kind = attributes.find(|attribute| attribute.key.as_ref() == "type");
            let kind = kind.and_then(|kind| kind.normalized_value(XmlVersion::Implicit1_0).ok());
            self.count += 1;
            self.open.push(Entry {
                place: format!("component {}", self.count),
                kind: kind.unwrap_or_default().into_owned(),
                ..Entry::default()
            });
        }
        let mut attributes = start.attributes().filter_map(Result::ok);
        let label = attributes.find(|attribute| attribute.key.as_ref() == "name");
        let label = label.filter(|_| name == "property");
        let label = label.and_then(|one| one.normalized_value(XmlVersion::Implicit1_0).ok());
        let label = label.unwrap_or_default().into_owned();
        self.elements.push(Element { name, label, text: String::new(), listed });
    }

    fn parent_is(&self, name: &str) -> bool {
        self.elements.last().is_some_and(|parent| parent.name == name)
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.elements.last_mut() {
            element.text.push_str(text);
        }
    }

    fn end(&mut self) {
        let Some(element) = self.elements.pop() else { return };
        let above = |up: usize| {
            let index = self.elements.len().checked_sub(up)?;
            self.elements.get(index).map(|element| element.name.as_str())
        };
        if element.listed {
            self.done.extend(self.open.pop());
            return;
        }
        let own = match (above(1), above(2)) {
            (Some("component"), Some("components")) => "",
            (Some("supplier" | "manufacturer"), Some("component")) => "supplier",
            (Some("license"), Some("licenses")) | (Some("licenses"), Some("component")) => {
                "licence"
            }
            (Some("properties"), Some("component")) => "property",
            _ => return,
        };
        if self.elements.iter().any(|element| element.name == "tools") {
            return;
        }
        let Some(entry) = self.open.last_mut() else { return };
        let text = element.text.trim().to_owned();
        match (own, element.name.as_str()) {
            ("", "name") => entry.name = text,
            ("", "version") => entry.version = text,
            ("", "purl") => entry.purl = text,
            ("", "cpe") => entry.cpes.push(text),
            ("", "publisher") if entry.supplier.is_empty() => entry.supplier = text,
            ("supplier", "name") => entry.supplier = text,
            ("property", "property") => entry.properties.push((element.label, text)),
            ("licence", "id" | "name" | "expression") => entry.licences.push(text),
            _ => {}
        }
    }
}
