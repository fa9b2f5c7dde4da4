//! System boot options with ipmitool, and OpenBMC's settings objects beside them.

use bmc_dbus::{boot as values, names::boot as names};
use zbus::{OwnedVariant, Variant, fdo::PropertiesProxy};

use crate::support::{Running, crash, eventually, shared, start_again};

/// The bytes of parameter 5.
fn flags(stack: &Running) -> Vec<String> {
    let answer = stack.ipmitool().ok("raw 0 9 5 0 0").stdout;
    answer.split_whitespace().skip(2).map(str::to_owned).collect()
}

fn nothing(stack: &Running) {
    stack.ipmitool().ok("raw 0 8 5 0 0 0 0 0");
}

/// Asks the settings object at `path`.
fn ask<T>(stack: &Running, path: &str, ask: impl AsyncFnOnce(&PropertiesProxy<'_>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = stack.description.bus_address.as_str();
        let connection = zbus::connection::Builder::address(address).build().await.unwrap();
        let builder = PropertiesProxy::builder(&connection).destination(names::SETTINGS_SERVICE);
        ask(&builder.path(path).build().await.unwrap()).await
    })
}

fn setting<T: TryFrom<OwnedVariant>>(stack: &Running, path: &str, interface: &str, property: &str) -> T {
    ask(stack, path, async |object| {
        let value = object.get(interface.try_into().unwrap(), property).await.unwrap();
        T::try_from(value).unwrap_or_else(|_| panic!("{property} is of another type"))
    })
}

fn set(stack: &Running, path: &str, interface: &str, property: &str, value: &Variant<'_>) {
    ask(stack, path, async |object| {
        object.set(interface.try_into().unwrap(), property, value).await.unwrap();
    });
}

#[test]
fn each_boot_device_of_ipmitool_round_trips() {
    let stack = shared();
    for (device, code, told) in [
        ("pxe", "04", "Force PXE"),
        ("disk", "08", "Force Boot from default Hard-Drive"),
        ("safe", "0c", "Safe-Mode"),
        ("diag", "10", "Diagnostic Partition"),
        ("cdrom", "14", "Force Boot from CD/DVD"),
        ("bios", "18", "Force Boot into BIOS Setup"),
        ("floppy", "3c", "Floppy"),
        ("none", "00", "No override"),
    ] {
        stack.ipmitool().ok(&format!("chassis bootdev {device}"));
        assert_eq!(flags(&stack), ["80", code, "00", "00", "00"], "{device}");
        let told_by = stack.ipmitool().ok("chassis bootparam get 5").stdout;
        assert!(told_by.contains(told), "{device}: {told_by}");
    }
    nothing(&stack);
}

#[test]
fn options_persist_and_show_in_openbmcs_settings() {
    let stack = shared();
    stack.ipmitool().ok("chassis bootdev pxe options=persistent,efiboot");
    assert_eq!(flags(&stack), ["e0", "04", "00", "00", "00"]);
    let source: String = setting(&stack, names::PATH, names::SOURCE, "BootSource");
    assert_eq!(source, format!("{}Network", values::SOURCE));
    let enabled = |path| setting::<bool>(&stack, path, names::ENABLE, "Enabled");
    assert!(enabled(names::PATH) && !enabled(names::ONE_TIME_PATH));
    let disk = Variant::from(format!("{}Disk", values::SOURCE));
    set(&stack, names::ONE_TIME_PATH, names::SOURCE, "BootSource", &disk);
    set(&stack, names::ONE_TIME_PATH, names::ENABLE, "Enabled", &Variant::Bool(true));
    assert_eq!(flags(&stack)[1], "08");
    assert!(
        stack.ipmitool().ok("chassis bootparam get 5").stdout.contains("Options apply to only next boot")
    );
    nothing(&stack);
    assert_eq!(flags(&stack)[0], "00");
    assert!(!enabled(names::PATH));
}

#[test]
fn the_mailbox_keeps_what_the_initiator_leaves_there() {
    let stack = shared();
    // For the initiator with this enterprise number, whose three bytes stand in the first block.
    stack.ipmitool().ok("chassis bootmbox set text 343 ferrite-boots-from-far-away");
    let told = stack.ipmitool().ok("chassis bootmbox get text").stdout;
    let blocks = told.lines().filter(|line| line.contains("Data")).filter_map(|line| line.split('\'').nth(1));
    assert_eq!(blocks.collect::<String>(), "ferrite-boots-from-far-away", "{told}");
    assert!(stack.ipmitool().ok("raw 0 9 7 0 0").stdout.trim().starts_with("01 07 00 57 01 00"));
    let beyond = stack.ipmitool().run("raw 0 9 7 5 0");
    assert!(beyond.stderr.contains("rsp=0xc9"), "{beyond:?}");
}

#[test]
fn a_change_in_progress_is_one_clients_and_unknown_parameters_are_not_supported() {
    let stack = shared();
    stack.ipmitool().ok("raw 0 8 0 1");
    let second = stack.ipmitool().run("raw 0 8 0 1");
    assert!(second.stderr.contains("rsp=0x81"), "{second:?}");
    stack.ipmitool().ok("raw 0 8 0 0");
    let unknown = stack.ipmitool().run("raw 0 9 50 0 0");
    assert!(unknown.stderr.contains("rsp=0x80"), "{unknown:?}");
    stack.ipmitool().ok("raw 0 8 0x60 1 2 3");
    assert_eq!(stack.ipmitool().ok("raw 0 9 0x60 0 0").stdout.trim(), "01 60 01 02 03");
}

#[test]
fn boot_options_outlive_powerd() {
    let stack = Running::start();
    stack.ipmitool().ok("chassis bootdev disk options=persistent");
    stack.ipmitool().ok("raw 0 8 0x86 1 2 3 4 5 6 7 8 9");
    let line = crash(&stack, "powerd");
    let _powerd = start_again(&stack, &line);
    eventually("powerd to answer", || stack.ipmitool().run("raw 0 9 5 0 0").success);
    assert_eq!(flags(&stack), ["c0", "08", "00", "00", "00"]);
    let initiator = stack.ipmitool().ok("raw 0 9 6 0 0").stdout;
    assert_eq!(initiator.trim(), "01 86 01 02 03 04 05 06 07 08 09");
}
