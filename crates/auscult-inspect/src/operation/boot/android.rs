//! Android's init language: `service NAME PATH ARGUMENTS…` with options below, `on TRIGGER` with
//! commands below (system/core/init/README.md).

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};
use crate::operation::{files::Text, lines};

/// Adds the services and the programs that triggers execute.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    let files = builder.files;
    let mut texts: Vec<Text> = files.texts("", ".rc");
    for folder in ["/system/etc/init", "/vendor/etc/init", "/odm/etc/init", "/product/etc/init"] {
        texts.extend(files.texts(folder, ".rc"));
    }
    for text in texts {
        add_file(builder, &text);
    }
}

fn add_file(builder: &mut Builder<'_, '_>, text: &Text) {
    let mut service: Option<Draft> = None;
    let mut trigger = String::new();
    for line in text.lines() {
        let words = lines::words(lines::uncommented(&line.text));
        let Some((first, rest)) = words.split_first() else { continue };
        match first.as_str() {
            "service" | "on" | "import" => {
                if let Some(done) = service.take() {
                    builder.add(done);
                }
                trigger = rest.join(" ");
                if let ("service", Some((name, words))) = (first.as_str(), rest.split_first()) {
                    service = Some(Draft {
                        source: BootSource::AndroidInit,
                        name: name.clone(),
                        words: words.to_vec(),
                        user: None,
                        trigger: "class default".to_owned(),
                        state: BootState::StartsAtBoot,
                        configuration: text.at(line.offset),
                    });
                }
            }
            "exec" | "exec_background" | "exec_start" if service.is_none() => {
                let start = rest.iter().position(|word| word.starts_with('/'));
                let words = rest.get(start.unwrap_or(rest.len())..).unwrap_or_default().to_vec();
                if !words.is_empty() {
                    builder.add(Draft {
                        source: BootSource::AndroidInit,
                        name: "exec".to_owned(),
                        words,
                        user: None,
                        trigger: trigger.clone(),
                        state: state(&trigger),
                        configuration: text.at(line.offset),
                    });
                }
            }
            option => {
                if let Some(service) = &mut service {
                    set(service, option, rest);
                }
            }
        }
    }
    if let Some(done) = service {
        builder.add(done);
    }
}

fn set(service: &mut Draft, option: &str, rest: &[String]) {
    match option {
        "disabled" => service.state = BootState::OnDemand,
        "user" => service.user = rest.first().cloned(),
        "class" => service.trigger = format!("class {}", rest.join(" ")),
        _ => {}
    }
}

/// Triggers that fire on every boot.
fn state(trigger: &str) -> BootState {
    let first = trigger.split_whitespace().next().unwrap_or_default();
    let always = ["early-init", "init", "late-init", "early-fs", "fs", "post-fs", "post-fs-data"];
    if always.contains(&first) || matches!(first, "early-boot" | "boot") {
        BootState::StartsAtBoot
    } else {
        BootState::OnDemand
    }
}
