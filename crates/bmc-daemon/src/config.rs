//! Configuration files: `<config-dir>/<name>.toml`, read once at start and refused with file, line and field.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists and cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// The file's text is wrong.
    #[error(transparent)]
    Invalid(#[from] Located),
}

/// Something wrong at a place in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}: {message}")]
pub struct Located {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The field and what is wrong with it.
    pub message: String,
}

impl Located {
    /// An error at `offset` bytes into `text`.
    pub fn at_offset(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        Self {
            path: path.to_owned(),
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            message: message.into(),
        }
    }
}

/// Reads `path` as TOML. A file that does not exist is an empty one, so that every setting must have a default or say that it
/// is missing.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read(path)?;
    toml::from_str(&text).map_err(|error| located(path, &text, &error).into())
}

fn read(path: &Path) -> Result<String, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}

fn located(path: &Path, text: &str, error: &toml::de::Error) -> Located {
    let offset = error.span().map_or(0, |span| span.start);
    Located::at_offset(path, text, offset, error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        port: u16,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { port: 623 }
        }
    }

    fn read(text: &str) -> Result<Sample, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("netipmid.toml");
        std::fs::write(&path, text).unwrap();
        read_toml(&path)
    }

    #[test]
    fn a_missing_file_gives_the_defaults() {
        assert_eq!(read_toml::<Sample>(Path::new("/nonexistent/x.toml")).unwrap().port, 623);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        let error = read("# comment\n\nport = \"six\"\n").unwrap_err().to_string();
        assert!(error.contains("netipmid.toml:3: "), "{error}");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let error = read("port = 1\nprot = 2\n").unwrap_err().to_string();
        assert!(error.contains("netipmid.toml:2: ") && error.contains("prot"), "{error}");
    }
}
