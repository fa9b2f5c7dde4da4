//! The BMC's root file system: Debian's systemd and D-Bus, our executable, units and policy, packed as an initramfs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{
    as_root, cache,
    tool_root::{Kernel, RELEASE, ToolRoot, debian_source},
};
use crate::{
    step::step,
    workspace::{self, run},
};

/// What stands under Ferrite on the board.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "udev",
    "kmod",
    "dash",
    "coreutils",
    "util-linux",
    "mount",
    "grep",
    "sed",
    "iproute2",
    "libsystemd0",
    "libgcc-s1",
    "libnss-systemd",
];

/// Drivers of the board's devices, and what they need.
const MODULES: &[&str] = &[
    "ftgmac100",
    "mdio-aspeed",
    "realtek",
    "gpio-aspeed",
    "rtc-aspeed",
    // State, on the card.
    "sdhci-of-aspeed",
    "ext4",
    "crc32c_generic",
    // The host.
    "kcs_bmc_aspeed",
    "kcs_bmc_cdev_ipmi",
    // Sensors and the FRU device.
    "i2c-aspeed",
    "i2c-dev",
    "at24",
    "lm75",
    "tmp421",
    "emc1403",
    "max31785",
    "adm1275",
    "isl68137",
    "max34440",
    "aspeed_adc",
    "iio_hwmon",
];

/// Units that run on the image, as systemd would enable them from their `[Install]` sections.
const ENABLED: &[(&str, &str)] = &[
    ("multi-user.target.wants", "ipmid.service"),
    ("multi-user.target.wants", "sensord.service"),
    ("multi-user.target.wants", "powerd.service"),
    ("multi-user.target.wants", "seld.service"),
    ("multi-user.target.wants", "userd.service"),
    ("multi-user.target.wants", "networkd.service"),
    ("multi-user.target.wants", "netipmid@eth0.service"),
    ("sockets.target.wants", "netipmid@eth0.socket"),
    ("multi-user.target.wants", "systemd-networkd.service"),
    ("sockets.target.wants", "systemd-networkd.socket"),
    ("multi-user.target.wants", "demo-user.service"),
    ("multi-user.target.wants", "agent.service"),
    ("multi-user.target.wants", "console-shell.service"),
];

/// Debian's units for machines that are updated in place; on a fresh image in RAM they only delay the first answer.
const LEFT_OUT: &[&str] = &[
    "ldconfig.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-update-done.service",
    "systemd-logind.service",
];

/// An account that this one image is given, because no image ships with one.
pub(crate) struct Account<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
}

