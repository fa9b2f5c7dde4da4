SUMMARY = "Ferrite - daemons by what they are for"
SUMMARY:${PN}-console = "Ferrite - the host's serial console"
SUMMARY:${PN}-host-ipmi = "Ferrite - IPMI for the host"
SUMMARY:${PN}-net-ipmi = "Ferrite - IPMI over the LAN"
SUMMARY:${PN}-power = "Ferrite - power, buttons, watchdog and boot settings"
SUMMARY:${PN}-sensors = "Ferrite - sensors"
DESCRIPTION = "Sets of Ferrite's daemons that an image takes in the place of OpenBMC's."
SECTION = "console/network"

inherit packagegroup

PACKAGES = "${PN} \
            ${PN}-console \
            ${PN}-host-ipmi \
            ${PN}-net-ipmi \
            ${PN}-power \
            ${PN}-sensors"

# networkd is not among them: on an OpenBMC image phosphor-network says what the network is.
RDEPENDS:${PN} = "${PN}-console \
                  ${PN}-host-ipmi \
                  ${PN}-net-ipmi \
                  ${PN}-power \
                  ${PN}-sensors"
RDEPENDS:${PN}-console = "ferrite-consoled"
RDEPENDS:${PN}-host-ipmi = "ferrite-ipmid ferrite-kcsbridged ferrite-seld ferrite-userd"
RDEPENDS:${PN}-net-ipmi = "ferrite-ipmid ferrite-netipmid ferrite-seld ferrite-userd"
RDEPENDS:${PN}-power = "ferrite-powerd"
RDEPENDS:${PN}-sensors = "ferrite-sensord"
