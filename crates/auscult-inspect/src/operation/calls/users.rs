//! Commands that run another one as somebody else: where its options end, who it is, and what is run.

/// Options of wrappers whose next word is their value.
const VALUED: &[(&str, &[&str])] = &[
    (
        "chpst",
        &[
            "-u", "-U", "-b", "-e", "-/", "-C", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f",
            "-c", "-r", "-t", "-s", "-a",
        ],
    ),
    (
        "sudo",
        &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-r", "-t",
            "-T", "-U", "-D", "--chdir", "-R", "--chroot",
        ],
    ),
    ("doas", &["-u", "-C", "-a"]),
    (
        "setpriv",
        &[
            "--reuid",
            "--regid",
            "--ruid",
            "--euid",
            "--rgid",
            "--egid",
            "--groups",
            "--securebits",
            "--inh-caps",
            "--ambient-caps",
            "--bounding-set",
            "--pdeathsig",
        ],
    ),
];
/// Options of `su` and `runuser` whose next word is their value, but for the command and the user.
const VALUED_OF_SU: &[&str] =
    &["-s", "--shell", "-g", "--group", "-G", "--supp-group", "-w", "--whitelist-environment"];

/// The name of the account in `user:group` and `:uid:gid`.
fn account(word: &str) -> String {
    word.trim_start_matches(':').split([':', '.']).next().unwrap_or(word).to_owned()
}

/// Who a wrapper runs its command as, where it changes that, and what stands behind its own options.
pub(super) fn behind<'words>(
    name: &str,
    words: &'words [String],
) -> (Option<String>, &'words [String]) {
    match name {
        // The account comes first; the `env` ones set variables only.
        "setuidgid" | "s6-setuidgid" | "su-exec" | "gosu" | "envuidgid" | "s6-envuidgid" => {
            let at = words.iter().position(|word| !word.starts_with('-'));
            let Some((at, user)) = at.and_then(|at| Some((at, words.get(at)?))) else {
                return (None, &[]);
            };
            let user = (!name.contains("env")).then(|| account(user));
            (user, words.get(at + 1..).unwrap_or_default())
        }
        _ => match VALUED.iter().find(|(known, _)| *known == name) {
            Some((_, valued)) => behind_valued(words, valued),
            None => (None, words),
        },
    }
}

fn behind_valued<'words>(
    words: &'words [String],
    valued: &[&str],
) -> (Option<String>, &'words [String]) {
    let mut user = None;
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        if first == "--" {
            return (user, behind);
        }
        if !first.starts_with('-') || first.len() < 2 {
            break;
        }
        rest = behind;
        let (option, joined) = match first.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (first.as_str(), None),
        };
        let is_user = matches!(option, "-u" | "--user" | "--reuid");
        if let Some(value) = joined {
            user = if is_user { Some(account(value)) } else { user };
        } else if valued.contains(&option) {
            let Some((value, behind)) = rest.split_first() else { break };
            user = if is_user { Some(account(value)) } else { user };
            rest = behind;
        } else if let Some(value) = option.strip_prefix("-u").filter(|value| !value.is_empty()) {
            user = Some(account(value));
        }
    }
    (user, rest)
}

/// What `su` and `runuser` run.
pub(super) enum Su {
    /// A text, by a shell.
    Text(Option<String>, String),
    /// A command line (`runuser -u USER COMMAND`).
    Words(Option<String>, Vec<String>),
}

/// `su [OPTIONS] [-] [USER [ARGUMENTS]]`, where `-c COMMAND` may stand behind the user too.
pub(super) fn of_su(words: &[String]) -> Su {
    let (mut user, mut named, mut text) = (None, None, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let joined = |long: &str| word.strip_prefix(long).map(str::to_owned);
        match word.as_str() {
            "-c" | "--command" | "--session-command" => text = rest.next().cloned(),
            "-u" | "--user" => named = rest.next().map(|user| account(user)),
            option if VALUED_OF_SU.contains(&option) => _ = rest.next(),
            "--" if named.is_some() => break,
            option if option.starts_with('-') => {
                text = joined("--command=").or(text);
                // `-lc COMMAND`
                let flags = option.strip_prefix('-').filter(|flags| !flags.starts_with('-'));
                if flags.is_some_and(|flags| flags.len() > 1 && flags.ends_with('c')) {
                    text = rest.next().cloned();
                }
            }
            first if named.is_some() => {
                let words = std::iter::once(first.to_owned()).chain(rest.cloned()).collect();
                return Su::Words(named, words);
            }
            first => user = user.or_else(|| Some(account(first))),
        }
    }
    if named.is_some() && text.is_none() {
        return Su::Words(named, rest.cloned().collect());
    }
    Su::Text(named.or(user), text.unwrap_or_default())
}

