//! What a host prints while it boots.

/// The firmware's lines, one every [`SECONDS_BETWEEN`].
pub(super) const FIRMWARE: [&str; 12] = [
    "\x1b[2J\x1b[H\x1b[1;37;44m Ferrite Simulated Firmware 1.0 \x1b[0m\r\n",
    "CPU0: 32 cores at 2.9 GHz\r\n",
    "CPU1: 32 cores at 2.9 GHz\r\n",
    "Memory: training channel A...\r\n",
    "Memory: training channel B...\r\n",
    "Memory: 512 GB in 16 modules, ECC on\r\n",
    "PCIe: 4 root ports, 11 devices\r\n",
    "USB: 2 controllers, 1 keyboard\r\n",
    "NVMe: 2 drives, 1.9 TB each\r\n",
    "Net: PXE on slot 2 port 0 is off\r\n",
    "\x1b[33mPress F2 for setup, F12 for the boot menu\x1b[0m\r\n",
    "Booting from NVMe 0, partition 1\r\n",
];

const SECONDS_BETWEEN: f64 = 0.2;

/// When the firmware prints its line of this number, counted from its start.
pub(super) fn seconds_at(line: usize) -> f64 {
    f64::from(u32::try_from(line).unwrap_or(u32::MAX)) * SECONDS_BETWEEN
}

/// The kernel's lines.
pub(super) const KERNEL: [&str; 9] = [
    "[    0.000000] Linux version 6.12.0-simulated (nobody@nowhere)\r\n",
    "[    0.000000] Command line: root=/dev/nvme0n1p2 console=ttyS0,115200n8\r\n",
    "[    0.004127] ACPI: 27 tables, SSIF and SPMI among them\r\n",
    "[    0.301882] smp: Brought up 2 nodes, 64 CPUs\r\n",
    "[    0.914502] printk: console [ttyS0] enabled\r\n",
    "[    1.220391] ipmi_si: Found new BMC (man_id: 0x000000)\r\n",
    "[    1.871230] nvme nvme0: 64/0/0 default/read/poll queues\r\n",
    "[    2.413377] EXT4-fs (nvme0n1p2): mounted filesystem r/w with ordered data mode\r\n",
    "[    3.028716] systemd[1]: Reached target \x1b[1;32mmulti-user\x1b[0m.\r\n\r\n",
];

/// The operating system shuts down.
pub(super) const SHUTDOWN: &str =
    "\r\nThe system will power off now!\r\n[   77.120054] reboot: Power down\r\n";

/// What a break does to Linux: the next key is a SysRq command.
pub(super) const SYSRQ: &str =
    "\r\n[   42.000000] sysrq: HELP : loglevel(0-9) reboot(b) crash(c) show-task-states(t) sync(s)\r\n";
