//! The example configuration under `systemd-units/etc/ferrite`, held against the type that reads it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is the caller's test failing")]

use std::{collections::BTreeSet, fmt::Debug, path::Path};

use serde::de::DeserializeOwned;

/// `systemd-units/etc/ferrite/<name>.toml`, with every commented key (`#key = value`, `#[[table]]`) in force.
///
/// # Panics
/// Where there is no such file.
pub fn example_config(name: &str) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = repository.join("systemd-units/etc/ferrite").join(name).with_extension("toml");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    // Prose has a blank after its `#`.
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads the example as a `T`, and holds that it names every key of `T`'s top level.
///
/// # Panics
/// Where the example is no `T`, or leaves out a key.
pub fn read_example_config<T: DeserializeOwned + Debug>(name: &str) -> T {
    let text = example_config(name);
    // What refuses an unknown key says which ones it knows.
    let refusal = toml::from_str::<T>("no_such_key = 1").unwrap_err().to_string();
    let (_, known) = refusal.split_once("expected").unwrap_or_else(|| panic!("{name} takes any key"));
    let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let named: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(named, known, "{name}.toml");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}"))
}
