use ipmi_wire::NetFn;

use super::*;
use crate::table;

const KCS: Caller = Caller {
    channel: 15,
    medium: ChannelMedium::SystemInterface,
    privilege: Some(Privilege::Administrator),
    user_slot: None,
    session_id: None,
    lun: ipmi_wire::Lun::BMC,
};
const LAN: Caller = Caller { channel: 1, medium: ChannelMedium::Lan, ..KCS };

fn entry(net_fn: NetFn, command: u8) -> &'static Entry {
    table::find(net_fn.value(), command, None).unwrap()
}

/// The completion code that the host gets for a command in `mode`.
fn host_gets(mode: Mode, booted: bool, net_fn: NetFn, command: u8) -> u8 {
    let state = || HostState { mode, booted };
    match Restrictions::default().admit(&KCS, entry(net_fn, command), &[], state) {
        Ok(()) => 0,
        Err(code) => code.0,
    }
}

/// What Linux' drivers, `ipmitool` in a guest and a BIOS send in the ordinary course of things.
const ORDINARY: [(NetFn, u8); 14] = [
    (NetFn::APP, 0x01),
    (NetFn::APP, 0x08),
    (NetFn::APP, 0x2E),
    (NetFn::APP, 0x2F),
    (NetFn::APP, 0x30),
    (NetFn::APP, 0x31),
    (NetFn::APP, 0x33),
    (NetFn::APP, 0x35),
    (NetFn::APP, 0x42),
    (NetFn::APP, 0x58),
    (NetFn::CHASSIS, 0x01),
    (NetFn::SENSOR_EVENT, 0x2D),
    (NetFn::STORAGE, 0x43),
    (NetFn::STORAGE, 0x44),
];

#[test]
fn a_host_works_as_it_comes_unless_it_is_to_be_silent() {
    for mode in
        [Mode::None, Mode::Allowlist, Mode::Blocklist, Mode::Provisioning, Mode::ProvisionedHostAllowlist]
    {
        for (net_fn, command) in ORDINARY {
            assert_eq!(host_gets(mode, true, net_fn, command), 0, "{mode:?} {net_fn} {command:02X}h");
        }
    }
    assert_eq!(host_gets(Mode::ProvisionedHostDisabled, true, NetFn::APP, 0x01), 0xD4);
    assert_eq!(host_gets(Mode::ProvisionedHostDisabled, false, NetFn::APP, 0x01), 0);
}

#[test]
fn an_allow_list_lets_the_host_read_and_a_block_list_lets_it_operate() {
    // Chassis Control, an operator's; Set Command Enables, an administrator's.
    let (operator, administrator) = ((NetFn::CHASSIS, 0x02), (NetFn::APP, 0x60));
    let gets = |mode, (net_fn, command)| host_gets(mode, true, net_fn, command);
    assert_eq!((gets(Mode::None, operator), gets(Mode::None, administrator)), (0, 0));
    assert_eq!((gets(Mode::Blocklist, operator), gets(Mode::Blocklist, administrator)), (0, 0xD4));
    assert_eq!((gets(Mode::Allowlist, operator), gets(Mode::Allowlist, administrator)), (0xD4, 0xD4));
    assert_eq!(host_gets(Mode::ProvisionedHostAllowlist, false, NetFn::CHASSIS, 0x02), 0);
    assert_eq!(host_gets(Mode::ProvisionedHostAllowlist, true, NetFn::CHASSIS, 0x02), 0xD4);
}

#[test]
fn a_mode_and_a_limit_hold_the_host_and_nobody_else() {
    let state = || HostState { mode: Mode::ProvisionedHostDisabled, booted: true };
    let limited = Restrictions { host_limit: 2, ..Restrictions::default() };
    let control = entry(NetFn::CHASSIS, 0x02);
    assert_eq!(limited.admit(&LAN, control, &[0], state), Ok(()));
    let none = || HostState { mode: Mode::None, booted: true };
    assert_eq!(limited.admit(&KCS, control, &[0], none), Err(CompletionCode::INSUFFICIENT_PRIVILEGE));
    assert_eq!(limited.admit(&KCS, entry(NetFn::CHASSIS, 0x01), &[], none), Ok(()));
}

#[test]
fn a_disabled_command_and_a_disabled_sub_function_have_codes_of_their_own() {
    let none = || HostState { mode: Mode::None, booted: true };
    let control = entry(NetFn::CHASSIS, 0x02);
    let mut all = Restrictions::default();
    all.firewall.set_disabled_sub_functions(15, control.key(), 0b1);
    assert_eq!(all.admit(&KCS, control, &[0], none), Err(CompletionCode::SUB_FUNCTION_DISABLED));
    assert_eq!(all.admit(&KCS, control, &[1], none), Ok(()));
    assert_eq!(all.admit(&LAN, control, &[0], none), Ok(()));
    all.firewall.set(15, control.key(), false);
    assert_eq!(all.admit(&KCS, control, &[1], none), Err(CompletionCode::INSUFFICIENT_PRIVILEGE));
    all.firewall.set(15, control.key(), true);
    assert_eq!(all.admit(&KCS, control, &[1], none), Ok(()));
}

#[test]
fn the_limit_that_was_stored_is_in_force_after_a_restart() {
    let mut all =
        Restrictions { stored_limit: 2, host_limit: 3, mode: Mode::Allowlist, ..Restrictions::default() };
    all.firewall.set(15, 0x0602, false);
    let text = serde_json::to_string(&all).unwrap();
    let again: Restrictions = serde_json::from_str(&text).unwrap();
    assert_eq!(again, Restrictions { host_limit: 2, ..all });
    let old: Restrictions = serde_json::from_str("{}").unwrap();
    assert_eq!(old, Restrictions::default());
}
