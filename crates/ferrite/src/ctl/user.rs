//! `ferrite ctl user`.

use std::collections::BTreeMap;

use bmc_dbus::users::{NO_ACCESS, SecretBytes, UserEntry, UserError, UserTableProxy};
use futures_util::FutureExt as _;
use serde::Serialize;

use super::{
    Command, Failure, Line, Output,
    bus::{self, USERD},
    password, present,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "user",
    help: "\
Lists and changes the IPMI users.

usage: ferrite ctl user [list]
       ferrite ctl user add NAME [--privilege LEVEL] [--password-file FILE]
       ferrite ctl user password USER [--password-file FILE]
       ferrite ctl user privilege USER LEVEL [--channel NUMBER]
       ferrite ctl user enable|disable|delete USER
       ferrite ctl user kg --file FILE | --clear

  NAME   a letter or `_`, then letters, digits and `_`, at most 16 in all
  USER   a name or a slot number
  LEVEL  callback, user, operator, administrator, oem, or none for no access

  --privilege LEVEL     on every LAN channel (default user)
  --password-file FILE  holds the password, 1 to 20 bytes; without it, it is asked for, or read as one line from a pipe
  --channel NUMBER      only there (default: each channel that the user has)

  kg             sets the BMC key, a second secret that every login then needs (ipmitool -k), or clears it
  --file FILE    holds the key, 1 to 20 bytes; a shorter one is filled up with zeros, as clients do

There is no option for the password itself: every process can read a command line. No account exists until one is added.
",
    flags: &["clear"],
    values: &["privilege", "password-file", "channel", "file"],
    run: |line| Box::pin(run(line)),
};

/// Privilege levels by number (v2.0§6.8).
const LEVELS: [(u8, &str); 6] =
    [(1, "callback"), (2, "user"), (3, "operator"), (4, "administrator"), (5, "oem"), (NO_ACCESS, "none")];

/// A privilege level in words.
pub(super) fn privilege_name(level: u64) -> String {
    let known = LEVELS.iter().find(|(number, _)| u64::from(*number) == level);
    known.map_or_else(|| format!("level {level}"), |(_, name)| (*name).to_owned())
}

/// A user, as it is listed.
#[derive(Debug, Serialize)]
struct User {
    slot: u8,
    name: String,
    enabled: bool,
    has_password: bool,
    /// Level by channel number.
    privileges: BTreeMap<u8, String>,
}

impl From<UserEntry> for User {
    fn from(entry: UserEntry) -> Self {
        let levels =
            entry.privileges.into_iter().map(|(channel, level)| (channel, privilege_name(level.into())));
        let UserEntry { slot, name, enabled, has_password, .. } = entry;
        Self { slot, name, enabled, has_password, privileges: levels.collect() }
    }
}

/// What a change came to.
#[derive(Debug, Serialize)]
struct Done {
    slot: u8,
    name: String,
    done: &'static str,
}

async fn run(line: Line) -> Result<Output, Failure> {
    // What is wrong with the words is told before anything is asked for.
    let words = line.words();
    let connection = bus::connect().await?;
    let table = UserTableProxy::new(&connection).boxed().await.map_err(|error| USERD.failure(error))?;
    match words[..] {
        [] | ["list"] => {
            let users: Vec<User> =
                table.list().boxed().await.map_err(refused)?.into_iter().map(User::from).collect();
            present(&line, &users, |users| render(users)).map(Output::from)
        }
        ["add", name] => {
            let privilege = level(line.value("privilege").unwrap_or("user"))?;
            // Asked before the password is: a person should not type it for nothing.
            table.list().boxed().await.map_err(refused)?;
            let slot = table
                .create(name, &password::read(&line, name)?, privilege)
                .boxed()
                .await
                .map_err(refused)?;
            done(&line, slot, name, "added")
        }
        ["kg"] => set_kg(&table, &line).await,
        [change, user] => {
            let UserEntry { slot, name, .. } = find(&table, user).await?;
            let word = match change {
                "password" => {
                    let secret = password::read(&line, &name)?;
                    table.set_password(slot, &secret).boxed().await.map(|()| "password set of")
                }
                "enable" => table.set_enabled(slot, true).boxed().await.map(|()| "enabled"),
                "disable" => table.set_enabled(slot, false).boxed().await.map(|()| "disabled"),
                "delete" => table.delete(slot).boxed().await.map(|()| "deleted"),
                _ => return Err(line.misunderstood("user")),
            };
            done(&line, slot, &name, word.map_err(refused)?)
        }
        ["privilege", user, word] => {
            let user = find(&table, user).await?;
            set_privilege(&table, &line, &user, level(word)?).await?;
            done(&line, user.slot, &user.name, "privilege set of")
        }
        _ => Err(line.misunderstood("user")),
    }
}

/// What a change of the BMC key came to.
#[derive(Debug, Serialize)]
struct KgDone {
    kg_set: bool,
}

