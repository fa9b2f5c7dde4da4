//! The administrator of a demo.

use std::{fmt, fs::File, io::Read as _};

use anyhow::{Context as _, bail};

use super::Options;

/// A name and a password that every IPMI client can send.
#[derive(Clone)]
pub struct Login {
    /// 1 to 16 bytes (v2.0§22.28).
    pub user: String,
    /// 1 to 20 bytes (v2.0§22.30).
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// 32 letters and digits that cannot be mistaken for each other: a byte modulo 32 is even.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

impl Login {
    /// What the options say, made up where they say nothing.
    ///
    /// # Errors
    /// A name or password that IPMI cannot carry, or an unreadable file.
    pub fn from_options(options: &Options) -> anyhow::Result<Self> {
        let user = match &options.user {
            Some(user) => user.clone(),
            None => format!("demo-{}", random_word(6)?),
        };
        let password = match &options.password_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            None => random_word(16)?,
        };
        if user.is_empty() || user.len() > 16 {
            bail!("a user's name has 1 to 16 bytes, `{user}` has {}", user.len());
        }
        if password.is_empty() || password.len() > 20 {
            bail!("a password has 1 to 20 bytes, this one has {}", password.len());
        }
        Ok(Self { user, password })
    }
}

/// `length` characters of five random bits each, from the kernel's generator.
fn random_word(length: usize) -> anyhow::Result<String> {
    let mut bytes = vec![0; length];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("the kernel gives no random bytes")?;
    let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
    Ok(letters.map(|letter| char::from(*letter)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_login_is_new_every_time_and_fits() {
        let (one, two) = (Login::from_options(&Options::default()), Login::from_options(&Options::default()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.password, two.password);
        assert_eq!((one.user.len(), one.password.len()), (11, 16));
        assert!(!format!("{one:?}").contains(&one.password));
    }

    #[test]
    fn a_name_or_password_that_ipmi_cannot_carry_is_refused() {
        let options = Options { user: Some("x".repeat(17)), ..Options::default() };
        assert!(Login::from_options(&options).is_err());
        let options = Options { password_file: Some("/dev/null".into()), ..Options::default() };
        assert!(Login::from_options(&options).is_err());
    }
}
