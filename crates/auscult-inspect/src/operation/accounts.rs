//! Accounts: `/etc/passwd` (passwd(5)) with the passwords of `/etc/shadow` (shadow(5)), whose
//! hashes are named by kind (crypt(5)) and never kept.

use std::collections::HashMap;

use auscult_model::{Account, Known, Locator, PasswordState};

use super::files::{Files, Text};

/// Accounts of one root.
const ACCOUNTS_MAX: usize = 4096;

/// The accounts of a root.
pub(super) fn read(files: &Files<'_>) -> Known<Vec<Account>> {
    let (passwd, shadow) = (files.text("/etc/passwd"), files.text("/etc/shadow"));
    if passwd.is_none() && shadow.is_none() {
        return Known::unknown("the file system holds neither /etc/passwd nor /etc/shadow");
    }
    let mut passwords: HashMap<String, (PasswordState, Locator)> = HashMap::new();
    let mut names = Vec::new();
    for (fields, locator) in shadow.iter().flat_map(rows) {
        let [name, password, ..] = fields.as_slice() else { continue };
        names.push(name.clone());
        passwords.insert(name.clone(), (password_state(password), locator));
    }
    let mut accounts = Vec::new();
    for (fields, locator) in passwd.iter().flat_map(rows) {
        let [name, password, uid, rest @ ..] = fields.as_slice() else { continue };
        let (home, shell) = (rest.get(2), rest.get(3));
        let shadowed = passwords.get(name).filter(|_| password == "x" || password == "*");
        let (password, locator) = match (shadowed, password.as_str()) {
            (Some((state, place)), _) => (Known::Known(*state), place.clone()),
            (None, "x") => (Known::unknown("no line of /etc/shadow is for this account"), locator),
            (None, password) => (Known::Known(password_state(password)), locator),
        };
        accounts.push(Account {
            name: super::shortened(name),
            uid: Known::from_option(uid.parse().ok(), "the number cannot be read"),
            shell: Known::from_option(
                shell.map(|shell| super::shortened(shell)),
                "the line is cut short",
            ),
            password,
            authorized_keys: keys(files, name, home.map_or("", String::as_str)),
            locator,
        });
    }
    if passwd.is_none() {
        let reason = "the file system holds no /etc/passwd";
        for name in names {
            let Some((state, locator)) = passwords.get(&name) else { continue };
            accounts.push(Account {
                authorized_keys: keys(files, &name, ""),
                name: super::shortened(&name),
                uid: Known::unknown(reason),
                shell: Known::unknown(reason),
                password: Known::Known(*state),
                locator: locator.clone(),
            });
        }
    }
    if accounts.len() > ACCOUNTS_MAX {
        let why = format!("more than {ACCOUNTS_MAX} accounts");
        files.report(&files.locator(), "read the accounts", why);
        accounts.truncate(ACCOUNTS_MAX);
    }
    Known::Known(accounts)
}

/// The fields of every line.
fn rows(text: &Text) -> impl Iterator<Item = (Vec<String>, Locator)> {
    text.lines().filter(|line| !line.text.starts_with('#')).filter_map(|line| {
        let fields: Vec<String> = line.text.split(':').take(9).map(str::to_owned).collect();
        let named = fields.len() > 1 && fields.first().is_some_and(|name| !name.is_empty());
        named.then(|| (fields, text.at(line.offset)))
    })
}

/// Files of keys that sign in as this account: OpenSSH's, and Dropbear's for root.
fn keys(files: &Files<'_>, name: &str, home: &str) -> Vec<Locator> {
    let mut paths = Vec::new();
    let home = if home.is_empty() && name == "root" { "/root" } else { home };
    if home.starts_with('/') {
        paths.push(format!("{home}/.ssh/authorized_keys"));
        paths.push(format!("{home}/.ssh/authorized_keys2"));
    }
    if name == "root" {
        paths.push("/etc/dropbear/authorized_keys".to_owned());
        paths.push("/etc/ssh/authorized_keys".to_owned());
    }
    paths.push(format!("/etc/ssh/authorized_keys/{name}"));
    let found = paths.iter().filter_map(|path| files.file(path));
    found
        .filter(|found| !files.node(found.id).is_empty())
        .map(|found| files.locate(found.id))
        .collect()
}

