//! A command's part of the command line.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use super::Failure;

/// Words and options, in any order.
#[derive(Debug, Default)]
pub(super) struct Line {
    words: Vec<String>,
    flags: BTreeSet<&'static str>,
    values: BTreeMap<&'static str, String>,
}

impl Line {
    /// Reads `arguments`; `flags` and `values` are the options that are known beside `json` and `help`.
    pub(super) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        flags: &[&'static str],
        values: &[&'static str],
    ) -> Result<Self, Failure> {
        use lexopt::prelude::{Long, Short, Value, ValueExt as _};
        let wrong = |error: lexopt::Error| Failure::Usage(error.to_string());
        let mut line = Self::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(wrong)? {
            match argument {
                Value(word) => line.words.push(word.string().map_err(wrong)?),
                Short('h') => _ = line.flags.insert("help"),
                Long(name) => {
                    let known = |list: &[&'static str]| list.iter().find(|known| **known == name).copied();
                    if let Some(flag) = known(&["json", "help"]).or_else(|| known(flags)) {
                        line.flags.insert(flag);
                    } else if let Some(option) = known(values) {
                        line.values.insert(option, parser.value().and_then(|v| v.string()).map_err(wrong)?);
                    } else {
                        return Err(Failure::Usage(format!("unknown option `--{name}`")));
                    }
                }
                Short(_) => return Err(wrong(argument.unexpected())),
            }
        }
        Ok(line)
    }

    /// Whether `--flag` was given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// The value of `--option`.
    pub(super) fn value(&self, option: &str) -> Option<&str> {
        self.values.get(option).map(String::as_str)
    }

    /// The words, as they are to be matched.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// What to say of words that are no command.
    pub(super) fn misunderstood(&self, command: &str) -> Failure {
        Failure::Usage(format!(
            "`{command} {}` is no command; see ferrite ctl {command} --help",
            self.words.join(" ")
        ))
    }
}
