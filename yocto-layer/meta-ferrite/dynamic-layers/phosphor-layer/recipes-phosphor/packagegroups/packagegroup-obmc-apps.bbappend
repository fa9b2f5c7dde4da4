# Ferrite in the place of obmc-console, of phosphor-hwmon or dbus-sensors, and of x86-power-control or phosphor-state-manager, whose
# state of the host and the chassis powerd has.
RDEPENDS:${PN}-chassis-state-mgmt:evb-ast2600 = "ferrite-powerd obmc-phosphor-power"
RDEPENDS:${PN}-console:evb-ast2600 = "ferrite-consoled"
RDEPENDS:${PN}-host-state-mgmt:evb-ast2600 = "ferrite-powerd"
RDEPENDS:${PN}-sensors:evb-ast2600 = "ferrite-sensord"
