//! Jobs of cron: `/etc/crontab` and `/etc/cron.d` (with a user), tables of users, and the folders
//! `/etc/cron.*ly` (crontab(5)).

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};
use crate::operation::{files::Text, lines};

/// Programs that run the jobs.
const DAEMONS: &[&str] = &["cron", "crond", "fcron", "anacron"];

/// Adds the jobs. Where nothing starts the daemon, they do not start either.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    let runs = builder.starts_any(DAEMONS);
    let state = if runs { BootState::OnDemand } else { BootState::Disabled };
    let files = builder.files;
    for text in files.text("/etc/crontab").into_iter().chain(files.texts("/etc/cron.d", "")) {
        add_table(builder, &text, None, state);
    }
    for folder in ["/var/spool/cron/crontabs", "/etc/crontabs", "/var/spool/cron"] {
        for entry in files.folder(folder) {
            if let Some(text) = files.text(&entry.path) {
                add_table(builder, &text, Some(&entry.name), state);
            }
        }
    }
    for period in ["hourly", "daily", "weekly", "monthly"] {
        for entry in files.folder(&format!("/etc/cron.{period}")) {
            let Some(found) = files.program(&entry.path) else { continue };
            let configuration = files.locate(entry.id);
            let draft = Draft {
                source: BootSource::Cron,
                name: entry.name,
                words: vec![entry.path],
                user: None,
                trigger: period.to_owned(),
                state,
                configuration,
            };
            builder.add_found(draft, Some(found));
        }
    }
}

fn add_table(builder: &mut Builder<'_, '_>, text: &Text, user: Option<&str>, state: BootState) {
    for line in text.lines() {
        let Some((trigger, told, command)) = job(&line.text, user.is_none()) else { continue };
        let draft = Draft {
            source: BootSource::Cron,
            name: lines::file_name(&text.path).to_owned(),
            words: lines::words(command),
            user: user.map(str::to_owned).or(told),
            trigger,
            state,
            configuration: text.at(line.offset),
        };
        builder.add_inner(&draft);
        builder.add(draft);
    }
}

/// Schedule, user and command of a line.
fn job(line: &str, with_user: bool) -> Option<(String, Option<String>, &str)> {
    let line = line.trim();
    let first = line.chars().next()?;
    let count = match first {
        '@' => 1,
        '*' | '0'..='9' => 5,
        _ => return None,
    };
    let mut rest = line;
    let mut take = || {
        let end = rest.find(char::is_whitespace)?;
        let (word, behind) = rest.split_at_checked(end)?;
        rest = behind.trim_start();
        Some(word)
    };
    let schedule: Vec<&str> = (0..count).map_while(|_| take()).collect();
    let user = if with_user { Some(take()?.to_owned()) } else { None };
    (schedule.len() == count && !rest.is_empty()).then_some((schedule.join(" "), user, rest))
}

#[cfg(test)]
mod tests {
    use super::job;

    #[test]
    fn jobs_have_a_schedule_and_a_command() {
        assert_eq!(
            job("*/5 * * * * root  /bin/check now", true),
            Some(("*/5 * * * *".to_owned(), Some("root".to_owned()), "/bin/check now"))
        );
        assert_eq!(job("@reboot /bin/x", false), Some(("@reboot".to_owned(), None, "/bin/x")));
        for line in ["", "# * * * * * x", "PATH=/bin", "* * * *", "@daily", "1 2 3 4 5"] {
            assert_eq!(job(line, false), None, "{line}");
        }
    }
}