async fn set_kg(table: &UserTableProxy<'_>, line: &Line) -> Result<Output, Failure> {
    let kg = match (line.value("file"), line.has("clear")) {
        (Some(file), false) => password::kg(file)?,
        (None, true) => SecretBytes::default(),
        _ => return Err(Failure::Usage("kg wants either --file FILE or --clear".into())),
    };
    table.set_kg(&kg).boxed().await.map_err(refused)?;
    let model = KgDone { kg_set: !kg.is_empty() };
    let text = |model: &KgDone| if model.kg_set { "KG set\n" } else { "KG cleared\n" }.to_owned();
    present(line, &model, text).map(Output::from)
}

async fn set_privilege(
    table: &UserTableProxy<'_>,
    line: &Line,
    user: &UserEntry,
    privilege: u8,
) -> Result<(), Failure> {
    let channels: Vec<u8> = match line.value("channel").map(str::parse) {
        Some(Ok(channel)) => vec![channel],
        Some(Err(_)) => return Err(Failure::Usage("--channel wants a channel's number".into())),
        None => user.privileges.keys().copied().collect(),
    };
    if channels.is_empty() {
        return Err(Failure::Failed(format!("{} has no channel yet\nhint: --channel NUMBER", user.name)));
    }
    for channel in channels {
        table.set_privilege(user.slot, channel, privilege).boxed().await.map_err(refused)?;
    }
    Ok(())
}

/// A user by name or slot; a name cannot start with a digit.
async fn find(table: &UserTableProxy<'_>, wanted: &str) -> Result<UserEntry, Failure> {
    let slot = wanted.parse::<u8>().ok();
    let users = table.list().boxed().await.map_err(refused)?;
    let found = users.into_iter().find(|user| match slot {
        Some(slot) => user.slot == slot,
        None => user.name == wanted,
    });
    found.ok_or_else(|| Failure::Failed(format!("no user `{wanted}`\nhint: ferrite ctl user list")))
}

fn level(word: &str) -> Result<u8, Failure> {
    let known = LEVELS.iter().find(|(_, name)| *name == word.to_lowercase());
    known.map(|(number, _)| *number).ok_or_else(|| {
        let names: Vec<_> = LEVELS.iter().map(|(_, name)| *name).collect();
        Failure::Usage(format!("no privilege level `{word}`; one of {}", names.join(", ")))
    })
}

fn refused(error: UserError) -> Failure {
    match error {
        UserError::ZBus(error) => USERD.failure(error),
        UserError::NameExists(text)
        | UserError::NameInvalid(text)
        | UserError::PasswordInvalid(text)
        | UserError::NoSuchUser(text)
        | UserError::TableFull(text)
        | UserError::PrivilegeInvalid(text)
        | UserError::ChannelInvalid(text)
        | UserError::KeyInvalid(text)
        | UserError::SlotReserved(text)
        | UserError::StorageFailed(text)
        | UserError::AccessDenied(text) => Failure::Failed(text),
    }
}

fn done(line: &Line, slot: u8, name: &str, done: &'static str) -> Result<Output, Failure> {
    let model = Done { slot, name: name.to_owned(), done };
    present(line, &model, |model| format!("{} {} (slot {})\n", model.done, model.name, model.slot))
        .map(Output::from)
}

fn render(users: &[User]) -> String {
    const HEADER: [(&str, Align); 5] = [
        ("SLOT", Align::Right),
        ("NAME", Align::Left),
        ("LOGIN", Align::Left),
        ("PASSWORD", Align::Left),
        ("PRIVILEGE BY CHANNEL", Align::Left),
    ];
    let rows: Vec<_> = users.iter().map(row).collect();
    table::render(&HEADER, &rows)
}

fn row(user: &User) -> Vec<String> {
    let name = if user.name.is_empty() { "(null user)" } else { &user.name };
    let privileges = user.privileges.iter().map(|(channel, level)| format!("{channel}: {level}"));
    vec![
        user.slot.to_string(),
        name.to_owned(),
        if user.enabled { "enabled" } else { "disabled" }.to_owned(),
        if user.has_password { "set" } else { "none" }.to_owned(),
        privileges.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_listed_with_their_privileges() {
        let user = |slot, name: &str, enabled, privileges: &[(u8, u8)]| {
            let privileges = privileges.iter().copied().collect();
            let payloads = Default::default();
            let (name, has_password) = (name.into(), enabled);
            User::from(UserEntry { slot, name, enabled, privileges, has_password, payloads })
        };
        let users = [user(1, "", false, &[]), user(2, "admin", true, &[(1, 4), (2, 15)])];
        let expected = "\
SLOT  NAME         LOGIN     PASSWORD  PRIVILEGE BY CHANNEL
   1  (null user)  disabled  none
   2  admin        enabled   set       1: administrator, 2: none
";
        assert_eq!(render(&users), expected);
    }

    #[test]
    fn a_level_has_a_name_and_an_unknown_one_is_told_the_names() {
        assert_eq!(level("Administrator").unwrap(), 4);
        assert_eq!(level("none").unwrap(), NO_ACCESS);
        let error = level("root").unwrap_err().to_string();
        assert!(error.contains("`root`") && error.contains("operator"), "{error}");
    }
}
