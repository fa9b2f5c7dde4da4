//! The table and the secrets on flash, in two files so that the one that may be looked at holds nothing to hide.
//!
//! Two files are not replaced in one step, so order does the work: a secret is written before the user that it belongs to and
//! removed after it. A power cut in between leaves a secret without a user, which [`Store::open`] drops.

use std::collections::BTreeMap;

use bmc_daemon::{StateError, StateFile};
use bmc_dbus::users::{SecretBytes, UserError};
use serde::{Deserialize, Serialize};

use crate::table::{self, User, UserTable};

/// A file that holds no valid users or secrets.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path}: {reason}\nhint: nothing was changed; mend the file or restore it from a backup, or move users.json and secrets.json \
     away to start without users and add them with `ferrite ctl user add`"
)]
pub struct StoreError {
    path: String,
    reason: String,
}

/// `users.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersFile {
    users: BTreeMap<u8, User>,
}

/// `secrets.json`. Bytes are written as numbers, so that reading makes no copy that is not wiped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsFile {
    passwords: BTreeMap<u8, SecretBytes>,
    kg: SecretBytes,
}

/// Users and secrets, each change durable before it is believed.
#[derive(Debug)]
pub struct Store {
    users_file: StateFile<UsersFile>,
    secrets_file: StateFile<SecretsFile>,
    table: UserTable,
    secrets: SecretsFile,
}

impl Store {
    /// Reads both files; without them there are no users, and nobody can log in.
    ///
    /// # Errors
    /// [`StoreError`] for a file that cannot be read or breaks a rule: it is never replaced by an empty one.
    pub fn open(
        users_file: StateFile<UsersFile>,
        secrets_file: StateFile<SecretsFile>,
        slots: u8,
    ) -> Result<Self, StoreError> {
        let stored = users_file.load().map_err(|error| unreadable(&error))?.unwrap_or_default();
        let table = UserTable::restore(slots, stored.users)
            .map_err(|error| invalid(&users_file, error.to_string()))?;
        let mut secrets = secrets_file.load().map_err(|error| unreadable(&error))?.unwrap_or_default();
        check_secrets(&secrets).map_err(|error| invalid(&secrets_file, error.to_string()))?;
        secrets.passwords.retain(|slot, _| table.users().contains_key(slot));
        Ok(Self { users_file, secrets_file, table, secrets })
    }

    /// The users.
    pub fn table(&self) -> &UserTable {
        &self.table
    }

    /// The password of the user in `slot`.
    pub fn password(&self, slot: u8) -> Option<&SecretBytes> {
        self.secrets.passwords.get(&slot)
    }

    /// KG; empty where none is set.
    pub fn kg(&self) -> &SecretBytes {
        &self.secrets.kg
    }

    /// Makes a user with a password.
    ///
    /// # Errors
    /// As [`UserTable::create`], `PasswordInvalid`, `StorageFailed`.
    pub fn create(
        &mut self,
        name: &str,
        password: SecretBytes,
        privilege: u8,
        channels: &[u8],
    ) -> Result<u8, UserError> {
        table::check_password(password.as_bytes())?;
        let mut table = self.table.clone();
        let slot = table.create(name, privilege, channels)?;
        let mut secrets = self.secrets.clone();
        secrets.passwords.insert(slot, password);
        self.write_secrets(secrets)?;
        self.write_table(table)?;
        Ok(slot)
    }

    /// Removes a user, then the password.
    ///
    /// # Errors
    /// As [`UserTable::delete`], `StorageFailed` where the user or the password is still on flash.
    pub fn delete(&mut self, slot: u8) -> Result<User, UserError> {
        let mut table = self.table.clone();
        let user = table.delete(slot)?;
        self.write_table(table)?;
        let mut secrets = self.secrets.clone();
        secrets.passwords.remove(&slot);
        self.write_secrets(secrets)?;
        Ok(user)
    }

    /// Replaces a password.
    ///
    /// # Errors
    /// `PasswordInvalid`, `StorageFailed`, and as [`UserTable::user_mut`].
    pub fn set_password(&mut self, slot: u8, password: SecretBytes) -> Result<(), UserError> {
        self.table.clone().user_mut(slot)?;
        table::check_password(password.as_bytes())?;
        let mut secrets = self.secrets.clone();
        secrets.passwords.insert(slot, password);
        self.write_secrets(secrets)
    }

    /// Replaces KG.
    ///
    /// # Errors
    /// `KeyInvalid`, `StorageFailed`.
    pub fn set_kg(&mut self, kg: SecretBytes) -> Result<(), UserError> {
        table::check_key(kg.as_bytes())?;
        self.write_secrets(SecretsFile { kg, passwords: self.secrets.passwords.clone() })
    }

    /// Changes the table through `change`, which keeps no secret.
    ///
    /// # Errors
    /// What `change` returns (nothing is written then), or `StorageFailed`.
    pub fn update(
        &mut self,
        change: impl FnOnce(&mut UserTable) -> Result<(), UserError>,
    ) -> Result<(), UserError> {
        let mut table = self.table.clone();
        change(&mut table)?;
        self.write_table(table)
    }

