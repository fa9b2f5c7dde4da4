# Run inside the fresh tool root, while its package lists are there: the kernel that `linux-image-armmp` stands for goes to /kernel,
# with the modules that Debian leaves out and a BMC has. They come from the same source as the kernel, so that it takes them.
set -e
cd /tmp
depends() { apt-cache depends "$1" | sed -n "s/.*Depends: \($2[0-9][^ ]*\).*/\1/p" | head -n 1; }
image=$(depends linux-image-armmp:armhf linux-image-)
source=$(depends linux-source linux-source-)
version=${image#linux-image-}
version=${version%:*}
base=${version%-armmp}
apt-get -o APT::Sandbox::User=root download "$image" "$source" \
    "linux-headers-$version:armhf" "linux-headers-$base-common" "linux-kbuild-$base:amd64"
dpkg -x linux-image-*.deb /kernel
for package in linux-headers-*.deb linux-kbuild-*.deb linux-source-*.deb; do dpkg -x "$package" /; done

# The character device of KCS channels, and the drivers of QEMU's PMBus models.
tar -xf "/usr/src/$source.tar.xz" "$source/drivers/char/ipmi" "$source/drivers/hwmon/pmbus"
modules=/tmp/modules
mkdir $modules
for file in char/ipmi/kcs_bmc_cdev_ipmi.c char/ipmi/kcs_bmc_client.h char/ipmi/kcs_bmc.h \
    hwmon/pmbus/adm1275.c hwmon/pmbus/isl68137.c hwmon/pmbus/max34440.c hwmon/pmbus/pmbus.h; do
    cp "$source/drivers/$file" $modules/
done
echo 'obj-m := kcs_bmc_cdev_ipmi.o adm1275.o isl68137.o max34440.o' > $modules/Kbuild
make -C "/usr/src/linux-headers-$version" M=$modules ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- modules
mkdir -p "/kernel/usr/lib/modules/$version/updates"
cp $modules/*.ko "/kernel/usr/lib/modules/$version/updates/"
rm -rf /tmp/* /usr/src/linux-* /usr/lib/linux-kbuild-*
