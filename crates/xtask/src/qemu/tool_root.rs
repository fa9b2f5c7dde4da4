//! The tool root: a Debian directory tree with the cross toolchains, QEMU and the BMC kernel.
//!
//! The machine's own Rust has no standard library for a BMC, and its QEMU may be too old or absent. Rather than change the machine,
//! everything comes from one Debian release into one directory under the cache, where commands run by chroot.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::cache;
use crate::{
    step::step,
    workspace::{self, run},
};

/// The release of both the tool root and the BMC's root: libc and libsystemd must agree between them.
pub(crate) const RELEASE: &str = "trixie";

/// What the tool root holds. A change here makes another root, because the list is part of its name.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev:armhf",
    "rust-web-src",
    "gcc",
    "libc6-dev",
    "gcc-arm-linux-gnueabihf",
    "libc6-dev:armhf",
    "libsystemd-dev:armhf",
    "gcc-arm-linux-gnueabi",
    "libc6-dev:armel",
    "libsystemd-dev:armel",
    "pkgconf",
    "qemu-system-arm",
    "qemu-user",
    "device-tree-compiler",
    "kmod",
    "cpio",
    "zstd",
    "make",
    "xz-utils",
    "e2fsprogs",
];

/// A tool root that is ready.
pub(crate) struct ToolRoot {
    root: PathBuf,
}

/// The BMC's kernel, as paths outside the tool root.
pub(crate) struct Kernel {
    /// The kernel image.
    pub(crate) image: PathBuf,
    /// QEMU's ast2600-evb as the kernel's source describes it.
    pub(crate) device_tree: PathBuf,
    /// `…/usr`, under which `lib/modules/<version>` stands.
    pub(crate) usr: PathBuf,
    /// The kernel's version.
    pub(crate) version: String,
}

impl ToolRoot {
    /// Finds the root in the cache, or makes it (some three minutes and 2.6 GB).
    pub(crate) fn prepare() -> Result<Self> {
        let mut inputs = PACKAGES.to_vec();
        inputs.extend([RELEASE, FETCH_KERNEL]);
        let root = cache::directory(
            "tool-root",
            &inputs,
            "tool root: cross toolchain, QEMU, kernel and its modules",
            |directory| {
                let script = workspace::root().join("crates/xtask/src/qemu/kernel.sh");
                let mut mmdebstrap = super::as_root("mmdebstrap");
                mmdebstrap
                    .args(["--variant=apt", "--architectures=amd64,armhf,armel"])
                    .arg(format!("--include={}", PACKAGES.join(",")))
                    // The package lists are only there while mmdebstrap works; the kernel is unpacked, not installed.
                    .arg(format!("--customize-hook=upload '{}' /tmp/kernel.sh", script.display()))
                    .arg("--customize-hook=chroot \"$1\" sh -e /tmp/kernel.sh")
                    .arg(RELEASE)
                    .arg(directory)
                    .arg(debian_source()?);
                run(&mut mmdebstrap)
            },
        )?;
        Ok(Self { root })
    }

    /// The kernel in this root.
    pub(crate) fn kernel(&self) -> Result<Kernel> {
        let usr = self.root.join("kernel/usr");
        let version = only_entry(&usr.join("lib/modules"))?;
        Ok(Kernel {
            image: self.root.join(format!("kernel/boot/vmlinuz-{version}")),
            device_tree: usr.join(format!("lib/linux-image-{version}/aspeed-ast2600-evb.dtb")),
            usr,
            version,
        })
    }

    /// A command that runs inside the root, with the repository at `/src` and `shared` (made if missing) at `/shared`.
    pub(crate) fn command(&self, shared: &Path, script: &str) -> Result<Command> {
        std::fs::create_dir_all(shared)?;
        for directory in ["src", "shared"] {
            std::fs::create_dir_all(self.root.join(directory))?;
        }
        let root = self.root.display();
        let mounts = format!(
            "mount --bind '{repository}' '{root}/src' && mount --bind '{shared}' '{root}/shared' \
             && mount -t proc proc '{root}/proc' && mount --bind /dev '{root}/dev' \
             && exec chroot '{root}' sh -ec \"$0\"",
            repository = workspace::root().display(),
            shared = shared.display(),
        );
        // A mount namespace of its own: nothing to unmount, whatever happens.
        let mut command = super::as_root("unshare");
        command.args(["--mount", "sh", "-ec", &mounts, script]);
        Ok(command)
    }

    /// cargo inside the root reaches its registry through whatever the machine trusts.
    pub(super) fn trust_the_machines_certificates(&self) -> Result<()> {
        for file in ["etc/ssl/certs/ca-certificates.crt", "etc/resolv.conf"] {
            let from = Path::new("/").join(file);
            if from.exists() {
                let to = self.root.join(file);
                let mut copy = super::as_root("cp");
                run(copy.arg("--remove-destination").arg("--dereference").arg(&from).arg(&to))?;
            }
        }
        Ok(())
    }
}

/// Run inside the fresh root.
const FETCH_KERNEL: &str = include_str!("kernel.sh");

/// The `deb` line for [`RELEASE`] at the mirror that this machine's own packages come from.
pub(crate) fn debian_source() -> Result<String> {
    if let Some(uri) = main_archive()? {
        return Ok(format!("deb {uri} {RELEASE} main"));
    }
    // apt tells of sources only whose lists it has, and an image may come without.
    step("fetching the package lists", || run(super::as_root("apt-get").args(["--quiet=2", "update"])))?;
    let uri = main_archive()?.context(
        "apt knows no Debian main archive\nhint: is there a `deb` line in /etc/apt/sources.list or sources.list.d?",
    )?;
    Ok(format!("deb {uri} {RELEASE} main"))
}

/// The address of a Debian main archive among apt's sources.
fn main_archive() -> Result<Option<String>> {
    let targets = Command::new("apt-get")
        .args(["indextargets", "--format", "$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)"])
        .output()
        .context("cannot ask apt for its sources\nhint: this command needs a Debian machine")?;
    let text = String::from_utf8_lossy(&targets.stdout);
    Ok(text.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        // Only a main archive carries other releases at the same address.
        ["Packages", "main", release, uri] if !release.contains('-') && !uri.contains("security") => {
            Some(uri.to_owned())
        }
        _ => None,
    }))
}

/// The name of the one thing in `directory`.
pub(crate) fn only_entry(directory: &Path) -> Result<String> {
    let mut names = std::fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        _ => bail!("{} should hold exactly one entry", directory.display()),
    }
}
