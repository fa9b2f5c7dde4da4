SUMMARY = "Ferrite - what OpenBMC's IPMI daemons brought along"
DESCRIPTION = "Packages that an image has by its IPMI and state daemons alone, and needs after Ferrite took their place."
SECTION = "console/network"

inherit packagegroup

# The reset of one-time settings at boot, the PAM modules that common-password names, the targets that other units hang on, the time
# that bmcweb shows and sets, and the settings of services that it changes. phosphor-watchdog does not come back: the host's
# watchdog is powerd's.
RDEPENDS:${PN} = "clear-once \
                  pam-ipmi \
                  phosphor-state-manager-obmc-targets \
                  phosphor-time-manager \
                  srvcfg-manager"
