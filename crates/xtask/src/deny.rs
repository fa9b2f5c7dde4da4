//! `cargo xtask deny`: licences and duplicate versions of the dependencies, from `cargo metadata` alone: what cargo has fetched to
//! build says it all, and no further tool needs installing. `deny.toml` has cargo-deny's shape.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::workspace::{cargo, output, root};

#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<Named>,
    #[serde(default)]
    deny: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// As [`check`].
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("unexpected argument `{}`", argument.to_string_lossy());
    }
    check()
}

/// Checks every package of the lock file.
///
/// # Errors
/// A text with a line for each finding.
pub fn check() -> anyhow::Result<()> {
    let path = root().join("deny.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let policy: Policy = toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--locked"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cargo metadata makes no sense")?;
    let findings = findings(&policy, &metadata.packages);
    if !findings.is_empty() {
        bail!("{} findings in {} packages\n{}", findings.len(), metadata.packages.len(), findings.join("\n"));
    }
    eprintln!("    {} packages are as deny.toml wants them", metadata.packages.len());
    Ok(())
}

fn findings(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Package { name, version, license } in packages {
        versions.entry(name).or_default().insert(version);
        let license = license.as_deref().unwrap_or("none given");
        if !is_allowed(license, &policy.licenses.allow) {
            findings.push(format!("{name} {version}: licence `{license}` is not allowed"));
        }
        if let Some(denied) = policy.bans.deny.iter().find(|denied| denied.name == *name) {
            findings.push(format!("{name} {version}: banned: {}", denied.reason));
        }
    }
    for (name, versions) in &versions {
        if versions.len() > 1 && !policy.bans.skip.iter().any(|skip| skip.name == *name) {
            let versions: Vec<&str> = versions.iter().copied().collect();
            findings.push(format!("{name}: stands there as {}", versions.join(" and ")));
        }
    }
    for Named { name, reason } in &policy.bans.skip {
        if versions.get(name.as_str()).is_none_or(|versions| versions.len() < 2) {
            findings.push(format!("deny.toml excuses {name}, which is no duplicate (any more): {reason}"));
        }
    }
    findings
}

/// Whether an SPDX expression can be met with allowed licences alone. `/` is what old packages write for OR.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any_of(&mut words, allow);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, allow);
    while words.next_if_eq(&"OR").is_some() {
        met |= all_of(words, allow);
    }
    met
}

fn all_of(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    let mut met = one(words, allow);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allow);
    }
    met
}

fn one(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any_of(words, allow);
        return words.next_if_eq(&")").is_some() && met;
    }
    let mut licence = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
    }
    allow.contains(&licence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(expression: &str) -> bool {
        let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        is_allowed(expression, &BTreeSet::from(allow))
    }

    #[test]
    fn a_licence_expression_is_read_as_spdx_says() {
        for yes in [
            "MIT",
            "MIT/GPL-3.0",
            "GPL-3.0 OR MIT",
            "(GPL-3.0 OR MIT) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(allowed(yes), "{yes}");
        }
        for no in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT WITH x", "none given"] {
            assert!(!allowed(no), "{no}");
        }
    }

    #[test]
    fn duplicates_bans_and_needless_excuses_are_found() {
        let package = |name: &str, version: &str| Package {
            name: name.into(),
            version: version.into(),
            license: Some("MIT".into()),
        };
        let named = |name: &str| Named { name: name.into(), reason: "because".into() };
        let policy = Policy {
            licenses: Licenses { allow: BTreeSet::from(["MIT".to_owned()]) },
            bans: Bans { skip: vec![named("c"), named("d")], deny: vec![named("b")] },
        };
        let packages = [
            package("a", "1.0.0"),
            package("a", "2.0.0"),
            package("b", "1.0.0"),
            package("c", "1.0.0"),
            package("c", "2.0.0"),
        ];
        let found = findings(&policy, &packages).join("\n");
        assert!(found.contains("a: stands there as 1.0.0 and 2.0.0"), "{found}");
        assert!(found.contains("b 1.0.0: banned"), "{found}");
        assert!(found.contains("excuses d") && !found.contains("excuses c"), "{found}");
    }
}
