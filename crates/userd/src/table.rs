//! The user table: which slots are taken, and what a user may be called and may do.

use std::collections::BTreeMap;

use bmc_dbus::users::{NO_ACCESS, Payloads, UserError, payloads_on};
use serde::{Deserialize, Serialize};

/// User ID 1 is the null user (v2.0§22.28): reserved, without name or password, never enabled here.
pub const NULL_USER: u8 = 1;
/// A user ID has six bits (v2.0§22.27).
pub(crate) const MOST_SLOTS: u8 = 63;
/// IPMI's field is 16 bytes (v2.0§22.28).
const LONGEST_NAME: usize = 16;
/// Passwords are stored in 20 bytes from IPMI 2.0 on (v2.0§22.30).
const LONGEST_PASSWORD: usize = 20;
/// KG fills an HMAC-SHA1 key (v2.0§13.33).
const KEY_LENGTH: usize = 20;

/// A user without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Unique in the table.
    pub name: String,
    /// Whether the user may log in at all.
    pub enabled: bool,
    /// Limit per channel number: 1 (callback) to 5 (OEM), or 15 for no access. What is missing is no access.
    pub privileges: BTreeMap<u8, u8>,
    /// The payloads that may be activated, by channel. Files of before there were payloads have no such field.
    #[serde(default, skip_serializing_if = "Payloads::is_empty")]
    pub payloads: Payloads,
}

/// All users by slot. The null user is not stored: nothing about it can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserTable {
    slots: u8,
    users: BTreeMap<u8, User>,
}

impl UserTable {
    /// A table of `slots` slots with these users, as they were stored.
    ///
    /// # Errors
    /// The first user that breaks a rule.
    pub fn restore(slots: u8, users: BTreeMap<u8, User>) -> Result<Self, UserError> {
        let mut table = Self { slots, users: BTreeMap::new() };
        for (slot, user) in users {
            if slot <= NULL_USER || slot > slots {
                let last = table.slots;
                let User { name, .. } = user;
                return Err(UserError::NoSuchUser(format!("`{name}` has slot {slot}, not 2 to {last}")));
            }
            table.check_name(&user.name, slot)?;
            user.privileges
                .iter()
                .try_for_each(|(channel, privilege)| check_privilege(*channel, *privilege))?;
            user.payloads.keys().try_for_each(|channel| check_channel(*channel))?;
            table.users.insert(slot, user);
        }
        Ok(table)
    }

    /// How many slots there are, the null user's included.
    pub fn slots(&self) -> u8 {
        self.slots
    }

    /// The users with their slots, the null user left out.
    pub fn users(&self) -> &BTreeMap<u8, User> {
        &self.users
    }

    /// Puts an enabled user into the lowest free slot, with `privilege` on each of `channels`.
    ///
    /// # Errors
    /// `NameInvalid`, `NameExists`, `PrivilegeInvalid`, `TableFull`.
    pub fn create(&mut self, name: &str, privilege: u8, channels: &[u8]) -> Result<u8, UserError> {
        check_privilege(0, privilege)?;
        let slot = (NULL_USER + 1..=self.slots).find(|slot| !self.users.contains_key(slot));
        self.check_name(name, slot.unwrap_or_default())?;
        let slot = slot.ok_or_else(|| UserError::TableFull(format!("all {} slots are taken", self.slots)))?;
        let privileges = channels.iter().map(|channel| (*channel, privilege)).collect();
        let user = User { name: name.to_owned(), enabled: true, privileges, payloads: Payloads::new() };
        self.users.insert(slot, user);
        Ok(slot)
    }

    /// Takes a user out.
    ///
    /// # Errors
    /// As [`UserTable::user_mut`].
    pub fn delete(&mut self, slot: u8) -> Result<User, UserError> {
        self.user_mut(slot)?;
        self.users.remove(&slot).ok_or_else(|| no_such_user(slot))
    }

    /// Renames a user.
    ///
    /// # Errors
    /// `NameInvalid`, `NameExists`, and as [`UserTable::user_mut`].
    pub fn set_name(&mut self, slot: u8, name: &str) -> Result<(), UserError> {
        self.user_mut(slot)?;
        self.check_name(name, slot)?;
        self.user_mut(slot)?.name = name.to_owned();
        Ok(())
    }