/// The command that `start-stop-daemon` starts, and as whom; none where it stops one.
pub(super) fn start_stop_daemon(words: &[String]) -> Option<(Vec<String>, Option<String>)> {
    let (options, behind) = match words.iter().position(|word| word == "--") {
        Some(at) => (words.get(..at)?, words.get(at + 1..).unwrap_or_default()),
        None => (words, &[][..]),
    };
    let short = |letter: char| {
        options.iter().position(|word| {
            word.strip_prefix('-').is_some_and(|rest| {
                !rest.starts_with('-') && rest.ends_with(letter) && rest.len() < 8
            })
        })
    };
    let value = |long: &str, letter: char| {
        let joined = options.iter().find_map(|word| {
            word.strip_prefix("--")?.strip_prefix(long)?.strip_prefix('=').map(str::to_owned)
        });
        let long = format!("--{long}");
        let at = options.iter().position(|word| *word == long).or_else(|| short(letter));
        joined.or_else(|| options.get(at? + 1).cloned())
    };
    let told = |long: &str, letter: char| {
        options.iter().any(|word| {
            word == long
                || word.strip_prefix('-').is_some_and(|rest| {
                    !rest.starts_with('-') && rest.contains(letter) && !rest.contains('/')
                })
        })
    };
    let started = told("--start", 'S') || !told("--stop", 'K');
    let program = value("startas", 'a').or_else(|| value("exec", 'x')).filter(|_| started)?;
    let user = value("chuid", 'c').or_else(|| value("user", 'u')).map(|user| account(&user));
    Some((std::iter::once(program).chain(behind.iter().cloned()).collect(), user))
}

#[cfg(test)]
mod tests {
    use super::{Su, behind, of_su, start_stop_daemon};

    fn words(text: &str) -> Vec<String> {
        crate::operation::lines::words(text)
    }

    #[test]
    fn the_account_is_no_program() {
        for (line, user, rest) in [
            ("setuidgid pump /usr/bin/pump -f", Some("pump"), "/usr/bin/pump -f"),
            ("s6-setuidgid pump /usr/bin/pump", Some("pump"), "/usr/bin/pump"),
            ("s6-envuidgid pump /usr/bin/pump", None, "/usr/bin/pump"),
            ("chpst -u :1000:1000 -e ./env -m 10 /usr/bin/pump", Some("1000"), "/usr/bin/pump"),
            ("chpst -v -P -u pump:adm pump", Some("pump"), "pump"),
            ("sudo -n -u pump -g adm -- pump -u x", Some("pump"), "pump -u x"),
            ("sudo --user=pump pump", Some("pump"), "pump"),
            ("sudo -upump pump", Some("pump"), "pump"),
            ("sudo pump", None, "pump"),
            ("setpriv --reuid=pump --regid adm --init-groups pump", Some("pump"), "pump"),
            ("gosu pump:adm pump -v", Some("pump"), "pump -v"),
            ("nice -n 5 pump", None, "-n 5 pump"),
            ("chpst -u", None, ""),
            ("setuidgid", None, ""),
        ] {
            let line = words(line);
            let (name, given) = line.split_first().unwrap();
            let (seen, behind) = behind(name, given);
            assert_eq!((seen.as_deref(), behind.join(" ").as_str()), (user, rest), "{line:?}");
        }
    }

    #[test]
    fn su_takes_its_user_from_either_side_of_the_command() {
        for (line, user, text) in [
            ("-c '/usr/bin/pump -v' pump", Some("pump"), "/usr/bin/pump -v"),
            ("pump -c /usr/bin/pump", Some("pump"), "/usr/bin/pump"),
            ("- pump -s /bin/sh -c /usr/bin/pump", Some("pump"), "/usr/bin/pump"),
            ("-lc /usr/bin/pump pump", Some("pump"), "/usr/bin/pump"),
            ("--command=/usr/bin/pump", None, "/usr/bin/pump"),
            ("-", None, ""),
        ] {
            let Su::Text(seen, command) = of_su(&words(line)) else { panic!("{line}") };
            assert_eq!((seen.as_deref(), command.as_str()), (user, text), "{line}");
        }
        let Su::Words(user, run) = of_su(&words("-u pump -- /usr/bin/pump -v")) else { panic!() };
        assert_eq!((user.as_deref(), run.join(" ").as_str()), (Some("pump"), "/usr/bin/pump -v"));
    }

    #[test]
    fn start_stop_daemon_takes_program_and_account_apart() {
        for (line, expected) in [
            (
                "-S -b -c nobody:nogroup -x /usr/bin/pump -- -v",
                Some(("/usr/bin/pump -v", Some("nobody"))),
            ),
            ("--start --chuid pump --exec /usr/bin/pump", Some(("/usr/bin/pump", Some("pump")))),
            ("-S -x /usr/bin/pump -c pump", Some(("/usr/bin/pump", Some("pump")))),
            ("-S -u pump -a /usr/bin/pump", Some(("/usr/bin/pump", Some("pump")))),
            ("-K -x /usr/bin/pump", None),
        ] {
            let found = start_stop_daemon(&words(line));
            let found = found.map(|(words, user)| (words.join(" "), user));
            let expected = expected.map(|(text, user)| (text.to_owned(), user.map(str::to_owned)));
            assert_eq!(found, expected, "{line}");
        }
    }
}
