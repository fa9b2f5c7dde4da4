//! The x86 Linux guest that is the simulated board's host: QEMU and Debian's kernel from one tree in the cache, a root file system in
//! RAM made from `tests/guest`, and the command line that puts a BMC's system interface into the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    qemu::{
        as_root, cache,
        tool_root::{RELEASE, debian_source, only_entry},
    },
    workspace::{self, run},
};

/// What the tree holds besides the kernel. A change here makes another tree, because the list is part of its name.
const PACKAGES: &[&str] = &["qemu-system-x86", "busybox", "ipmitool", "kmod", "cpio", "xz-utils"];

/// Run inside the fresh tree: the kernel that the `linux-image-amd64` package stands for, unpacked under `/kernel`.
const FETCH_KERNEL: &str = "cd /tmp && \
    package=$(apt-cache depends linux-image-amd64 | sed -n \"s/.*Depends: \\(linux-image-[0-9][^ ]*\\).*/\\1/p\" | head -n 1) && \
    apt-get -o APT::Sandbox::User=root download \"$package\" && dpkg -x linux-image-*.deb /kernel && rm linux-image-*.deb";

/// Where a running guest is reached, below the demo's directory.
#[derive(Debug, Clone)]
pub struct Sockets {
    /// kcsbridged's end of the system interface, which the guest connects to.
    pub host_interface: PathBuf,
    /// The first serial port.
    pub console: PathBuf,
    /// What the first serial port printed.
    pub console_log: PathBuf,
    /// The second serial port: `tests/guest/etc/agent` says what is spoken there.
    pub agent: PathBuf,
    /// QEMU's machine protocol.
    pub qmp: PathBuf,
}

/// A guest that can be started.
#[derive(Debug)]
pub struct Guest {
    tree: PathBuf,
    initramfs: PathBuf,
}

impl Guest {
    /// Finds tree and root file system in the cache, or makes them (about a minute and 0.4 GB).
    ///
    /// # Errors
    /// What could not be made.
    pub fn prepare() -> Result<Self> {
        let inputs = [&[RELEASE], PACKAGES].concat();
        let tree = cache::directory("guest-tree", &inputs, "guest tree: QEMU, kernel, ipmitool", |tree| {
            let mut mmdebstrap = as_root("mmdebstrap");
            mmdebstrap
                .args(["--variant=apt", "--architectures=amd64"])
                .arg(format!("--include={}", PACKAGES.join(",")))
                // The package lists are only there while mmdebstrap works; the kernel is unpacked, not installed.
                .arg(format!("--customize-hook=chroot \"$1\" sh -ec '{FETCH_KERNEL}'"))
                .arg(RELEASE)
                .arg(tree)
                .arg(debian_source()?);
            run(&mut mmdebstrap)
        })?;
        let sources = workspace::root().join("tests/guest");
        let inputs = texts(&sources)?;
        let mut inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let name = tree.file_name().unwrap_or_default().to_string_lossy();
        inputs.push(&name);
        let image = cache::directory("guest-image", &inputs, "guest: root file system", |image| {
            pack(&tree, &sources, image)
        })?;
        Ok(Self { initramfs: image.join("initramfs"), tree })
    }

    /// A program that becomes the guest. It runs from the tree as it stands, so that nobody needs to be root.
    ///
    /// # Errors
    /// Where the tree is not as it was made.
    pub fn program(&self, sockets: &Sockets) -> Result<String> {
        let tree = self.tree.display();
        let version = only_entry(&self.tree.join("kernel/usr/lib/modules"))?;
        Ok(format!(
            "#!/bin/sh\n\
             # The simulated board's host. bmc-sim starts this when the host's power comes on, and it ends with bmc-sim.\n\
             exec setpriv --pdeathsig KILL -- \\\n\
             '{tree}/lib64/ld-linux-x86-64.so.2' --library-path '{tree}/usr/lib/x86_64-linux-gnu' \\\n\
             '{tree}/usr/bin/qemu-system-x86_64' -L '{tree}/usr/share/qemu' -L '{tree}/usr/share/seabios' \\\n\
             -nodefaults -no-user-config -display none -M pc -accel tcg -m 256 \\\n\
             -kernel '{tree}/kernel/boot/vmlinuz-{version}' -initrd '{initramfs}' -append 'console=ttyS0,115200' \\\n\
             -chardev 'socket,id=interface,path={interface},reconnect-ms=200' \\\n\
             -device ipmi-bmc-extern,id=bmc,chardev=interface -device isa-ipmi-kcs,bmc=bmc,ioport=0xca2 \\\n\
             -chardev 'socket,id=console,path={console},server=on,wait=off,logfile={log},logappend=on' -serial chardev:console \\\n\
             -chardev 'socket,id=agent,path={agent},server=on,wait=off' -serial chardev:agent \\\n\
             -qmp 'unix:{qmp},server=on,wait=off' -qmp stdio\n",
            initramfs = self.initramfs.display(),
            interface = sockets.host_interface.display(),
            console = sockets.console.display(),
            log = sockets.console_log.display(),
            agent = sockets.agent.display(),
            qmp = sockets.qmp.display(),
        ))
    }

    /// Powers the guest on.
    ///
    /// # Errors
    /// As [`Guest::program`], or where it does not start.
    pub fn start(&self, sockets: &Sockets) -> Result<Machine> {
        let mut command = Command::new("sh");
        // Its machine protocol is on a socket too.
        command.arg("-c").arg(self.program(sockets)?).stdin(Stdio::piped()).stdout(Stdio::null());
        Ok(Machine { process: command.spawn().context("cannot start the guest")? })
    }
}

/// A guest that runs; it ends with this.
#[derive(Debug)]
pub struct Machine {
    process: Child,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Packs the root file system inside the tree, as root, and leaves it in `image`.
fn pack(tree: &Path, sources: &Path, image: &Path) -> Result<()> {
    fs::create_dir_all(image).with_context(|| format!("cannot make {}", image.display()))?;
    let script = format!(
        "rm -rf '{tree}/guest' && mkdir '{tree}/guest' && cp '{sources}/pack' '{tree}/guest/' \
         && mkdir '{tree}/guest/overlay' && cp -R '{sources}/etc' '{tree}/guest/overlay/' \
         && chroot '{tree}' /guest/pack && cp '{tree}/guest/initramfs' '{image}/' && rm -rf '{tree}/guest'",
        tree = tree.display(),
        sources = sources.display(),
        image = image.display(),
    );
    run(as_root("sh").arg("-ec").arg(script))
}

/// The text of every file below `directory`, in the order of their names.
fn texts(directory: &Path) -> Result<Vec<String>> {
    let listed = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        if path.is_dir() {
            texts.extend(self::texts(&path)?);
        } else {
            let text = fs::read_to_string(&path);
            texts.push(text.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(texts)
}
