//! JSON objects that remember where in the file each of their fields stands.

use std::{collections::BTreeMap, fmt, path::Path};

use bmc_daemon::Located;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A JSON file.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) file: File<'a>,
    raw: &'a RawValue,
}

/// An object of the file, and what to call it in an error.
#[derive(Debug)]
pub(super) struct Record<'a> {
    node: Node<'a>,
    fields: BTreeMap<String, &'a RawValue>,
    called: String,
}

impl<'a> File<'a> {
    /// The whole file.
    pub(super) fn root(self) -> Result<Node<'a>, Located> {
        let raw = serde_json::from_str(self.text).map_err(|error| Located {
            path: self.path.to_owned(),
            line: error.line(),
            message: without_place(&error),
        })?;
        Ok(Node { file: self, raw })
    }
}

impl<'a> Node<'a> {
    /// An error at this place.
    pub(super) fn error(&self, message: impl fmt::Display) -> Located {
        // `raw` borrows from the file's text, so that the difference of the addresses is its offset.
        let offset = (self.raw.get().as_ptr() as usize).saturating_sub(self.file.text.as_ptr() as usize);
        Located::at_offset(self.file.path, self.file.text, offset, message.to_string())
    }

    pub(super) fn is_list(&self) -> bool {
        self.raw.get().starts_with('[')
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Result<Vec<Node<'a>>, Located> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.raw.get())
            .map_err(|error| self.error(format!("expected a list: {}", without_place(&error))))?;
        Ok(elements.into_iter().map(|raw| Node { file: self.file, raw }).collect())
    }

    /// The fields of an object.
    pub(super) fn record(&self, called: impl Into<String>) -> Result<Record<'a>, Located> {
        let fields = serde_json::from_str(self.raw.get())
            .map_err(|error| self.error(format!("expected an object: {}", without_place(&error))))?;
        Ok(Record { node: *self, fields, called: called.into() })
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(self.raw.get()).map_err(|error| without_place(&error))
    }
}

impl<'a> Record<'a> {
    /// Gives the record another name in errors.
    pub(super) fn call(&mut self, called: String) {
        self.called = called;
    }

    /// What to call the threshold at `index` of this record.
    pub(super) fn called_with(&self, index: usize) -> String {
        format!("{}: threshold {}", self.called, index + 1)
    }

    /// An error of the record as a whole.
    pub(super) fn error(&self, message: impl fmt::Display) -> Located {
        self.node.error(format!("{}: {message}", self.called))
    }

    /// An error at `field`, or at the record where it has no such field.
    pub(super) fn field_error(&self, field: &str, message: impl fmt::Display) -> Located {
        let text = format!("{}: {field}: {message}", self.called);
        self.node(field).map_or_else(|| self.node.error(&text), |node| node.error(&text))
    }

    /// The value of `field`.
    pub(super) fn node(&self, field: &str) -> Option<Node<'a>> {
        self.fields.get(field).map(|raw| Node { file: self.node.file, raw })
    }

    /// `field` as a `T`.
    pub(super) fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, Located> {
        let Some(node) = self.node(field) else { return Ok(None) };
        node.parse().map(Some).map_err(|message| self.field_error(field, message))
    }

    /// `field` as a `T`, which must be there.
    pub(super) fn require<T: DeserializeOwned>(&self, field: &str) -> Result<T, Located> {
        self.get(field)?.ok_or_else(|| self.field_error(field, "is missing"))
    }

    /// `field` as a whole number of at most `max`, written as a number or as a string (`"0x48"`, `"72"`).
    pub(super) fn whole(&self, field: &str, max: u64) -> Result<Option<u64>, Located> {
        let Some(value) = self.get::<serde_json::Value>(field)? else { return Ok(None) };
        let number = match &value {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => parse_whole(text),
            _ => None,
        };
        number.filter(|number| *number <= max).map(Some).ok_or_else(|| {
            let hint = if value.as_str().is_some_and(|text| text.contains('$')) {
                "\nhint: templates are filled in by entity-manager; give the finished description"
            } else {
                ""
            };
            self.field_error(field, format!("{value} is no whole number from 0 to {max}{hint}"))
        })
    }

    /// [`Record::whole`] of a field that must be there.
    pub(super) fn require_whole(&self, field: &str, max: u64) -> Result<u64, Located> {
        self.whole(field, max)?.ok_or_else(|| self.field_error(field, "is missing"))
    }

    /// `field` as a number from `min` to `max`.
    pub(super) fn number(&self, field: &str, min: f64, max: f64) -> Result<Option<f64>, Located> {
        let Some(value) = self.get::<f64>(field)? else { return Ok(None) };
        if (min..=max).contains(&value) {
            return Ok(Some(value));
        }
        Err(self.field_error(field, format!("{value} is not within {min} to {max}")))
    }
}

fn parse_whole(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// serde_json's text without its `at line 1 column 7`, which counts from the value and not from the file.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}