    fn write_table(&mut self, table: UserTable) -> Result<(), UserError> {
        // Flash wears: what is already there is not written again.
        if table != self.table {
            self.users_file.store(&UsersFile { users: table.users().clone() }).map_err(storage_failed)?;
            self.table = table;
        }
        Ok(())
    }

    fn write_secrets(&mut self, secrets: SecretsFile) -> Result<(), UserError> {
        self.secrets_file.store(&secrets).map_err(storage_failed)?;
        self.secrets = secrets;
        Ok(())
    }
}

fn check_secrets(secrets: &SecretsFile) -> Result<(), UserError> {
    secrets.passwords.values().try_for_each(|password| table::check_password(password.as_bytes()))?;
    table::check_key(secrets.kg.as_bytes())
}

fn storage_failed(error: StateError) -> UserError {
    UserError::StorageFailed(format!("{error}\nhint: is the medium full or read-only?"))
}

fn unreadable(error: &StateError) -> StoreError {
    let text = error.to_string();
    let (path, reason) = text.split_once(": ").unwrap_or((&text, "unreadable"));
    StoreError { path: path.to_owned(), reason: reason.to_owned() }
}

fn invalid<T>(file: &StateFile<T>, reason: String) -> StoreError {
    StoreError { path: file.path().display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use bmc_dbus::users::{SOL, payloads_on};

    use super::*;

    fn open(dir: &Path) -> Result<Store, StoreError> {
        Store::open(StateFile::new(dir.join("users.json")), StateFile::new(dir.join("secrets.json")), 15)
    }

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    #[test]
    fn users_and_secrets_outlive_a_restart_in_files_only_root_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).unwrap();
        assert!(store.table().users().is_empty(), "no default account");
        store.create("admin", secret("Passw0rd"), 4, &[1]).unwrap();
        store.set_kg(SecretBytes::new(vec![7; 20])).unwrap();
        let again = open(dir.path()).unwrap();
        assert_eq!(again.table(), store.table());
        assert_eq!(again.password(2), Some(&secret("Passw0rd")));
        assert_eq!(again.kg().as_bytes(), [7; 20]);
        for file in ["users.json", "secrets.json"] {
            let mode = fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let shown = fs::read_to_string(dir.path().join("users.json")).unwrap() + &format!("{store:?}");
        assert!(!shown.contains("Passw0rd") && !shown.contains("80"), "{shown}");
    }

    #[test]
    fn a_corrupt_file_is_refused_by_name_and_left_alone() {
        for file in ["users.json", "secrets.json"] {
            let dir = tempfile::tempdir().unwrap();
            open(dir.path()).unwrap().create("admin", secret("x"), 4, &[1]).unwrap();
            fs::write(dir.path().join(file), "{torn").unwrap();
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains("hint: "), "{error}");
            assert_eq!(fs::read_to_string(dir.path().join(file)).unwrap(), "{torn");
        }
    }

    #[test]
    fn a_power_cut_between_the_two_files_leaves_no_secret_for_a_later_user() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).unwrap();
        store.create("first", secret("old"), 4, &[1]).unwrap();
        // As after the user was removed and before the secret was.
        fs::write(dir.path().join("users.json"), r#"{"users":{}}"#).unwrap();
        let mut store = open(dir.path()).unwrap();
        assert_eq!(store.password(2), None);
        assert_eq!(store.create("second", secret("new"), 4, &[1]), Ok(2));
        assert_eq!(open(dir.path()).unwrap().password(2), Some(&secret("new")));
    }

    #[test]
    fn a_file_of_before_there_were_payloads_allows_serial_over_lan() {
        let dir = tempfile::tempdir().unwrap();
        let old = r#"{"users":{"2":{"name":"admin","enabled":true,"privileges":{"1":4}}}}"#;
        fs::write(dir.path().join("users.json"), old).unwrap();
        let mut store = open(dir.path()).unwrap();
        assert_eq!(payloads_on(&store.table().users()[&2].payloads, 1), SOL);
        store.update(|table| table.set_payloads(2, 1, SOL, false)).unwrap();
        assert_eq!(payloads_on(&open(dir.path()).unwrap().table().users()[&2].payloads, 1), 0);
    }

    #[test]
    fn a_change_that_cannot_be_written_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(&dir.path().join("gone")).unwrap();
        let result = store.create("admin", secret("x"), 4, &[1]);
        assert!(matches!(result, Err(UserError::StorageFailed(_))), "{result:?}");
        assert!(store.table().users().is_empty());
    }

    #[test]
    fn passwords_and_keys_of_a_wrong_length_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).unwrap();
        for bad in ["", "123456789012345678901"] {
            assert!(matches!(store.create("a", secret(bad), 4, &[]), Err(UserError::PasswordInvalid(_))));
        }
        assert!(matches!(store.set_kg(secret("short")), Err(UserError::KeyInvalid(_))));
    }
}
