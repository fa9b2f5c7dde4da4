SUMMARY = "BMC management stack - IPMI, sensors, power, events, users, consoles"
DESCRIPTION = "Daemons of a server's management controller on OpenBMC's D-Bus contract, in one executable. \
               Each has a package with its unit, so that an image takes those that it wants."
# The project has no page of its own; this is that of the D-Bus contract, and of its issues.
SECTION = "console/network"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"
CVE_PRODUCT = "ferrite:ferrite"

DEPENDS = "systemd"
PROVIDES += "virtual/obmc-host-ipmi-hw"

require ${BPN}-crates.inc

# The source is the tree that this layer stands in, by links in the folder ferrite: recipe, crates and source are of one version.
SRC_URI += "file://Cargo.toml;subdir=${BP} \
            file://Cargo.lock;subdir=${BP} \
            file://LICENSE;subdir=${BP} \
            file://crates;subdir=${BP} \
            file://dbus-interfaces;subdir=${BP} \
            file://systemd-units;subdir=${BP} \
            file://tests;subdir=${BP} \
            file://server.conf"

# Units and users are systemd's; there is no other init.
REQUIRED_DISTRO_FEATURES = "systemd"

inherit cargo
inherit cargo-update-recipe-crates
inherit features_check
inherit pkgconfig
inherit systemd
inherit useradd

# do_package strips, and keeps what it strips in -dbg.
export CARGO_PROFILE_RELEASE_STRIP = "none"
export CARGO_PROFILE_RELEASE_DEBUG = "line-tables-only"

# Thumb-2, which OpenBMC's tune of the AST2600 does not ask for: a third less flash for the same program.
RUSTFLAGS:append:armv7a = " -Ctarget-feature=+thumb-mode"

# A panic ends the process: nothing unwinds.
RUSTFLAGS:append = " -Cforce-unwind-tables=no"

# Functions in the order of their names: what is alike stands together, and compresses a twentieth better.
RUSTFLAGS:append = " -Csymbol-mangling-version=v0 -Clink-arg=-Wl,--sort-section=name"

# What is served, by the names that OpenBMC's own recipes have for it.
RMCPP_IFACE ?= "eth0"
KCS_DEVICE ?= "ipmi-kcs3"
OBMC_CONSOLE_HOST_TTY ?= "ttyVUART0"

do_update_crates:prepend() {
    # The fuzz targets are a workspace of their own, which no image has.
    rm -f ${S}/tests/fuzz/Cargo.lock
}

do_install:append() {
    for file in $(cd ${S}/systemd-units && find etc usr -type f); do
        install -D -m 0644 ${S}/systemd-units/$file ${D}/$file
    done
    install -D -m 0644 ${UNPACKDIR}/server.conf ${D}${sysconfdir}/obmc-console/server.${OBMC_CONSOLE_HOST_TTY}.conf
}

# ferrite has the executable, users, bus policy, udev rules and channels.toml, which are of all daemons.
PACKAGE_BEFORE_PN = "${PN}-consoled \
                     ${PN}-ipmid \
                     ${PN}-kcsbridged \
                     ${PN}-netipmid \
                     ${PN}-networkd \
                     ${PN}-powerd \
                     ${PN}-seld \
                     ${PN}-sensord \
                     ${PN}-userd"

SYSTEMD_PACKAGES = "${PACKAGE_BEFORE_PN}"
SYSTEMD_SERVICE:${PN}-consoled = "consoled@${OBMC_CONSOLE_HOST_TTY}.service"
SYSTEMD_SERVICE:${PN}-ipmid = "ipmid.service"
SYSTEMD_SERVICE:${PN}-kcsbridged = "kcsbridged@${@d.getVar('KCS_DEVICE').replace('-', '_')}.service"
SYSTEMD_SERVICE:${PN}-netipmid = "netipmid@${RMCPP_IFACE}.service netipmid@${RMCPP_IFACE}.socket"
SYSTEMD_SERVICE:${PN}-networkd = "networkd.service"
SYSTEMD_SERVICE:${PN}-powerd = "powerd.service"
SYSTEMD_SERVICE:${PN}-seld = "seld.service"
SYSTEMD_SERVICE:${PN}-sensord = "sensord.service"
SYSTEMD_SERVICE:${PN}-userd = "userd.service"