/// The kind of what stands in the password field.
fn password_state(field: &str) -> PasswordState {
    let des = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
    };
    let prefix = |prefixes: &[&str]| prefixes.iter().any(|prefix| field.starts_with(prefix));
    match field {
        "" => PasswordState::Empty,
        "x" | "NP" | "LK" => PasswordState::Locked,
        _ if field.starts_with(['*', '!']) => PasswordState::Locked,
        _ if prefix(&["$1$", "$md5"]) => PasswordState::Md5crypt,
        _ if prefix(&["$2$", "$2a$", "$2b$", "$2x$", "$2y$"]) => PasswordState::Bcrypt,
        _ if prefix(&["$3$"]) => PasswordState::Nt,
        _ if prefix(&["$5$"]) => PasswordState::Sha256crypt,
        _ if prefix(&["$6$"]) => PasswordState::Sha512crypt,
        _ if prefix(&["$7$"]) => PasswordState::Scrypt,
        _ if prefix(&["$y$", "$gy$"]) => PasswordState::Yescrypt,
        _ if field.len() == 20 && field.strip_prefix('_').is_some_and(des) => {
            PasswordState::ExtendedDes
        }
        _ if field.len() == 13 && des(field) => PasswordState::Des,
        _ => PasswordState::Other,
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{Known, PasswordState};
    use auscult_testkit::Tree;

    use super::{password_state, read};
    use crate::operation::made;

    #[test]
    fn kinds_of_hashes_are_told_apart() {
        use PasswordState as State;
        for (field, state) in [
            ("", State::Empty),
            ("*", State::Locked),
            ("!$6$salt$hash", State::Locked),
            ("$1$GTN$x", State::Md5crypt),
            ("$6$a$b", State::Sha512crypt),
            ("$y$j9T$x", State::Yescrypt),
            ("ab01234567890", State::Des),
            ("_J9..rasmBYk8r9AiWNc", State::ExtendedDes),
            ("secret", State::Other),
        ] {
            assert_eq!(password_state(field), state, "{field}");
        }
    }

    #[test]
    fn shadowed_passwords_and_keys_belong_to_their_accounts() {
        let tree = Tree::new()
            .file(
                "etc/passwd",
                0o644,
                "root:x:0:0:root:/root:/bin/ash\n\nlost:x:1:1::/:\nftp::99:1\nbad\n",
            )
            .file("etc/shadow", 0o600, "daemon:*:0:0\nroot:$1$abc$def:0:0\n")
            .file("root/.ssh/authorized_keys", 0o600, "ssh-ed25519 AAAA\n");
        made(&tree, |files| {
            let Known::Known(accounts) = read(files) else { panic!("no accounts") };
            assert_eq!(accounts.len(), 3);
            assert_eq!(accounts[0].password, Known::Known(PasswordState::Md5crypt));
            assert_eq!(accounts[0].shell, Known::Known("/bin/ash".to_owned()));
            assert!(accounts[0].locator.to_string().ends_with("/etc/shadow@0xd"));
            assert_eq!(accounts[0].authorized_keys.len(), 1);
            assert!(accounts[1].password.known().is_none());
            assert_eq!(accounts[2].password, Known::Known(PasswordState::Empty));
            assert!(!format!("{accounts:?}").contains("abc"));
        });
        made(&Tree::new().file("etc/shadow", 0o600, "root::0:0\n"), |files| {
            assert_eq!(read(files).known().map(Vec::len), Some(1));
        });
        made(&Tree::new().file("etc/inittab", 0o600, ""), |files| {
            assert!(read(files).known().is_none());
        });
    }
}