    /// Sets the limit on one channel.
    ///
    /// # Errors
    /// `ChannelInvalid`, `PrivilegeInvalid`, and as [`UserTable::user_mut`].
    pub fn set_privilege(&mut self, slot: u8, channel: u8, privilege: u8) -> Result<(), UserError> {
        let user = self.user_mut(slot)?;
        check_privilege(channel, privilege)?;
        user.privileges.insert(channel, privilege);
        Ok(())
    }

    /// Allows or forbids the payloads of a mask on one channel; the others stay as they are.
    ///
    /// # Errors
    /// `ChannelInvalid`, and as [`UserTable::user_mut`].
    pub fn set_payloads(&mut self, slot: u8, channel: u8, mask: u32, allowed: bool) -> Result<(), UserError> {
        let user = self.user_mut(slot)?;
        check_channel(channel)?;
        let before = payloads_on(&user.payloads, channel);
        user.payloads.insert(channel, if allowed { before | mask } else { before & !mask });
        Ok(())
    }

    /// The user in `slot`, to be changed.
    ///
    /// # Errors
    /// `SlotReserved` for the null user, `NoSuchUser` for an empty slot.
    pub fn user_mut(&mut self, slot: u8) -> Result<&mut User, UserError> {
        if slot == NULL_USER {
            return Err(UserError::SlotReserved("slot 1 is the null user, which stays disabled".into()));
        }
        self.users.get_mut(&slot).ok_or_else(|| no_such_user(slot))
    }

    fn check_name(&self, name: &str, slot: u8) -> Result<(), UserError> {
        let mut bytes = name.bytes();
        let well_formed = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.len() <= LONGEST_NAME;
        if !well_formed {
            return Err(UserError::NameInvalid(format!(
                "user name {name:?} is not a letter or `_` followed by letters, digits and `_`, at most {LONGEST_NAME} in all"
            )));
        }
        match self.users.iter().find(|(other, user)| **other != slot && user.name == name) {
            Some((other, _)) => Err(UserError::NameExists(format!("slot {other} is called `{name}`"))),
            None => Ok(()),
        }
    }
}

/// Holds a password against the rules.
///
/// # Errors
/// `PasswordInvalid`.
pub(crate) fn check_password(password: &[u8]) -> Result<(), UserError> {
    if (1..=LONGEST_PASSWORD).contains(&password.len()) {
        return Ok(());
    }
    Err(UserError::PasswordInvalid(format!(
        "a password has 1 to {LONGEST_PASSWORD} bytes, not {}",
        password.len()
    )))
}

/// Holds a KG against the rules.
///
/// # Errors
/// `KeyInvalid`.
pub(crate) fn check_key(key: &[u8]) -> Result<(), UserError> {
    if key.is_empty() || key.len() == KEY_LENGTH {
        return Ok(());
    }
    Err(UserError::KeyInvalid(format!("a KG has {KEY_LENGTH} bytes or none, not {}", key.len())))
}

fn check_channel(channel: u8) -> Result<(), UserError> {
    // 12 to 14 name no channel of their own (v2.0§6.3).
    if !matches!(channel, 0..=11 | 15) {
        return Err(UserError::ChannelInvalid(format!("channel {channel} is not 0 to 11 or 15")));
    }
    Ok(())
}

fn check_privilege(channel: u8, privilege: u8) -> Result<(), UserError> {
    check_channel(channel)?;
    if !matches!(privilege, 1..=5 | NO_ACCESS) {
        return Err(UserError::PrivilegeInvalid(format!(
            "privilege {privilege} is not 1 (callback) to 5 (OEM), or {NO_ACCESS} for no access"
        )));
    }
    Ok(())
}

fn no_such_user(slot: u8) -> UserError {
    UserError::NoSuchUser(format!("slot {slot} is empty"))
}

#[cfg(test)]
mod tests {
    use bmc_dbus::users::SOL;

    use super::*;

    fn table() -> UserTable {
        UserTable::restore(3, BTreeMap::new()).unwrap()
    }