/// Packs the initramfs with `ferrite` and `account` into `work` and gives its path.
pub(crate) fn build(
    tools: &ToolRoot,
    kernel: &Kernel,
    ferrite: &Path,
    account: &Account<'_>,
    work: &Path,
) -> Result<PathBuf> {
    let inputs = [&[RELEASE], PACKAGES].concat();
    let base = cache::directory("bmc-root", &inputs, "BMC root: systemd, D-Bus, udev", |directory| {
        let mut mmdebstrap = as_root("mmdebstrap");
        mmdebstrap
            .args(["--architectures=armhf", "--variant=extract"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(RELEASE)
            .arg(directory)
            .arg(debian_source()?);
        run(&mut mmdebstrap)
    })?;
    step("root file system image", || {
        let overlay = work.join("overlay");
        lay_out(&overlay, ferrite, account)?;
        pack(tools, kernel, &base, work)
    })?;
    Ok(work.join("root.cpio.zst"))
}

/// Everything that is not Debian's, as a tree of its own that is laid over the base.
fn lay_out(overlay: &Path, ferrite: &Path, account: &Account<'_>) -> Result<()> {
    if overlay.exists() {
        fs::remove_dir_all(overlay)?;
    }
    for part in ["etc", "usr"] {
        copy_tree(&workspace::root().join("systemd-units").join(part), &overlay.join(part))?;
    }
    let bin = overlay.join("usr/bin");
    fs::create_dir_all(&bin)?;
    fs::copy(ferrite, bin.join("ferrite")).with_context(|| format!("cannot copy {}", ferrite.display()))?;

    copy_tree(&workspace::root().join("tests/boards/ast2600-evb/etc"), &overlay.join("etc"))?;
    let units = overlay.join("etc/systemd/system");
    for (target, unit) in ENABLED {
        let wants = units.join(target);
        fs::create_dir_all(&wants)?;
        // An instance is enabled by a link of its name to the template.
        let file = match unit.split_once('@') {
            Some((name, instance)) => {
                format!("{name}@.{}", instance.rsplit_once('.').map_or("service", |(_, kind)| kind))
            }
            None => (*unit).to_owned(),
        };
        let directory =
            if units.join(&file).exists() { "/etc/systemd/system" } else { "/usr/lib/systemd/system" };
        symlink(Path::new(directory).join(file), wants.join(unit))?;
    }
    fs::write(units.join("demo-user.service"), demo_user_unit(account))?;
    let secrets = overlay.join("etc/ferrite");
    fs::create_dir_all(&secrets)?;
    fs::write(secrets.join("demo-password"), account.password)?;
    // Debian makes this link when base-files is configured; the bus' well-known address goes through it.
    fs::create_dir_all(overlay.join("var"))?;
    symlink("/run", overlay.join("var/run"))?;
    fs::write(overlay.join("etc/machine-id"), "")?;
    fs::write(overlay.join("etc/hostname"), "ast2600-evb\n")?;
    fs::write(overlay.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(overlay.join("etc/group"), "root:x:0:\n")?;
    fs::write(overlay.join("etc/shadow"), "root:*:::::::\n")?;
    fs::write(overlay.join("etc/nsswitch.conf"), "passwd: files systemd\ngroup: files systemd\n")?;
    Ok(())
}

/// Made once: the user table is kept on the card.
fn demo_user_unit(account: &Account<'_>) -> String {
    format!(
        "[Unit]\nDescription=The account of this one demo image\nAfter=userd.service\nRequires=userd.service\n\
         RequiresMountsFor=/var/lib/ferrite\nConditionPathExists=!/var/lib/ferrite/demo-user\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecStart=/usr/bin/ferrite ctl user add {} --privilege administrator --password-file /etc/ferrite/demo-password\n\
         ExecStartPost=/usr/bin/touch /var/lib/ferrite/demo-user\n\
         ExecStartPost=/bin/rm /etc/ferrite/demo-password\n",
        account.name
    )
}

/// Base, overlay and modules become one tree, and the tree one archive; done inside the tool root, as root, so that owners and
/// device nodes are right.
fn pack(tools: &ToolRoot, kernel: &Kernel, base: &Path, work: &Path) -> Result<()> {
    let modules = kernel.usr.join("lib/modules").join(&kernel.version);
    let wanted = MODULES.join(" ");
    let tree = work.join("tree");
    let left_out: Vec<String> =
        LEFT_OUT.iter().map(|unit| format!("'{}/usr/lib/systemd/system/{unit}'", tree.display())).collect();
    let mut copy = as_root("sh");
    copy.arg("-ec").arg(format!(
        "rm -rf '{tree}' && mkdir '{tree}' && cp -a '{base}/.' '{tree}/' && rm -rf '{tree}/var/run' && cp -a --no-preserve=ownership '{overlay}/.' '{tree}/' && chown -R root:root '{tree}/etc' \
         && mkdir -p '{tree}/usr/lib/modules' && cp -a '{modules}' '{tree}/usr/lib/modules/' && ln -sf usr/lib/systemd/systemd '{tree}/init' \
         && rm -rf '{tree}/usr/share/doc' '{tree}/usr/share/locale' '{tree}/usr/share/man' '{tree}/var/cache' '{tree}/var/lib/apt' \
         && rm -rf {left_out} '{tree}/usr/lib/udev/hwdb.d' \
         && chmod 600 '{tree}/etc/ferrite/demo-password' '{tree}/etc/shadow'",
        left_out = left_out.join(" "),
        tree = tree.display(),
        base = base.display(),
        overlay = work.join("overlay").display(),
        modules = modules.display(),
    ));
    run(&mut copy)?;
    // Only the drivers of the board and what they depend on: all modules together are twice the rest of the image.
    let script = format!(
        "cd /shared/tree && depmod -b . {version} \
         && modprobe -d . -S {version} --show-depends --all {wanted} | sed -n 's|^insmod \\([^ ]*\\).*|\\1|p' | sed 's|.*/usr/lib/modules/|usr/lib/modules/|; s|.*\\./lib/modules/|usr/lib/modules/|' | sort -u > /shared/wanted \
         && find usr/lib/modules -name '*.ko*' | sort > /shared/all \
         && comm -13 /shared/wanted /shared/all | xargs rm -f && depmod -b . {version} \
         && find . -print0 | cpio --null --create --format=newc --quiet | zstd -T0 -3 --quiet --force -o /shared/root.cpio.zst",
        version = kernel.version,
    );
    run(&mut tools.command(work, &script)?)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
