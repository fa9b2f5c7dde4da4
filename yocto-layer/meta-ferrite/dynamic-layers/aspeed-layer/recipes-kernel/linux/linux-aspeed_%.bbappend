FILESEXTRAPATHS:prepend:evb-ast2600 := "${THISDIR}/files:"

SRC_URI:append:evb-ast2600 = " file://ferrite.cfg file://ferrite-evb-ast2600.dtsi"

COMPATIBLE_MACHINE:evb-ast2600 = "evb-ast2600"

# Behind the kernel's own device tree of the board: an include at its end rather than a patch, which would have to follow the lines
# of a file that others change.
do_configure:prepend:evb-ast2600() {
    tree=${S}/arch/arm/boot/dts/aspeed
    install -m 0644 ${UNPACKDIR}/ferrite-evb-ast2600.dtsi $tree/
    if ! grep -q ferrite-evb-ast2600.dtsi $tree/aspeed-ast2600-evb.dts; then
        echo '#include "ferrite-evb-ast2600.dtsi"' >> $tree/aspeed-ast2600-evb.dts
    fi
}