    #[test]
    fn a_new_user_takes_the_lowest_free_slot_after_the_null_user() {
        let mut table = table();
        assert_eq!(table.create("a", 4, &[1, 2]), Ok(2));
        assert_eq!(table.create("b", 4, &[1, 2]), Ok(3));
        assert!(matches!(table.create("c", 4, &[1]), Err(UserError::TableFull(_))));
        table.delete(2).unwrap();
        assert_eq!(table.create("c", 3, &[1, 2]), Ok(2));
        assert_eq!(table.users()[&2].privileges, BTreeMap::from([(1, 3), (2, 3)]));
    }

    #[test]
    fn names_follow_openbmcs_rule() {
        for bad in ["", "1st", "a-b", "a b", "ä", "root\0", "abcdefghijklmnopq"] {
            assert!(matches!(table().create(bad, 4, &[]), Err(UserError::NameInvalid(_))), "{bad:?}");
        }
        for good in ["_", "a", "A_9", "abcdefghijklmnop"] {
            assert_eq!(table().create(good, 4, &[]), Ok(2), "{good:?}");
        }
    }

    #[test]
    fn a_name_is_given_once_but_may_be_set_again_on_its_own_slot() {
        let mut table = table();
        table.create("a", 4, &[]).unwrap();
        table.create("b", 4, &[]).unwrap();
        assert!(matches!(table.set_name(3, "a"), Err(UserError::NameExists(_))));
        assert_eq!(table.set_name(3, "b"), Ok(()));
    }

    #[test]
    fn the_null_user_cannot_be_changed() {
        let mut table = table();
        assert!(matches!(table.delete(NULL_USER), Err(UserError::SlotReserved(_))));
        assert!(matches!(table.set_name(NULL_USER, "x"), Err(UserError::SlotReserved(_))));
        assert!(matches!(table.set_privilege(NULL_USER, 1, 4), Err(UserError::SlotReserved(_))));
    }

    #[test]
    fn privileges_and_channels_out_of_range_are_refused() {
        let mut table = table();
        table.create("a", 4, &[]).unwrap();
        assert!(matches!(table.set_privilege(2, 1, 0), Err(UserError::PrivilegeInvalid(_))));
        assert!(matches!(table.set_privilege(2, 1, 6), Err(UserError::PrivilegeInvalid(_))));
        assert!(matches!(table.set_privilege(2, 14, 4), Err(UserError::ChannelInvalid(_))));
        assert_eq!(table.set_privilege(2, 1, NO_ACCESS), Ok(()));
    }

    #[test]
    fn payloads_are_allowed_and_forbidden_one_by_one_on_each_channel() {
        let mut table = table();
        table.create("a", 4, &[1, 2]).unwrap();
        table.set_payloads(2, 1, SOL, false).unwrap();
        table.set_payloads(2, 2, 1 << 16, true).unwrap();
        let payloads = table.users()[&2].payloads.clone();
        assert_eq!(payloads, [(1, 0), (2, SOL | 1 << 16)].into());
        table.set_payloads(2, 1, SOL, true).unwrap();
        assert_eq!(payloads_on(&table.users()[&2].payloads, 1), SOL);
        assert!(matches!(table.set_payloads(2, 14, SOL, true), Err(UserError::ChannelInvalid(_))));
        assert!(matches!(table.set_payloads(1, 1, SOL, true), Err(UserError::SlotReserved(_))));
        assert!(matches!(table.set_payloads(3, 1, SOL, true), Err(UserError::NoSuchUser(_))));
    }

    #[test]
    fn stored_users_that_break_a_rule_are_refused() {
        let user = |name: &str| User {
            name: name.into(),
            enabled: true,
            privileges: BTreeMap::new(),
            payloads: Payloads::new(),
        };
        let restore = |users: Vec<(u8, User)>| UserTable::restore(3, users.into_iter().collect());
        assert!(restore(vec![(2, user("a")), (3, user("b"))]).is_ok());
        assert!(restore(vec![(2, user("a")), (3, user("a"))]).is_err());
        assert!(restore(vec![(1, user("a"))]).is_err());
        assert!(restore(vec![(4, user("a"))]).is_err());
    }
}
