//! The board description: entity-manager's `Exposes` records, read strictly where they concern us. README.md lists what is taken.

mod build;
mod driverless;
mod items;
mod record;
mod spec;
mod thresholds;
mod types;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bmc_daemon::Located;

#[cfg(test)]
pub(crate) use items::parse_items;
pub(crate) use items::{ItemKind, ItemSpec, load_items};
pub(crate) use spec::{SensorSpec, path_segment};

use record::{File, Node};

/// Why a board description cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoardError {
    /// The file cannot be read.
    #[error(
        "cannot read the board description {path}: {source}\nhint: `board` in sensord.toml names it, relative to the configuration directory"
    )]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Its text is wrong.
    #[error(transparent)]
    Wrong(#[from] Located),
}

/// Reads the board description at `path`; `poll` is the period of records that give none.
pub(crate) fn load(path: &Path, poll: Duration) -> Result<Vec<SensorSpec>, BoardError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| BoardError::Unreadable { path: path.to_owned(), source })?;
    Ok(parse(path, &text, poll)?)
}

/// Reads the text of a board description.
fn parse(path: &Path, text: &str, poll: Duration) -> Result<Vec<SensorSpec>, Located> {
    let mut specs = Specs::default();
    for board in boards(path, text)? {
        read_board(board, poll, &mut specs)?;
    }
    Ok(specs.all)
}

/// The boards of a file: a list of them, or one.
fn boards<'a>(path: &'a Path, text: &'a str) -> Result<Vec<Node<'a>>, Located> {
    let root = File { path, text }.root()?;
    if root.is_list() { root.list() } else { Ok(vec![root]) }
}

/// The sensors so far, and where each name was given.
#[derive(Debug, Default)]
struct Specs {
    all: Vec<SensorSpec>,
    paths: HashMap<String, String>,
}

impl Specs {
    fn add(&mut self, spec: SensorSpec, record: &record::Record<'_>) -> Result<(), Located> {
        let owner = record.get::<String>("Name")?.unwrap_or_default();
        if let Some(other) = self.paths.insert(spec.path(), owner) {
            let name = &spec.name;
            return Err(record.error(format!(
                "record `{other}` has a {} sensor `{name}` already",
                spec.quantity.segment()
            )));
        }
        self.all.push(spec);
        Ok(())
    }
}

fn read_board(board: Node<'_>, poll: Duration, specs: &mut Specs) -> Result<(), Located> {
    let mut board = board.record("board")?;
    let name: String = board.require("Name")?;
    board.call(format!("board `{name}`"));
    let exposes = board.node("Exposes").ok_or_else(|| board.field_error("Exposes", "is missing"))?;
    for node in exposes.list()? {
        let mut record = node.record("record")?;
        let record_name: String = record.require("Name")?;
        record.call(format!("record `{record_name}`"));
        let record_type: String = record.require("Type")?;
        if items::is_item(&record_type) {
            continue;
        }
        let Some(kind) = types::kind(&record_type) else {
            tracing::info!("record `{record_name}` of type `{record_type}` is not for sensord, passed over");
            continue;
        };
        let context = build::Build {
            record: &record,
            name: &record_name,
            record_type: &record_type,
            board: &name,
            poll,
        };
        for spec in context.sensors(kind)? {
            specs.add(spec, &record)?;
        }
    }
    Ok(())
}
