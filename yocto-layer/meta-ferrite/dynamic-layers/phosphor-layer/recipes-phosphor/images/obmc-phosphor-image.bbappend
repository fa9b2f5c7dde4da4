# Ferrite in the place of phosphor-ipmi-net, and of phosphor-ipmi-host with its providers and a bridge to the host's interface.
FEATURE_INSTALL:remove:evb-ast2600 = "phosphor-ipmi-net virtual-obmc-host-ipmi-hw"
IMAGE_INSTALL:append:evb-ast2600 = " packagegroup-ferrite packagegroup-ferrite-openbmc"

# Larger blocks than 128 KiB, and branches as a compressor likes them: a tenth less flash for every program in the image.
EXTRA_IMAGECMD:append:squashfs-xz:evb-ast2600 = " -b 1M -Xbcj arm,armthumb"
