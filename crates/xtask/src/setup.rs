//! `cargo xtask setup`: what building and testing need from the distribution.

use std::{ffi::OsString, process::Command};

use anyhow::bail;

use crate::{
    step::step,
    workspace::{output, run, which},
};

/// A Debian package and what it is for.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
}

const PACKAGES: [Package; 13] = [
    Package { name: "libsystemd-dev", purpose: "the daemons' readiness, sockets and journal" },
    Package { name: "pkg-config", purpose: "finds libsystemd" },
    Package { name: "dbus", purpose: "dbus-daemon, the bus of demo and tests" },
    Package { name: "util-linux", purpose: "setpriv, which ends the demo's processes with it" },
    Package { name: "ipmitool", purpose: "client" },
    Package {
        name: "freeipmi-tools",
        purpose: "bmc-info, ipmi-sensors, ipmi-chassis, ipmiping, ipmiconsole",
    },
    Package { name: "python3-pyghmi", purpose: "the third console client" },
    Package { name: "bsdutils", purpose: "script, which gives console clients a terminal" },
    Package { name: "iproute2", purpose: "ip, which makes the interfaces of networkd's test" },
    Package { name: "mount", purpose: "the emulated board's tool root is mounted in a namespace of its own" },
    Package { name: "mmdebstrap", purpose: "the emulated board's tool root and root file system" },
    Package {
        name: "squashfs-tools",
        purpose: "mksquashfs, which says what the executable takes of the flash",
    },
    Package { name: "python3-venv", purpose: "an environment of its own for the Yocto layer's linter" },
];

const USAGE: &str = "\
installs the Debian packages that building and testing need and that are not there

usage: cargo xtask setup
";

/// Runs the command.
///
/// # Errors
/// Where packages are missing and cannot be installed.
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    match arguments.first() {
        None => setup(),
        Some(argument) if argument == "--help" || argument == "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        Some(argument) => bail!("unexpected argument `{}`", argument.to_string_lossy()),
    }
}

/// Installs what is missing.
///
/// # Errors
/// As [`main`].
pub fn setup() -> anyhow::Result<()> {
    install(&PACKAGES)
}

/// Installs those of `packages` that are missing.
///
/// # Errors
/// As [`main`].
pub(crate) fn install(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&Package> = packages.iter().filter(|package| !is_installed(package.name)).collect();
    if missing.is_empty() {
        eprintln!("==> every package is there");
        return Ok(());
    }
    for package in &missing {
        eprintln!("    missing: {:<20} {}", package.name, package.purpose);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let Some(root) = root_prefix() else {
        let by_hand = format!("apt-get install {}", names.join(" "));
        bail!("packages are missing and this is neither root nor a user with sudo\nhint: as root, {by_hand}");
    };
    step(&format!("installing {}", names.join(" ")), || {
        let install = |names: &[&str]| {
            let mut command = apt_get(&root);
            run(command.args(["install", "--yes", "--no-install-recommends"]).args(names))
        };
        // The package lists of an image may be empty or old: fetched once, and only then.
        install(&names).or_else(|_| {
            eprintln!("    no luck with the package lists of this machine, which may be empty or old");
            step("fetching the package lists", || run(apt_get(&root).arg("update")))?;
            install(&names)
        })
    })
}

/// The version of an installed package.
///
/// # Errors
/// Where dpkg does not know it.
pub(crate) fn version(package: &Package) -> anyhow::Result<String> {
    output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package.name]))
}

fn is_installed(package: &str) -> bool {
    let query =
        Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    query.is_ok_and(|output| output.stdout == b"installed")
}

/// What comes before a command to run it as root: nothing, or sudo. `None` where neither is to be had.
fn root_prefix() -> Option<Vec<&'static str>> {
    if nix::unistd::geteuid().is_root() {
        return Some(Vec::new());
    }
    let sudo = which("sudo").is_some() && Command::new("sudo").args(["--validate"]).status().ok()?.success();
    sudo.then(|| vec!["sudo"])
}

fn apt_get(root: &[&str]) -> Command {
    let mut words = root.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"]);
    let mut command = Command::new(words.next().unwrap_or(&"env"));
    command.args(words);
    command
}
