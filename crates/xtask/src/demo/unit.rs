//! What a daemon's systemd unit gives it, for daemons that no systemd starts.

use std::fs;

use anyhow::Context as _;

use crate::workspace;

/// The variables of `Environment=` in the unit of `daemon`, be it a template or not.
pub(super) fn environment(daemon: &str) -> anyhow::Result<Vec<(String, String)>> {
    let units = workspace::root().join("systemd-units/usr/lib/systemd/system");
    let (one, template) = (units.join(format!("{daemon}.service")), units.join(format!("{daemon}@.service")));
    let path = if one.exists() { one } else { template };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let variables = text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_daemon_has_its_units_variables() {
        for daemon in ["seld", "netipmid"] {
            let variables = environment(daemon).unwrap();
            assert!(variables.iter().any(|(name, _)| name == "GLIBC_TUNABLES"), "{daemon}: {variables:?}");
        }
        assert!(environment("nobody").is_err());
    }
}