USERADD_PACKAGES = "${PN}"
# ferrite-hw opens GPIO chips and I2C buses. ipmi was phosphor-ipmi-host's; OpenBMC's user manager puts users into it.
GROUPADD_PARAM:${PN} = "--system ferrite-hw; ipmi"
FERRITE_USER = "--system --no-create-home --home-dir / --shell /sbin/nologin --user-group"
USERADD_PARAM:${PN} = "${FERRITE_USER} consoled; \
                       ${FERRITE_USER} ipmid; \
                       ${FERRITE_USER} kcsbridged; \
                       ${FERRITE_USER} netipmid; \
                       ${FERRITE_USER} networkd; \
                       ${FERRITE_USER} powerd; \
                       ${FERRITE_USER} seld; \
                       ${FERRITE_USER} sensord; \
                       ${FERRITE_USER} userd"

FILES:${PN} += "${nonarch_libdir}/sysusers.d ${nonarch_libdir}/udev ${datadir}/dbus-1"
FILES:${PN}-consoled += "${sysconfdir}/ferrite/consoled.toml ${sysconfdir}/obmc-console ${systemd_system_unitdir}/consoled@.service"
FILES:${PN}-ipmid += "${sysconfdir}/ferrite/ipmid.toml ${systemd_system_unitdir}/ipmid.service"
FILES:${PN}-kcsbridged += "${sysconfdir}/ferrite/kcsbridged.toml ${systemd_system_unitdir}/kcsbridged@.service"
FILES:${PN}-netipmid += "${sysconfdir}/ferrite/netipmid.toml ${systemd_system_unitdir}/netipmid@.*"
FILES:${PN}-networkd += "${systemd_system_unitdir}/networkd.service"
FILES:${PN}-powerd += "${sysconfdir}/ferrite/powerd.toml ${systemd_system_unitdir}/powerd.service \
                       ${systemd_system_unitdir}/xyz.openbmc_project.Chassis.Control.Power@.service"
FILES:${PN}-seld += "${sysconfdir}/ferrite/seld.toml ${systemd_system_unitdir}/seld.service"
FILES:${PN}-sensord += "${sysconfdir}/ferrite/sensord.toml ${systemd_system_unitdir}/sensord.service"
FILES:${PN}-userd += "${sysconfdir}/ferrite/userd.toml ${systemd_system_unitdir}/userd.service"

RDEPENDS:${PN}-consoled = "${PN}"
RDEPENDS:${PN}-ipmid = "${PN}"
RDEPENDS:${PN}-kcsbridged = "${PN} ${PN}-ipmid"
RDEPENDS:${PN}-netipmid = "${PN} ${PN}-ipmid ${PN}-userd"
RDEPENDS:${PN}-networkd = "${PN}"
RDEPENDS:${PN}-powerd = "${PN}"
RDEPENDS:${PN}-seld = "${PN}"
RDEPENDS:${PN}-sensord = "${PN}"
RDEPENDS:${PN}-userd = "${PN}"
RRECOMMENDS:${PN}-ipmid = "${PN}-seld ${PN}-sensord ${PN}-userd"

RPROVIDES:${PN}-kcsbridged = "virtual-obmc-host-ipmi-hw"

# Two owners of a bus name, a port or a device do not go together.
RCONFLICTS:${PN}-consoled = "obmc-console"
RCONFLICTS:${PN}-ipmid = "phosphor-ipmi-host"
RCONFLICTS:${PN}-kcsbridged = "phosphor-ipmi-bt phosphor-ipmi-kcs phosphor-ipmi-ssif"
RCONFLICTS:${PN}-netipmid = "phosphor-ipmi-net"
RCONFLICTS:${PN}-networkd = "phosphor-network"
RCONFLICTS:${PN}-powerd = "phosphor-state-manager-chassis phosphor-state-manager-host x86-power-control"
RCONFLICTS:${PN}-seld = "phosphor-sel-logger"

# Daemons of a target: there is nothing to run on the machine that builds.
BBCLASSEXTEND = ""
